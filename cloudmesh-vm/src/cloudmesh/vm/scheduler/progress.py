"""Counts what becomes of the tasks of a job, for who watches it."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterable, Sequence

from cloudmesh.cloud.fanout.query import CloudProgress, ProgressCallback
from cloudmesh.vm.model.outcome import Outcome
from cloudmesh.vm.scheduler.queue import InFlightCall, TaskRun

# Seconds between two reports when nothing happens.
_REPORT_EVERY = 0.2


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
