"""The one place where tasks are run: any ``concurrent.futures.Executor`` can do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cloudmesh.cloud.cloud import Done
from cloudmesh.cloud.model import Machine
from cloudmesh.cloud.provider import BootRequest
from cloudmesh.cloud.verbs import Argument
from cloudmesh.plugin.errors import CloudmeshError, Interrupted
from cloudmesh.vm.outcome import Outcome, Result, Status


@dataclass(frozen=True)
class Task:
    """One thing to do on one machine: plain data, that can be sent to another thread or process.

    Attributes:
        cloud, name: which machine.
        verb: boot, or one of the verb table.
        machine: what is known of the machine; None if it is to be booted.
        request: what to boot.
        argument: what the verb takes beside the machine.
    """

    cloud: str
    name: str
    verb: str
    machine: Machine | None = None
    request: BootRequest | None = None
    argument: Argument = None

    def outcome(self, status: Status, **values: Any) -> Outcome:
        """What became of this task."""
        return Outcome(self.cloud, self.name, self.verb, status, **{"machine": self.machine, **values})


class Worker(Protocol):
    """Does tasks, one at a time; used by one thread only."""

    def before(self, task: Task) -> int:
        """Write down that the task begins; a number for ``after``."""

    def do(self, task: Task) -> Done:
        """Call the cloud."""

    def after(self, number: int, outcome: Outcome) -> None:
        """Write down how the task ended."""


Workers = Callable[[], Worker]


class InlineExecutor(Executor):
    """Runs each call at once in the calling thread, one after another."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the call; Ctrl-C is not kept in the future, but raised."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def run(tasks: Sequence[Task], workers: Workers, executor: Executor | None = None) -> Result:
    """Run all tasks; each ends in an outcome, whatever happens to the others.

    ``workers`` gives the worker of the thread that calls it. On Ctrl-C nothing new is begun, and what is
    running is waited for where the executor allows that; on a second one it is not waited for.
    """
    pool = executor or InlineExecutor()
    futures: list[Future[Outcome]] = []
    begun = 0
    try:
        for task in tasks:
            begun += 1
            futures.append(pool.submit(_attempt, task, workers))
        wait(futures)
    except KeyboardInterrupt:
        for future in futures:
            future.cancel()
        with suppress(KeyboardInterrupt):
            wait(futures)
    return Result([_outcome(tasks, futures, number, begun) for number in range(len(tasks))])


def _outcome(tasks: Sequence[Task], futures: list[Future[Outcome]], number: int, begun: int) -> Outcome:
    future = futures[number] if number < len(futures) else None
    if future and future.done() and not future.cancelled():
        return future.result()
    if number >= begun or (future and future.cancelled()):
        return tasks[number].outcome(Status.NOT_STARTED)
    error = Interrupted("interrupted during the call; cms vm list --refresh shows what became of it")
    return tasks[number].outcome(Status.INTERRUPTED, error=error)


def _attempt(task: Task, workers: Workers) -> Outcome:
    """Run one task between its two lines in the journal."""
    began = time.monotonic()
    try:
        worker = workers()
        number = worker.before(task)
    except CloudmeshError as error:
        # What cannot be written down is not begun: nobody could tell later what was asked of the cloud.
        return task.outcome(Status.FAILED, error=error)
    outcome = replace(_call(task, worker), seconds=time.monotonic() - began)
    try:
        worker.after(number, outcome)
    except CloudmeshError as error:
        return replace(outcome, status=Status.FAILED, error=_unrecorded(outcome, error))
    return outcome


def _call(task: Task, worker: Worker) -> Outcome:
    try:
        done = worker.do(task)
    except CloudmeshError as error:
        return task.outcome(Status.FAILED, error=error)
    status = Status.DONE if done.changed else Status.ALREADY
    return task.outcome(status, machine=done.machine, target=done.target)


def _unrecorded(outcome: Outcome, error: CloudmeshError) -> CloudmeshError:
    ended = outcome.error or outcome.status
    return CloudmeshError(f"{outcome.verb} ended ({ended}), but that could not be written down: {error}")
