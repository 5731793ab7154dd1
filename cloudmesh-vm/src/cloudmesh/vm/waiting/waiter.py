"""Waits until machines are in a state or meet a condition, with one listing a cloud for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from cloudmesh.cloud.fanout.query import Deadline, ProgressCallback
from cloudmesh.cloud.model.awaited import Condition, came_back
from cloudmesh.cloud.model.pace import Pace
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.store.waits import keep_seconds, usual_seconds
from cloudmesh.config import Config
from cloudmesh.plugin.durations import span_text
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, StoreError
from cloudmesh.plugin.signals import StopRequest, stopping
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.model.call import NoRoom
from cloudmesh.vm.model.outcome import Outcome, Result, Status
from cloudmesh.vm.waiting.polled import EXACT, PolledCloud, Waiting
from cloudmesh.vm.waiting.poller import Poller, PollResult

TIMEOUT = 600.0

# Seconds without a report of progress at most, and between two looks whether the job was cancelled.
_REPORT_EVERY, _ASK_STORE = 0.2, 1.0
# A listing in flight for longer, in seconds, is mentioned when the time is over.
_SILENCE = 1.0
# For so many seconds after machines were in their state their addresses may come, which no cloud dates.
_SETTLE = 60.0
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
        verb: what was just done to the machines, or "boot", for which it is kept how long that takes; empty
            not to keep it.
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
    verb: str = ""
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
            Waiting(machine, state, machine.state.is_passing, self.booted)
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
        self._keep_seconds(clouds.values())
        self._ask_why(waiting, max((each.ends for each in clouds.values()), default=0.0))
        return Result(
            [
                each.outcome or self._not_arrived(each.machine, clouds[each.machine.cloud], status)
                for each in waiting
            ],
            stopped=bool(self.stop.requested),
        )

    def _clouds(self, waiting: Sequence[Waiting]) -> dict[str, PolledCloud]:
        """The clouds to list; the machines of one that cannot be opened have failed already."""
        names = list(dict.fromkeys(each.machine.cloud for each in waiting))
        clouds: dict[str, PolledCloud] = {}
        for name in names:
            own = [each for each in waiting if each.machine.cloud == name]
            timeout = usual_timeout(self.session.config, name) if self.timeout is None else self.timeout
            usual = usual_seconds(self.session.inventory.database, name, self.verb) if self.verb else 0.0
            began = self._began
            clouds[name] = PolledCloud(name, own, timeout, began, began + timeout, began, Pace(usual))
        for name, error in self.session.unresolved(names).items():
            self._fail(clouds[name], error)
        return clouds

    def _poll(self, poller: Poller, clouds: dict[str, PolledCloud]) -> None:
        """List clouds until every machine has an outcome, or the wait is to end."""
        self._tell(clouds)
        while any(cloud.open for cloud in clouds.values()) and not self._is_to_end():
            now = self.clock()
            for cloud in clouds.values():
                is_due = cloud.asked is None and cloud.due <= now + EXACT
                if cloud.open and is_due and now <= cloud.ends + EXACT:
                    cloud.asked = now
                    poller.ask(cloud.cloud, not self._dated or cloud.needs_whole(now))
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

    def _take_afterwards(self, clouds: Mapping[str, PolledCloud]) -> None:
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

    @property
    def _dated(self) -> bool:
        """Whether clouds date the changes that are waited for, as they do those of states."""
        return self.condition is None or self.condition is came_back

    def _take(self, cloud: PolledCloud, result: PollResult) -> None:
        """Take over the result of a look, and settle when the cloud is looked at next."""
        now, listed = self.clock(), result.listed
        asked = now if cloud.asked is None else cloud.asked
        cloud.trouble, least = None, 0.0
        whole: bool | None = None
        is_missing = False
        if not isinstance(listed, BaseException):
            is_missing = self._take_machines(cloud, result, listed, asked)
            whole, cloud.looked = result.whole, asked
        elif not isinstance(listed, CloudmeshError):
            raise listed
        elif is_transient(listed) or isinstance(listed, NoRoom):
            cloud.trouble = listed
            if isinstance(listed, RateLimited | OutOfService):
                least = listed.retry_after or 0.0
        else:
            self._fail(cloud, listed)
        cloud.answered(now, whole, least)
        if is_missing:
            cloud.doubtful, cloud.due = True, now

    def _take_machines(
        self, cloud: PolledCloud, result: PollResult, listed: Sequence[MachineRecord], asked: float
    ) -> bool:
        """Judge the machines by what a look showed; what it does not show stays as it was, or has vanished.

        Whether one seems to have vanished, of which a look at all machines has to make sure.
        """
        by_id = {machine.cloud_id: machine for machine in listed}
        cloud.doubtful, is_missing = False, False
        for each in cloud.open:
            shown = by_id.get(each.machine.cloud_id)
            odd = [left for left in result.left_out if left.may_be(each.machine)] if shown is None else []
            is_gone = not result.whole and shown is not None and shown.state is State.DELETED
            if odd:
                # It is there, and nobody knows in which state.
                cloud.trouble = OddRecord(str(odd[0]))
            elif is_gone and each.state is not State.DELETED:
                is_missing = True
            elif result.whole or shown is not None:
                self._check(each, None if is_gone else shown, cloud, asked)
            cloud.doubtful = cloud.doubtful or bool(odd) or self._is_doubtful(each, asked)
        return is_missing

    def _is_doubtful(self, each: Waiting, asked: float) -> bool:
        """Whether it takes a look at all machines to tell more of one that has no outcome."""
        if each.outcome is not None:
            return False
        # Addresses of a machine may come when it is in its state already, and are not dated.
        is_new_there = each.there is not None and asked < each.there + _SETTLE
        return each.is_doubtful or is_new_there

    def _fail(self, cloud: PolledCloud, error: CloudmeshError) -> None:
        """Fail all machines of a cloud that have no outcome."""
        for each in cloud.open:
            each.outcome = self._outcome(each.machine, Status.FAILED, error)

    def _check(self, each: Waiting, listed: MachineRecord | None, cloud: PolledCloud, asked: float) -> None:
        """Give a machine its outcome if the listing, in which it may be missing, decides it."""
        if listed is None:
            each.settling = self.session.declared(each.machine.cloud).settling
        try:
            if each.has_reached(listed, self.clock() - self._began, self.condition):
                each.came(asked, cloud.looked)
                if self.afterwards is None:
                    each.outcome = self._outcome(each.machine, Status.DONE)
                else:
                    self.afterwards.begin(each.machine)
        except (Conflict, NotFound) as error:
            each.outcome = self._outcome(each.machine, Status.FAILED, error)

    def _keep_seconds(self, clouds: Iterable[PolledCloud]) -> None:
        """Write down how long the machines took, for the next wait of this kind."""
        for cloud in clouds if self.verb else ():
            if seconds := cloud.slowest():
                keep_seconds(self.session.inventory.database, cloud.cloud, self.verb, seconds)

    def _ask_why(self, waiting: Sequence[Waiting], ends: float) -> None:
        """Let the outcomes of machines that vanished tell why, where their clouds still know it."""
        gone = [each for each in waiting if each.outcome and isinstance(each.outcome.error, NotFound)]
        left = min(ends - self.clock(), _ASK_WHY)
        if not gone or left <= EXACT or self.stop.requested or self._is_cancelled:
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

    def _not_arrived(self, machine: MachineRecord, cloud: PolledCloud, status: Status) -> Outcome:
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

    def _tell(self, clouds: dict[str, PolledCloud]) -> None:
        """Report the progress to whoever watches."""
        if self.watch is not None:
            now = self.clock()
            self.watch("wait", [each.progress(now, self._steps(each)) for each in clouds.values()])

    def _steps(self, cloud: PolledCloud) -> Mapping[str, Sequence[str]]:
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
