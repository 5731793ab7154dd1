"""What the scheduler needs of the store of a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cloudmesh.cloud.store.changes import StoreChange
from cloudmesh.vm.model.outcome import Outcome
from cloudmesh.vm.model.plan import Task
from cloudmesh.vm.scheduler.queue import TaskRun


class OutcomeLog(Protocol):
    """Where the scheduler writes what happens to tasks; ``JobStore`` is one."""

    def write(
        self, changes: Sequence[StoreChange], ended: Sequence[tuple[Task, Outcome]], begun: Sequence[TaskRun]
    ) -> None:
        """Write, all or nothing, what is known of machines, how tasks ended and which are begun now.

        Raises:
            StoreError: it cannot be written.
        """

    def is_cancelled(self) -> bool:
        """Whether another process wants the job to end. Raises StoreError."""
