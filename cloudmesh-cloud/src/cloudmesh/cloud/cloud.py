"""One cloud, opened for a block of statements."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType

from cloudmesh.cloud.errors import Conflict, NotFound, ProviderDefect, Unsupported
from cloudmesh.cloud.inventory import Inventory
from cloudmesh.cloud.lookup import defaults, pick
from cloudmesh.cloud.model import Flavor, Image, KeyPair, Machine, State
from cloudmesh.cloud.provider import BootRequest, Provider
from cloudmesh.cloud.registry import provider_class
from cloudmesh.cloud.verbs import Fitness, Verb, find_verb, impossible
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, StoreError, UnknownName


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


class Cloud:
    """A cloud of the configuration.

    ::

        with Cloud('local') as c:
            vm = c.machine('vm1', 'start')

    What the cloud tells is written down in the store.

    Args:
        name: the cloud's name in the configuration.
        config: another configuration than the user's own.
        inventory: an open store to share; else the user's own is opened and closed.
    """

    def __init__(self, name: str, config: Config | None = None, inventory: Inventory | None = None) -> None:
        self.name = name
        self._config = config
        self._shared = inventory
        self._provider: Provider | None = None
        self._inventory: Inventory | None = None

    def __enter__(self) -> Cloud:
        """Open the cloud.

        Raises:
            UnknownName: no cloud has this name; the message lists the known ones.
            ConfigError: the configuration or the cloud's settings cannot be used, or a secret is missing.
        """
        if self._provider is not None:
            raise CloudmeshError(f"cloud {self.name} is already open; use one 'with' block at a time")
        config = self._config or Config.load()
        config.require_active(self.name)
        settings = config.settings(self.name)
        self._defaults = defaults(config, self.name)
        with self._mapped():
            provider = provider_class(settings.get("type"), self.name)(self.name, settings)
            provider.open()
        self._provider, self._inventory = provider, self._shared or Inventory()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.provider.close()
        finally:
            if self._shared is None:
                self.inventory.close()
            self._provider = self._inventory = None

    @property
    def provider(self) -> Provider:
        """The provider underneath, for what only this kind of cloud has."""
        if self._provider is None:
            raise CloudmeshError(f"cloud {self.name} is not open; use 'with Cloud({self.name!r}) as c:'")
        return self._provider

    @property
    def inventory(self) -> Inventory:
        """The store of what is known."""
        if self._inventory is None:
            raise CloudmeshError(f"cloud {self.name} is not open; use 'with Cloud({self.name!r}) as c:'")
        return self._inventory

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """What a provider must not raise becomes one error of this cloud, so that other clouds go on."""
        try:
            yield
        except CloudmeshError:
            raise
        except Exception as error:
            kind = type(error).__name__
            raise ProviderDefect(
                f"cloud {self.name} failed by an error of its provider, {kind}; "
                "CLOUDMESH_DEBUG=1 shows more, please report it"
            ) from error

    def machine(self, name: str, action: str | None = None) -> Machine:
        """The machine of this name, after ``action`` (start, stop, suspend, resume, reboot, delete).

        An action that is already true changes nothing and is no error.

        Raises:
            UnknownName: no such machine or action; the nearest is named.
            Conflict: the action is impossible in the machine's state; the possible ones are named.
            CloudError: the cloud could not be reached or refused.
        """
        if action is not None:
            return self.act(self.find(name), find_verb(action)).machine
        return self.refresh(self.find(name))

    def machines(self) -> list[Machine]:
        """All machines, asked from the cloud now and written down."""
        asked = time.time()
        with self._mapped():
            machines = list(self.provider.machines())
        self.inventory.replace(self.name, machines, asked)
        return machines

    def check(self) -> str:
        """Sign in and make one cheap call; a sentence on what was found."""
        with self._mapped():
            return self.provider.check()

    def boot(
        self, name: str, image: str | None = None, flavor: str | None = None, key: str | None = None
    ) -> Machine:
        """Boot a machine; what is not given is taken from the cloud's defaults in the configuration.

        Raises:
            UnknownName: the cloud has no such image, flavor or key.
            ConfigError: image or flavor is neither given nor configured.
            CloudError: the cloud could not be reached or refused.
        """
        return self.boot_as(self.boot_request(name, image, flavor, key))

    def boot_request(
        self, name: str, image: str | None = None, flavor: str | None = None, key: str | None = None
    ) -> BootRequest:
        """Look up by name what booting a machine needs; for further machines replace the name in it."""
        image, flavor = self._choice("image", image), self._choice("flavor", flavor)
        key = key or self._defaults.get("key")
        return BootRequest(
            name=name,
            image=pick("image", image, self.name, self.images()),
            flavor=pick("flavor", flavor, self.name, self.flavors()),
            key=pick("key", key, self.name, self.key_pairs()) if key else None,
        )

    def boot_as(self, request: BootRequest) -> Machine:
        """Boot the machine that the request names, and write it down."""
        with self._mapped():
            machine = self.provider.boot(request)
        self._keep(machine, f"{machine.qualified_name} ({machine.cloud_id}) was booted")
        return machine

    def images(self) -> list[Image]:
        """What machines can boot from."""
        with self._mapped():
            return self.provider.images()

    def flavors(self) -> list[Flavor]:
        """The sizes of machines on offer."""
        with self._mapped():
            return self.provider.flavors()

    def key_pairs(self) -> list[KeyPair]:
        """The key pairs kept by the cloud."""
        with self._mapped():
            return self.provider.key_pairs()

    def console(self, machine: Machine) -> str:
        """What the machine printed on its console."""
        with self._mapped():
            return self.provider.console(machine.cloud_id)

    def find(self, name: str) -> Machine:
        """The machine of this name as it is known; the cloud is asked only where none or several are.

        Raises:
            UnknownName: the cloud has no machine of this name.
            Conflict: it has several.
        """
        found = [each.machine for each in self.inventory.known(self.name) if each.machine.name == name]
        if len(found) != 1:
            # Of several, those deleted meanwhile are still in the store; the cloud knows which.
            listed = self.machines()
            found = [machine for machine in listed if machine.name == name]
            if not found:
                raise UnknownName("machine", name, (each.name for each in listed), f"on cloud {self.name}")
        if len(found) > 1:
            ids = ", ".join(machine.cloud_id for machine in found)
            raise Conflict(
                f"cloud {self.name} has {len(found)} machines named {name} ({ids}); rename all but one"
            )
        return found[0]

    def act(self, machine: Machine, verb: Verb) -> Done:
        """Bring a verb about on a known machine, with one call where its known state allows the verb.

        Raises:
            Conflict: it is impossible in the machine's true state, or another machine has the name now.
            NotFound: the cloud no longer has the machine.
            Unsupported: this cloud cannot do it at all.
        """
        try:
            return self._act(machine, verb)
        except NotFound:
            self.inventory.forget(machine)
            return self._act_on_successor(machine, verb)

    def foresee(self, machine: Machine, verb: Verb) -> Done:
        """What a verb would come to, without doing it; raises what ``act`` would.

        If the known state does not allow the verb, the cloud is asked for the true one before that is
        said, since the store may be out of date in either direction.
        """
        if verb.capability and verb.capability not in self.provider.capabilities:
            raise Unsupported(f"cloud {self.name} is of a type that cannot {verb.name} a machine")
        if verb.fitness(machine.state) is not Fitness.POSSIBLE:
            machine = self._refreshed(machine)
        return self._judge(machine, verb)

    def refresh(self, machine: Machine) -> Machine:
        """The machine as the cloud tells of it now, written down. Raises NotFound if it vanished."""
        try:
            return self._refreshed(machine)
        except NotFound:
            self.inventory.forget(machine)
            raise

    def _act(self, machine: Machine, verb: Verb) -> Done:
        foreseen = self.foresee(machine, verb)
        if not foreseen.changed:
            return foreseen
        machine = foreseen.machine
        try:
            with self._mapped():
                getattr(self.provider, verb.call)(machine.cloud_id)
        except Conflict:
            now = self._judge(self._refreshed(machine), verb)
            if now.changed:
                raise
            return now
        after = replace(machine, state=verb.passing or machine.state, raw_state="", fault="")
        self._keep(after, f"{verb.name} was accepted for {machine.qualified_name}")
        return Done(after, changed=True, target=foreseen.target)

    def _judge(self, machine: Machine, verb: Verb) -> Done:
        """Whether there is anything to do in this state; raises Conflict if the verb is impossible."""
        fitness = verb.fitness(machine.state)
        if fitness is Fitness.IMPOSSIBLE:
            raise impossible(verb, machine, self.provider.capabilities)
        return Done(machine, fitness is Fitness.POSSIBLE, verb.leads_to(machine.state))

    def _act_on_successor(self, gone: Machine, verb: Verb) -> Done:
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
            return self._act(named[0], verb)
        if verb.target is State.DELETED:
            return Done(replace(gone, state=State.DELETED, raw_state=""), False, State.DELETED)
        raise NotFound(f"{gone.qualified_name} ({gone.cloud_id}) is no longer on its cloud")

    def _keep(self, machine: Machine, happened: str) -> None:
        """Write down what the cloud has done; if that fails the user must still learn that it was done."""
        try:
            self.inventory.save(machine)
        except StoreError as error:
            raise StoreError(f"{happened}, but that could not be written down: {error}") from error

    def _refreshed(self, machine: Machine) -> Machine:
        """The machine as the cloud tells of it now."""
        asked = time.time()
        with self._mapped():
            now = self.provider.machine(machine.cloud_id)
        self.inventory.save(now, asked)
        return now

    def _choice(self, kind: str, given: str | None) -> str:
        chosen = given or self._defaults.get(kind)
        if not chosen:
            raise ConfigError(
                f"no {kind} is given and cloud {self.name} has no default; "
                f"use --{kind}= or cms config set clouds.{self.name}.default.{kind}=NAME"
            )
        return chosen
