"""A blocking WebSocket: one frame out, one frame in, no threads of its own."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from urllib.parse import urlsplit, urlunsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from .errors import NotAUnitcellServer, ServerUnreachable

SOCKET_PATH = "/v1"
_CHUNK = 1 << 18


class SocketLost(Exception):
    """The connection is gone; whether it can be taken up again is for others to find out."""


def socket_url(url: str) -> str:
    """``http://host:port``, ``ws://host:port`` and ``host:port`` alike; the path is /v1 unless one is given.

    Raises:
        ServerUnreachable: the text is no address.
    """
    text = url if "://" in url else f"ws://{url}"
    try:
        parts = urlsplit(text)
        scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}[parts.scheme]
        if not parts.hostname or any(c.isspace() for c in text) or parts.port == 0:
            raise ValueError
    except (ValueError, KeyError):
        raise ServerUnreachable(f"{url!r} is no address (give e.g. ws://127.0.0.1:8787)") from None
    path = SOCKET_PATH if parts.path in ("", "/") else parts.path
    return urlunsplit((scheme, parts.netloc, path, parts.query, ""))


class Socket:
    """A connection to ``url``, open when it is made.

    Raises:
        ServerUnreachable: nothing listens there.
        NotAUnitcellServer: what listens there refused the handshake.
    """

    def __init__(self, url: str, subprotocol: str, timeout: float) -> None:
        self.url = url
        uri = parse_uri(url)
        self._protocol = ClientProtocol(uri, subprotocols=[subprotocol], max_size=None)  # type: ignore[list-item]
        self._parts: list[bytes] = []
        self._messages: deque[bytes] = deque()
        #: When the server last gave a sign of life, in time.monotonic() seconds.
        self.heard = time.monotonic()
        deadline = self.heard + timeout
        try:
            raw = socket.create_connection((uri.host, uri.port), timeout)
            if uri.secure:
                raw = ssl.create_default_context().wrap_socket(raw, server_hostname=uri.host)
        except OSError as error:
            what = f"no connection to {url}: {error.strerror or error}"
            raise ServerUnreachable(f"{what} (start a server: unitcell-env serve)") from error
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = raw
        try:
            self._shake_hands(deadline)
        except BaseException:
            self.abort()
            raise

    def _shake_hands(self, deadline: float) -> None:
        self._protocol.send_request(self._protocol.connect())
        try:
            self._flush()
            while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
                self._read(deadline)
        except (SocketLost, OSError) as error:
            if self._protocol.handshake_exc is None:
                raise self._no_server(f"the handshake broke off: {error}") from error
        failure = self._protocol.handshake_exc
        if failure is not None or self._protocol.state is not State.OPEN:
            raise self._no_server(str(failure or "no answer to the handshake")) from failure

    def _no_server(self, why: str) -> NotAUnitcellServer:
        fix = "check the address and that a unitcell server runs there"
        return NotAUnitcellServer(f"{self.url} refused the connection: {why} ({fix})")

    def send(self, frame: bytes, is_binary: bool) -> None:
        """Sends a message. Raises SocketLost."""
        try:
            (self._protocol.send_binary if is_binary else self._protocol.send_text)(frame)
            self._flush()
        except (OSError, InvalidHandshake) as error:
            raise SocketLost(str(error)) from error
        except Exception as error:  # the protocol's state does not allow to send
            if self._protocol.state is not State.OPEN:
                raise SocketLost(self._reason()) from error
            raise

    def receive(self, deadline: float | None) -> bytes | None:
        """The next message; None when the deadline (time.monotonic() seconds) has passed. Raises SocketLost."""
        while not self._messages:
            if not self._read(deadline):
                return None
        return self._messages.popleft()

    def _read(self, deadline: float | None) -> bool:
        """Takes in what has come, waiting for it until the deadline."""
        remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            if remaining == 0.0 and not self._is_readable():
                return False
            self._socket.settimeout(remaining if remaining != 0.0 else None)
            data = self._socket.recv(_CHUNK)
        except TimeoutError:
            return False
        except OSError as error:
            raise SocketLost(error.strerror or str(error)) from error
        self.heard = time.monotonic()
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        try:
            self._flush()  # pongs
        except OSError as error:
            raise SocketLost(error.strerror or str(error)) from error
        if not data or self._protocol.state in (State.CLOSING, State.CLOSED):
            if self._protocol.handshake_exc is None and not self._messages:
                raise SocketLost(self._reason())
        return True

    def _is_readable(self) -> bool:
        pending = getattr(self._socket, "pending", None)
        if pending is not None and pending():
            return True
        return bool(select.select([self._socket], [], [], 0)[0])

    def _take(self, frame: Frame) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if frame.fin and not self._parts:
            self._messages.append(frame.data)  # type: ignore[arg-type]
            return
        self._parts.append(bytes(frame.data))
        if frame.fin:
            self._messages.append(b"".join(self._parts))
            self._parts.clear()

    def _reason(self) -> str:
        close = self._protocol.close_rcvd
        return f"closed with {close.code} {close.reason}".rstrip() if close is not None else "the connection broke"

    def _flush(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        if data:
            self._socket.settimeout(None)
            self._socket.sendall(data)

    def close(self) -> None:
        """Says goodbye and closes."""
        try:
            self._protocol.send_close(1000)
            self._flush()
        except Exception:  # it is gone already
            pass
        self.abort()

    def abort(self) -> None:
        """Closes at once."""
        self._socket.close()
