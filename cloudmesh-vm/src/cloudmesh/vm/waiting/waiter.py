"""Waiting until machines are in a state, at the cost of one listing a cloud and tick."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from cloudmesh.cloud.errors import CloudTimeout, Conflict, NotFound, RateLimited, is_transient
from cloudmesh.cloud.fanout.progress import CloudProgress, ProgressCallback
from cloudmesh.cloud.model.awaited import AwaitedMachine
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, StoreError
from cloudmesh.plugin.signals import StopRequest, stopping
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.model.outcome import Outcome, Result, Status
from cloudmesh.vm.waiting.poller import Poller, PollResult

TIMEOUT = 600.0

# Seconds between an answer of a cloud and its next listing: each cloud has its own tick. It grows whatever
# the cloud shows, since a thousand machines that come one by one would be listed for each of them. So a
# wait is at most half longer than it must be, and never by more than the longest tick; and a cloud is left
# in peace for as long as it took to answer.
_FIRST_TICK, _GROWTH, _LONGEST_TICK = 0.2, 1.5, 5.0
# The watch is told, and a job may be cancelled, at least so often, in seconds.
_LOOK, _ASK_STORE = 0.2, 1.0
# A listing that takes longer, in seconds, is told of when the time is over.
_SILENCE = 1.0
# What a clock may be off, in seconds.
_EXACT = 0.001


def has_shown(outcome: Outcome) -> bool:
    """Whether it was seen how the machine fares: it is there, or cannot come there any more.

    Otherwise the time was over, somebody ended the waiting, or its cloud would show nothing.
    """
    return outcome.succeeded or isinstance(outcome.error, Conflict | NotFound)


@dataclass
class _Waiting(AwaitedMachine):
    """A machine that is waited for, until it has an outcome."""

    outcome: Outcome | None = None


@dataclass
class _PolledCloud:
    """A cloud that is listed, and who waits there."""

    cloud: str
    waiting: list[_Waiting]
    due: float
    tick: float = _FIRST_TICK
    asked: float | None = None
    trouble: CloudmeshError | None = None

    @property
    def open(self) -> list[_Waiting]:
        """Those that are not there yet."""
        return [each for each in self.waiting if each.outcome is None]

    def tally(self) -> CloudProgress:
        """How far it has come."""
        ended = [each.outcome.succeeded for each in self.waiting if each.outcome]
        total, done = len(self.waiting), sum(ended)
        return CloudProgress(self.cloud, total, done, len(ended) - done, total - len(ended))


@dataclass
class Waiter:
    """Waits for machines, on all their clouds at the same time.

    Attributes:
        session: whose configuration and secrets are used.
        state: where the machines are to come.
        timeout: seconds; then it ends at once, whatever hangs.
        watch: is told how far it has come.
        booted: whether the machines are new, whatever state their cloud gave them.
        clock: seconds that only ever grow.
        lookout: lists the clouds; it and the clock can be replaced in tests.
        stop: may be asked to stop from elsewhere.
        cancelled: whether another process wants it to end.
    """

    session: CloudSession
    state: State
    timeout: float = TIMEOUT
    watch: ProgressCallback | None = None
    booted: bool = False
    clock: Callable[[], float] = time.monotonic
    lookout: Poller | None = None
    stop: StopRequest = field(default_factory=StopRequest)
    cancelled: Callable[[], bool] = bool
    _began: float = 0.0
    _ends: float = 0.0
    _asked_store: float = 0.0
    _is_cancelled: bool = False

    def wait(self, machines: Sequence[MachineRecord], states: Sequence[State] | None = None) -> Result:
        """Wait for all of them; a machine fails as soon as it cannot reach the state any more.

        A machine in state error or vanished cannot (unless that is waited for), nor one that is not
        running and that nothing is changing: only a running machine changes by itself. None is built
        twice. One on its way that no listing has shown yet may be too new for that, for some seconds.
        What the store knows may be out of date: no machine counts as there before its cloud has shown it
        so.

        Args:
            states: a state for each machine in place of the common one.
        """
        self._began = self.clock()
        self._ends = self._began + self.timeout
        wanted = [self.state] * len(machines) if states is None else states
        waiting = [
            _Waiting(machine, state, machine.state.is_passing, self.booted)
            for machine, state in zip(machines, wanted, strict=True)
        ]
        lanes = self._lanes(waiting)
        lookout = self.lookout or Poller(self.session.config)
        status = Status.FAILED
        try:
            with stopping(self.stop, lookout.wake):
                self._watch(lookout, lanes)
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        finally:
            lookout.close()
        if self.stop.requested or self._is_cancelled:
            status = Status.INTERRUPTED
        return Result(
            [each.outcome or self._left(each.machine, lanes[each.machine.cloud], status) for each in waiting],
            stopped=bool(self.stop.requested),
        )

    def _lanes(self, waiting: Sequence[_Waiting]) -> dict[str, _PolledCloud]:
        """The clouds to list; whoever waits on one that cannot be opened has failed already."""
        clouds = list(dict.fromkeys(each.machine.cloud for each in waiting))
        lanes = {
            cloud: _PolledCloud(cloud, [each for each in waiting if each.machine.cloud == cloud], self._began)
            for cloud in clouds
        }
        for cloud, error in self.session.unresolved(clouds).items():
            self._fail(lanes[cloud], error)
        return lanes

    def _watch(self, lookout: Poller, lanes: dict[str, _PolledCloud]) -> None:
        """List and judge until nobody waits any more, or nobody may."""
        self._tell(lanes)
        while any(lane.open for lane in lanes.values()) and not self._is_to_end():
            now = self.clock()
            for lane in lanes.values():
                if (
                    lane.open
                    and lane.asked is None
                    and lane.due <= now + _EXACT
                    and now <= self._ends + _EXACT
                ):
                    lane.asked = now
                    lookout.ask(lane.cloud)
            late = now >= self._ends
            sight = lookout.next(0.0 if late else min(_LOOK, self._next(lanes) - now))
            if sight is not None:
                self._see(lanes[sight.cloud], sight)
            elif late:
                break
            self._tell(lanes)

    def _is_to_end(self) -> bool:
        """Whether somebody wants it to end, here or in another process."""
        if self.clock() - self._asked_store >= _ASK_STORE:
            self._asked_store = self.clock()
            # What the store cannot tell now it may tell next time.
            with suppress(StoreError):
                self._is_cancelled = self.cancelled()
        return bool(self.stop.requested) or self._is_cancelled

    def _next(self, lanes: dict[str, _PolledCloud]) -> float:
        """When there is something to do, if no cloud answers before."""
        return min([self._ends, *(lane.due for lane in lanes.values() if lane.open and lane.asked is None)])

    def _see(self, lane: _PolledCloud, sight: PollResult) -> None:
        """Judge by what a cloud showed, and settle when it is asked next."""
        now = self.clock()
        took = now - (lane.asked if lane.asked is not None else now)
        lane.asked = None
        lane.trouble = None
        pause = max(lane.tick, took)
        lane.tick = min(lane.tick * _GROWTH, _LONGEST_TICK)
        if not isinstance(sight.shown, BaseException):
            listed = {machine.cloud_id: machine for machine in sight.shown}
            for each in lane.open:
                self._judge(each, listed.get(each.machine.cloud_id))
        elif not isinstance(sight.shown, CloudmeshError):
            raise sight.shown
        elif is_transient(sight.shown):
            lane.trouble = sight.shown
            if isinstance(sight.shown, RateLimited):
                pause = max(pause, sight.shown.retry_after or 0.0)
        else:
            self._fail(lane, sight.shown)
        # The last listing is begun so early that it can be answered in time.
        in_time = now + took < self._ends - _EXACT
        lane.due = min(now + pause, max(now, self._ends - 2 * took)) if in_time else math.inf

    def _fail(self, lane: _PolledCloud, error: CloudmeshError) -> None:
        for each in lane.open:
            self._end(each, Status.FAILED, error)

    def _judge(self, each: _Waiting, now: MachineRecord | None) -> None:
        if now is None:
            each.settling = self.session.declared(each.machine.cloud).settling
        try:
            if each.has_reached(now, self.clock() - self._began):
                self._end(each, Status.DONE)
        except (Conflict, NotFound) as error:
            self._end(each, Status.FAILED, error)

    def _end(self, each: _Waiting, status: Status, error: CloudmeshError | None = None) -> None:
        each.outcome = self._outcome(each.machine, status, error)

    def _outcome(self, machine: MachineRecord, status: Status, error: CloudmeshError | None) -> Outcome:
        seconds = self.clock() - self._began
        return Outcome(machine.cloud, machine.name, "wait", status, machine, error, seconds)

    def _left(self, machine: MachineRecord, lane: _PolledCloud, status: Status) -> Outcome:
        """The outcome of a machine that is not there when the waiting ends."""
        if status is Status.INTERRUPTED:
            return self._outcome(machine, status, Interrupted(f"interrupted while it was {machine.state}"))
        reason = f"; the last listing failed: {lane.trouble}" if lane.trouble else ""
        silent = 0.0 if lane.asked is None else self.clock() - lane.asked
        if silent >= _SILENCE:
            reason = f"; cloud {lane.cloud} has not answered for {silent:.0f} seconds"
        error = CloudTimeout(f"it is still {machine.state} after {round(self.timeout, 2):g} seconds{reason}")
        return self._outcome(machine, status, error)

    def _tell(self, lanes: dict[str, _PolledCloud]) -> None:
        if self.watch is not None:
            self.watch("wait", [lane.tally() for lane in lanes.values()])
