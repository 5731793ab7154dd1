"""Calls that are under way, and what becomes of their tasks."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from cloudmesh.cloud.store.changes import StoreChange
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, StoreError
from cloudmesh.vm.model.call import ADDRESS, BOOT, CallLost, Reply
from cloudmesh.vm.model.outcome import Outcome, Status
from cloudmesh.vm.model.task import Task
from cloudmesh.vm.scheduler.queue import CloudQueue, TaskRun

_BETWEEN = "interrupted between two calls; cms job resume goes on with it"


@dataclass(eq=False)
class InFlightCall:
    """A call that is being made.

    Attributes:
        began, ends: when it was begun, and when it is given up.
        ended: when it was seen to have ended.
        pauses: how long those wait that are tried again, by how they fared.
    """

    lane: CloudQueue
    attempts: list[TaskRun]
    began: float
    ends: float
    future: Future[Reply] = field(default_factory=Future)
    ended: float = 0.0
    pauses: dict[tuple[int, int, int], float | None] = field(default_factory=dict)


@dataclass
class SchedulerStep:
    """What happened since something was written down last.

    Attributes:
        changes: what is known of machines by now.
        ended: tasks that are over, which is to be written down.
        left: tasks that nobody goes on with, whose lines in the store stay as they are.
        flights: the calls to be made next.
    """

    changes: list[StoreChange] = field(default_factory=list)
    ended: list[tuple[TaskRun, Outcome]] = field(default_factory=list)
    left: list[tuple[TaskRun, Outcome]] = field(default_factory=list)
    flights: list[InFlightCall] = field(default_factory=list)


def first_step(task: Task) -> str:
    """The first call of a task; a machine that an earlier process booted only lacks its address."""
    return ADDRESS if task.address and task.machine is not None else task.verb


def attempts_of(tasks: Sequence[Task]) -> list[TaskRun]:
    """The tasks on their way; those that an earlier process may have booted by one call stay together."""
    groups: dict[tuple[str, int], object] = {}
    attempts = [
        TaskRun(task, place, first_step(task), maybe_done=task.maybe_done, seat=task.seat)
        for place, task in enumerate(tasks)
    ]
    for each in attempts:
        if each.seat is not None:
            each.group = groups.setdefault((each.task.cloud, each.seat[0]), object())
    return attempts


def take_seats(together: Sequence[TaskRun]) -> None:
    """Note which call boots several machines together: another process may have to repeat it."""
    for place, each in enumerate(together):
        if len(together) > 1 and each.step == BOOT:
            each.seat = together[0].task.number, place
        elif each.seat is not None:
            each.seat = 0, 0


def reply_of(flight: InFlightCall) -> Reply:
    """What a call gave, or that whoever made it was lost."""
    try:
        return flight.future.result()
    except CallLost as error:
        return Reply((error,) * len(flight.attempts))
    except Exception as error:  # noqa: BLE001 an executor may fail in its own way; perform raises nothing
        kind = type(error).__name__
        lost = CallLost(f"whoever called cloud {flight.lane.cloud} was lost with the call ({kind})")
        return Reply((lost,) * len(flight.attempts))


def refused(error: RuntimeError) -> CallLost:
    """Why calls are not made by an executor that takes none: as its own error tells."""
    return CallLost(
        f"whoever should make the calls takes none: {error or type(error).__name__}", outcome_unknown=False
    )


def abandon(executor: Executor, future: Future[Any]) -> None:
    """Do not wait for a call any more."""
    give_up = getattr(executor, "abandon", None)
    if give_up is not None:
        give_up(future)
    else:
        future.cancel()


def not_begun(attempt: TaskRun, how: Outcome) -> Outcome:
    """The outcome of a task that is not gone on with; one that was tried was begun all the same."""
    if how.status is Status.NOT_STARTED and attempt.began:
        error = how.error or attempt.error or Interrupted(_BETWEEN)
        if how.error is not None and attempt.error is not None:
            error = _before_again(how.error, attempt.error)
        return attempt.failed(error, Status.INTERRUPTED)
    return attempt.failed(how.error, how.status)


def _before_again(halted: CloudmeshError, last: CloudmeshError) -> CloudmeshError:
    """Why the work ended between two calls of a task, with what became of the last one."""
    told = copy(halted)
    told.args = (f"{halted}; its last call failed: {last}",)
    told.outcome_unknown = getattr(last, "outcome_unknown", False)
    return told


def unwritable(error: StoreError) -> Outcome:
    return Outcome("", "", "", Status.FAILED, error=error)


def unrecorded(outcome: Outcome, error: StoreError) -> Outcome:
    """How a task ended, where that could not be written down."""
    ended = outcome.error or outcome.status
    sentence = f"{outcome.verb} ended ({ended}), but that could not be written down: {error}"
    return replace(outcome, status=Status.FAILED, error=StoreError(sentence))
