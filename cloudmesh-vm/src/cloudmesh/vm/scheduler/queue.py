"""Whose turn it is: the tasks of each cloud wait in a lane of their own, so that none holds others back."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import count

from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.model.call import ADDRESS
from cloudmesh.vm.model.outcome import Outcome, Status
from cloudmesh.vm.model.task import Task


@dataclass(eq=False, slots=True)
class TaskRun:
    """A task on its way.

    Attributes:
        task: what is to be done.
        place: where its outcome belongs in the result.
        step: the verb of the next call: that of the task, or ``address`` after a boot.
        tries: how many calls were made in this step.
        again: whether one of them may have done it.
        singly: whether it must not share a call with others.
        seconds: how long its calls took.
        began: when the first one was made, by the clock of the coordinator.
        error: why the last one failed.
        silences: how many in a row got no answer at all.
        group: those that the last call was for, if they may have been booted together.
        seat: the number of the last call that boots it with others, and its place in that; (0, 0) if it is
            alone by now, None if it always was.
    """

    task: Task
    place: int
    step: str
    tries: int = 0
    maybe_done: bool = False
    singly: bool = False
    seconds: float = 0.0
    began: float = 0.0
    error: CloudmeshError | None = None
    silences: int = 0
    group: object = None
    seat: tuple[int, int] | None = None

    def failed(self, error: CloudmeshError | None, status: Status = Status.FAILED) -> Outcome:
        """The outcome of a task that is not done; if one of its calls may have done it, the error says so."""
        if error is not None and error.outcome_unknown != self.maybe_done:
            error = perhaps_done(error) if self.maybe_done else _not_done(error)
        return self.task.outcome(status, error=error, seconds=self.seconds)


def perhaps_done(error: CloudmeshError) -> CloudmeshError:
    """The last error of a task whose earlier call may have done what was asked for."""
    told = copy(error)
    told.outcome_unknown = True
    if "may have been done" not in str(error):
        told.args = (f"{error}; by an earlier call it may have been done: look before asking again",)
    return told


def _not_done(error: CloudmeshError) -> CloudmeshError:
    """The error of somebody else's call, as the reason why a task was not even begun."""
    told = copy(error)
    told.outcome_unknown = False
    return told


@dataclass(eq=False)
class CloudQueue:
    """The tasks of one cloud.

    It begins with one call alone, so that a cloud that does not accept who we are, or that is dead, is
    asked once and not by all tasks; so it goes on when the cloud falls silent.

    Attributes:
        cloud: its name.
        limit: the most calls at once.
        bulk: the most machines in one call.
        boots_once: whether a boot may be asked for again while the first call may still be made.
        running: how many calls are being made.
        probing: whether only one call at a time is risked.
        closed: why no call is made any more; None while calls are made.
        answered: when the cloud last answered anything, by the clock of the coordinator.
        paused: until when the cloud asked to be left alone.
        served: when its last call was begun.
    """

    cloud: str
    limit: int
    bulk: int = 1
    boots_once: bool = False
    running: int = 0
    probing: bool = True
    closed: CloudmeshError | None = None
    answered: float | None = None
    paused: float = 0.0
    served: float = float("-inf")
    waiting: deque[TaskRun] = field(default_factory=deque)
    _later: list[tuple[float, int, TaskRun]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def unfinished(self) -> bool:
        """Whether anything is left to be done, or under way."""
        return bool(self.waiting or self._later or self.running)

    @property
    def wanted(self) -> int:
        """How many calls it would make now if it could."""
        if self.probing:
            # One that waits to be tried again is the one to try with.
            return int(not self._later)
        return min(self.limit, self.running + len(self.waiting))

    def put_off(self, attempt: TaskRun, due: float) -> None:
        """Try again at that time."""
        heapq.heappush(self._later, (due, next(self._numbers), attempt))

    def wake(self, now: float) -> None:
        """Let those come back whose time has come."""
        awake: list[TaskRun] = []
        while self._later and self._later[0][0] <= now:
            awake.append(heapq.heappop(self._later)[2])
        self.waiting.extendleft(reversed(awake))

    def next_due(self, now: float) -> float | None:
        """When the next one comes back; None if none does."""
        due = self._later[0][0] if self._later else None
        if self.waiting and self.paused > now:
            return min(self.paused, due) if due is not None else self.paused
        return due

    def take(self) -> list[TaskRun]:
        """The next task, or those that go into one call with it."""
        first = self.waiting.popleft()
        together = [first]
        while self.waiting and len(together) < self.bulk and _fit(first, self.waiting[0]):
            together.append(self.waiting.popleft())
        return together

    def drop(self) -> list[TaskRun]:
        """All that is not under way; none of it will be called."""
        dropped = [*self.waiting, *(each for _, _, each in sorted(self._later, key=lambda item: item[:2]))]
        self.waiting.clear()
        self._later.clear()
        return dropped


def _fit(first: TaskRun, other: TaskRun) -> bool:
    """Whether two tasks can go into one call. Those of one job have one verb and one argument a cloud.

    Machines that a call may have booted together are asked for again together: so the cloud knows it.
    """
    if first.step != other.step:
        return False
    if first.group is not None or other.group is not None:
        return first.group is other.group
    return _is_plain(first) and _is_plain(other)


def _is_plain(attempt: TaskRun) -> bool:
    """Whether a task needs no look of its own before the call, and nothing after it."""
    return not (attempt.singly or attempt.maybe_done or attempt.task.addresses or attempt.step == ADDRESS)


def shares(lanes: Sequence[CloudQueue], parallel: int) -> dict[CloudQueue, int]:
    """How many calls each lane may have at once, when all together may have ``parallel``.

    Everyone gets the same, and what one does not need goes to the others. Where there are fewer calls than
    lanes, it is the turn of those that have waited longest.
    """
    granted: dict[CloudQueue, int] = {}
    left = parallel
    enough = parallel >= len(lanes)
    for number, lane in enumerate(sorted(lanes, key=lambda lane: lane.wanted if enough else lane.served)):
        granted[lane] = min(lane.wanted, -(-left // (len(lanes) - number)))
        left -= granted[lane]
    return granted


def by_cloud(attempts: Iterable[TaskRun]) -> dict[str, deque[TaskRun]]:
    """The tasks of each cloud, in their order."""
    found: dict[str, deque[TaskRun]] = {}
    for attempt in attempts:
        found.setdefault(attempt.task.cloud, deque()).append(attempt)
    return found
