"""Holds: names that at most one user of a store has, until it releases them or its process dies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType


class Hold(ABC):
    """A name that this process has and no other; ``with`` releases it at its end.

    The system frees it when the process dies, however that happens, and ``Database.close`` does so too. It
    is not inherited by a forked child. Each kind of store has its own subclass.

    Attributes:
        name: what is held.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> Hold:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"Hold({self.name!r})"

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether it was taken by this process and not released; asks nobody."""

    @abstractmethod
    def is_valid(self) -> bool:
        """Whether it is still held: a hold is lost for good when the connection to PostgreSQL breaks off.

        In a file it is lost only if somebody removes the file. False after ``release``.
        """

    @abstractmethod
    def release(self) -> None:
        """Let others have it; to do so again changes nothing."""


class MemoryHold(Hold):
    """A name in a set, for a store that nobody else can see."""

    def __init__(self, names: set[str], name: str) -> None:
        super().__init__(name)
        self._names = names
        self._is_held = True
        names.add(name)

    @property
    def is_open(self) -> bool:
        return self._is_held

    def is_valid(self) -> bool:
        return self._is_held

    def release(self) -> None:
        if self._is_held:
            self._is_held = False
            self._names.discard(self.name)
