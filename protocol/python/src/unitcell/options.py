"""What environments and vectors of them have in common: where they are, and what they were asked for."""

from __future__ import annotations

from typing import Any, Callable, Mapping

import numpy as np

from .channel import Progress
from .client import Client, Encoding, connect
from .local_server import local_server
from .observations import Layout, make_layout

ENVIRONMENT = "CrystalFill-v1"
SPEC_ID = "unitcell/CrystalFill-v1"


class Handle:
    """An environment, or a vector of them, on a server.

    Args:
        url: of the server; None: one on this machine, started for it.
        client: a connection to use instead of one of its own.
        data, dft: data sets of the server that is started on this machine, and whether it calculates.
        connection: further arguments of :func:`unitcell.connect`.
        options: of the environment, by the names of the protocol.
    """

    def __init__(
        self,
        url: str | None,
        client: Client | None,
        data: str | list[str] | tuple[str, ...],
        dft: bool,
        connection: Mapping[str, Any],
        options: dict[str, Any],
        count: int | None,
    ) -> None:
        self.owns_client = client is None
        if client is None:
            folders = (data,) if isinstance(data, str) else tuple(data)
            client = connect(url or local_server(*folders, dft=dft).url, **connection)
        self.client = client
        try:
            request = {"environment": ENVIRONMENT, "options": plain(options)}
            if count is not None:
                request["count"] = count
            made = client.request("make", **request)
        except BaseException:
            if self.owns_client:
                client.close()
            raise
        self.number: int = made["handle"]
        #: Every default filled in by the server.
        self.options: dict[str, Any] = made["options"]

    @property
    def dataset(self) -> Mapping[str, Any] | None:
        name = self.options["dataset"]
        return next((one for one in self.client.server["datasets"] if one["name"] == name), None)

    def layout(self, kind: str, max_sites: int | None, max_edges: int | None, count: int | None) -> Layout:
        try:
            return make_layout(kind, self.dataset, max_sites, max_edges, count)
        except BaseException:
            self.close()
            raise

    def request(self, op: str, on_progress: Callable[[Progress], None] | None = None, **params: Any) -> Any:
        return self.client.request(op, on_progress=on_progress, handle=self.number, **params)

    def close(self) -> None:
        """Closes the handle, and the connection that was made for it."""
        if self.owns_client:
            self.client.close()
        elif self.client.is_open:
            self.client.request("close", handle=self.number)


def plain(value: Any) -> Any:
    """The same without numpy: lists, numbers and text, as messages are made of."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


__all__ = ["ENVIRONMENT", "SPEC_ID", "Encoding", "Handle", "plain"]
