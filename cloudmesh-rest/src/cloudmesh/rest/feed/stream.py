"""``EventStream``: the answer to a request for events, which ends when it should."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.responses import Response

from cloudmesh.rest.feed.feed import Feed
from cloudmesh.rest.feed.listeners import Listener

MEDIA_TYPE = "text/event-stream"
# How often a stream is looked at, in seconds.
_ASKS = 1.0
# How many seconds a stream that is to end has for that.
_GRACE = 0.25
# How long a browser waits before it comes again, in milliseconds.
_RETRY = 1000
_HEADERS = {
    "Cache-Control": "no-store",
    # For nginx, which else collects what is sent.
    "X-Accel-Buffering": "no",
}


class EventStream(Response):
    """Sends what a listener gets, until the client leaves or the server stops.

    The guard ends it, as if the client had left, when its caller is let in no more.

    Args:
        begin: what is sent first, after the listener's place.
        seconds: after how long the stream ends by itself; None for never.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self,
        feed: Feed,
        listener: Listener,
        begin: bytes = b"",
        seconds: float | None = None,
    ) -> None:
        super().__init__(None, 200, _HEADERS)
        del self.headers["content-length"]
        self._feed, self._listener, self._begin = feed, listener, begin
        self._seconds = seconds
        # Since when a send has not come to its end, 0 while none is under way; and when the last one began.
        self._sending = self._sent = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send the stream; whatever ends it, the listener is gone afterwards."""
        try:
            tasks = [
                asyncio.ensure_future(each)
                for each in (self._send_all(send), _disconnected(receive), self._watch())
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                results = await asyncio.gather(*tasks, return_exceptions=True)
            for result in results:
                # That a connection has broken off is the end of a stream like any other.
                if isinstance(result, Exception) and not isinstance(result, OSError):
                    raise result
        finally:
            self._feed.leave(self._listener)

    async def _send_all(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await self._send(send, f"retry: {_RETRY}\n\n".encode() + self._listener.take() + self._begin)
        while not self._listener.ending:
            if body := self._listener.take():
                await self._send(send, body)
            elif self._is_silent:
                await self._send(send, self._listener.beat())
            else:
                await self._listener.wait()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Any, body: bytes) -> None:
        self._sending = time.monotonic()
        await send({"type": "http.response.body", "body": body, "more_body": True})
        self._sent, self._sending = self._sending, 0.0

    @property
    def _is_silent(self) -> bool:
        """Whether nothing was sent for so long that the client may think the server is gone."""
        return time.monotonic() - self._sent >= self._feed.limits.beat

    async def _watch(self) -> None:
        """Come to an end when the stream has to be cut, and let it end by itself if it can."""
        began = time.monotonic()
        while not await self._listener.wait_end(min(_ASKS, self._feed.limits.beat)):
            if self._is_silent:
                self._listener.wake()
            now = time.monotonic()
            if self._sending and now - self._sending > self._feed.limits.stuck:
                return
            if self._seconds is not None and now - began >= self._seconds:
                self._listener.end()
        # It ends by itself, unless its client takes nothing.
        await asyncio.sleep(_GRACE)


async def _disconnected(receive: Any) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
