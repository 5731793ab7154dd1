"""One call by HTTP/2 and what has come of its answer; nothing is read or written here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from http import HTTPStatus

from cloudmesh.cloud.errors import BadAnswer, CloudTimeout
from cloudmesh.cloud.wire.answer import Answer, made_answer
from cloudmesh.cloud.wire.budget import AnswerBudget
from cloudmesh.cloud.wire.errors import (
    AnswerCutError,
    AnswerTimeoutError,
    ConnectionLostError,
    NoHttpError,
    WireError,
)
from cloudmesh.cloud.wire.waiting import bell

# No content follows, whatever length is announced.
_WITHOUT_CONTENT = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Stream:
    """One call and what has come of its answer.

    Attributes:
        number: of the stream.
        rest: what is still to be sent of its content.
        is_sent: whether all of the request was handed over.
        complete: whether the answer is whole.
        error: why there will be none; None as long as there may be one.
        rung: by whoever has news for it, or wants it to read.
        since: when it went on last, by ``time.monotonic``.
        ends: when it must have gone on.
    """

    def __init__(self, number: int, content: bytes, budget: AnswerBudget) -> None:
        self.number, self.rest = number, memoryview(content)
        self.is_sent, self.complete = not content, False
        self.error: Exception | None = None
        self.rung = bell()
        self._budget = budget
        self.since = time.monotonic()
        self.ends = self.since + budget.left()
        self._status, self._received = 0, 0
        self._length: int | None = None
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []

    def seconds_left(self) -> float:
        """Seconds until the next part must have come. Raises AnswerTimeoutError or CloudTimeout for none."""
        left = self.ends - time.monotonic()
        if left <= 0:
            # Which of the two times was over is told.
            self._budget.left()
            raise AnswerTimeoutError
        return left

    @property
    def is_begun(self) -> bool:
        """Whether the head of the answer has come."""
        return self._status != 0

    def take_head(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Take the head of the answer."""
        told = {name.decode("latin-1").lower(): value.decode("latin-1").strip() for name, value in headers}
        lengths = {value.strip() for name, value in headers if name.lower() == b"content-length"}
        status = told.pop(":status", "")
        if not status.isdigit() or len(lengths) > 1 or not all(map(bytes.isdigit, lengths)):
            self.fail(NoHttpError("its status or its length is no number"))
            return
        self._status = int(status)
        if lengths and self._status not in _WITHOUT_CONTENT:
            self._length = int(lengths.pop())
        self._headers = told
        self.goes_on()

    def take(self, data: bytes) -> None:
        """Take a part of the content."""
        self._received += len(data)
        self._parts.append(data)
        try:
            self._budget.require(self._received)
        except BadAnswer as error:
            self.fail(error)
        else:
            self.goes_on()

    def goes_on(self) -> None:
        """Take note that something was sent, or has come: the next part has its own time."""
        self.since = time.monotonic()
        try:
            self.ends = self.since + self._budget.left()
        except CloudTimeout as error:
            # Another call may be reading.
            self.fail(error)

    def end(self) -> None:
        """Take note that no more comes: the answer is whole, unless its head announced another length."""
        if self._length is not None and self._received != self._length:
            # haproxy ends an answer that broke off as if it were whole.
            self.fail(AnswerCutError())
            return
        self.complete, self.rest = True, memoryview(b"")
        self.rung.ring()

    def fail(self, error: Exception) -> None:
        """Take note that there will be no answer."""
        if not (self.complete or self.error):
            self.error, self.rest = error, memoryview(b"")
            self.rung.ring()

    def lost(self) -> WireError:
        """The error of an answer that does not come any more."""
        return AnswerCutError() if self._status else ConnectionLostError()

    def answer(self) -> Answer:
        """The answer, which is complete. Raises UnreadableAnswerError, or BadAnswer if it is too large."""
        return made_answer(self._status, self._headers, self._parts, self._budget)
