"""A queue of tasks for each cloud, so that a slow cloud does not delay the others."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import count

from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.model.call import ADDRESS
from cloudmesh.vm.model.outcome import Outcome, Status
from cloudmesh.vm.model.plan import Task


@dataclass(eq=False, slots=True)
class TaskRun:
    """A task that is being run, over one call or several.

    Attributes:
        task: what is to be done.
        place: the position of its outcome in the result.
        step: the verb of the next call: that of the task, or ``address`` after a boot.
        tries: how many calls were made in this step.
        maybe_done: whether one of them may have done it.
        singly: whether it must not share a call with others.
        seconds: how long its calls took.
        began: when the first call was made, by the clock of the scheduler; 0 before.
        error: why the last call failed.
        silences: how many calls in a row got no answer at all.
        group: the same object for all tasks that the last call may have booted together; else None.
        batch: the number of the last call that boots it with others, and its position in that; (0, 0) if it
            is alone by now, None if it always was.
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
    batch: tuple[int, int] | None = None

    def failed(self, error: CloudmeshError | None, status: Status = Status.FAILED) -> Outcome:
        """The outcome of a task that is not done; if one of its calls may have done it, the error says so."""
        if error is not None and error.outcome_unknown != self.maybe_done:
            error = maybe_done(error) if self.maybe_done else _not_done(error)
        return self.task.outcome(status, error=error, seconds=self.seconds)


def maybe_done(error: CloudmeshError) -> CloudmeshError:
    """The error of a task that an earlier call may have done; one whose outcome is unknown says so itself."""
    if error.outcome_unknown:
        return error
    told = copy(error)
    told.outcome_unknown = True
    told.args = (f"{error}; by an earlier call it may have been done: look before asking again",)
    return told


def _not_done(error: CloudmeshError) -> CloudmeshError:
    """The error of another task's call, as the reason why this task was not begun."""
    told = copy(error)
    told.outcome_unknown = False
    return told


@dataclass(eq=False)
class CloudQueue:
    """The tasks of one cloud.

    It begins with one call alone, so that a cloud which does not accept the credentials, or which is down, is
    asked once and not by all tasks; it does the same again when the cloud stops answering.

    Attributes:
        cloud: its name.
        limit: the most calls at once.
        bulk: the most machines in one call.
        boots_once: whether a boot may be repeated while the first call may still be running.
        running: how many calls are in flight.
        probing: whether only one call at a time is made.
        closed: why no call is made any more; None while calls are made.
        answered: when the cloud last answered anything, by the clock of the scheduler.
        paused: until when the cloud asked to be left alone.
        served: when its last call was begun.
        waiting: the tasks whose turn comes next, in order.
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
        """Whether tasks are waiting, or calls in flight."""
        return bool(self.waiting or self._later or self.running)

    @property
    def wanted(self) -> int:
        """How many calls it would have in flight now if there were no other queues."""
        if self.probing:
            # If a retry is due later, that is the one to probe with.
            return int(not self._later)
        return min(self.limit, self.running + len(self.waiting))

    def retry_at(self, run: TaskRun, due: float) -> None:
        """Run a task again at that time."""
        heapq.heappush(self._later, (due, next(self._numbers), run))

    def wake(self, now: float) -> None:
        """Put the retries that are due to the front, in their order."""
        awake: list[TaskRun] = []
        while self._later and self._later[0][0] <= now:
            awake.append(heapq.heappop(self._later)[2])
        self.waiting.extendleft(reversed(awake))

    def next_due(self, now: float) -> float | None:
        """When there is something to do for this queue; None if only the end of a call gives it something."""
        due = self._later[0][0] if self._later else None
        if self.waiting and self.paused > now:
            return min(self.paused, due) if due is not None else self.paused
        return due

    def take(self) -> list[TaskRun]:
        """Remove the next task, with those that go into one call with it."""
        first = self.waiting.popleft()
        together = [first]
        while self.waiting and len(together) < self.bulk and _fit(first, self.waiting[0]):
            together.append(self.waiting.popleft())
        return together

    def drop(self) -> list[TaskRun]:
        """Remove all tasks that have no call in flight."""
        dropped = [*self.waiting, *(each for _, _, each in sorted(self._later, key=lambda item: item[:2]))]
        self.waiting.clear()
        self._later.clear()
        return dropped


def _fit(first: TaskRun, other: TaskRun) -> bool:
    """Whether two tasks can go into one call; the tasks of one job have one verb and one argument a cloud.

    Machines that one call may have booted together are asked for again together, since the cloud recognizes
    the repeated call only as a whole.
    """
    if first.step != other.step:
        return False
    if first.group is not None or other.group is not None:
        return first.group is other.group
    return _is_plain(first) and _is_plain(other)


def _is_plain(run: TaskRun) -> bool:
    """Whether a task needs no look at the cloud before the call, and nothing after it."""
    return not (run.singly or run.maybe_done or run.task.addresses or run.step == ADDRESS)


def share_calls(queues: Sequence[CloudQueue], parallel: int) -> dict[CloudQueue, int]:
    """How many calls each queue may have in flight, when all together may have ``parallel``.

    All get the same, and what one does not need goes to the others. Where there are fewer calls than queues,
    those that have waited longest get one.
    """
    granted: dict[CloudQueue, int] = {}
    left = parallel
    enough = parallel >= len(queues)
    ordered = sorted(queues, key=lambda queue: queue.wanted if enough else queue.served)
    for number, queue in enumerate(ordered):
        granted[queue] = min(queue.wanted, -(-left // (len(queues) - number)))
        left -= granted[queue]
    return granted
