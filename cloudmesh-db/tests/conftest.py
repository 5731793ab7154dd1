"""Processes of their own for tests: what shares a store, holds a name, or is killed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest


class Children:
    """Starts child processes, and leaves none behind."""

    def __init__(self) -> None:
        self._running: set[int] = set()

    def start(self, work: Callable[[], Any]) -> int:
        """Run the function in a child, which ends with 0 only if it raises nothing; gives its id."""
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work()
                code = 0
            finally:
                os._exit(code)
        self._running.add(child)
        return child

    def succeeded(self, children: Iterable[int]) -> bool:
        """Whether all ended well; waits for each of them."""
        return {self._wait(child) for child in children} == {0}

    def kill(self, child: int) -> None:
        """End one by SIGKILL, and wait until it is gone."""
        os.kill(child, signal.SIGKILL)
        self._wait(child)

    def answer(self, work: Callable[[], Any]) -> Any:
        """What the function gives, as JSON has it, in a child whose limits and locks end with it."""
        reader, writer = os.pipe()
        child = self.start(lambda: os.write(writer, json.dumps(work()).encode()))
        os.close(writer)
        with open(reader) as stream:  # noqa: PTH123 a descriptor
            answer = stream.read()
        assert self.succeeded([child])
        return json.loads(answer)

    def end(self) -> None:
        """Kill those that a test did not wait for."""
        for child in list(self._running):
            self.kill(child)

    def _wait(self, child: int) -> int:
        status = os.waitpid(child, 0)[1]
        self._running.discard(child)
        return status


@pytest.fixture
def children() -> Iterator[Children]:
    """Child processes that are gone when the test ends."""
    started = Children()
    yield started
    started.end()
