"""Reads one answer: its status, headers and content, with httptools, which wraps the parser of Node.js."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from cloudmesh.cloud.wire.budget import AnswerBudget
from cloudmesh.cloud.wire.errors import (
    AnswerCutError,
    ConnectionLostError,
    NoHttpError,
    UnreadableAnswerError,
)
from cloudmesh.cloud.wire.waiting import aside

# How content may be packed; what servers call deflate is of two forms.
PACKED = "gzip"
_GZIP = 16 + zlib.MAX_WBITS
_CHUNK = 2**20
# Bytes of a head, with all that announces it.
_LONGEST_HEAD = 2**18
# Where the length of the content is told; without any of them it ends with the connection.
_LENGTHS = ("content-length", "transfer-encoding")


class Headers(dict[str, str]):
    """The headers of an answer by their names in lower case; ``get`` takes them in any."""

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a header."""
        return super().get(name.lower(), default)


class Answer:
    """An HTTP response, whole; its attributes are called as those of ``requests.Response``.

    Attributes:
        status_code: of HTTP.
        headers: the last of those that have one name.
        content: what it holds, unpacked.
    """

    def __init__(self, status_code: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status_code = status_code
        self.headers = Headers(headers)
        self.content = content

    @property
    def is_redirect(self) -> bool:
        """Whether it sends the caller elsewhere."""
        return "location" in self.headers and self.status_code in _ELSEWHERE

    @cached_property
    def text(self) -> str:
        """The content, as UTF-8, which JSON is in."""
        return self.content.decode(errors="replace")

    def json(self) -> Any:
        """What the content says. Raises ValueError if it is no JSON."""
        return json.loads(self.content)


_ELSEWHERE = (
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
)


def made_answer(
    status: int, headers: Mapping[str, str], parts: Iterable[bytes], budget: AnswerBudget
) -> Answer:
    """An answer from its parts. Raises UnreadableAnswerError, or BadAnswer if it is too large."""
    content = b"".join(parts)
    if content and headers.get("content-encoding", "").strip().lower() == PACKED:
        content = _unpacked(content, budget)
    return Answer(status, headers, content)


def _unpacked(content: bytes, budget: AnswerBudget) -> bytes:
    packed = zlib.decompressobj(_GZIP)
    try:
        first = packed.decompress(content, _CHUNK)
        # What is large takes its time.
        rest = aside(lambda: _rest(packed, budget)) if packed.unconsumed_tail else []
    except zlib.error as error:
        raise UnreadableAnswerError from error
    if not packed.eof or packed.unused_data:
        raise UnreadableAnswerError
    return b"".join([first, *rest])


def _rest(packed: Any, budget: AnswerBudget) -> list[bytes]:
    parts: list[bytes] = []
    count = _CHUNK
    while packed.unconsumed_tail and not packed.eof:
        parts.append(packed.decompress(packed.unconsumed_tail, _CHUNK))
        count += len(parts[-1])
        budget.require(count)
    return parts


class AnswerReader:
    """Takes the bytes of one answer as they come.

    Attributes:
        complete: whether the answer is whole.
        keeps: whether another call may follow on the connection.
    """

    def __init__(self, budget: AnswerBudget) -> None:
        self.complete = self.keeps = False
        self._budget = budget
        self._parser = HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._received = self._status = 0
        self._head_is_whole = False

    def take(self, data: bytes) -> None:
        """Take what came. Raises NoHttpError, or BadAnswer if it is too much."""
        self._received += len(data)
        self._budget.require(self._received)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            # What comes behind an answer belongs to nobody.
            self.keeps = False
            if not self.complete:
                raise NoHttpError(type(error).__name__) from error
        if not self._head_is_whole and self._received > _LONGEST_HEAD:
            raise NoHttpError("its head has no end")

    def end(self) -> None:
        """Take note that nothing comes any more. Raises a WireError if something is missing."""
        self.keeps = False
        if self._head_is_whole and not any(name in self._headers for name in _LENGTHS):
            self.complete = True
        elif not self._received:
            raise ConnectionLostError
        elif not self.complete:
            raise AnswerCutError

    def answer(self) -> Answer:
        """The answer, which is complete. Raises UnreadableAnswerError, or BadAnswer if it is too large."""
        # It refers to this reader, in a circle that would wait for the garbage collector.
        del self._parser
        return made_answer(self._status, self._headers, self._parts, self._budget)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Take note of a second answer to one question."""
        self.keeps = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what comes behind the content is none of the answer."""
        if self._head_is_whole:
            return
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Take the status."""
        if self.complete:
            return
        self._status = self._parser.get_status_code()
        self._head_is_whole = self._status >= HTTPStatus.OK

    def on_body(self, data: bytes) -> None:
        """Take a part of the content."""
        if not self.complete:
            self._parts.append(data)

    def on_message_complete(self) -> None:
        """Take note of the end: of the answer, or of one that only announces it."""
        if self.complete:
            return
        if self._head_is_whole:
            self.complete, self.keeps = True, self._parser.should_keep_alive()
        else:
            self._headers.clear()
