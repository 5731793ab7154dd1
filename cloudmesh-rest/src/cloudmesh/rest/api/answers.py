"""Answers that are kept as bytes, as long as nothing was written that could make them others.

A list of a thousand machines takes some ten milliseconds to make and some microseconds to send. What was
answered is kept by what was asked and which clouds are seen, with the mark that store and configuration had
before they were read; an equal mark says that the answer would be the same.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from cloudmesh.db import Database, open_store
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.structured import compact
from cloudmesh.rest.api.service import Service

# Where the middleware finds whom to give an answer to, see ``cloudmesh.rest.api.quick``.
ASKED = "cloudmesh.asked"
# The most bytes of all answers that are kept together, and how many of them there are at most.
_MOST_BYTES, _MOST = 24 << 20, 256
_HEADERS = (
    (b"content-type", b"application/json"),
    # It may be kept, and has to be asked for with its ETag each time.
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"authorization, cookie"),
)
# Store and configuration as they were, and what was asked.
Mark = Hashable
Key = tuple[str, bytes, "tuple[str, ...] | None"]


class Answer(NamedTuple):
    """An answer that succeeded, as it is sent.

    Attributes:
        body: JSON.
        etag: names this very body.
        headers: as ASGI has them.
        until: until when it may be given again, in seconds since the epoch.
    """

    body: bytes
    etag: bytes
    headers: list[tuple[bytes, bytes]]
    until: float

    @classmethod
    def of(cls, body: bytes, until: float) -> Answer:
        """The answer with this body."""
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'.encode()
        length = str(len(body)).encode()
        return cls(body, etag, [*_HEADERS, (b"etag", etag), (b"content-length", length)], until)

    async def send(self, scope: Mapping[str, Any], send: Any) -> None:
        """Send it, or that it is still what the client has."""
        given = [value for name, value in scope["headers"] if name == b"if-none-match"]
        if given and _is_among(self.etag, b",".join(given)):
            headers = [each for each in self.headers if each[0] not in (b"content-type", b"content-length")]
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


class Sent(Response):
    """What a resource returns to have an answer sent, and kept as long as it holds."""

    def __init__(self, request: Request, body: bytes, until: float = float("inf")) -> None:
        super().__init__(media_type="application/json")
        self._answer = Answer.of(body, until)
        asked = request.scope.get(ASKED)
        if asked is not None:
            asked.answer = self._answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it."""
        await self._answer.send(scope, send)


def json_bytes(told: object) -> bytes:
    """JSON as it is sent."""
    # A half of a pair of surrogates, which some cloud may tell, becomes its escape in JSON.
    return compact(told).encode("utf-8", "backslashreplace")


class Answers:
    """The answers that are kept, those that were used last; used by the event loop.

    The mark is asked for by one thread at a time.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kept: OrderedDict[Key, tuple[Mark, Answer]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._opened: tuple[object, Database, bool] | None = None

    def start(self) -> None:
        """Nothing is to be done before the first request."""

    def stop(self) -> None:
        """Leave the store."""
        with self._lock:
            if self._opened:
                self._opened[1].close()
            self._opened = None

    @property
    def is_quick(self) -> bool:
        """Whether the mark takes no more than microseconds, so that the event loop can ask for it."""
        return self._opened is not None and self._opened[2]

    def mark(self) -> Mark:
        """Of store and configuration as they are now; None where nobody can tell, and nothing is kept."""
        try:
            with self._lock:
                of_config = self._service.config_mark()
                return of_config, self._store(of_config).mark()
        except CloudmeshError:
            # Who reads the store is told what is wrong.
            return None

    def find(self, key: Key, mark: Mark) -> Answer | None:
        """The answer that is kept, if it is still right."""
        kept = self._kept.get(key)
        if mark is None or kept is None or kept[0] != mark or time.time() >= kept[1].until:
            return None
        self._kept.move_to_end(key)
        return kept[1]

    def keep(self, key: Key, mark: Mark, answer: Answer) -> None:
        """Keep an answer that was made after the mark was asked for."""
        if mark is None or time.time() >= answer.until or len(answer.body) > _MOST_BYTES // 2:
            return
        self._drop(key)
        self._kept[key] = mark, answer
        self._bytes += len(answer.body)
        while self._bytes > _MOST_BYTES or len(self._kept) > _MOST:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        if key in self._kept:
            self._bytes -= len(self._kept.pop(key)[1].body)

    def _store(self, of_config: object) -> Database:
        """The store that the configuration names, which stays open."""
        if self._opened is None or self._opened[0] != of_config:
            if self._opened:
                self._opened[1].close()
                self._opened = None
            config = self._service.config
            self._opened = of_config, open_store(config), config.database() is None
        return self._opened[1]


def _is_among(etag: bytes, given: bytes) -> bool:
    """Whether If-None-Match names this ETag; weak ones are compared as strong ones (RFC 9110, 13.1.2)."""
    return given.strip() == b"*" or any(
        each.strip().removeprefix(b"W/") == etag for each in given.split(b",")
    )
