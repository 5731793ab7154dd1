"""Who does a task: a session of its own, with the journal beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType

from cloudmesh.cloud.cloud import Done
from cloudmesh.cloud.model import State
from cloudmesh.cloud.verbs import find_verb
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.journal import Journal
from cloudmesh.vm.outcome import Outcome
from cloudmesh.vm.runner import Task, Worker
from cloudmesh.vm.session import Session


class SessionWorker:
    """Does tasks with the clouds and the store of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._journal = Journal(session.inventory.database)

    def before(self, task: Task) -> int:
        """Write down that the task begins."""
        return self._journal.before(task)

    def do(self, task: Task) -> Done:
        """Boot the machine, or bring the verb about on it."""
        cloud = self._session.cloud(task.cloud)
        if task.request is not None:
            return Done(cloud.boot_as(task.request), changed=True, target=State.ACTIVE)
        if task.machine is None:
            raise CloudmeshError(
                f"{task.verb} needs a machine, and none is known as {task.cloud}:{task.name}"
            )
        return cloud.act(task.machine, find_verb(task.verb), task.argument)

    def after(self, number: int, outcome: Outcome) -> None:
        """Write down how it ended."""
        self._journal.after(number, outcome)


class ThreadWorkers:
    """A worker for each thread, with a session of its own: drivers and stores must not be shared.

    The sessions are closed together when the block ends, by when no task may be running.
    """

    def __init__(self, open_session: Callable[[], Session]) -> None:
        self._open_session = open_session
        self._local = threading.local()
        self._lock = threading.Lock()
        self._stack = ExitStack()

    def __enter__(self) -> ThreadWorkers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __call__(self) -> Worker:
        """The worker of the calling thread."""
        if not hasattr(self._local, "worker"):
            session = self._open_session()
            with self._lock:
                self._stack.enter_context(session)
            self._local.worker = SessionWorker(session)
        worker: Worker = self._local.worker
        return worker
