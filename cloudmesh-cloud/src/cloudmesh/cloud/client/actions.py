"""Doing a verb on machines, one or many in a call; checks the true state if the store forbids it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from cloudmesh.cloud.client.addresses import PublicAddresses
from cloudmesh.cloud.client.connection import Connection
from cloudmesh.cloud.client.copies import Copies
from cloudmesh.cloud.client.machines import LOOK_AGAIN, MachineList, not_known_yet
from cloudmesh.cloud.errors import (
    Conflict,
    Locked,
    NotFound,
    RateLimited,
    Refused,
    ServerFailure,
    Unsupported,
)
from cloudmesh.cloud.model.copies import NewMachine, NewSnapshot
from cloudmesh.cloud.model.parameters import Fitness
from cloudmesh.cloud.model.records import Flavor, Image, MachineRecord, State
from cloudmesh.cloud.model.refusals import impossible, locked
from cloudmesh.cloud.model.verbs import Argument, Verb, capability_of
from cloudmesh.plugin.errors import CloudmeshError, StoreError

# What one machine of several can be the reason of. A quota or a full cloud is among them: some may still fit.
_OF_ONE = (NotFound, Conflict, Unsupported, Refused)
_OF_ALL = (RateLimited, ServerFailure)


@dataclass(frozen=True)
class ActionResult:
    """What became of a verb on one machine.

    Attributes:
        machine: as it is now; where the verb makes another one, that one.
        changed: whether there was anything to do.
        target: the state to which the verb leads this machine.
    """

    machine: MachineRecord
    changed: bool
    target: State | None = None


@dataclass(frozen=True)
class RetrySingly:
    """Nothing was done to this machine, or nothing that a call for it alone would repeat: make that call."""


def singly(error: CloudmeshError) -> CloudmeshError | RetrySingly:
    """What an error of a call for several machines is to each: RetrySingly if surely nothing was done."""
    if error.outcome_unknown or not isinstance(error, _OF_ONE) or isinstance(error, _OF_ALL):
        return error
    return RetrySingly()


class MachineActions:
    """Brings verbs about on machines of one cloud; what the cloud tells meanwhile is written down."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @cached_property
    def machines(self) -> MachineList:
        """The machines of the cloud as it tells of them, which most actions need not ask for."""
        return MachineList(self.connection)

    @cached_property
    def copies(self) -> Copies:
        """The snapshots and clones of the machines."""
        return Copies(self.machines)

    def act(
        self, machine: MachineRecord, verb: Verb, argument: Argument = None, maybe_done: bool = False
    ) -> ActionResult:
        """Bring a verb about on a known machine, with one call where its known state allows the verb.

        Args:
            argument: what the verb takes, as ``Cloud.argument`` gave it.
            maybe_done: an earlier call may have done it. So the cloud is asked for the true state first; what
                is so already, or on its way, is not done a second time.

        Raises:
            Conflict: it is impossible in the machine's true state, or another machine has the name now; or
                it may have been done, nothing tells whether, and done twice it does harm (then
                ``outcome_unknown``).
            NotFound: the cloud no longer has the machine.
            Unsupported: this cloud cannot do it at all.
        """
        deletes = verb.target is State.DELETED
        if maybe_done and _makes_anew(verb):
            self.connection.inventory.forget_host_keys(machine)
        try:
            done = self._act_when_known(machine, verb, argument, maybe_done)
        except NotFound as error:
            if self.machines.may_be_hidden(machine, error):
                raise not_known_yet(machine, error) from error
            gone = replace(machine, state=State.DELETED) if deletes else machine
            self.connection.inventory.forget(gone)
            if deletes:
                PublicAddresses(self.connection).release(machine)
            return self._act_on_successor(machine, verb, argument, maybe_done)
        if deletes:
            # Also those of one that was deleted before: the process that did that may have been killed.
            PublicAddresses(self.connection).release(machine)
        return done

    def foresee(self, machine: MachineRecord, verb: Verb, argument: Argument = None) -> ActionResult:
        """What a verb would come to, without doing it; raises what ``act`` would.

        If the known state does not allow the verb, the cloud is asked for the true one before that is
        said, since the store may be out of date in either direction.
        """
        if needed := capability_of(verb):
            self.connection.require(needed)
        # What leads back to where the machine was must know for sure where that is.
        returns = verb.target is None and verb.passing is not None
        is_refused = verb.fitness(machine.state) is not Fitness.POSSIBLE
        if returns or is_refused or verb.spares(machine) or _has_lock_of(machine, verb):
            machine = self.machines.ask(machine)
        judged = self._judge(machine, verb)
        if isinstance(argument, NewSnapshot):
            self.copies.require(machine, verb, argument)
        return judged

    def _foresee_maybe_done(self, machine: MachineRecord, verb: Verb, argument: Argument) -> ActionResult:
        """The same where an earlier call may have done it; raises Conflict if nothing tells whether."""
        if needed := capability_of(verb):
            self.connection.require(needed)
        now = self.machines.ask(machine)
        if not verb.repeatable:
            if now.state is not verb.passing:
                raise Conflict(
                    f"{verb.words} of {now.qualified_name}: outcome unknown, since the answer was lost; not "
                    f"repeated; the machine is {now.state} now: check it, and repeat the command if needed",
                    outcome_unknown=True,
                )
            return ActionResult(now, False, verb.leads_to(machine.state))
        if isinstance(argument, NewSnapshot):
            done_before = self.copies.is_so(now, verb, argument)
        else:
            done_before = _is_so(now, argument)
        if done_before:
            return ActionResult(now, False, verb.leads_to(now.state))
        # On its way it does not show where it came from, and may be led back to.
        target = verb.leads_to(machine.state)
        if isinstance(argument, Flavor) and now.state is State.RESIZING:
            # Whoever asked for it may be gone, and nobody would confirm it.
            return ActionResult(now, True, target)
        if now.state is verb.passing:
            return ActionResult(now, False, target)
        judged = self._judge(now, verb)
        return replace(judged, target=target) if now.state in (verb.passing, State.RESIZED) else judged

    def _act_when_known(
        self, machine: MachineRecord, verb: Verb, argument: Argument, maybe_done: bool
    ) -> ActionResult:
        """``_act``, retried while the cloud may not know yet what it has just made."""
        waited = 0.0
        while True:
            try:
                return self._act(machine, verb, argument, maybe_done)
            except NotFound as error:
                over = waited >= self.connection.provider.settling
                if over or not self.machines.may_be_hidden(machine, error):
                    raise
            self.connection.sleep(LOOK_AGAIN)
            waited += LOOK_AGAIN

    def _act(
        self, machine: MachineRecord, verb: Verb, argument: Argument, maybe_done: bool = False
    ) -> ActionResult:
        if maybe_done and isinstance(argument, NewMachine) and (made := self.copies.cloned_before(argument)):
            return self._made(machine, made)
        # A machine that was not made leaves no trace on the one it was to be made from.
        looks = maybe_done and not verb.makes
        foreseen = (
            self._foresee_maybe_done(machine, verb, argument)
            if looks
            else self.foresee(machine, verb, argument)
        )
        _require_same_size(foreseen.machine, argument)
        if not foreseen.changed:
            return foreseen
        machine = foreseen.machine
        try:
            made = getattr(self.connection.calls, verb.call)(machine.cloud_id, *_words(argument))
        except Conflict as error:
            now = self.machines.ask(machine)
            judged = self._judge(now, verb)
            if judged.changed and isinstance(error, Locked):
                raise locked(verb, now) from error
            if judged.changed:
                raise
            return judged
        except CloudmeshError as error:
            if error.outcome_unknown and _makes_anew(verb):
                self.connection.inventory.forget_host_keys(machine)
            raise
        if verb.makes:
            return self._made(machine, made)
        accepted = self._accepted(machine, verb, argument)
        return ActionResult(accepted.machine, accepted.changed, foreseen.target)

    def _made(self, machine: MachineRecord, made: MachineRecord) -> ActionResult:
        """What a verb comes to that has made another machine, which is written down."""
        told = f"{machine.qualified_name} was cloned as {made.name} ({made.cloud_id})"
        self.connection.save(made, told)
        return ActionResult(made, changed=True, target=State.ACTIVE)

    def _judge(self, machine: MachineRecord, verb: Verb) -> ActionResult:
        """Whether there is anything to do in this state; raises Conflict if the verb is impossible."""
        fitness = verb.fitness(machine.state)
        if fitness is Fitness.IMPOSSIBLE:
            raise impossible(verb, machine, self.connection.provider.capabilities)
        changes = fitness is Fitness.POSSIBLE and not _has_lock_of(machine, verb)
        if changes and verb.spares(machine):
            raise locked(verb, machine)
        return ActionResult(machine, changes, verb.leads_to(machine.state))

    def _act_on_successor(
        self, gone: MachineRecord, verb: Verb, argument: Argument, maybe_done: bool
    ) -> ActionResult:
        """What a verb means for a machine that has vanished: perhaps another one has its name by now."""
        deleted = ActionResult(replace(gone, state=State.DELETED, raw_state=""), False, State.DELETED)
        deletes = verb.target is State.DELETED
        if deletes and maybe_done:
            # Whoever has its name by now is left alone; that it is not there itself is made sure of.
            self.machines.others_named(gone)
            return deleted
        # If it may have been done already, nothing is done to another one.
        named = [] if maybe_done else self.machines.others_named(gone)
        if named and verb.destroys:
            # Nobody agreed to lose what is on this one.
            raise Conflict(
                f"{gone.qualified_name} was deleted elsewhere, and another machine ({named[0].cloud_id}) "
                f"has its name now; repeat the command to {verb.words} that one"
            )
        if deletes:
            return deleted
        if len(named) == 1:
            return self._act(named[0], verb, argument)
        raise NotFound(f"{gone.qualified_name} ({gone.cloud_id}) no longer exists on its cloud")

    def act_many(
        self, machines: Sequence[MachineRecord], verb: Verb
    ) -> list[ActionResult | CloudmeshError | RetrySingly]:
        """Bring a verb about on several known machines, with one call for as many as the cloud takes at once.

        Returns:
            For each machine what ``act`` would have given or raised; or RetrySingly where only that can tell:

            - the known state does not allow the verb, so that the true one must be asked for;
            - addresses were taken for the machine, which go with it when it is deleted;
            - the cloud refused the call for what may be the fault of one machine.

            What concerns the whole cloud (it does not answer, too many calls, credentials), and what leaves
            open whether the work was done, is the error of each machine.
        """
        results: dict[str, ActionResult | CloudmeshError | RetrySingly] = {}
        together = [machine for machine in machines if self._fits(machine, verb)]
        most = self.connection.provider.most(verb.name)
        for first in range(0, len(together), most):
            results |= self._act_on(together[first : first + most], verb)
        return [results.get(machine.cloud_id, RetrySingly()) for machine in machines]

    def _fits(self, machine: MachineRecord, verb: Verb) -> bool:
        """Whether nothing about the machine needs a call of its own."""
        if self.connection.provider.most(verb.name) == 1 or verb.takes or verb.target is None:
            return False
        if (needed := capability_of(verb)) and needed not in self.connection.provider.capabilities:
            return False
        if verb.fitness(machine.state) is not Fitness.POSSIBLE or verb.spares(machine):
            return False
        return verb.target is not State.DELETED or not self.connection.inventory.addresses_of(machine)

    def _act_on(
        self, machines: Sequence[MachineRecord], verb: Verb
    ) -> dict[str, ActionResult | CloudmeshError | RetrySingly]:
        """One call; the result of each machine by its id."""
        ids = [machine.cloud_id for machine in machines]
        try:
            refused = self.connection.calls.act_many(verb.name, ids)
        except CloudmeshError as error:
            return dict.fromkeys(ids, singly(error))
        results: dict[str, ActionResult | CloudmeshError | RetrySingly] = {}
        for machine in machines:
            try:
                why = refused.get(machine.cloud_id)
                results[machine.cloud_id] = singly(why) if why else self._accepted(machine, verb)
            except StoreError as unsaved:
                results[machine.cloud_id] = unsaved
        return results

    def _accepted(self, machine: MachineRecord, verb: Verb, argument: Argument = None) -> ActionResult:
        """What a verb comes to that the cloud has accepted, written down."""
        now = after(machine, verb, argument)
        if _makes_anew(verb) or verb.target is State.DELETED:
            self.connection.inventory.forget_host_keys(now)
        self.connection.save(now, f"{verb.words} was accepted for {machine.qualified_name}")
        return ActionResult(now, changed=True, target=verb.leads_to(machine.state))


def after(machine: MachineRecord, verb: Verb, argument: Argument) -> MachineRecord:
    """The machine once the cloud has accepted a verb."""
    if verb.passing is not None:
        machine = machine.on_its_way(verb.passing)
    if verb.locks is not None:
        return replace(machine, locked=verb.locks)
    if isinstance(argument, Image):
        return replace(machine, image=argument.name)
    if isinstance(argument, Flavor):
        return replace(machine, flavor=argument.name)
    if isinstance(argument, Mapping):
        merged = {**machine.metadata, **argument}
        return replace(machine, metadata={key: value for key, value in merged.items() if value is not None})
    return replace(machine, name=str(argument)) if verb.takes == "name" else machine


def _makes_anew(verb: Verb) -> bool:
    """Whether a verb gives a machine another disk, with other host keys of ssh; a snapshot has the same."""
    return verb.passing is State.REBUILDING


def _words(argument: Argument) -> tuple[object, ...]:
    """What a provider's method takes beside the machine."""
    if isinstance(argument, NewMachine):
        return argument.name, argument.token
    if isinstance(argument, NewSnapshot):
        return (argument.name,)
    return () if argument is None else (argument,)


def _has_lock_of(machine: MachineRecord, verb: Verb) -> bool:
    """Whether a machine is locked, or unlocked, as the verb would make it."""
    return verb.locks is not None and machine.locked is verb.locks


def _require_same_size(machine: MachineRecord, argument: Argument) -> None:
    """Raises Conflict if another size waits to be confirmed than the one that is asked for."""
    if machine.state is not State.RESIZED or not isinstance(argument, Flavor):
        return
    if machine.flavor not in (argument.name, argument.cloud_id):
        name = machine.qualified_name
        raise Conflict(
            f"{name} was resized to {machine.flavor or 'another flavor'}, and this has to "
            f"be confirmed or reverted before it can be resized to {argument.name}: "
            f"cms vm confirm-resize {name}, or cms vm revert-resize {name}"
        )


def _is_so(machine: MachineRecord, argument: Argument) -> bool:
    """Whether the machine has the flavor, the name or the metadata that were asked for."""
    if isinstance(argument, Flavor):
        # One that is still resizing may wait for a confirmation.
        on_its_way = machine.state in (State.RESIZING, State.RESIZED)
        return not on_its_way and machine.flavor in (argument.name, argument.cloud_id)
    if isinstance(argument, Mapping):
        return all(machine.metadata.get(key) == value for key, value in argument.items())
    return isinstance(argument, str) and machine.name == argument
