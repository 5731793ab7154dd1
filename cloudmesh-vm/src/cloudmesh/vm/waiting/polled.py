"""What a wait knows of each machine and each cloud; no machine is judged here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cloudmesh.cloud.fanout.query import CloudProgress
from cloudmesh.cloud.model.awaited import AwaitedMachine
from cloudmesh.cloud.model.pace import Pace
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.model.outcome import Outcome

# The error of clocks, in seconds.
EXACT = 0.001
# All machines of a cloud are listed at least once in so many seconds, whatever it tells of changes: it may
# not date each of them, and forgets who was deleted.
_WHOLE_EVERY = 30.0


@dataclass
class Waiting(AwaitedMachine):
    """One machine that is waited for, until it has an outcome.

    Attributes:
        there: when the first look was begun that showed it in its state; None if none did.
        came_at: when it has come there, as far as looks tell; None if the first one showed it there.
    """

    outcome: Outcome | None = None
    there: float | None = None
    came_at: float | None = None

    def came(self, asked: float, before: float | None) -> None:
        """A look that was begun then showed it in its state; the one before was begun at ``before``."""
        if self.there is None:
            self.there = asked
            self.came_at = None if before is None else (before + asked) / 2


@dataclass
class PolledCloud:
    """A cloud that is looked at again and again.

    Attributes:
        waiting: the machines that are waited for there.
        timeout: for how many seconds, at most.
        began, ends: when the wait began, and when that is over.
        due: when it is looked at next.
        pace: how long the pauses are.
        asked: when the look under way was begun; None if there is none.
        looked: when the last one that was answered was begun; None if there was none.
        trouble: why the last look failed, if the cloud is looked at again.
        doubtful: whether the next look has to show all machines, whatever the time.
    """

    cloud: str
    waiting: list[Waiting]
    timeout: float
    began: float
    ends: float
    due: float
    pace: Pace = field(default_factory=Pace)
    asked: float | None = None
    looked: float | None = None
    trouble: CloudmeshError | None = None
    doubtful: bool = True
    _whole: float = -math.inf
    _took: float = 0.0

    @property
    def open(self) -> list[Waiting]:
        """The machines without an outcome."""
        return [each for each in self.waiting if each.outcome is None]

    def needs_whole(self, now: float) -> bool:
        """Whether a look that is begun now has to show all machines: also the last one before the end."""
        is_last = now >= self.ends - 2 * self._took - EXACT
        return self.doubtful or is_last or now >= self._whole + _WHOLE_EVERY - EXACT

    def answered(self, now: float, whole: bool | None, at_least: float) -> None:
        """Settle when the cloud is looked at next, now that the look under way has come to its end.

        Args:
            whole: whether it showed all machines; None if it failed.
            at_least: for so many seconds the cloud wants to be left in peace.
        """
        began = now if self.asked is None else self.asked
        took, self.asked = now - began, None
        # A look at all machines may take longer than one at those that changed, and must end in time, too.
        self._took = max(took, self._took) if whole is False else took
        if whole:
            self._whole = began
        pause = self.pace.pause(now - self.began, took, at_least, self._took)
        # The last look is begun early enough to end in time.
        in_time = now + self._took < self.ends - EXACT
        self.due = min(now + pause, max(now, self.ends - 2 * self._took)) if in_time else math.inf

    def progress(self, now: float, steps: Mapping[str, Sequence[str]]) -> CloudProgress:
        """How many machines have arrived, have failed, or are on their way, and for how long yet."""
        ended = [each.outcome.succeeded for each in self.waiting if each.outcome]
        total, done = len(self.waiting), sum(ended)
        left = max(0.0, self.ends - now) if len(ended) < total else 0.0
        return CloudProgress(self.cloud, total, done, len(ended) - done, total - len(ended), left, steps)

    def slowest(self) -> float:
        """How long the slowest machine took that was seen on its way; 0 if not all have come to an end."""
        if self.open:
            return 0.0
        times = [each.came_at - self.began for each in self.waiting if each.came_at is not None]
        return max(times, default=0.0)
