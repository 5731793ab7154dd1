"""Doing something to a machine, whatever the store believes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from cloudmesh.cloud.client.booting import LOOK_AGAIN, Booting
from cloudmesh.cloud.errors import Conflict, Gone, NotFound
from cloudmesh.cloud.model.records import Flavor, Image, MachineRecord, State
from cloudmesh.cloud.model.verbs import Argument, Fitness, Verb, impossible
from cloudmesh.plugin.errors import UsageError


@dataclass(frozen=True)
class ActionResult:
    """A verb that came true.

    Attributes:
        machine: as it is now.
        changed: whether there was anything to do.
        target: where the verb leads this machine.
    """

    machine: MachineRecord
    changed: bool
    target: State | None = None


class Acting(Booting):
    """The part of ``Cloud`` that lists machines and brings verbs about on them.

    Attributes:
        share: gives machines as another thread was told of them moments ago, or lets ``machines`` ask; for
            whoever acts on many, of which many may have vanished. None where each time is the first.
    """

    share: Callable[[Callable[[], list[MachineRecord]]], list[MachineRecord]] | None = None

    def machines(self) -> list[MachineRecord]:
        """All machines, asked from the cloud now and written down."""
        found: list[MachineRecord] = []

        def passing() -> Iterator[MachineRecord]:
            for machine in self._listed():
                found.append(machine)
                yield machine

        self.inventory.replace(self.name, passing(), time.time())
        return found

    def reconcile(self) -> None:
        """Write down all machines as the cloud tells of them now, page by page, and keep none in memory."""
        self.inventory.replace(self.name, self._listed(), time.time())

    def _listed(self) -> Iterator[MachineRecord]:
        with self.calling() as provider:
            yield from provider.machines()

    def argument(self, verb: Verb, given: str | Mapping[str, str | None] | None) -> Argument:
        """What a verb takes beside the machine, looked up on this cloud.

        Raises:
            UsageError: the verb needs one and there is none, or the other way round.
            UnknownName: the cloud has no such image or flavor.
        """
        if bool(verb.takes) != (given is not None):
            needs = f"needs the {verb.takes}" if verb.takes else "takes nothing"
            raise UsageError(f"{verb.words} {needs} beside the machine")
        if verb.takes and verb.capability:
            self.require(verb.capability)
        if verb.takes == "image":
            return self.image(str(given))
        if verb.takes == "flavor":
            return self.flavor(str(given))
        return given

    def act(
        self, machine: MachineRecord, verb: Verb, argument: Argument = None, maybe_done: bool = False
    ) -> ActionResult:
        """Bring a verb about on a known machine, with one call where its known state allows the verb.

        Args:
            argument: what the verb takes, as ``argument`` gave it.
            again: an earlier call may have done it. So the cloud is asked for the true state first; what is
                so already, or on its way, is not done a second time.

        Raises:
            Conflict: it is impossible in the machine's true state, or another machine has the name now; or
                it may have been done, nothing tells whether, and done twice it does harm (then
                ``outcome_unknown``).
            NotFound: the cloud no longer has the machine.
            Unsupported: this cloud cannot do it at all.
        """
        deletes = verb.target is State.DELETED
        try:
            done = self._act_when_known(machine, verb, argument, maybe_done)
        except NotFound as error:
            if self._may_be_hidden(machine, error):
                raise _not_known_yet(machine, error) from error
            self.inventory.forget(machine)
            if deletes:
                self.release_addresses(machine)
            return self._act_on_successor(machine, verb, argument, maybe_done)
        if deletes:
            # Also those of one that was deleted before: whoever did that may have been killed.
            self.release_addresses(machine)
        return done

    def foresee(self, machine: MachineRecord, verb: Verb) -> ActionResult:
        """What a verb would come to, without doing it; raises what ``act`` would.

        If the known state does not allow the verb, the cloud is asked for the true one before that is
        said, since the store may be out of date in either direction.
        """
        if verb.capability:
            self.require(verb.capability)
        # What leads back to where the machine was must know for sure where that is.
        returns = verb.target is None and verb.passing is not None
        if returns or verb.fitness(machine.state) is not Fitness.POSSIBLE:
            machine = self._refreshed(machine)
        return self._judge(machine, verb)

    def _foresee_maybe_done(self, machine: MachineRecord, verb: Verb, argument: Argument) -> ActionResult:
        """The same where an earlier call may have done it; raises Conflict if nothing tells whether."""
        if verb.capability:
            self.require(verb.capability)
        now = self._refreshed(machine)
        if not verb.repeatable:
            if now.state is not verb.passing:
                raise _not_repeated(verb, now)
            return ActionResult(now, False, verb.leads_to(machine.state))
        if _is_so(now, argument):
            return ActionResult(now, False, verb.leads_to(now.state))
        judged = self._judge(now, verb)
        # On its way it does not show where it came from, and may be led back to.
        return replace(judged, target=verb.leads_to(machine.state)) if now.state is verb.passing else judged

    def refresh(self, machine: MachineRecord) -> MachineRecord:
        """The machine as the cloud tells of it now, written down. Raises NotFound if it vanished."""
        try:
            return self._refreshed(machine)
        except NotFound as error:
            if self._may_be_hidden(machine, error):
                raise _not_known_yet(machine, error) from error
            self.inventory.forget(machine)
            raise

    def _act_when_known(
        self, machine: MachineRecord, verb: Verb, argument: Argument, maybe_done: bool
    ) -> ActionResult:
        """``_act``, with some patience with a cloud that may not know yet what it has just made."""
        waited = 0.0
        while True:
            try:
                return self._act(machine, verb, argument, maybe_done)
            except NotFound as error:
                if waited >= self.provider.settling or not self._may_be_hidden(machine, error):
                    raise
            self._sleep(LOOK_AGAIN)
            waited += LOOK_AGAIN

    def _may_be_hidden(self, machine: MachineRecord, error: NotFound) -> bool:
        """Whether a machine that is not found was made so shortly ago that it may be there all the same.

        To take such a one for deleted would leave it running, and nobody would know of it.
        """
        if isinstance(error, Gone) or error.outcome_unknown or machine.state is not State.BUILDING:
            return False
        # A cloud's clock may be ahead; and that it does not tell the time is no proof of age.
        age = max(0.0, time.time() - machine.created) if machine.created else 0.0
        return age < self.provider.hides_new

    def _act(
        self, machine: MachineRecord, verb: Verb, argument: Argument, maybe_done: bool = False
    ) -> ActionResult:
        foreseen = (
            self._foresee_maybe_done(machine, verb, argument) if maybe_done else self.foresee(machine, verb)
        )
        if not foreseen.changed:
            return foreseen
        machine = foreseen.machine
        words = [] if argument is None else [argument]
        try:
            with self.calling() as provider:
                getattr(provider, verb.call)(machine.cloud_id, *words)
        except Conflict:
            judged = self._judge(self._refreshed(machine), verb)
            if judged.changed:
                raise
            return judged
        now = after(machine, verb, argument)
        self._keep(now, f"{verb.words} was accepted for {machine.qualified_name}")
        return ActionResult(now, changed=True, target=foreseen.target)

    def _judge(self, machine: MachineRecord, verb: Verb) -> ActionResult:
        """Whether there is anything to do in this state; raises Conflict if the verb is impossible."""
        fitness = verb.fitness(machine.state)
        if fitness is Fitness.IMPOSSIBLE:
            raise impossible(verb, machine, self.provider.capabilities)
        return ActionResult(machine, fitness is Fitness.POSSIBLE, verb.leads_to(machine.state))

    def _act_on_successor(
        self, gone: MachineRecord, verb: Verb, argument: Argument, maybe_done: bool
    ) -> ActionResult:
        """What a verb means for a machine that has vanished: perhaps another one has its name by now."""
        deleted = ActionResult(replace(gone, state=State.DELETED, raw_state=""), False, State.DELETED)
        deletes = verb.target is State.DELETED
        if deletes and maybe_done:
            return deleted
        # If it may have been done already, nothing is done to another one.
        named = [] if maybe_done else self._others_named(gone)
        if named and verb.destroys:
            # Nobody agreed to lose what is on this one.
            raise Conflict(
                f"{gone.qualified_name} was deleted elsewhere, and another machine ({named[0].cloud_id}) "
                f"has its name now; say it again to {verb.words} that one"
            )
        if deletes:
            return deleted
        if len(named) == 1:
            return self._act(named[0], verb, argument)
        raise NotFound(f"{gone.qualified_name} ({gone.cloud_id}) is no longer on its cloud")

    def _others_named(self, gone: MachineRecord) -> list[MachineRecord]:
        """The machines that have the name of one that has vanished; a shared listing may still have that."""
        found = self.share(self.machines) if self.share else self.machines()
        return [
            each
            for each in found
            if each.name == gone.name and each.cloud_id != gone.cloud_id and each.state is not State.DELETED
        ]

    def _refreshed(self, machine: MachineRecord) -> MachineRecord:
        """The machine as the cloud tells of it now."""
        asked = time.time()
        with self.calling() as provider:
            now = provider.machine(machine.cloud_id)
        self.inventory.save(now, asked)
        return now


def after(machine: MachineRecord, verb: Verb, argument: Argument) -> MachineRecord:
    """The machine once the cloud has accepted a verb."""
    if verb.passing is not None:
        machine = replace(machine, state=verb.passing, raw_state="", fault="")
    if isinstance(argument, Image):
        return replace(machine, image=argument.name)
    if isinstance(argument, Flavor):
        return replace(machine, flavor=argument.name)
    if isinstance(argument, Mapping):
        merged = {**machine.metadata, **argument}
        return replace(machine, metadata={key: value for key, value in merged.items() if value is not None})
    return replace(machine, name=str(argument)) if verb.takes == "name" else machine


def _is_so(machine: MachineRecord, argument: Argument) -> bool:
    """Whether the machine has the flavor, the name or the metadata that were asked for."""
    if isinstance(argument, Flavor):
        # One that is still resizing may wait for a confirmation.
        return machine.state is not State.RESIZING and machine.flavor in (argument.name, argument.cloud_id)
    if isinstance(argument, Mapping):
        return all(machine.metadata.get(key) == value for key, value in argument.items())
    return isinstance(argument, str) and machine.name == argument


def _not_known_yet(machine: MachineRecord, error: NotFound) -> NotFound:
    return NotFound(
        f"{machine.qualified_name} ({machine.cloud_id}) was just booted, and its cloud does not know it "
        f"(yet): {error}; cms vm list --refresh --cloud={machine.cloud} shows whether it is there"
    )


def _not_repeated(verb: Verb, machine: MachineRecord) -> Conflict:
    return Conflict(
        f"{verb.words} of {machine.qualified_name} may have been done, since its answer was lost, and was "
        f"not repeated; the machine is {machine.state} now: look at it, and say it again if it was not done",
        outcome_unknown=True,
    )
