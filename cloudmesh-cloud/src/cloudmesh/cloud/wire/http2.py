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

from cloudmesh.cloud.errors import CloudTimeout
from cloudmesh.cloud.wire.answer import Answer
from cloudmesh.cloud.wire.budget import AnswerBudget
from cloudmesh.cloud.wire.errors import (
    AnswerTimeoutError,
    ConnectTimeoutError,
    NoConnectionError,
    NoHttpError,
    NotTakenError,
)
from cloudmesh.cloud.wire.frames import Goodbye, without_goodbyes
from cloudmesh.cloud.wire.stream import Stream
from cloudmesh.cloud.wire.waiting import until_ready

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


class Http2Connection:
    """A connection that is open, for the calls of one thread.

    Attributes:
        keeps: whether other calls may begin on it.
        speaks_it: whether the server is to be called by HTTP/2 at all.
        was_of_use: whether the server has begun with some call.
        freed: called when there is room for another call.
    """

    def __init__(self, secured: socket.socket) -> None:
        self.keeps = self.speaks_it = True
        self.freed: Callable[[], object] = lambda: None
        self.was_of_use = False
        # Whether the server has met with no error.
        self._in_peace = True
        self._socket = secured
        # A header that has no meaning by HTTP/2, as gateways pass them on, is no reason to end all calls.
        self._state = H2Connection(
            H2Configuration(
                header_encoding=None, validate_outbound_headers=False, validate_inbound_headers=False
            )
        )
        self._state.local_settings = Settings(
            initial_values={SettingCodes.ENABLE_PUSH: 0, SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW}
        )
        self._state.initiate_connection()
        self._state.increment_flow_control_window(_WINDOWS - _FIRST_WINDOW)
        self._streams: dict[int, Stream] = {}
        # Which of them reads for all.
        self._reader: Stream | None = None
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
        """Close it; while calls are under way, that is left to the last of them."""
        self.keeps = False
        if not self._streams:
            self._is_over = True
            with suppress(OSError):
                self._socket.close()

    @property
    def most(self) -> int:
        """How many calls may be under way at once."""
        return min(self._state.remote_settings.max_concurrent_streams, _MOST)

    def has_room(self) -> bool:
        """Whether another call may begin."""
        if self.keeps and not self._streams:
            # What the server has said since the last call.
            self._take_what_has_come()
            self._flush()
        return self.keeps and len(self._streams) < self.most

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

    def _begin(self, headers: Headers, content: bytes, budget: AnswerBudget) -> Stream:
        try:
            stream = Stream(self._state.get_next_available_stream_id(), content, budget)
            self._state.send_headers(stream.number, headers, end_stream=not content)
            # For a wrong length of one answer the package would end all; each call finds it out for itself.
            theirs = self._state.streams[stream.number]
            theirs._initialize_content_length = _any_length  # type: ignore[method-assign]
        except ProtocolError as error:
            # There are no numbers left, or it has come to its end.
            self.keeps = False
            raise NotTakenError from error
        self._streams[stream.number] = stream
        return stream

    def _go_on(self, stream: Stream) -> None:
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

    def _leave(self, stream: Stream) -> None:
        """Be done with a call, and let another one read."""
        del self._streams[stream.number]
        if not (self._is_over or (stream.complete and stream.is_sent)):
            # One that the server has ended meanwhile is no error.
            with suppress(ProtocolError):
                self._state.reset_stream(stream.number, ErrorCodes.CANCEL)
            self._flush()
        self.was_of_use = self.was_of_use or stream.complete
        if self._reader is None and self._streams:
            next(iter(self._streams.values())).rung.ring()
        if not self.keeps:
            self.close()
        self.freed()

    def _send_content(self, stream: Stream) -> None:
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
                self._break(Stream.lost)
                return
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        try:
            frames, self._begun, goodbye = without_goodbyes(self._begun + data)
            for event in self._state.receive_data(frames):
                self._take(event)
        except (ProtocolError, NoHttpError) as error:
            kind = str(error) if isinstance(error, NoHttpError) else type(error).__name__
            self._why, self.speaks_it = NoHttpError(kind), False
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
            self._reset(stream, event)
        elif isinstance(event, WindowUpdated):
            stream.rung.ring()

    def _reset(self, stream: Stream, event: StreamReset) -> None:
        if event.error_code == ErrorCodes.HTTP_1_1_REQUIRED:
            self.keeps = self.speaks_it = False
        # Also for REFUSED_STREAM, by which nothing was done (RFC 9113, section 8.7): haproxy says it of
        # requests that were carried out (findings/haproxy-refused-streams-were-carried-out.sh).
        stream.fail(stream.lost())

    def _ring_those_who_send(self) -> None:
        for each in self._streams.values():
            if each.rest:
                each.rung.ring()

    def _say_goodbye(self, goodbye: Goodbye) -> None:
        """Begin nothing more; what the server has not begun with may be made again elsewhere.

        One that has met with an error, or contradicts itself, may be wrong about that.
        """
        self.keeps, self._in_peace = False, self._in_peace and goodbye.in_peace
        self.was_of_use = self.was_of_use or any(number <= goodbye.last for number in self._streams)
        for number, each in self._streams.items():
            if number > goodbye.last:
                each.fail(NotTakenError() if self._in_peace and not each.is_begun else each.lost())

    def _break(self, error: Callable[[Stream], Exception]) -> None:
        """Take note that nothing comes any more."""
        self.keeps, self._is_over = False, True
        for each in self._streams.values():
            each.fail(error(each))


def _any_length(headers: object) -> None:
    """Take note of no length that is announced."""
