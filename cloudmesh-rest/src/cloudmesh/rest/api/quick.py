"""The quick road: lists that are kept are sent before FastAPI is asked, and none is made twice at a time."""

from __future__ import annotations

import asyncio
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from cloudmesh.rest.api.answers import ASKED, Answer, Answers, Key, Mark

_ROADS = ("/v1/machines", "/v1/clouds")


class _Asked:
    """A request on its way; the resource puts its answer here."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Let those go on who wait for the answer, which failed if there is none."""
        self._ended.set()

    async def wait(self) -> Answer | None:
        """The answer, when it is there; None if it failed."""
        await self._ended.wait()
        return self.answer


class QuickRoad:
    """Stands before the application, and behind the guard.

    While a list is made, others who want the same wait. The one that is being made may be older than their
    request, so they do not take that; one of them makes the next, which all of them get. So the work does not
    grow with the number of readers, also where jobs write all the time.
    """

    def __init__(self, app: Any, answers: Answers) -> None:
        self._app, self._answers = app, answers
        self._under_way: dict[Key, _Asked] = {}
        self._one: CapacityLimiter | None = None
        # The mark of this turn of the event loop.
        self._now: tuple[Mark] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer from what is kept, else let the application answer."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(_ROADS):
            await self._app(scope, receive, send)
            return
        key = scope["path"], scope["query_string"], scope["cloudmesh.caller"].clouds
        mark = await self._mark()
        answer = self._answers.find(key, mark) or await self._shared(key)
        if answer is not None:
            await answer.send(scope, send)
            return
        # From here on there is one at most, unless it fails.
        asked = scope[ASKED] = _Asked()
        leads = self._under_way.setdefault(key, asked) is asked
        mark = None

        def end() -> None:
            if leads and self._under_way.get(key) is asked:
                del self._under_way[key]
                if asked.answer is not None:
                    self._answers.keep(key, mark, asked.answer)
                asked.end()

        async def told(message: Any) -> None:
            # The client may be slow to take it.
            end()
            await send(message)

        try:
            # What is kept must have been read after this.
            mark = await self._mark()
            await self._app(scope, receive, told)
        finally:
            end()

    async def _shared(self, key: Key) -> Answer | None:
        """What another request is answered that began after this one; None if this one is to make it."""
        if (before := self._under_way.get(key)) is None:
            return None
        await before.wait()
        after = self._under_way.get(key)
        return await after.wait() if after else None

    async def _mark(self) -> Mark:
        """The mark as it is after the request came.

        All requests that one turn of the event loop works on came before it, so they share a mark.
        """
        if self._now is not None:
            return self._now[0]
        if self._answers.is_quick:
            self._now = (self._answers.mark(),)
            asyncio.get_running_loop().call_soon(self._forget)
            return self._now[0]
        self._one = self._one or CapacityLimiter(1)
        return await run_sync(self._answers.mark, limiter=self._one)

    def _forget(self) -> None:
        self._now = None
