"""What a server does for one request, step by step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

# The names and values of headers, one after the other.
Headers = tuple[tuple[str, str], ...]


@dataclass
class Request:
    """A request as it came.

    Attributes:
        stream, connection: their numbers; connections are counted from 1.
        body: what has come of it.
        whole: set when all has come.
    """

    method: str
    path: str
    headers: dict[str, str]
    stream: int
    connection: int
    body: bytearray = field(default_factory=bytearray)
    whole: threading.Event = field(default_factory=threading.Event)


# A number is a step as well: so many seconds pass. An event is one that has to be set first.


class Head(NamedTuple):
    """The head of an answer; with a status below 200 another one follows."""

    status: int = 200
    headers: Headers = ()
    ends: bool = False


class Data(NamedTuple):
    """A part of the content in frames of at most so many bytes, as the windows of the client allow it."""

    content: bytes
    frame: int = 2**14
    padding: int | None = None


class End(NamedTuple):
    """The end of the answer, with trailers if there are some."""

    trailers: Headers = ()


class Reset(NamedTuple):
    """The end of a stream that is none of an answer."""

    code: int = ErrorCodes.INTERNAL_ERROR


class GoAway(NamedTuple):
    """Streams above the last one are forgotten; the connection is closed when the others have ended."""

    last: int
    code: int = ErrorCodes.NO_ERROR


class Close(NamedTuple):
    """The end of the connection: with a word of TLS or without one, or with a reset of TCP."""

    how: str = "tls"


class Raw(NamedTuple):
    """Bytes that are sent as they are."""

    data: bytes


class Ping(NamedTuple):
    """Asks the client for a sign of life."""


class Settings(NamedTuple):
    """Tells other settings from now on."""

    values: dict[SettingCodes, int]


class Steps:
    """The steps for one request, and how far they have come."""

    def __init__(self, request: Request, steps: Any) -> None:
        self.request = request
        self._steps: Iterator[Any] = iter(steps)
        self.step: Any = None
        self.step = self.next()
        # Until when it waits, and how much of the content has gone.
        self.due: float | None = None
        self.sent = 0

    def next(self) -> Any:
        """Go on to the next step; None if there is none."""
        self.due, self.sent = None, 0
        self.step = next(self._steps, None)
        return self.step


def answer(content: bytes = b"", status: int = 200, headers: Headers = (), frame: int = 2**14) -> list[Any]:
    """The steps of a usual answer."""
    return [Head(status, headers), Data(content, frame), End()]
