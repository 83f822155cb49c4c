"""Everything that can go wrong, by name. A message reads ``<what> (<how to mend it>)``."""

from __future__ import annotations

from typing import Any, Mapping

import gymnasium.error


class UnitcellError(Exception):
    """Base of every error of this package."""


class ServerUnreachable(UnitcellError, ConnectionError):
    """Nothing answers at the address, or the address is none."""


class NotAUnitcellServer(UnitcellError, ConnectionError):
    """Something answers at the address, but not with this protocol."""


class ConnectionLost(UnitcellError, ConnectionError):
    """The server went away and did not come back in time. Episodes that were under way are lost."""


class ConnectionClosed(UnitcellError, ConnectionError):
    """The client was closed on this side."""


class RequestTimeout(UnitcellError, TimeoutError):
    """The server did not answer, nor say that it works on it, in time."""


class LocalServerError(UnitcellError):
    """A server could not be started on this machine."""


class DataSetError(UnitcellError):
    """A folder is no data set, or a damaged one."""


class ProtocolError(UnitcellError):
    """What the server answered instead of a result.

    Attributes:
        code: stable name, of the protocol's table of errors.
        message: what is wrong, about this one case.
        retryable: whether the same request may succeed later.
        details: machine-readable facts; ``known`` lists what there is instead.
    """

    advice = "see the table of errors in protocol/README.md"

    def __init__(
        self, code: str, message: str, retryable: bool = False, details: Mapping[str, Any] | None = None
    ) -> None:
        self.code = code
        self.message = message
        self.retryable = retryable
        self.details = dict(details or {})
        known = self.details.get("known")
        advice = f"known: {', '.join(map(str, known))}" if isinstance(known, list) else self.advice
        super().__init__(f"{code}: {message} ({advice})")

    @staticmethod
    def from_body(body: Mapping[str, Any]) -> "ProtocolError":
        """The error an answer carries, as the class of its code."""
        kind = _BY_CODE.get(body["code"], ProtocolError)
        return kind(body["code"], body["message"], body.get("retryable", False), body.get("details"))


class VersionMismatch(ProtocolError):
    """Client and server speak different major versions of the protocol."""

    advice = "install the version of this package that belongs to the server"


class Unauthorized(ProtocolError):
    """The server wants a token."""

    advice = "pass token=..., or set UNITCELL_TOKEN"


class SessionLost(ProtocolError):
    """The server does not know the session any more: it was restarted, or the connection was away for too long."""

    advice = "connect again and reset; episodes that were under way are lost"


class InvalidMessage(ProtocolError):
    """A field is missing, unknown or of a wrong type."""

    advice = "details['issues'] lists the faults"


class InvalidAction(ProtocolError, gymnasium.error.InvalidAction):
    """An action is no element index 0..87. Nothing changed."""

    advice = "give element indices 0..87, one for each environment"


class MaskedAction(InvalidAction):
    """The action is excluded by the constraints of the environment. Nothing changed."""

    advice = "choose among info['action_mask']"


class ResetNeeded(ProtocolError, gymnasium.error.ResetNeeded):
    """The environment has no episode, or its episode has ended."""

    advice = "call reset first"


class Cancelled(ProtocolError):
    """The request or evaluation was withdrawn."""

    advice = "ask for it again if you need it"


class EvaluationUnavailable(ProtocolError):
    """The machine, not the crystal, is why there is no evaluation."""

    advice = "details['reason'] names it; mend it on the server and try again"


_BY_CODE: dict[str, type[ProtocolError]] = {
    "version_mismatch": VersionMismatch,
    "unauthorized": Unauthorized,
    "unknown_session": SessionLost,
    "invalid_message": InvalidMessage,
    "invalid_action": InvalidAction,
    "masked_action": MaskedAction,
    "reset_needed": ResetNeeded,
    "episode_over": ResetNeeded,
    "cancelled": Cancelled,
    "evaluation_unavailable": EvaluationUnavailable,
}
