"""How long an answer may take, and how large it may be."""

from __future__ import annotations

import time
from typing import Protocol

from cloudmesh.cloud.errors import UNSURE, BadAnswer, CloudTimeout
from cloudmesh.plugin.durations import span_text

_MEBIBYTE = 2**20


class Limits(Protocol):
    """What a cloud's section of the configuration says of its answers."""

    @property
    def cloud(self) -> str:
        """Whose they are."""

    @property
    def timeout(self) -> float:
        """Seconds to wait for each part of an answer."""

    @property
    def call_timeout(self) -> float:
        """Seconds for all of a call."""

    @property
    def answer_mib(self) -> int:
        """The most mebibytes of one answer."""


class AnswerBudget:
    """How long the answers to one call may take, redirections included, and how large each may be."""

    def __init__(self, settings: Limits) -> None:
        self._settings = settings
        self._cloud, self._ends = settings.cloud, 0.0

    def begin(self, place: str, ends: float) -> None:
        """Count the time of a call to host and port from now on; it must be over at ``ends`` as well."""
        self._cloud = f"cloud {self._settings.cloud} ({place})"
        self._ends = min(ends, time.monotonic() + self._settings.call_timeout)

    def left(self) -> float:
        """Seconds that the next part of the answer may take. Raises CloudTimeout if there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            seconds = self._settings.call_timeout
            error = CloudTimeout(
                f"{self._cloud}: timeout: its answer was not complete after {span_text(seconds)}; {UNSURE}"
            )
            error.outcome_unknown = True
            raise error
        return min(left, self._settings.timeout)

    def require(self, count: int) -> None:
        """Raises BadAnswer if an answer of so many bytes is too large."""
        most = self._settings.answer_mib
        if count > most * _MEBIBYTE:
            raise BadAnswer(
                f"{self._cloud} sent an answer larger than {most} MiB; {UNSURE}; if this is expected, "
                f"cms config set clouds.{self._settings.cloud}.answer_mib=NUMBER"
            )
