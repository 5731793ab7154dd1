"""A block whose errors are told to a function, for what goes on at every call of a cloud."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType


class Guard(AbstractContextManager[None]):
    """As a generator under ``contextmanager`` that catches ``Exception``, at a small part of its cost.

    Args:
        failed: is told the error, and may raise another one in its place.
    """

    __slots__ = ("_failed",)

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self._failed(error)
