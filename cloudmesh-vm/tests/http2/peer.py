"""One connection of HTTP/2, as its server has it: what comes is taken, and the steps of all streams."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes
from h2.settings import Settings as Told
from hyperframe.frame import GoAwayFrame, SettingsFrame

from .steps import Close, Data, End, GoAway, Head, Ping, Raw, Request, Reset, Settings, Steps

if TYPE_CHECKING:
    from .server import Http2Server

_CHUNK = 2**16
# So much waits to be sent before no more is made.
_ENOUGH = 2**18
# Seconds between two looks at what tests set and tell.
_LOOK = 0.01
_CONFIGURATION = H2Configuration(
    client_side=False,
    header_encoding="utf-8",
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
)


class Peer:
    """A connection; made, and run, in a thread of its own.

    Attributes:
        told: steps that belong to no stream, to be taken next; any thread may add some.
    """

    def __init__(self, server: Http2Server, secured: ssl.SSLSocket, number: int) -> None:
        self.told: deque[Any] = deque()
        self._server, self._socket, self._number = server, secured, number
        self._http = H2Connection(_CONFIGURATION)
        self._limit = server.ways.settings.get(SettingCodes.MAX_CONCURRENT_STREAMS, 2**31 - 1)
        # Streams are counted here: what is too much is refused, and does not end the connection.
        self._http.local_settings = Told(
            client=False, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: 2**31 - 1}
        )
        self._out = bytearray()
        self._greets_at = time.monotonic() + server.ways.settings_delay
        self._greeted = self._over = False
        self._requests: dict[int, Request] = {}
        # The streams that are open, and those whose answer has ended.
        self._open: set[int] = set()
        self._answered: set[int] = set()
        self._steps: dict[int, Steps] = {}
        self._owed: deque[tuple[int, int]] = deque()
        self._last: int | None = None
        self._doing = {
            **{Head: self._head, Data: self._data, End: self._end, Reset: self._reset},
            **{GoAway: self._go_away, Close: self._close, Raw: self._raw, Ping: self._ping},
            **{Settings: self._settings, float: self._pause, int: self._pause},
            threading.Event: self._await,
        }

    def run(self) -> None:
        """Serve the client until one of both closes the connection."""
        self._socket.setblocking(False)
        self._http.initiate_connection()
        self._http.data_to_send()
        poll = select.poll()
        while not (self._over or self._server.stopping):
            self._greet()
            self._take_steps()
            if self._over:
                return
            self._pay()
            if self._greeted and self._server.ways.greeting is None:
                self._out += self._http.data_to_send()
            sent_all = self._flush()
            if self._last is not None and not self._open and sent_all:
                self._close(None, Close())
            if self._over or not self._receive():
                return
            mask = select.POLLIN if sent_all else select.POLLIN | select.POLLOUT
            poll.register(self._socket, mask)
            poll.poll(_LOOK * 1000 if not self._is_busy() else 0)

    def _greet(self) -> None:
        if self._greeted or time.monotonic() < self._greets_at:
            return
        self._greeted = True
        self._server.early = max(self._server.early, len(self._open))
        ways = self._server.ways
        if ways.greeting is None:
            self._settings(None, Settings(ways.settings))
        else:
            self._out += ways.greeting

    def _is_busy(self) -> bool:
        """Whether there is more to do at once, as far as the client takes it."""
        return len(self._out) < _ENOUGH and any(
            isinstance(each.step, Data) and self._room(each.request.stream) for each in self._steps.values()
        )

    # What comes.

    def _receive(self) -> bool:
        """Take all that has come; False at the end of the connection."""
        while True:
            try:
                data = self._socket.recv(_CHUNK)
            except (ssl.SSLWantReadError, BlockingIOError):
                return True
            if not data:
                return False
            try:
                found = self._http.receive_data(data)
            except ProtocolError as error:
                self._server.faults.append(error)
                return False
            for each in found:
                self._take(each)

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.RequestReceived):
            self._take_request(event)
        elif isinstance(event, events.DataReceived):
            self._owed.append((event.flow_controlled_length, event.stream_id))
            if event.stream_id in self._requests:
                self._requests[event.stream_id].body.extend(event.data)
        elif isinstance(event, events.StreamEnded):
            self._take_end(event.stream_id)
        elif isinstance(event, events.StreamReset):
            self._take_reset(event)
        elif isinstance(event, events.ConnectionTerminated):
            self._server.goodbyes.append(int(event.error_code))
        elif isinstance(event, events.PingAckReceived):
            self._server.pongs += 1

    def _take_request(self, event: events.RequestReceived) -> None:
        number = event.stream_id
        if self._last is not None and number > self._last:
            return
        if len(self._open) >= self._limit:
            self._server.refused += 1
            self._http.reset_stream(number, ErrorCodes.REFUSED_STREAM)
            return
        self._open.add(number)
        headers = dict(event.headers)
        request = Request(headers[":method"], headers[":path"], headers, number, self._number)
        self._requests[number] = request
        with self._server.lock:
            self._server.most = max(self._server.most, len(self._open))
            self._server.requests.append(request)
        if self._server.ways.at_head:
            self._begin(request)

    def _take_end(self, number: int) -> None:
        request = self._requests.get(number)
        if request is None or number not in self._open:
            return
        request.whole.set()
        if not self._server.ways.at_head:
            self._begin(request)
        elif number in self._answered:
            self._open.discard(number)

    def _take_reset(self, event: events.StreamReset) -> None:
        self._forget(event.stream_id)
        if not event.remote_reset:
            self._server.faults.append(ProtocolError(str(event)))
        elif event.stream_id in self._requests:
            path = self._requests[event.stream_id].path
            self._server.resets.append((path, int(event.error_code)))

    def _begin(self, request: Request) -> None:
        self._steps[request.stream] = Steps(request, self._server.script(request) or [])

    def _forget(self, number: int) -> None:
        self._open.discard(number)
        self._steps.pop(number, None)

    def _pay(self) -> None:
        """Let the client send as much again as it has sent."""
        while self._owed and self._server.ways.acknowledges():
            length, number = self._owed.popleft()
            if length:
                self._http.acknowledge_received_data(length, number)

    # What goes.

    def _flush(self) -> bool:
        """Send what is there; False if the client takes no more of it now."""
        while self._out:
            try:
                del self._out[: self._socket.send(memoryview(bytes(self._out[:_CHUNK])))]
            except (ssl.SSLWantWriteError, BlockingIOError):
                return False
        return True

    def _take_steps(self) -> None:
        """Let each stream take its steps, one frame of each in turn."""
        if not self._greeted:
            return
        while self.told and not self._over:
            self._do(None, self.told.popleft())
        moved = True
        while moved and not self._over and len(self._out) < _ENOUGH:
            moved = False
            for number, steps in list(self._steps.items()):
                if self._steps.get(number) is steps and not self._over:
                    moved = self._go_on(steps) or moved

    def _go_on(self, steps: Steps) -> bool:
        """Whether a stream has come any further."""
        if steps.step is None:
            return False
        sent = steps.sent
        if not self._do(steps, steps.step):
            return steps.sent > sent
        if steps.next() is None:
            self._steps.pop(steps.request.stream, None)
        return True

    def _do(self, steps: Steps | None, step: Any) -> bool:
        """Do a part of a step; whether it is done."""
        try:
            done = self._doing[type(step)](steps, step) is not False
        except StreamClosedError:
            return True
        self._out += self._http.data_to_send()
        return done

    def _head(self, steps: Steps, step: Head) -> None:
        headers = [(":status", str(step.status)), *step.headers]
        self._http.send_headers(steps.request.stream, headers, end_stream=step.ends)
        if step.ends:
            self._ended(steps)

    def _room(self, number: int) -> int:
        """How much the client takes now."""
        with suppress(ProtocolError):
            return min(self._http.local_flow_control_window(number), self._http.max_outbound_frame_size)
        return 0

    def _data(self, steps: Steps, step: Data) -> bool:
        if steps.sent >= len(step.content):
            return True
        padding = 0 if step.padding is None else step.padding + 1
        most = min(step.frame, self._room(steps.request.stream) - padding)
        if most <= 0:
            return False
        part = step.content[steps.sent : steps.sent + most]
        self._http.send_data(steps.request.stream, part, pad_length=step.padding)
        steps.sent += len(part)
        return steps.sent >= len(step.content)

    def _end(self, steps: Steps, step: End) -> None:
        if step.trailers:
            self._http.send_headers(steps.request.stream, [*step.trailers], end_stream=True)
        else:
            self._http.end_stream(steps.request.stream)
        self._ended(steps)

    def _ended(self, steps: Steps) -> None:
        self._answered.add(steps.request.stream)
        if steps.request.whole.is_set():
            self._open.discard(steps.request.stream)

    def _reset(self, steps: Steps, step: Reset) -> None:
        self._http.reset_stream(steps.request.stream, step.code)
        self._open.discard(steps.request.stream)

    def _go_away(self, _: Steps | None, step: GoAway) -> None:
        # Past the library, which would send nothing any more.
        frame = GoAwayFrame(last_stream_id=step.last, error_code=step.code)
        self._out += self._http.data_to_send() + frame.serialize()
        self._last = step.last
        for number in [each for each in self._open if each > step.last]:
            self._forget(number)

    def _close(self, _: Steps | None, step: Close) -> None:
        self._over = True
        self._socket.settimeout(1.0)
        with suppress(OSError):
            self._socket.sendall(self._out + self._http.data_to_send())
        self._out.clear()
        if step.how == "reset":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif step.how == "tls":
            self._socket.setblocking(False)
            # It says so, and does not wait until the client says the same.
            with suppress(OSError):
                self._socket.unwrap()
        if step.how != "reset":
            self._linger()

    def _linger(self) -> None:
        """Let the client read all: what it still sends would reset the connection."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(0.5)
            while self._socket.recv(_CHUNK):
                pass

    def _raw(self, _: Steps | None, step: Raw) -> None:
        self._out += self._http.data_to_send() + step.data

    def _ping(self, _: Steps | None, __: Ping) -> None:
        self._http.ping(b"8 bytes.")

    def _settings(self, _: Steps | None, step: Settings) -> None:
        values = dict(step.values)
        # They are in force when the client has acknowledged them, but for the number of streams.
        self._out += self._http.data_to_send() + SettingsFrame(settings=values).serialize()
        self._limit = values.pop(SettingCodes.MAX_CONCURRENT_STREAMS, self._limit)
        self._http.update_settings(values)
        self._http.data_to_send()

    def _pause(self, steps: Steps, step: float) -> bool:
        if steps.due is None:
            steps.due = time.monotonic() + step
        return time.monotonic() >= steps.due

    def _await(self, _: Steps | None, step: threading.Event) -> bool:
        return step.is_set()
