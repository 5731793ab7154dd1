"""The one place where tasks are run: any ``concurrent.futures.Executor`` can do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cloudmesh.cloud.cloud import Done
from cloudmesh.cloud.model import Machine
from cloudmesh.plugin.errors import Interrupted, StoreError
from cloudmesh.vm.outcome import Outcome, Result, Status, told


@dataclass(frozen=True)
class Task:
    """One thing to do on one machine; ``call`` does it and may raise any CloudmeshError.

    ``machine`` is what is known of the machine before, if it exists.
    """

    cloud: str
    name: str
    verb: str
    call: Callable[[], Done]
    machine: Machine | None = None

    def outcome(self, status: Status, **values: Any) -> Outcome:
        """What became of this task."""
        return Outcome(self.cloud, self.name, self.verb, status, **{"machine": self.machine, **values})


class Journal(Protocol):
    """What is told of each task before and after its call."""

    def before(self, task: Task) -> int: ...
    def after(self, number: int, outcome: Outcome) -> None: ...


class InlineExecutor(Executor):
    """Runs each call at once in the calling thread, one after another."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the call; Ctrl-C is not kept in the future, but raised."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def run(tasks: Sequence[Task], journal: Journal, executor: Executor | None = None) -> Result:
    """Run all tasks; each ends in an outcome, whatever happens to the others.

    On Ctrl-C nothing new is begun, and what is running is waited for where the executor allows that.
    """
    pool = executor or InlineExecutor()
    futures: list[Future[Outcome]] = []
    begun = 0
    try:
        for task in tasks:
            begun += 1
            futures.append(pool.submit(_attempt, task, journal))
        wait(futures)
    except KeyboardInterrupt:
        for future in futures:
            future.cancel()
        wait(futures)
    return Result([_outcome(tasks, futures, number, begun) for number in range(len(tasks))])


def _outcome(tasks: Sequence[Task], futures: list[Future[Outcome]], number: int, begun: int) -> Outcome:
    if number < len(futures) and not futures[number].cancelled():
        return futures[number].result()
    if number == len(futures) and number < begun:
        error = Interrupted("interrupted during the call; cms vm list --refresh shows what became of it")
        return tasks[number].outcome(Status.INTERRUPTED, error=error)
    return tasks[number].outcome(Status.NOT_STARTED)


def _attempt(task: Task, journal: Journal) -> Outcome:
    """Run one task between its two lines in the journal."""
    began = time.monotonic()
    try:
        number = journal.before(task)
    except StoreError as error:
        # What cannot be written down is not begun: nobody could tell later what was asked of the cloud.
        return task.outcome(Status.FAILED, error=error)
    outcome = replace(_call(task), seconds=time.monotonic() - began)
    try:
        journal.after(number, outcome)
    except StoreError as error:
        return replace(outcome, status=Status.FAILED, error=_unrecorded(outcome, error))
    return outcome


def _call(task: Task) -> Outcome:
    try:
        done = task.call()
    except Exception as error:  # noqa: BLE001 a defect met by one task must not lose the others' outcomes
        return task.outcome(Status.FAILED, error=told(error))
    return task.outcome(Status.DONE if done.changed else Status.ALREADY, machine=done.machine)


def _unrecorded(outcome: Outcome, error: StoreError) -> StoreError:
    ended = outcome.error or outcome.status
    return StoreError(f"{outcome.verb} ended ({ended}), but that could not be written down: {error}")
