"""A queue of tasks for each cloud, so that a slow one does not delay the others, and the calls in flight."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from cloudmesh.cloud.errors import UNSURE, CloudTimeout, RateLimited, Unreachable
from cloudmesh.cloud.model.verbs import VERBS
from cloudmesh.cloud.store.changes import StoreChange
from cloudmesh.plugin.durations import span_text
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, StoreError
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.secrets import mask_text
from cloudmesh.vm.executors.room import no_room
from cloudmesh.vm.model.call import ADDRESS, BOOT, CallLost, NoRoom, Reply
from cloudmesh.vm.model.limits import First
from cloudmesh.vm.model.outcome import Outcome, Status
from cloudmesh.vm.model.plan import Task

_BETWEEN = "interrupted between two calls; continue with cms job resume"
# So many characters are shown of what an executor says of itself.
_REASON = 200


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
        value: what its last call has found out.
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
    value: Any = None

    @property
    def asks_first(self) -> bool:
        """Whether the cloud is asked before the next call whether that is done already."""
        return self.maybe_done or (self.task.looks and self.step == self.task.verb)

    @property
    def makes(self) -> bool:
        """Whether the next call makes another machine from the one that the task is about."""
        verb = VERBS.get(self.step)
        return verb is not None and verb.makes

    def failed(self, error: CloudmeshError | None, status: Status = Status.FAILED) -> Outcome:
        """The outcome of a task that is not done; if one of its calls may have done it, the error says so."""
        if error is not None and error.outcome_unknown != self.maybe_done:
            error = maybe_done(error) if self.maybe_done else _told(error, str(error), False)
        return self.task.outcome(status, error=error, seconds=self.seconds, value=self.value)

    def given_up(self, error: CloudmeshError) -> Outcome:
        """The outcome of a task whose cloud is called no more; ``error``: what another call was told."""
        if isinstance(error, Unreachable | CloudTimeout | RateLimited):
            # The sentence may name the machine of the other call.
            if self.tries:
                return self.failed(self.error or error)
            sentence = str(error).removesuffix(f"; {UNSURE}")
            error = _told(error, f"not tried: {sentence}", outcome_unknown=False)
        return self.failed(error)


def maybe_done(error: CloudmeshError) -> CloudmeshError:
    """The error of a task that an earlier call may have done; one whose outcome is unknown says so itself."""
    if error.outcome_unknown:
        return error
    sentence = f"{error}; for an earlier call: {UNSURE}"
    return _told(error, sentence, outcome_unknown=True)


def _told(error: CloudmeshError, sentence: str, outcome_unknown: bool) -> CloudmeshError:
    """The same error with another sentence."""
    told = copy(error)
    told.args = (sentence,)
    told.outcome_unknown = outcome_unknown
    return told


@dataclass(eq=False)
class CloudQueue:
    """The tasks of one cloud.

    It begins with one call alone, unless the cloud has answered a moment ago, so that a cloud which does not
    accept the credentials, or which is down, is asked once and not by all tasks; it does the same again when
    the cloud stops answering.

    Attributes:
        cloud: its name.
        limit: the most calls at once.
        bulk: the most machines in one call.
        boots_once: whether a boot may be repeated while the first call may still be running.
        running: how many calls are in flight.
        first: how many calls may begin before one is answered.
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
    first: First = First.ONE
    probing: bool = field(init=False)
    closed: CloudmeshError | None = None
    answered: float | None = None
    paused: float = 0.0
    served: float = float("-inf")
    waiting: deque[TaskRun] = field(default_factory=deque)
    _later: list[tuple[float, int, TaskRun]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        """Begin as is said."""
        self.probing = self.first is First.ONE

    @property
    def answering(self) -> float | None:
        """When it answered last; None if it has not, or has stopped since."""
        return None if self.probing or self.closed is not None else self.answered

    @property
    def is_unproven(self) -> bool:
        """Whether nothing but what was before the job says that it answers."""
        return self.answered is None and self.first is First.SHARE

    @property
    def is_dead(self) -> bool:
        """Whether one more call without an answer proves that it is down; asked before that is noted."""
        # Those that began with the first one may have answers yet.
        return self.running == 0 if self.is_unproven else self.probing

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
    # One that needs a look at the cloud before the call, or something after it, is called alone.
    return not any(
        each.singly or each.asks_first or each.task.addresses or each.step == ADDRESS
        for each in (first, other)
    )


def share_calls(queues: Sequence[CloudQueue], parallel: int) -> dict[CloudQueue, int]:
    """How many calls each queue may have in flight, when all together may have ``parallel``.

    All get the same, and what one does not need goes to the others. Where there are fewer calls than queues,
    those that have waited longest get one.
    """
    granted: dict[CloudQueue, int] = {}
    left = parallel
    enough = parallel >= len(queues)
    share = -(-parallel // len(queues)) if queues else 0
    # One that may be down by now must not hold what the others need.
    wanted = {each: min(each.wanted, share) if each.is_unproven else each.wanted for each in queues}
    ordered = sorted(queues, key=lambda queue: wanted[queue] if enough else queue.served)
    for number, queue in enumerate(ordered):
        granted[queue] = min(wanted[queue], -(-left // (len(queues) - number)))
        left -= granted[queue]
    return granted


@dataclass(eq=False)
class InFlightCall:
    """A call that is being made.

    Attributes:
        queue: of its cloud.
        runs: the tasks that it is made for.
        began, ends: when it was begun, and when it is given up.
        future: gets the reply.
        ended: when it was seen to have ended.
        pauses: seconds until a retry, by how the tasks fared; None for no retry.
        shared: whether other calls were in flight at the same time.
        executor: what makes the call.
    """

    queue: CloudQueue
    runs: list[TaskRun]
    began: float
    ends: float
    future: Future[Reply] = field(init=False, repr=False)
    ended: float = 0.0
    pauses: dict[tuple[int, int, int], float | None] = field(default_factory=dict)
    shared: bool = False
    executor: str = "of the job"

    def reply(self) -> Reply:
        """What the call gave; if whoever made it was lost, that for each of its tasks."""
        try:
            return self.future.result()
        except (CallLost, NoRoom) as error:
            return Reply((error,) * len(self.runs))
        except Exception as error:  # noqa: BLE001 an executor may fail in its own way; perform raises nothing
            # An executor of others may tell what it was given, with all that is in it.
            told = mask_text(harmless(f"{type(error).__name__}: {error}"), prose=True)[:_REASON]
            lost = CallLost(
                f"the executor {self.executor} lost the call to cloud {self.queue.cloud} ({told})"
            )
            return Reply((lost,) * len(self.runs))

    def refusal(self, error: RuntimeError) -> CloudmeshError:
        """Why no executor takes it."""
        told = mask_text(str(error)) or type(error).__name__
        reason = no_room(error) or CallLost(f"the executor {self.executor} accepts no calls: {told}")
        reason.outcome_unknown = False
        return reason

    def fail(self, error: Exception) -> None:
        """Let it end with this error, where no executor has taken it."""
        self.future = Future()
        self.future.set_exception(error)

    def abandon(self, executor: Executor) -> None:
        """Do not wait for the call any more."""
        give_up = getattr(executor, "abandon", None)
        if give_up is not None:
            give_up(self.future)
        else:
            self.future.cancel()


@dataclass
class SchedulerStep:
    """What has happened since something was last written into the store, and what comes next.

    Attributes:
        changes: what is known of machines by now.
        ended: tasks that are over, which is to be stored.
        left: tasks that are given up for now; their rows in the store stay as they are.
        calls: the calls to be made next.
    """

    changes: list[StoreChange] = field(default_factory=list)
    ended: list[tuple[TaskRun, Outcome]] = field(default_factory=list)
    left: list[tuple[TaskRun, Outcome]] = field(default_factory=list)
    calls: list[InFlightCall] = field(default_factory=list)


def runs_of(tasks: Sequence[Task]) -> list[TaskRun]:
    """The tasks ready to be run; those that an earlier process may have booted by one call stay together."""
    groups: dict[tuple[str, int], object] = {}
    runs = [
        # A machine that an earlier process booted only lacks its address.
        TaskRun(
            task,
            place,
            ADDRESS if task.address and task.machine is not None else task.verb,
            maybe_done=task.maybe_done,
            batch=task.batch,
        )
        for place, task in enumerate(tasks)
    ]
    for each in runs:
        if each.batch is not None:
            each.group = groups.setdefault((each.task.cloud, each.batch[0]), object())
    return runs


def note_batch(together: Sequence[TaskRun]) -> None:
    """Note which tasks one call boots together: another process may have to repeat that very call."""
    for position, each in enumerate(together):
        if len(together) > 1 and each.step == BOOT:
            each.batch = together[0].task.number, position
        elif each.batch is not None:
            each.batch = 0, 0


def not_begun(run: TaskRun, how: Outcome) -> Outcome:
    """The outcome of a task that is given up for now; one whose first call was made counts as interrupted."""
    if how.status is Status.NOT_STARTED and run.began:
        error = how.error or run.error or Interrupted(_BETWEEN)
        if how.error is not None and run.error is not None:
            sentence = f"{how.error}; its last call failed: {run.error}"
            error = _told(how.error, sentence, run.error.outcome_unknown)
        return run.failed(error, Status.INTERRUPTED)
    return run.failed(how.error, how.status)


def too_late(seconds: float | None) -> CloudTimeout:
    """The error of a task that was not begun within the time for the whole job."""
    return CloudTimeout(f"the time limit of {span_text(seconds or 0.0)} ended before it began")


def unrecorded(outcome: Outcome, error: StoreError) -> Outcome:
    """How a task ended, where that could not be stored."""
    ended = outcome.error or outcome.status
    sentence = f"{outcome.verb} ended ({ended}), but this could not be saved in the store: {error}"
    return replace(outcome, status=Status.FAILED, error=StoreError(sentence))
