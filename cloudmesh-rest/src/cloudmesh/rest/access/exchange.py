"""One request and its answer, as the guard sees them pass."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from cloudmesh.rest.access import headers
from cloudmesh.rest.access.caller import Caller

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]

_GONE = {"type": "http.disconnect"}
_END = {"type": "http.response.body", "body": b"", "more_body": False}


class Exchange:
    """A request and its answer. It can be cut: then the answer ends, and the application is told to stop.

    Attributes:
        caller: who asks, once that is known.
        status: of the answer; 0 before it has begun.
        is_open: whether more of the answer is to come after what was sent: it is a stream.
    """

    __slots__ = (
        *("_body", "_cut", "_is_page", "_on_open", "_receive", "_send", "_task"),
        *("caller", "is_open", "status"),
    )

    def __init__(
        self, receive: Receive, send: Send, is_page: bool, on_open: Callable[[Exchange], None]
    ) -> None:
        self._receive, self._send, self._is_page, self._on_open = receive, send, is_page, on_open
        self._body: bytes | None = None
        self._cut: asyncio.Future[None] | None = None
        # What is interrupted at worst; a part of the application may have tasks of its own.
        self._task = asyncio.current_task()
        self.caller: Caller | None = None
        self.status = 0
        self.is_open = False

    @property
    def is_cut(self) -> bool:
        """Whether the answer was ended."""
        return self._cut is not None and self._cut.done()

    def give(self, body: bytes) -> None:
        """Let the application have this body, which was received already."""
        self._body = body

    def cut(self, patience: float = 0.5) -> None:
        """End the answer; an application that has not stopped after so many seconds is interrupted."""
        self._ending().cancel()
        if self._task is not None:
            asyncio.get_running_loop().call_later(patience, self._interrupt)

    async def receive(self) -> Any:
        """What the application receives."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        ending = self._ending()
        received = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait((received, ending), return_when=asyncio.FIRST_COMPLETED)
            return received.result() if received.done() else _GONE
        finally:
            received.cancel()

    async def send(self, message: Any) -> None:
        """What the application sends."""
        if self._cut is not None and self._cut.done():
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = headers.add(list(message.get("headers", ())), is_page=self._is_page)
        elif message["type"] == "http.response.body":
            more = message.get("more_body", False)
            if more and not self.is_open:
                self._on_open(self)
            self.is_open = more
        await self._send(message)

    async def finish(self) -> None:
        """Send the end of an answer that was cut."""
        if self.is_open and self.is_cut:
            self.is_open = False
            await self._send(_END)

    def _interrupt(self) -> None:
        if self.is_open and self._task is not None:
            self._task.cancel()

    def _ending(self) -> asyncio.Future[None]:
        if self._cut is None:
            self._cut = asyncio.get_running_loop().create_future()
        return self._cut
