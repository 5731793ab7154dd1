"""Waits until machines are in a state or meet a condition, with one listing a cloud for all of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import (
    CloudTimeout,
    Conflict,
    Gone,
    NotFound,
    OddRecord,
    OutOfService,
    RateLimited,
    is_transient,
)
from cloudmesh.cloud.fanout.query import CloudProgress, Deadline, ProgressCallback
from cloudmesh.cloud.model.awaited import AwaitedMachine, Condition
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.config import Config
from cloudmesh.plugin.durations import span_text
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, StoreError
from cloudmesh.plugin.signals import StopRequest, stopping
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.model.call import NoRoom
from cloudmesh.vm.model.outcome import Outcome, Result, Status
from cloudmesh.vm.waiting.poller import Poller, PollResult

TIMEOUT = 600.0

# Seconds between the end of a listing and the next one of the same cloud. They grow whatever the cloud shows,
# since a thousand machines that arrive one by one would be listed for each of them: a wait is at most half
# longer than it must be, and never by more than the longest tick. A cloud is also left in peace for as long
# as its last listing took.
_FIRST_TICK, _GROWTH, _LONGEST_TICK = 0.2, 1.5, 5.0
# Seconds without a report of progress at most, and between two looks whether the job was cancelled.
_REPORT_EVERY, _ASK_STORE = 0.2, 1.0
# A listing in flight for longer, in seconds, is mentioned when the time is over.
_SILENCE = 1.0
# The error of clocks, in seconds.
_EXACT = 0.001
# Clouds are asked why machines vanished for so many seconds, and for so many machines, at most.
_ASK_WHY, _ASKED = 10.0, 10


def usual_timeout(config: Config, cloud: str) -> float:
    """For how many seconds machines of a cloud are waited for if nothing else is said. Raises ConfigError."""
    return config.wait_timeout(cloud) or TIMEOUT


def was_seen(outcome: Outcome) -> bool:
    """Whether the end of a wait was seen: the machine has arrived, or cannot any more.

    Otherwise the time was over, somebody ended the wait, or its cloud could not be listed.
    """
    return outcome.succeeded or isinstance(outcome.error, Conflict | NotFound)


class Afterwards(Protocol):
    """What machines still go through once they are in their state, such as the start of their system."""

    def begin(self, machine: MachineRecord) -> None:
        """A machine is in its state, or was shown there again."""

    def ended(self, machine: MachineRecord) -> CloudmeshError | bool:
        """Whether it is through, or why it never will be."""

    def doing(self, machine: MachineRecord) -> str:
        """At which step it is; empty before it has begun."""


@dataclass
class _Waiting(AwaitedMachine):
    """One machine that is waited for, until it has an outcome."""

    outcome: Outcome | None = None


@dataclass
class _PolledCloud:
    """A cloud that is listed again and again.

    Attributes:
        waiting: the machines that are waited for there.
        timeout: for how many seconds, at most.
        ends: when that is over.
        due: when it is listed next.
        tick: seconds until the listing after that.
        asked: when the listing in flight was begun; None if there is none.
        trouble: why the last listing failed, if it is listed again.
    """

    cloud: str
    waiting: list[_Waiting]
    timeout: float
    ends: float
    due: float
    tick: float = _FIRST_TICK
    asked: float | None = None
    trouble: CloudmeshError | None = None

    @property
    def open(self) -> list[_Waiting]:
        """The machines without an outcome."""
        return [each for each in self.waiting if each.outcome is None]

    def progress(self, now: float, steps: Mapping[str, Sequence[str]]) -> CloudProgress:
        """How many machines have arrived, have failed, or are on their way, and for how long yet."""
        ended = [each.outcome.succeeded for each in self.waiting if each.outcome]
        total, done = len(self.waiting), sum(ended)
        left = max(0.0, self.ends - now) if len(ended) < total else 0.0
        return CloudProgress(self.cloud, total, done, len(ended) - done, total - len(ended), left, steps)


@dataclass
class Waiter:
    """Waits for machines, on all their clouds at the same time.

    Attributes:
        session: whose configuration and secrets are used.
        state: the state that is waited for.
        timeout: seconds; then the wait ends at once, whatever hangs. None for the ``wait_timeout`` of each
            cloud, else 600.
        watch: is told the progress.
        booted: whether the machines are new, whatever state their cloud gave them.
        clock: seconds that never go back.
        poller: lists the clouds; it and the clock can be replaced in tests.
        stop: may be asked to stop from elsewhere.
        cancelled: whether another process wants it to end; it may raise StoreError.
        condition: what is waited for in place of the state.
        afterwards: what they go through when they are in their state, before they count as arrived.
        said: the seconds as a user said them, of which those of the timeout are left; 0 if they are the same.
    """

    session: CloudSession
    state: State
    timeout: float | None = None
    watch: ProgressCallback | None = None
    booted: bool = False
    clock: Callable[[], float] = time.monotonic
    poller: Poller | None = None
    stop: StopRequest = field(default_factory=StopRequest)
    cancelled: Callable[[], bool] = bool
    condition: Condition | None = None
    afterwards: Afterwards | None = None
    said: float = 0.0
    _began: float = 0.0
    _asked_store: float = 0.0
    _is_cancelled: bool = False

    @classmethod
    def until(
        cls, deadline: Deadline, session: CloudSession, state: State, watch: ProgressCallback | None
    ) -> Waiter:
        """One that waits until a deadline; without one for the usual time of each cloud from now."""
        return cls(session, state, deadline.left(), watch, said=deadline.seconds or 0.0)

    def wait(self, machines: Sequence[MachineRecord], states: Sequence[State] | None = None) -> Result:
        """Wait for all of them; a machine fails as soon as it cannot reach its state any more.

        A machine in state error or vanished cannot (unless that is waited for), nor one that is not running
        and that nothing is changing: only a running machine changes by itself. None is built twice. For some
        seconds a machine on its way may be too new for listings to show it. The store may be out of date, so
        no machine counts as arrived before a listing has shown it.

        Args:
            machines: as they are known.
            states: a state for each machine in place of the common one.
        """
        self._began = self.clock()
        wanted = [self.state] * len(machines) if states is None else states
        waiting = [
            _Waiting(machine, state, machine.state.is_passing, self.booted)
            for machine, state in zip(machines, wanted, strict=True)
        ]
        clouds = self._clouds(waiting)
        poller = self.poller or Poller(self.session.config)
        status = Status.FAILED
        try:
            with stopping(self.stop, poller.wake):
                self._poll(poller, clouds)
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        finally:
            poller.close()
        if self.stop.requested or self._is_cancelled:
            status = Status.INTERRUPTED
        self._ask_why(waiting, max((each.ends for each in clouds.values()), default=0.0))
        return Result(
            [
                each.outcome or self._not_arrived(each.machine, clouds[each.machine.cloud], status)
                for each in waiting
            ],
            stopped=bool(self.stop.requested),
        )

    def _clouds(self, waiting: Sequence[_Waiting]) -> dict[str, _PolledCloud]:
        """The clouds to list; the machines of one that cannot be opened have failed already."""
        names = list(dict.fromkeys(each.machine.cloud for each in waiting))
        clouds: dict[str, _PolledCloud] = {}
        for name in names:
            own = [each for each in waiting if each.machine.cloud == name]
            timeout = usual_timeout(self.session.config, name) if self.timeout is None else self.timeout
            clouds[name] = _PolledCloud(name, own, timeout, self._began + timeout, self._began)
        for name, error in self.session.unresolved(names).items():
            self._fail(clouds[name], error)
        return clouds

    def _poll(self, poller: Poller, clouds: dict[str, _PolledCloud]) -> None:
        """List clouds until every machine has an outcome, or the wait is to end."""
        self._tell(clouds)
        while any(cloud.open for cloud in clouds.values()) and not self._is_to_end():
            now = self.clock()
            for cloud in clouds.values():
                is_due = cloud.asked is None and cloud.due <= now + _EXACT
                if cloud.open and is_due and now <= cloud.ends + _EXACT:
                    cloud.asked = now
                    poller.ask(cloud.cloud)
            # Of a cloud whose time is over only what comes by itself is taken.
            pending = [each for each in clouds.values() if each.open and now < each.ends]
            due = min(
                [each.ends if each.asked is not None else min(each.due, each.ends) for each in pending],
                default=now,
            )
            result = poller.next(min(_REPORT_EVERY, due - now) if pending else 0.0)
            if result is not None:
                self._take(clouds[result.cloud], result)
            elif not pending:
                break
            self._take_afterwards(clouds)
            self._tell(clouds)

    def _take_afterwards(self, clouds: Mapping[str, _PolledCloud]) -> None:
        """Give machines that have come to an end after they were in their state their outcome."""
        if self.afterwards is None:
            return
        for each in (each for cloud in clouds.values() for each in cloud.open):
            ended = self.afterwards.ended(each.machine)
            if ended is not False:
                error = None if ended is True else ended
                each.outcome = self._outcome(each.machine, Status.FAILED if error else Status.DONE, error)

    def _is_to_end(self) -> bool:
        """Whether somebody wants it to end, here or in another process."""
        if self.clock() - self._asked_store >= _ASK_STORE:
            self._asked_store = self.clock()
            # If the store cannot be read now, it is asked again the next time.
            with suppress(StoreError):
                self._is_cancelled = self.cancelled()
        return bool(self.stop.requested) or self._is_cancelled

    def _take(self, cloud: _PolledCloud, result: PollResult) -> None:
        """Take over the result of a listing, and settle when the cloud is listed next."""
        now, listed = self.clock(), result.listed
        took = now - (cloud.asked if cloud.asked is not None else now)
        cloud.asked = None
        cloud.trouble = None
        pause = max(cloud.tick, took)
        cloud.tick = min(cloud.tick * _GROWTH, _LONGEST_TICK)
        if not isinstance(listed, BaseException):
            by_id = {machine.cloud_id: machine for machine in listed}
            for each in cloud.open:
                shown = by_id.get(each.machine.cloud_id)
                odd = [left for left in result.left_out if shown is None and left.may_be(each.machine)]
                if odd:
                    # It is there, and nobody knows in which state.
                    cloud.trouble = OddRecord(str(odd[0]))
                else:
                    self._check(each, shown)
        elif not isinstance(listed, CloudmeshError):
            raise listed
        elif is_transient(listed) or isinstance(listed, NoRoom):
            cloud.trouble = listed
            if isinstance(listed, RateLimited | OutOfService):
                pause = max(pause, listed.retry_after or 0.0)
        else:
            self._fail(cloud, listed)
        # The last listing is begun early enough to end in time.
        in_time = now + took < cloud.ends - _EXACT
        cloud.due = min(now + pause, max(now, cloud.ends - 2 * took)) if in_time else math.inf

    def _fail(self, cloud: _PolledCloud, error: CloudmeshError) -> None:
        """Fail all machines of a cloud that have no outcome."""
        for each in cloud.open:
            each.outcome = self._outcome(each.machine, Status.FAILED, error)

    def _check(self, each: _Waiting, listed: MachineRecord | None) -> None:
        """Give a machine its outcome if the listing, in which it may be missing, decides it."""
        if listed is None:
            each.settling = self.session.declared(each.machine.cloud).settling
        try:
            if each.has_reached(listed, self.clock() - self._began, self.condition):
                if self.afterwards is None:
                    each.outcome = self._outcome(each.machine, Status.DONE)
                else:
                    self.afterwards.begin(each.machine)
        except (Conflict, NotFound) as error:
            each.outcome = self._outcome(each.machine, Status.FAILED, error)

    def _ask_why(self, waiting: Sequence[_Waiting], ends: float) -> None:
        """Let the outcomes of machines that vanished tell why, where their clouds still know it."""
        gone = [each for each in waiting if each.outcome and isinstance(each.outcome.error, NotFound)]
        left = min(ends - self.clock(), _ASK_WHY)
        if not gone or left <= _EXACT or self.stop.requested or self._is_cancelled:
            return
        machines = [each.machine for each in gone[:_ASKED]]
        with self.session.within(Deadline.after(left)):
            clouds = list(dict.fromkeys(each.cloud for each in machines))
            reasons = self.session.ask_all(clouds, partial(_reasons, machines))
        for each in gone:
            told = reasons.get(each.machine.cloud)
            if isinstance(told, Mapping) and each.machine.cloud_id in told and each.outcome:
                each.outcome = replace(each.outcome, error=told[each.machine.cloud_id])

    def _outcome(
        self, machine: MachineRecord, status: Status, error: CloudmeshError | None = None
    ) -> Outcome:
        seconds = self.clock() - self._began
        return Outcome(machine.cloud, machine.name, "wait", status, machine, error, seconds)

    def _not_arrived(self, machine: MachineRecord, cloud: _PolledCloud, status: Status) -> Outcome:
        """The outcome of a machine that has not arrived when the wait ends."""
        if status is Status.INTERRUPTED:
            doing = self._doing(machine)
            stands = f"it was {machine.state}" + (f": {doing}" if doing else "")
            return self._outcome(machine, status, Interrupted(f"interrupted while {stands}"))
        reason = f"; the last listing failed: {cloud.trouble}" if cloud.trouble else ""
        silent = 0.0 if cloud.asked is None else self.clock() - cloud.asked
        if silent >= _SILENCE:
            reason = f"; cloud {cloud.cloud} has not answered for {span_text(silent)}"
        spent, doing = span_text(self.said or cloud.timeout), self._doing(machine)
        stands = f"not ready after {spent}: {doing}" if doing else f"still {machine.state} after {spent}"
        return self._outcome(machine, status, CloudTimeout(f"it is {stands}{reason}"))

    def _doing(self, machine: MachineRecord) -> str:
        """At which step a machine is that is in its state already."""
        return self.afterwards.doing(machine) if self.afterwards else ""

    def _tell(self, clouds: dict[str, _PolledCloud]) -> None:
        """Report the progress to whoever watches."""
        if self.watch is not None:
            now = self.clock()
            self.watch("wait", [each.progress(now, self._steps(each)) for each in clouds.values()])

    def _steps(self, cloud: _PolledCloud) -> Mapping[str, Sequence[str]]:
        """The names of the machines at each step; none where only the state is waited for."""
        found: dict[str, list[str]] = {}
        for each in cloud.open if self.afterwards else ():
            found.setdefault(self._doing(each.machine) or str(each.machine.state), []).append(
                each.machine.name
            )
        return found


def _reasons(machines: Sequence[MachineRecord], cloud: Cloud) -> Mapping[str, Gone]:
    """What a cloud still tells of machines that it lists no more, by their ids."""
    found: dict[str, Gone] = {}
    for each in machines:
        if each.cloud == cloud.name:
            try:
                cloud.connection.calls.machine(each.cloud_id)
            except Gone as error:
                found[each.cloud_id] = error
            except NotFound:
                # It knows nothing of it.
                continue
    return found
