"""How far the tasks of a job have come, told to whoever watches."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterable, Sequence

from cloudmesh.cloud.fanout.progress import CloudProgress, ProgressCallback
from cloudmesh.vm.model.outcome import Outcome
from cloudmesh.vm.scheduler.in_flight import InFlightCall
from cloudmesh.vm.scheduler.queue import TaskRun

# How often it is told when nothing happens, in seconds.
_LOOK = 0.2


class ProgressCounter:
    """Counts tasks by cloud, and tells it."""

    def __init__(self, watch: ProgressCallback | None) -> None:
        self._watch = watch
        self._told = 0.0
        self._what = ""
        self._totals: Counts[str] = Counts()
        self._done: Counts[str] = Counts()
        self._failed: Counts[str] = Counts()

    def begin(self, attempts: Sequence[TaskRun]) -> None:
        """These are to be done."""
        self._what = attempts[0].task.verb if attempts else ""
        self._totals.update(each.task.cloud for each in attempts)

    def count(self, over: Iterable[tuple[TaskRun, Outcome]]) -> None:
        """These are over."""
        for attempt, outcome in over:
            (self._done if outcome.succeeded else self._failed)[attempt.task.cloud] += 1

    def tell(self, now: float, flights: Iterable[InFlightCall], news: bool) -> None:
        """Tell it if there is news, or nothing was told for a while."""
        if self._watch is None or not (news or now - self._told >= _LOOK):
            return
        self._told = now
        running: Counts[str] = Counts()
        for flight in flights:
            running[flight.lane.cloud] += len(flight.attempts)
        tallies = [
            CloudProgress(cloud, total, self._done[cloud], self._failed[cloud], running[cloud])
            for cloud, total in self._totals.items()
        ]
        self._watch(self._what, tallies)
