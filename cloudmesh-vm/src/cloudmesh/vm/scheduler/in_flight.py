"""Calls in flight, one step of the scheduler, and the progress that is told of them."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, Future
from copy import copy
from dataclasses import dataclass, field, replace

from cloudmesh.cloud.fanout.limits import CloudProgress, ProgressCallback
from cloudmesh.cloud.store.changes import StoreChange
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, StoreError
from cloudmesh.vm.model.call import ADDRESS, BOOT, CallLost, Reply
from cloudmesh.vm.model.outcome import Outcome, Status
from cloudmesh.vm.model.plan import Task
from cloudmesh.vm.scheduler.queue import CloudQueue, TaskRun

_BETWEEN = "interrupted between two calls; cms job resume goes on with it"
# Seconds between two reports of progress when nothing happens.
_REPORT_EVERY = 0.2


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
    """

    queue: CloudQueue
    runs: list[TaskRun]
    began: float
    ends: float
    future: Future[Reply] = field(default_factory=Future)
    ended: float = 0.0
    pauses: dict[tuple[int, int, int], float | None] = field(default_factory=dict)

    def reply(self) -> Reply:
        """What the call gave; if whoever made it was lost, that for each of its tasks."""
        try:
            return self.future.result()
        except CallLost as error:
            return Reply((error,) * len(self.runs))
        except Exception as error:  # noqa: BLE001 an executor may fail in its own way; perform raises nothing
            kind = type(error).__name__
            lost = CallLost(f"whoever called cloud {self.queue.cloud} was lost with the call ({kind})")
            return Reply((lost,) * len(self.runs))

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
        TaskRun(task, place, _first_step(task), maybe_done=task.maybe_done, batch=task.batch)
        for place, task in enumerate(tasks)
    ]
    for each in runs:
        if each.batch is not None:
            each.group = groups.setdefault((each.task.cloud, each.batch[0]), object())
    return runs


def _first_step(task: Task) -> str:
    """The first call of a task; a machine that an earlier process booted only lacks its address."""
    return ADDRESS if task.address and task.machine is not None else task.verb


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
            error = _with_last_error(how.error, run.error)
        return run.failed(error, Status.INTERRUPTED)
    return run.failed(how.error, how.status)


def _with_last_error(halted: CloudmeshError, last: CloudmeshError) -> CloudmeshError:
    """Why the work ended between two calls of a task, with the error of the first one."""
    told = copy(halted)
    told.args = (f"{halted}; its last call failed: {last}",)
    told.outcome_unknown = getattr(last, "outcome_unknown", False)
    return told


def unrecorded(outcome: Outcome, error: StoreError) -> Outcome:
    """How a task ended, where that could not be stored."""
    ended = outcome.error or outcome.status
    sentence = f"{outcome.verb} ended ({ended}), but that could not be written down: {error}"
    return replace(outcome, status=Status.FAILED, error=StoreError(sentence))


class ProgressCounter:
    """Counts the tasks of each cloud, and tells the counts to whoever watches."""

    def __init__(self, watch: ProgressCallback | None) -> None:
        self._watch = watch
        self._told = 0.0
        self._verb = ""
        self._totals: Counts[str] = Counts()
        self._done: Counts[str] = Counts()
        self._failed: Counts[str] = Counts()

    def begin(self, runs: Sequence[TaskRun]) -> None:
        """Count these as to be done."""
        self._verb = runs[0].task.verb if runs else ""
        self._totals.update(each.task.cloud for each in runs)

    def count(self, over: Iterable[tuple[TaskRun, Outcome]]) -> None:
        """Count these as over."""
        for run, outcome in over:
            (self._done if outcome.succeeded else self._failed)[run.task.cloud] += 1

    def tell(self, now: float, calls: Iterable[InFlightCall], news: bool) -> None:
        """Tell the counts if there is news, or nothing was told for a moment."""
        if self._watch is None or not (news or now - self._told >= _REPORT_EVERY):
            return
        self._told = now
        running: Counts[str] = Counts()
        for call in calls:
            running[call.queue.cloud] += len(call.runs)
        progress = [
            CloudProgress(cloud, total, self._done[cloud], self._failed[cloud], running[cloud])
            for cloud, total in self._totals.items()
        ]
        self._watch(self._verb, progress)
