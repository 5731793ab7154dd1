"""Doing something to a machine, whatever the store believes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from cloudmesh.cloud.booting import Booting
from cloudmesh.cloud.errors import Conflict, NotFound
from cloudmesh.cloud.model import Flavor, Image, Machine, State
from cloudmesh.cloud.verbs import Argument, Fitness, Verb, impossible
from cloudmesh.plugin.errors import UsageError


@dataclass(frozen=True)
class Done:
    """A verb that came true.

    Attributes:
        machine: as it is now.
        changed: whether there was anything to do.
        target: where the verb leads this machine.
    """

    machine: Machine
    changed: bool
    target: State | None = None


class Acting(Booting):
    """The part of ``Cloud`` that lists machines and brings verbs about on them."""

    def machines(self) -> list[Machine]:
        """All machines, asked from the cloud now and written down."""
        found: list[Machine] = []

        def passing() -> Iterator[Machine]:
            for machine in self._listed():
                found.append(machine)
                yield machine

        self.inventory.replace(self.name, passing(), time.time())
        return found

    def reconcile(self) -> None:
        """Write down all machines as the cloud tells of them now, page by page, and keep none in memory."""
        self.inventory.replace(self.name, self._listed(), time.time())

    def _listed(self) -> Iterator[Machine]:
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

    def act(self, machine: Machine, verb: Verb, argument: Argument = None) -> Done:
        """Bring a verb about on a known machine, with one call where its known state allows the verb.

        Args:
            argument: what the verb takes, as ``argument`` gave it.

        Raises:
            Conflict: it is impossible in the machine's true state, or another machine has the name now.
            NotFound: the cloud no longer has the machine.
            Unsupported: this cloud cannot do it at all.
        """
        try:
            return self._act(machine, verb, argument)
        except NotFound:
            self.inventory.forget(machine)
            return self._act_on_successor(machine, verb, argument)

    def foresee(self, machine: Machine, verb: Verb) -> Done:
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

    def refresh(self, machine: Machine) -> Machine:
        """The machine as the cloud tells of it now, written down. Raises NotFound if it vanished."""
        try:
            return self._refreshed(machine)
        except NotFound:
            self.inventory.forget(machine)
            raise

    def _act(self, machine: Machine, verb: Verb, argument: Argument) -> Done:
        foreseen = self.foresee(machine, verb)
        if not foreseen.changed:
            return foreseen
        machine = foreseen.machine
        words = [] if argument is None else [argument]
        try:
            with self.calling() as provider:
                getattr(provider, verb.call)(machine.cloud_id, *words)
        except Conflict:
            now = self._judge(self._refreshed(machine), verb)
            if now.changed:
                raise
            return now
        after = _after(machine, verb, argument)
        self._keep(after, f"{verb.words} was accepted for {machine.qualified_name}")
        if verb.target is State.DELETED:
            self.release_addresses(machine)
        return Done(after, changed=True, target=foreseen.target)

    def _judge(self, machine: Machine, verb: Verb) -> Done:
        """Whether there is anything to do in this state; raises Conflict if the verb is impossible."""
        fitness = verb.fitness(machine.state)
        if fitness is Fitness.IMPOSSIBLE:
            raise impossible(verb, machine, self.provider.capabilities)
        return Done(machine, fitness is Fitness.POSSIBLE, verb.leads_to(machine.state))

    def _act_on_successor(self, gone: Machine, verb: Verb, argument: Argument) -> Done:
        """What a verb means for a machine that has vanished: perhaps another one has its name by now."""
        alive = (machine for machine in self.machines() if machine.state is not State.DELETED)
        named = [machine for machine in alive if machine.name == gone.name]
        if named and verb.target is State.DELETED:
            # Nobody agreed to delete this one.
            raise Conflict(
                f"{gone.qualified_name} was deleted elsewhere, and another machine ({named[0].cloud_id}) "
                "has its name now; say it again to delete that one"
            )
        if len(named) == 1:
            return self._act(named[0], verb, argument)
        if verb.target is State.DELETED:
            self.release_addresses(gone)
            return Done(replace(gone, state=State.DELETED, raw_state=""), False, State.DELETED)
        raise NotFound(f"{gone.qualified_name} ({gone.cloud_id}) is no longer on its cloud")

    def _refreshed(self, machine: Machine) -> Machine:
        """The machine as the cloud tells of it now."""
        asked = time.time()
        with self.calling():
            now = self.provider.machine(machine.cloud_id)
        self.inventory.save(now, asked)
        return now


def _after(machine: Machine, verb: Verb, argument: Argument) -> Machine:
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
