"""Waiting until machines are in a state, at the cost of one listing a cloud and tick."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from cloudmesh.cloud.errors import CloudTimeout, Conflict, NotFound, RateLimited, Unreachable
from cloudmesh.cloud.model import Machine, State
from cloudmesh.plugin.errors import CloudmeshError, Interrupted
from cloudmesh.vm.outcome import Outcome, Result, Status
from cloudmesh.vm.session import Session

TIMEOUT = 600.0
_FIRST_TICK, _GROWTH, _LONGEST_TICK = 0.2, 1.5, 5.0

# How long a machine that was set on its way may still be shown at rest before we say that it will not
# change: some clouds show the old state for a moment after they accepted an action.
_GRACE = 10.0
_AT_REST = frozenset({State.STOPPED, State.SUSPENDED, State.PAUSED})
_AFTER_DELETING = frozenset({State.DELETED, State.ERROR})


@dataclass
class _Waiting:
    """A machine that is not there yet."""

    machine: Machine
    began: float
    was_set_going: bool
    at_rest_since: float | None = None


@dataclass
class Waiter:
    """Waits for machines; ``clock`` and ``sleep`` (seconds) can be replaced in tests."""

    session: Session
    state: State
    timeout: float = TIMEOUT
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _trouble: dict[str, CloudmeshError] = field(default_factory=dict)

    def wait(self, machines: Sequence[Machine]) -> Result:
        """Wait for all of them; a machine fails as soon as it cannot reach the state any more.

        A machine in state error or vanished cannot (unless that is waited for), nor one that is not
        running and that nothing is changing: only a running machine changes by itself. None is built
        twice.
        """
        began = self.clock()
        waiting = [_Waiting(machine, began, machine.state.is_passing) for machine in machines]
        ended: dict[int, Outcome] = {}
        tick = _FIRST_TICK
        try:
            while True:
                self._look(waiting, ended)
                left = began + self.timeout - self.clock()
                if len(ended) == len(waiting) or left <= 0:
                    break
                self.sleep(min(tick, left))
                tick = min(tick * _GROWTH, _LONGEST_TICK)
        except KeyboardInterrupt:
            return self._result(waiting, ended, Status.INTERRUPTED)
        return self._result(waiting, ended, Status.FAILED)

    def _look(self, waiting: list[_Waiting], ended: dict[int, Outcome]) -> None:
        """One tick: list each cloud that still has somebody waiting, and judge."""
        open_ones = {number: each for number, each in enumerate(waiting) if number not in ended}
        for cloud in dict.fromkeys(each.machine.cloud for each in open_ones.values()):
            here = {number: each for number, each in open_ones.items() if each.machine.cloud == cloud}
            try:
                listed = {machine.cloud_id: machine for machine in self.session.cloud(cloud).machines()}
            except (Unreachable, RateLimited, CloudTimeout) as error:
                self._trouble[cloud] = error
                continue
            except CloudmeshError as error:
                for number, each in here.items():
                    ended[number] = self._outcome(each, Status.FAILED, error)
                continue
            self._trouble.pop(cloud, None)
            for number, each in here.items():
                outcome = self._judge(each, listed.get(each.machine.cloud_id))
                if outcome:
                    ended[number] = outcome

    def _judge(self, each: _Waiting, now: Machine | None) -> Outcome | None:
        if now is None:
            return self._vanished(each)
        each.machine = now
        if now.state is self.state:
            return self._outcome(each, Status.DONE)
        reason = self._hopeless(each, now)
        return self._outcome(each, Status.FAILED, Conflict(reason)) if reason else None

    def _hopeless(self, each: _Waiting, now: Machine) -> str:
        """Why the machine cannot reach the state any more; empty as long as it can."""
        if now.state is State.ERROR and self.state is not State.DELETED:
            return f"it ended in state error: {now.fault}" if now.fault else "it ended in state error"
        if now.state is State.DELETED or (now.state is State.DELETING and self.state not in _AFTER_DELETING):
            return f"it is {now.state}"
        if self.state is State.BUILDING and now.state is not State.UNKNOWN:
            return f"it is {now.state}, and a machine is built only once"
        if now.state not in _AT_REST and now.state is not State.ERROR:
            each.at_rest_since = None
            return ""
        each.at_rest_since = self.clock() if each.at_rest_since is None else each.at_rest_since
        if each.was_set_going and self.clock() - each.at_rest_since < _GRACE:
            return ""
        return f"it is {now.state}, and nothing is bringing it to {self.state}"

    def _vanished(self, each: _Waiting) -> Outcome:
        if self.state is State.DELETED:
            each.machine = replace(each.machine, state=State.DELETED)
            return self._outcome(each, Status.DONE)
        return self._outcome(each, Status.FAILED, NotFound(f"it is no longer on cloud {each.machine.cloud}"))

    def _outcome(self, each: _Waiting, status: Status, error: CloudmeshError | None = None) -> Outcome:
        machine = each.machine
        return Outcome(machine.cloud, machine.name, "wait", status, machine, error, self.clock() - each.began)

    def _result(self, waiting: list[_Waiting], ended: dict[int, Outcome], status: Status) -> Result:
        return Result(
            [
                ended.get(number) or self._outcome(each, status, self._late(each, status))
                for number, each in enumerate(waiting)
            ]
        )

    def _late(self, each: _Waiting, status: Status) -> CloudmeshError:
        if status is Status.INTERRUPTED:
            return Interrupted(f"interrupted while it was {each.machine.state}")
        trouble = self._trouble.get(each.machine.cloud)
        reason = f"; the last listing failed: {trouble}" if trouble else ""
        return CloudTimeout(f"it is still {each.machine.state} after {self.timeout:g} seconds{reason}")
