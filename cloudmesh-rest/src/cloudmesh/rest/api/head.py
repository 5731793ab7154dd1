"""HEAD: what GET answers, without the body."""

from __future__ import annotations

from typing import Any


class Head:
    """Stands before the application, which only knows GET."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Ask for the same by GET, and send the head of the answer."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        began = False

        async def head(message: Any) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                await send(message)
                await send({"type": "http.response.body", "body": b""})

        async def gone() -> Any:
            # A stream would go on for nobody.
            return {"type": "http.disconnect"} if began else await receive()

        await self._app({**scope, "method": "GET"}, gone, head)
