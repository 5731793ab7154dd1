"""How much of a request is taken, and how long one waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from cloudmesh.rest.problems import Problem

Receive = Callable[[], Awaitable[Any]]


class Disconnected(Exception):
    """The client left before it had sent its request."""


@dataclass(frozen=True)
class Bounds:
    """The limits of one request.

    Attributes:
        body: bytes of the body.
        headers: bytes of all headers together.
        header_count: how many headers.
        seconds: until the body has come.
    """

    body: int = 1 << 20
    headers: int = 24 * 1024
    header_count: int = 100
    seconds: float = 20.0

    def check_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Raise a Problem if the headers are too many or too long."""
        if len(headers) > self.header_count or sum(len(k) + len(v) for k, v in headers) > self.headers:
            raise Problem(431, f"the headers are more than {self.header_count}, or {self.headers} bytes")

    async def body_of(self, length: bytes | None, receive: Receive) -> bytes:
        """The whole body of a request; raises Problem if it is too large or slow, Disconnected if it ends.

        Args:
            length: the header Content-Length.
            receive: gives the body, part by part.
        """
        if length is not None and length.isdigit() and int(length[:20]) > self.body:
            raise self._too_large()
        end = time.monotonic() + self.seconds
        parts, size, more = [], 0, True
        while more:
            try:
                message = await asyncio.wait_for(receive(), max(0.0, end - time.monotonic()))
            except asyncio.TimeoutError:
                raise Problem(408, f"the body has not come within {self.seconds:g} seconds") from None
            if message["type"] != "http.request":
                raise Disconnected
            part = message.get("body", b"")
            size += len(part)
            if size > self.body:
                raise self._too_large()
            parts.append(part)
            more = message.get("more_body", False)
        return b"".join(parts)

    def _too_large(self) -> Problem:
        return Problem(413, f"the body is more than {self.body} bytes")
