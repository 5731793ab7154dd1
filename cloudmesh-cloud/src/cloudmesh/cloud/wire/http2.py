"""One connection by HTTP/2, over which many calls of one thread go at once, each as a stream.

The package h2 knows the protocol; it reads and writes nothing itself. Of the calls that wait for answers one
reads for all, and when it has its own, another one does. The thread must be one that its calls share, see
``waiting``: nothing here is locked.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from cloudmesh.cloud.errors import BadAnswer, CloudTimeout
from cloudmesh.cloud.wire.answer import Answer, made_answer
from cloudmesh.cloud.wire.budget import AnswerBudget
from cloudmesh.cloud.wire.errors import (
    AnswerCutError,
    AnswerTimeoutError,
    ConnectionLostError,
    ConnectTimeoutError,
    NoConnectionError,
    NoHttpError,
    NotTakenError,
    WireError,
)
from cloudmesh.cloud.wire.frames import Goodbye, without_goodbyes
from cloudmesh.cloud.wire.waiting import bell, until_ready

Headers = Sequence[tuple[str, str]]

_CHUNK = 2**16
# So many parts are read in one go at most: the other calls of the thread have their turn.
_PARTS = 16
# Streams at once, however many the server allows.
_MOST = 256
# How many bytes the server may send before they are acknowledged: of one stream, and of all together.
_WINDOW, _WINDOWS = 2**20, 2**24
_FIRST_WINDOW = 65_535
# Seconds after which those who have something to send look again if there is room for it.
_LOOK = 0.05


class _Stream:
    """One call and what has come of its answer.

    Attributes:
        number: of the stream.
        rest: what is still to be sent of its content.
        is_sent: whether all of the request was handed over.
        complete: whether the answer is whole.
        error: why there will be none; None as long as there may be one.
        rung: by whoever has news for it, or wants it to read.
        since: when it went on last, by ``time.monotonic``.
        ends: when it must have gone on.
    """

    def __init__(self, number: int, content: bytes, budget: AnswerBudget) -> None:
        self.number, self.rest = number, memoryview(content)
        self.is_sent, self.complete = not content, False
        self.error: Exception | None = None
        self.rung = bell()
        self._budget = budget
        self.since = time.monotonic()
        self.ends = self.since + budget.left()
        self._status, self._received = 0, 0
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []

    def seconds_left(self) -> float:
        """Seconds until the next part must have come. Raises AnswerTimeoutError or CloudTimeout for none."""
        left = self.ends - time.monotonic()
        if left <= 0:
            # Which of the two times was over is told.
            self._budget.left()
            raise AnswerTimeoutError
        return left

    def take_head(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Take the head of the answer."""
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        try:
            self._status = int(told.pop(":status"))
        except (KeyError, ValueError):
            self.fail(NoHttpError("its status is no number"))
            return
        self._headers = told
        self.goes_on()

    def take(self, data: bytes) -> None:
        """Take a part of the content."""
        self._received += len(data)
        self._parts.append(data)
        try:
            self._budget.require(self._received)
        except BadAnswer as error:
            self.fail(error)
        else:
            self.goes_on()

    def goes_on(self) -> None:
        """Take note that something was sent, or has come: the next part has its own time."""
        self.since = time.monotonic()
        try:
            self.ends = self.since + self._budget.left()
        except CloudTimeout as error:
            # Another call may be reading.
            self.fail(error)

    def end(self) -> None:
        """Take note that the answer is whole."""
        self.complete, self.rest = True, memoryview(b"")
        self.rung.ring()

    def fail(self, error: Exception) -> None:
        """Take note that there will be no answer."""
        if not (self.complete or self.error):
            self.error, self.rest = error, memoryview(b"")
            self.rung.ring()

    def lost(self) -> WireError:
        """The error of an answer that does not come any more."""
        return AnswerCutError() if self._status else ConnectionLostError()

    def answer(self) -> Answer:
        """The answer, which is complete. Raises UnreadableAnswerError, or BadAnswer if it is too large."""
        return made_answer(self._status, self._headers, self._parts, self._budget)


class Http2Connection:
    """A connection that is open, for the calls of one thread.

    Attributes:
        keeps: whether other calls may begin on it.
    """

    def __init__(self, secured: socket.socket) -> None:
        self.keeps = True
        self._socket = secured
        self._state = H2Connection(H2Configuration(header_encoding=None, validate_outbound_headers=False))
        self._state.local_settings = Settings(
            initial_values={SettingCodes.ENABLE_PUSH: 0, SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW}
        )
        self._state.initiate_connection()
        self._state.increment_flow_control_window(_WINDOWS - _FIRST_WINDOW)
        self._streams: dict[int, _Stream] = {}
        # Which of them reads for all.
        self._reader: _Stream | None = None
        # What has come of a frame that is not whole, and what is to be sent.
        self._begun, self._out = b"", bytearray()
        # Whether the server has said how many streams it allows, and whether nothing comes any more; what it
        # is, if it is no HTTP/2.
        self._is_settled = self._is_over = False
        self._why: NoHttpError | None = None
        # When something came last.
        self._heard = time.monotonic()

    def settle(self, seconds: float) -> None:
        """Wait until the server has said how many streams it allows; nothing is asked of it before.

        Raises NoConnectionError, or NoHttpError if it speaks otherwise than it said.
        """
        ends = time.monotonic() + seconds
        while not self._is_settled:
            self._flush()
            left = ends - time.monotonic()
            if left <= 0 or not until_ready(self._socket, False, left):
                raise ConnectTimeoutError
            self._take_what_has_come()
            if self._is_over:
                raise self._why or NoConnectionError()
        self._flush()

    def close(self) -> None:
        """Close it."""
        self.keeps, self._is_over = False, True
        with suppress(OSError):
            self._socket.close()

    @property
    def is_busy(self) -> bool:
        """Whether calls are under way."""
        return bool(self._streams)

    def has_room(self) -> bool:
        """Whether another call may begin."""
        if self.keeps and not self._streams:
            # What the server has said since the last call.
            self._take_what_has_come()
            self._flush()
        most = min(self._state.remote_settings.max_concurrent_streams, _MOST)
        return self.keeps and len(self._streams) < most

    def exchange(self, headers: Headers, content: bytes, budget: AnswerBudget) -> Answer:
        """The answer to a request, which is sent once.

        Args:
            headers: with those of HTTP/2 itself (``:method``, ...) first, all in lower case.

        Raises:
            WireError: there is none.
            CloudTimeout, BadAnswer: it takes too long in all, or is too large.
        """
        stream = self._begin(headers, content, budget)
        try:
            while not (stream.complete or stream.error):
                self._go_on(stream)
        finally:
            self._leave(stream)
        if stream.error:
            raise stream.error
        return stream.answer()

    def _begin(self, headers: Headers, content: bytes, budget: AnswerBudget) -> _Stream:
        try:
            stream = _Stream(self._state.get_next_available_stream_id(), content, budget)
            self._state.send_headers(stream.number, headers, end_stream=not content)
        except ProtocolError as error:
            # There are no numbers left, or it has come to its end.
            self.keeps = False
            raise NotTakenError from error
        self._streams[stream.number] = stream
        return stream

    def _go_on(self, stream: _Stream) -> None:
        """Send what can be sent, and wait once: by reading for all, or until there is news."""
        self._send_content(stream)
        self._flush()
        try:
            seconds = stream.seconds_left()
        except (AnswerTimeoutError, CloudTimeout):
            # Nobody else is to wait for a server that has said nothing at all.
            self.keeps = self.keeps and self._heard > stream.since
            raise
        if self._out:
            seconds = min(seconds, _LOOK)
        if self._reader is not None:
            stream.rung.wait(seconds)
            return
        self._reader = stream
        try:
            if until_ready(self._socket, False, seconds):
                self._take_what_has_come()
                self._flush()
        finally:
            self._reader = None

    def _leave(self, stream: _Stream) -> None:
        """Be done with a call, and let another one read."""
        del self._streams[stream.number]
        if not (self._is_over or (stream.complete and stream.is_sent)):
            # One that the server has ended meanwhile is no error.
            with suppress(ProtocolError):
                self._state.reset_stream(stream.number, ErrorCodes.CANCEL)
            self._flush()
        if self._reader is None and self._streams:
            next(iter(self._streams.values())).rung.ring()
        if not (self.keeps or self._streams):
            self.close()

    def _send_content(self, stream: _Stream) -> None:
        """Hand over as much of a content as the server allows for now."""
        while stream.rest:
            # It is less than nothing where the server has lowered it meanwhile.
            room = max(0, self._state.local_flow_control_window(stream.number))
            part = stream.rest[: min(room, self._state.max_outbound_frame_size)]
            if not part:
                return
            stream.goes_on()
            if stream.error:
                return
            stream.rest = stream.rest[len(part) :]
            stream.is_sent = not stream.rest
            self._state.send_data(stream.number, bytes(part), end_stream=stream.is_sent)

    def _flush(self) -> None:
        """Send what is to be sent, as far as the system takes it."""
        self._out += self._state.data_to_send()
        while self._out and not self._is_over:
            try:
                del self._out[: self._socket.send(self._out)]
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                # The server may have answered before it went: who reads finds out.
                self.keeps = False
                self._out.clear()

    def _take_what_has_come(self) -> None:
        """Read what is there, without waiting."""
        for _ in range(_PARTS):
            if self._is_over:
                return
            try:
                data = self._socket.recv(_CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                data = b""
            self._heard = time.monotonic()
            if not data:
                self._break(_Stream.lost)
                return
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        try:
            frames, self._begun, goodbye = without_goodbyes(self._begun + data)
            for event in self._state.receive_data(frames):
                self._take(event)
        except (ProtocolError, NoHttpError) as error:
            kind = str(error) if isinstance(error, NoHttpError) else type(error).__name__
            self._why = NoHttpError(kind)
            self._break(lambda _: NoHttpError(kind))
            return
        if goodbye:
            self._say_goodbye(goodbye)

    def _take(self, event: Event) -> None:
        """Hand an event on to the call that it is about."""
        if isinstance(event, RemoteSettingsChanged):
            self._is_settled = True
            self._ring_those_who_send()
            return
        number = getattr(event, "stream_id", None)
        if isinstance(event, WindowUpdated) and not number:
            self._ring_those_who_send()
            return
        if isinstance(event, DataReceived) and event.flow_controlled_length:
            self._state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        stream = self._streams.get(number or 0)
        if stream is None:
            return
        if isinstance(event, ResponseReceived):
            stream.take_head(event.headers or ())
        elif isinstance(event, DataReceived):
            stream.take(event.data or b"")
        elif isinstance(event, StreamEnded):
            stream.end()
        elif isinstance(event, StreamReset):
            # Also for REFUSED_STREAM, by which nothing was done (RFC 9113, section 8.7): haproxy says it of
            # requests that were carried out (findings/haproxy-refused-streams-were-carried-out.sh).
            stream.fail(stream.lost())
        elif isinstance(event, WindowUpdated):
            stream.rung.ring()

    def _ring_those_who_send(self) -> None:
        for each in self._streams.values():
            if each.rest:
                each.rung.ring()

    def _say_goodbye(self, goodbye: Goodbye) -> None:
        """Begin nothing more; what the server has not begun with may be made again elsewhere.

        One that has met with an error may be wrong about that.
        """
        self.keeps = False
        for number, each in self._streams.items():
            if number > goodbye.last:
                each.fail(NotTakenError() if goodbye.in_peace else each.lost())

    def _break(self, error: Callable[[_Stream], Exception]) -> None:
        """Take note that nothing comes any more."""
        self.keeps, self._is_over = False, True
        for each in self._streams.values():
            each.fail(error(each))
