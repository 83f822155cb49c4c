"""Requests out, answers in, over connections that may break."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, Callable, Literal, Mapping

from .codec import CODECS, Message
from .errors import ConnectionClosed, ConnectionLost, NotAUnitcellServer, ProtocolError, RequestTimeout, ServerUnreachable
from .socket import Socket, SocketLost

Progress = Mapping[str, Any]
OnProgress = Callable[[Progress], None]

PROTOCOL_VERSION = "1.0"
_RETRY_SECONDS = 0.2
#: A server that has not been heard of for this many heartbeats is gone.
_SILENT_BEATS = 2.5


class Call:
    """A request under way."""

    __slots__ = ("id", "op", "frame", "on_progress", "is_accepted", "sent", "answer")

    def __init__(self, id: int, op: str, frame: bytes, on_progress: OnProgress | None) -> None:
        self.id = id
        self.op = op
        self.frame = frame
        self.on_progress = on_progress
        self.is_accepted = False
        self.sent = 0.0
        self.answer: Message | None = None


class Channel:
    """One session with a server, however many connections it takes.

    Args:
        url: address of the WebSocket.
        encoding: ``msgpack`` or ``json``.
        greeting: fields of ``hello``.
        timeout: longest wait, seconds, for an answer, or for the server to accept a request that takes longer.
        reconnect: how long to try to take the session up again after a lost connection, seconds; 0: not at all.
        on_event: called with what the server says unasked.
    """

    def __init__(
        self,
        url: str,
        encoding: Literal["msgpack", "json"],
        greeting: Message,
        timeout: float,
        reconnect: float,
        on_event: Callable[[Message], None],
    ) -> None:
        self.url = url
        self._codec = CODECS[encoding]
        self._greeting = greeting
        self._timeout = timeout
        self._reconnect = reconnect
        self._on_event = on_event
        self._lock = threading.RLock()
        self._pending: dict[int, Call] = {}
        self._queue: deque[Call] = deque()
        self._under_way = 0
        self._next_id = 1
        self._failure: Exception | None = None
        #: Called when the session was taken up on a new connection.
        self.on_resumed: Callable[[], None] = lambda: None
        self._socket = Socket(url, self._codec.subprotocol, timeout)
        try:
            self.server = self._hello(greeting)
        except SocketLost as error:
            raise NotAUnitcellServer(f"{url} closed the connection: {error} (check what runs there)") from error
        except BaseException:
            self._socket.abort()
            raise
        limits = self.server["limits"]
        # No more than the answers that the server keeps: what it has forgotten it would carry out twice.
        self._window = max(1, min(limits.get("requests_in_flight", 1), limits.get("answers_kept", 1)))
        self._heartbeat = float(limits.get("heartbeat_seconds", 20))
        self._stopped = threading.Event()
        self._keeper = threading.Thread(target=self._keep_alive, name="unitcell-keepalive", daemon=True)
        self._keeper.start()

    def begin(self, op: str, params: Message, on_progress: OnProgress | None = None) -> Call:
        """Sends a request, without waiting for its answer."""
        with self._lock:
            if self._failure is not None:
                raise self._failure
            call = Call(self._next_id, op, b"", on_progress)
            self._next_id += 1
            call.frame = self._codec.encode({"id": call.id, "op": op, **params})
            self._pending[call.id] = call
            self._queue.append(call)
            try:
                self._send_queued()
            except SocketLost as error:
                self._take_up(error)
            return call

    def finish(self, call: Call) -> Message:
        """Waits for the answer.

        Raises:
            ProtocolError: what the server answered.
            ConnectionLost, RequestTimeout, ConnectionClosed
        """
        with self._lock:
            while call.answer is None:
                self._raise_failure()
                try:
                    self._pump(self._deadline(call))
                    if call.answer is None:
                        self._check_silence(call)
                except SocketLost as error:
                    self._take_up(error)
        if call.answer["ok"]:
            return call.answer["result"]  # type: ignore[no-any-return]
        raise ProtocolError.from_body(call.answer["error"])

    def request(self, op: str, params: Message, on_progress: OnProgress | None = None) -> Message:
        """Carries out an operation of the protocol. Raises as :meth:`finish`."""
        return self.finish(self.begin(op, params, on_progress))

    def listen(self, seconds: float) -> None:
        """Takes in what the server says unasked, for at most so long or until something came."""
        with self._lock:
            self._raise_failure()
            try:
                self._pump(time.monotonic() + seconds)
            except SocketLost as error:
                self._take_up(error)

    def close(self) -> None:
        """Ends the connection; requests that wait fail."""
        with self._lock:
            self._stopped.set()
            if self._failure is None:
                self._failure = ConnectionClosed("the connection was closed (connect again)")
            self._pending.clear()
            self._socket.close()

    @property
    def is_open(self) -> bool:
        return self._failure is None

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _deadline(self, call: Call) -> float | None:
        now = time.monotonic()
        if call.is_accepted:
            return now + self._heartbeat
        return call.sent + self._timeout if self._timeout > 0 and call.sent > 0 else now + self._heartbeat

    def _check_silence(self, call: Call) -> None:
        """Raises RequestTimeout, or SocketLost where the server has to be given up."""
        now = time.monotonic()
        if call.is_accepted or call.sent == 0:
            if now - self._socket.heard > _SILENT_BEATS * self._heartbeat:
                raise SocketLost("the server fell silent")
        elif self._timeout > 0 and now >= call.sent + self._timeout:
            self._forget(call)
            what = f"no answer to {call.op} within {self._timeout:g} s"
            raise RequestTimeout(f"{what} (raise timeout, or look at the server)")

    def _forget(self, call: Call) -> None:
        if self._pending.pop(call.id, None) is not None and not call.is_accepted and call.sent > 0:
            self._under_way -= 1

    def _pump(self, deadline: float | None) -> None:
        """Takes in one message, waiting for it until the deadline. Raises SocketLost."""
        frame = self._socket.receive(deadline)
        if frame is None:
            return
        message = self._codec.decode(frame)
        if "ok" in message:
            self._answered(message)
        elif "progress" in message:
            call = self._pending.get(message["id"])
            if call is not None and call.on_progress is not None:
                call.on_progress(message["progress"])
        elif "accepted" in message:
            call = self._pending.get(message["id"])
            if call is not None and not call.is_accepted:
                call.is_accepted = True
                self._under_way -= 1
                self._send_queued()
        elif "event" in message:
            self._on_event(message)

    def _answered(self, message: Message) -> None:
        if message["id"] is None:
            # The server could not read an id: it may have been of any request that waits.
            for call in [call for call in self._pending.values() if call.sent > 0 and not call.is_accepted]:
                self._forget(call)
                call.answer = message
            return
        call = self._pending.get(message["id"])
        if call is None:
            return
        self._forget(call)
        call.answer = message
        self._send_queued()

    def _send_queued(self) -> None:
        while self._queue and self._under_way < self._window:
            call = self._queue.popleft()
            self._under_way += 1
            call.sent = time.monotonic()
            self._socket.send(call.frame, self._codec.is_binary)

    def _hello(self, greeting: Message) -> Message:
        """Greets on a new connection. Raises SocketLost, ProtocolError."""
        deadline = time.monotonic() + self._timeout if self._timeout > 0 else None
        id = self._next_id
        self._next_id += 1
        self._socket.send(self._codec.encode({"id": id, "op": "hello", **greeting}), self._codec.is_binary)
        while True:
            frame = self._socket.receive(deadline)
            if frame is None:
                raise RequestTimeout(f"{self.url} does not answer (check that a unitcell server runs there)")
            message = self._codec.decode(frame)
            if message.get("id") not in (id, None) or "ok" not in message:
                continue
            if message["ok"]:
                return message["result"]  # type: ignore[no-any-return]
            raise ProtocolError.from_body(message["error"])

    def _take_up(self, lost: SocketLost) -> None:
        """Takes the session up on a new connection, and sends what was not answered once more."""
        self._socket.abort()
        reason: Exception = ConnectionLost(
            f"the connection to {self.url} is lost: {lost} (look whether the server still runs, then connect again)"
        )
        deadline = time.monotonic() + self._reconnect
        while self._failure is None and time.monotonic() < deadline:
            try:
                self._socket = Socket(self.url, self._codec.subprotocol, self._timeout or 60)
                self._hello({**self._greeting, "resume": self.server["resume"]})
                self._resend()
                self.on_resumed()
                return
            except ProtocolError as error:
                if not error.retryable:
                    reason = error
                    break
            except (ServerUnreachable, NotAUnitcellServer, SocketLost, RequestTimeout):
                pass
            time.sleep(_RETRY_SECONDS)
        self._stopped.set()
        self._failure = self._failure or reason
        self._pending.clear()
        raise self._failure

    def _resend(self) -> None:
        self._under_way = 0
        calls = [self._pending[id] for id in sorted(self._pending)]
        for call in calls:
            call.is_accepted = False
            call.sent = 0.0
        self._queue = deque(calls)
        self._send_queued()

    def _keep_alive(self) -> None:
        """Answers the server's pings, and hears its events, while the program is busy elsewhere."""
        while not self._stopped.wait(self._heartbeat / 4):
            if not self._lock.acquire(blocking=False):
                continue
            try:
                self.listen(0)
            except Exception:  # the next request tells of it
                pass
            finally:
                self._lock.release()
