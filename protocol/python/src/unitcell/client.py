"""A session with an environment server."""

from __future__ import annotations

import os
import time
from typing import Any, Iterator, Literal, Mapping, NamedTuple

from .channel import PROTOCOL_VERSION, Call, Channel, OnProgress
from .codec import Message
from .errors import ConnectionClosed, ProtocolError, UnitcellError
from .socket import socket_url

Encoding = Literal["msgpack", "json"]

#: Events kept for a program that never asks for them; the server remembers as many.
_MOST_KEPT = 4096


class DeferredReward(NamedTuple):
    """A reward that was calculated after its episode had ended."""

    evaluation: int
    handle: int
    #: The environment of a vector; None for a single one.
    env: int | None
    reward: float
    outcome: Mapping[str, Any]


def connect(
    url: str = "ws://127.0.0.1:8787",
    *,
    token: str | None = None,
    encoding: Encoding = "msgpack",
    timeout: float = 60.0,
    reconnect: float = 30.0,
    name: str = "unitcell-python",
) -> "Client":
    """Connects to an environment server.

    Args:
        url: e.g. ``ws://127.0.0.1:8787``; ``http://`` and a bare ``host:port`` do, too.
        token: secret the server asks for; default: ``$UNITCELL_TOKEN``.
        encoding: ``msgpack``, or ``json`` to look at.
        timeout: longest wait, seconds, for an answer or for the word that the server works on it; 0: none.
        reconnect: how long to try to take the session up again after a lost connection, seconds; 0: not at all.
        name: of this client, for the server's log.

    Raises:
        ServerUnreachable: a wrong address, or no server there.
        NotAUnitcellServer: another kind of server.
        VersionMismatch: the server speaks another major version.
        Unauthorized: a token is missing or refused.
    """
    token = token or os.environ.get("UNITCELL_TOKEN") or None
    greeting: Message = {"protocol": PROTOCOL_VERSION, "client": name}
    if token is not None:
        greeting["token"] = token
    return Client(socket_url(url), encoding, greeting, timeout, reconnect)


class Client:
    """Operations of the protocol. Safe to use from several threads, one request at a time."""

    def __init__(self, url: str, encoding: Encoding, greeting: Message, timeout: float, reconnect: float) -> None:
        #: Events of evaluations that nobody has asked for yet, in the order of their coming.
        self._settled: dict[int, Message] = {}
        self._channel = Channel(url, encoding, greeting, timeout, reconnect, self._hear)
        self.url = url

    @property
    def server(self) -> Mapping[str, Any]:
        """What the server said in its greeting: version, limits, data sets, elements."""
        return self._channel.server

    @property
    def elements(self) -> list[str]:
        """The 88 element symbols, in the order of the actions."""
        return self._channel.server["elements"]  # type: ignore[no-any-return]

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent; a lost connection that can be taken up again counts."""
        return self._channel.is_open

    def request(self, op: str, *, on_progress: OnProgress | None = None, **params: Any) -> Any:
        """Any operation of the protocol, its fields by name.

        Raises:
            ProtocolError: what the server answered.
            ConnectionLost: the server went away and did not come back.
        """
        return self._channel.request(op, params, on_progress)

    def begin(self, op: str, *, on_progress: OnProgress | None = None, **params: Any) -> Call:
        """Sends a request without waiting; :meth:`finish` has its result."""
        return self._channel.begin(op, params, on_progress)

    def finish(self, call: Call) -> Any:
        """The result of a request that was begun. Raises as :meth:`request`."""
        return self._channel.finish(call)

    def datasets(self) -> list[Mapping[str, Any]]:
        """The data sets of the server."""
        return self.request("datasets")["datasets"]  # type: ignore[no-any-return]

    def ping(self) -> float:
        """Round trip, seconds."""
        start = time.perf_counter()
        self.request("ping")
        return time.perf_counter() - start

    def evaluate(
        self, structure: Mapping[str, Any], *, on_progress: OnProgress | None = None, **options: Any
    ) -> Mapping[str, Any]:
        """Energy and gap of any crystal ``{lattice, frac_coords, species}``; may take minutes."""
        return self.request(  # type: ignore[no-any-return]
            "evaluate", on_progress=on_progress, structure=structure, **options
        )

    def evaluation(self, evaluation: int, *, timeout: float | None = None) -> DeferredReward:
        """Waits for a deferred reward.

        Args:
            evaluation: its number, ``info["evaluation"]`` of the step that ended the episode.
            timeout: longest wait, seconds.

        Raises:
            TimeoutError: it is not known yet.
            Cancelled, EvaluationUnavailable: there will be none.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        asked = -float("inf")
        while True:
            event = self._settled.pop(evaluation, None)
            if event is not None:
                return _reward(event)
            now = time.monotonic()
            # Its event may have come before anyone waited for it, or have been lost with a connection.
            if now - asked > 10:
                asked = now
                state = self.request("evaluation", evaluation=evaluation)
                if state["state"] == "done":
                    self._settled.pop(evaluation, None)
                    return _reward(state)
                continue
            if deadline is not None and now >= deadline:
                raise TimeoutError(f"evaluation {evaluation} is not known yet (wait longer)")
            self._channel.listen(min(1.0, deadline - now) if deadline is not None else 1.0)

    def evaluations(self, *, timeout: float | None = None) -> Iterator[DeferredReward]:
        """Deferred rewards as they become known; ends when none came for ``timeout`` seconds.

        Evaluations that were withdrawn are passed over.
        """
        last = time.monotonic()
        while self.is_open:
            while self._settled:
                last = time.monotonic()
                event = self._settled.pop(next(iter(self._settled)))
                if event["error"] is None:
                    yield _reward(event)
            if timeout is not None and time.monotonic() - last >= timeout:
                return
            self._channel.listen(0.5 if timeout is None else min(0.5, timeout))

    def cancel(self, *, evaluation: int) -> bool:
        """Withdraws a deferred evaluation; False where it was settled already."""
        return self.request("cancel", evaluation=evaluation)["cancelled"]  # type: ignore[no-any-return]

    def _hear(self, event: Message) -> None:
        if event["event"] == "evaluation":
            self._settled[event["evaluation"]] = event
            if len(self._settled) > _MOST_KEPT:
                self._settled.pop(next(iter(self._settled)))

    def close(self) -> None:
        """Ends the session and closes the connection."""
        if self._channel.is_open:
            try:
                self._channel.request("close", {})
            except (UnitcellError, OSError):
                pass
        self._channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _reward(event: Message) -> DeferredReward:
    if event["error"] is not None:
        raise ProtocolError.from_body(event["error"])
    return DeferredReward(event["evaluation"], event["handle"], event["env"], event["reward"], event["outcome"])


__all__ = ["Client", "ConnectionClosed", "DeferredReward", "connect"]
