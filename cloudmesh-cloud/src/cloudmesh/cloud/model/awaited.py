"""Whether a machine that is waited for has reached its state, may still reach it, or cannot any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cloudmesh.cloud.errors import Conflict, NotFound
from cloudmesh.cloud.model.records import MachineRecord, State

# How long a machine that was set on its way may still be shown at rest before it counts as one that will not
# change, in seconds: some clouds show the old state for a moment after they accepted an action.
_GRACE = 10.0
# How long a machine that was just booted may be missing at least, in seconds: some clouds show a new one only
# a moment after they told of it.
_SHOWN_LATE = 10.0
_AT_REST = frozenset(state for state in State if not state.is_passing) - {State.ACTIVE, State.UNKNOWN}
_BACK = frozenset({State.ACTIVE, State.STOPPED, State.SUSPENDED, State.PAUSED})
_AFTER_DELETING = frozenset({State.DELETED, State.ERROR})


# Looks at a machine as its cloud just showed it: True if it is as wanted, False if it may come to be so, and
# a text with the reason if it never will.
Condition = Callable[[MachineRecord], bool | str]


def came_back(machine: MachineRecord) -> bool | str:
    """The condition for what leads a machine back to where it was before, running, at rest or stopped."""
    if machine.state is State.ERROR:
        return f"it went to state error: {machine.fault}"
    if machine.state in (State.DELETED, State.DELETING):
        return f"it is {machine.state}"
    return machine.state in _BACK


@dataclass
class AwaitedMachine:
    """A machine that is waited for, judged by what its cloud shows of it, again and again.

    Attributes:
        machine: as it was shown last.
        state: the one that it is to reach.
        was_set_going: whether something was just done that leads it there.
        is_new: whether it was just booted, whatever state its cloud gave it.
        settling: for how many seconds its cloud may not show a machine that it has just made.
    """

    machine: MachineRecord
    state: State
    was_set_going: bool
    is_new: bool = False
    settling: float = 0.0
    _was_shown: bool = False
    _at_rest_since: float | None = None

    @property
    def is_doubtful(self) -> bool:
        """Whether time alone may decide about it: it was not shown yet, or is at rest and should not be."""
        return not self._was_shown or self._at_rest_since is not None

    def has_reached(
        self, shown: MachineRecord | None, waited: float, condition: Condition | None = None
    ) -> bool:
        """Whether the machine is in the state now; False while it may still get there.

        Only a running machine changes by itself: one in another state that nothing is changing never gets
        there. None is built twice.

        Args:
            shown: the machine as its cloud shows it; None if the cloud has no such machine.
            waited: for how many seconds it has been waited for by now.
            condition: what is waited for in place of the state.

        Raises:
            Conflict: it cannot reach the state any more; the sentence tells its state, and not its name.
            NotFound: the cloud no longer has it.
        """
        if shown is None:
            return self._has_vanished(waited)
        self.machine, self._was_shown = shown, True
        met = condition(shown) if condition is not None else shown.state.counts_as(self.state)
        if isinstance(met, str):
            raise Conflict(met)
        if met or condition is not None:
            return met
        if reason := self._hopeless(shown, waited):
            raise Conflict(reason)
        return False

    def _has_vanished(self, waited: float) -> bool:
        """Whether that a cloud has no such machine is what was waited for; False if it is too new."""
        if self.state is State.DELETED:
            self.machine = replace(self.machine, state=State.DELETED)
            return True
        may_be_late = not self._was_shown and (self.is_new or self.was_set_going)
        if not may_be_late or waited >= max(_SHOWN_LATE, self.settling):
            raise NotFound(f"it no longer exists on cloud {self.machine.cloud}")
        return False

    def _gave_up(self, now: MachineRecord) -> bool:
        """Whether the cloud may have given up what led there: a running machine is never shelved by itself.

        Where there is no room for the image of its disk, OpenStack shows it as active again, without a fault.
        """
        return self.was_set_going and self.state is State.SHELVED and now.state is State.ACTIVE

    def _hopeless(self, now: MachineRecord, waited: float) -> str:
        """Why the machine cannot reach the state any more; empty as long as it can."""
        # What the cloud says went wrong, as vm info shows it.
        why = f": {now.fault}" if now.fault else ""
        if now.state is State.ERROR and self.state is not State.DELETED:
            return f"it went to state error{why}"
        if now.state is State.DELETED or (now.state is State.DELETING and self.state not in _AFTER_DELETING):
            return f"it is {now.state}{why}"
        if self.state is State.BUILDING and now.state is not State.UNKNOWN:
            return f"it is {now.state}, and cannot return to state building"
        if now.state not in (_AT_REST | {State.ACTIVE} if self._gave_up(now) else _AT_REST):
            self._at_rest_since = None
            return ""
        self._at_rest_since = waited if self._at_rest_since is None else self._at_rest_since
        if self.was_set_going and waited - self._at_rest_since < _GRACE:
            return ""
        return f"it is {now.state}, and does not change to {self.state}{why}"
