"""What is to be done, complete, before the first cloud is called for it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloudmesh.vm.model.outcome import UnresolvedName
from cloudmesh.vm.model.task import Task


@dataclass(frozen=True)
class Plan:
    """A job that is to be founded.

    Attributes:
        verb: what is done to all machines.
        tasks: one for each machine.
        parts: what is done on each cloud, as ``cloudmesh.vm.jobs.encoding`` writes it.
        names: the machines as the user said them.
        wait: whether the job also waits until the machines are where the verb leads.
        missing: what was asked for too, and failed before there was a task for it.
    """

    verb: str
    tasks: Sequence[Task]
    parts: Mapping[str, str] = field(default_factory=dict)
    names: str = ""
    wait: bool = False
    missing: Sequence[UnresolvedName] = ()

    def record(self) -> dict[str, Any]:
        """The line of the job in the store."""
        clouds = [*(task.cloud for task in self.tasks), *(each.cloud for each in self.missing if each.cloud)]
        return {
            "verb": self.verb,
            "names": self.names,
            "clouds": list(dict.fromkeys(clouds)),
            "machines": len(self.tasks) + len(self.missing),
            "wait": self.wait,
            "began": time.time(),
            "ended": 0.0,
        }
