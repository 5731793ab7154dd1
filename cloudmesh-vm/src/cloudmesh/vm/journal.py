"""Writes into the store what was asked of which machine, before and after the cloud is called."""

from __future__ import annotations

import time

from cloudmesh.db import Database
from cloudmesh.vm.outcome import Outcome
from cloudmesh.vm.runner import Task

TASKS = "task"


class Journal:
    """One line a task: running until it ended, then how. A line left running tells of a killed process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def before(self, task: Task) -> int:
        """Write that the task begins; the number of its line."""
        return self._database.add(
            TASKS,
            {
                "cloud": task.cloud,
                "name": task.name,
                "verb": task.verb,
                "status": "running",
                "error": "",
                "seconds": 0.0,
                "began": time.time(),
            },
        )

    def after(self, number: int, outcome: Outcome) -> None:
        """Write how it ended."""
        values = {
            "status": outcome.status.value,
            "error": str(outcome.error or ""),
            "seconds": round(outcome.seconds, 3),
        }
        self._database.update(TASKS, values, id=number)
