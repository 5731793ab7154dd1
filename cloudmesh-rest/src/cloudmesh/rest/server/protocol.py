"""HTTP/1.1 as uvicorn speaks it, with the limits of time that it lacks.

Whoever can connect could hold a connection for ever: by a request that never ends, by a body that nobody
reads any more, or by an answer that is not read. Each of them is cut off here.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from cloudmesh.rest import problems
from cloudmesh.rest.access import headers
from cloudmesh.rest.problems import Problem

# Until the headers of a request are there.
HEADER_SECONDS = 10.0
# For the rest of a body, after the answer was sent.
LINGER_SECONDS = 5.0
# Without a byte of the answer being read.
STALL_SECONDS = 30.0


class Protocol(H11Protocol):
    """One connection."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, but not for ever."""
        super().connection_made(transport)
        self._wait(HEADER_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait(None)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        theirs = self.conn.their_state
        if theirs is h11.IDLE:
            if self._deadline is None:
                self._wait(HEADER_SECONDS)
        elif self._deadline is not None and not self._lingers():
            self._wait(None)

    def on_response_complete(self) -> None:
        """Wait for what is left of the request, if the answer came before it."""
        super().on_response_complete()
        if self._lingers() and not self.transport.is_closing():
            self._wait(LINGER_SECONDS)

    def pause_writing(self) -> None:
        """Watch whether the client reads on."""
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        """Write on, since the client has read."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, by a problem document as everything else."""
        answer = problems.response(
            Problem(400, "this is no request of HTTP/1.1", headers={"Connection": "close"})
        )
        found = headers.add(list(answer.raw_headers), is_page=False)
        reason = b"Bad Request"
        events = (
            h11.Response(status_code=400, headers=found, reason=reason),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        )
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _lingers(self) -> bool:
        """Whether an answer was sent before all of the request had come."""
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def _wait(self, seconds: float | None) -> None:
        """Close the connection after so many seconds, unless this is called once more."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._late) if seconds is not None else None

    def _late(self) -> None:
        self.transport.close()

    def _watch_writing(self, before: int | None = None) -> None:
        """Break the connection off if nothing of what is to be written was taken since the last look."""
        now = self.transport.get_write_buffer_size()
        if before is not None and now >= before:
            self.transport.abort()
            return
        self._stalled = self.loop.call_later(STALL_SECONDS, self._watch_writing, now)
