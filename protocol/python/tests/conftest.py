"""Servers to test against: real ones, a network that fails, and one that says what a test tells it to."""

from __future__ import annotations

import socket
import threading
from typing import Any, Callable, Iterator

import pytest
from websockets.sync.server import ServerConnection, serve

import unitcell
from unitcell.codec import CODECS
from unitcell.local_server import LocalServer

LIMITS = {"requests_in_flight": 64, "answers_kept": 64, "heartbeat_seconds": 20}
GREETING = {
    "protocol": "1.0",
    "server": {"name": "scripted", "version": "0"},
    "session": "s",
    "resume": "token",
    "resumed": [],
    "limits": LIMITS,
    "environments": ["CrystalFill-v1"],
    "datasets": [],
    "elements": [],
}


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """A server on the built-in data set."""
    server = LocalServer()
    yield server.url
    server.stop()


class Proxy:
    """A network between client and server that can fail."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("ws://").split("/")[0].split(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.is_down = False
        self.is_deaf = False
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.is_down:
                near.close()
                continue
            far = socket.create_connection(self._target)
            self._sockets += [near, far]
            threading.Thread(target=self._copy, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._copy, args=(far, near, True), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, from_server: bool) -> None:
        try:
            while data := source.recv(65536):
                if not (from_server and self.is_deaf):
                    sink.sendall(data)
        except OSError:
            pass
        self._shut(source, sink)

    @staticmethod
    def _shut(*sockets: socket.socket) -> None:
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self) -> None:
        """Breaks every connection."""
        self.is_deaf = False
        sockets, self._sockets = self._sockets, []
        self._shut(*sockets)

    def close(self) -> None:
        self.cut()
        self._listener.close()


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    proxy = Proxy(url)
    yield proxy
    proxy.close()


Script = Callable[[dict[str, Any], Callable[..., None]], None]


@pytest.fixture
def scripted() -> Iterator[Callable[[Script], str]]:
    """A server whose answers a test writes: ``script(request, send)``; ``hello`` is answered already."""
    servers = []

    def start(script: Script, greeting: dict[str, Any] = GREETING) -> str:
        codec = CODECS["msgpack"]

        def handle(connection: ServerConnection) -> None:
            def send(**message: Any) -> None:
                connection.send(codec.encode(message))

            for frame in connection:
                request = codec.decode(frame)  # type: ignore[arg-type]
                if request["op"] == "hello":
                    send(id=request["id"], ok=True, result=greeting)
                elif request["op"] == "close":
                    send(id=request["id"], ok=True, result={})
                else:
                    script(request, send)

        server = serve(handle, "127.0.0.1", 0, subprotocols=["unitcell.v1.msgpack"])  # type: ignore[list-item]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"ws://127.0.0.1:{server.socket.getsockname()[1]}"

    yield start
    for server in servers:
        server.shutdown()


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[unitcell.Client]:
    with unitcell.connect(url) as client:
        yield client
