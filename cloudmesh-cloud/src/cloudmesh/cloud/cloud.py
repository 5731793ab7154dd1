"""One cloud, opened for a block of statements."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, TypeVar

from cloudmesh.cloud.errors import Conflict, NotFound
from cloudmesh.cloud.inventory import Inventory, Known
from cloudmesh.cloud.model import Flavor, Image, KeyPair, Machine, State
from cloudmesh.cloud.provider import BootRequest, Provider
from cloudmesh.cloud.registry import provider_class
from cloudmesh.cloud.verbs import Fitness, Verb, find_verb, impossible
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, StoreError, UnknownName


class _Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def cloud_id(self) -> str: ...


Thing = TypeVar("Thing", bound=_Named)


@dataclass(frozen=True)
class Done:
    """A verb that came true: the machine as it is now, and whether there was anything to do."""

    machine: Machine
    changed: bool


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
            ConfigError: the configuration or the cloud's settings cannot be used.
        """
        if self._provider is not None:
            raise CloudmeshError(f"cloud {self.name} is already open; use one 'with' block at a time")
        config = self._config or Config.load()
        settings = config.cloud(self.name)
        config.require_active(self.name)
        self._defaults = _defaults(config, self.name, settings.get("default"))
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

    @property
    def is_simulated(self) -> bool:
        """Whether no real machine runs here."""
        return self.provider.simulated

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
        machines = self.provider.machines()
        self.inventory.replace(self.name, machines, asked)
        return machines

    def boot(
        self, name: str, image: str | None = None, flavor: str | None = None, key: str | None = None
    ) -> Machine:
        """Boot a machine; what is not given is taken from the cloud's defaults in the configuration.

        Raises:
            UnknownName: the cloud has no such image, flavor or key.
            ConfigError: image or flavor is neither given nor configured.
            CloudError: the cloud could not be reached or refused.
        """
        return self.boot_as(replace(self.boot_request(image, flavor, key), name=name))

    def boot_request(
        self, image: str | None = None, flavor: str | None = None, key: str | None = None
    ) -> BootRequest:
        """Look up by name what booting needs, once for any number of machines."""
        chosen_key = key or self._defaults.get("key")
        return BootRequest(
            name="",
            image=_pick("image", self._choice("image", image), self.name, self.provider.images),
            flavor=_pick("flavor", self._choice("flavor", flavor), self.name, self.provider.flavors),
            key=self._key(chosen_key) if chosen_key else None,
        )

    def boot_as(self, request: BootRequest) -> Machine:
        """Boot the machine that the request names, and write it down."""
        machine = self.provider.boot(request)
        self._keep(machine, f"{machine.qualified_name} ({machine.cloud_id}) was booted")
        return machine

    def images(self) -> list[Image]:
        """What machines can boot from."""
        return self.provider.images()

    def flavors(self) -> list[Flavor]:
        """The sizes of machines on offer."""
        return self.provider.flavors()

    def key_pairs(self) -> list[KeyPair]:
        """The key pairs kept by the cloud."""
        return self.provider.key_pairs()

    def console(self, machine: Machine) -> str:
        """What the machine printed on its console."""
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

    def known(self) -> list[Known]:
        """The machines as they were last seen, without asking the cloud."""
        return self.inventory.known(self.name)

    def act(self, machine: Machine, verb: Verb) -> Done:
        """Bring a verb about on a known machine, with one call where its known state allows the verb.

        Where the known state does not, the cloud is asked for the true one first, since the store may
        be out of date in either direction.
        """
        try:
            return self._act(machine, verb)
        except NotFound:
            self.inventory.forget(machine)
            if verb.target is not State.DELETED:
                raise
            return Done(replace(machine, state=State.DELETED, raw_state=""), changed=False)

    def refresh(self, machine: Machine) -> Machine:
        """The machine as the cloud tells of it now, written down. Raises NotFound if it vanished."""
        try:
            return self._refreshed(machine)
        except NotFound:
            self.inventory.forget(machine)
            raise

    def _act(self, machine: Machine, verb: Verb) -> Done:
        if verb.fitness(machine.state) is not Fitness.POSSIBLE:
            machine = self._refreshed(machine)
            if verb.fitness(machine.state) is not Fitness.POSSIBLE:
                return _already(machine, verb)
        try:
            getattr(self.provider, verb.name)(machine.cloud_id)
        except Conflict:
            now = self._refreshed(machine)
            if verb.fitness(now.state) is Fitness.POSSIBLE:
                raise
            return _already(now, verb)
        after = replace(machine, state=verb.passing, raw_state="", fault="")
        self._keep(after, f"{verb.name} was accepted for {machine.qualified_name}")
        return Done(after, changed=True)

    def _keep(self, machine: Machine, happened: str) -> None:
        """Write down what the cloud has done; if that fails the user must still learn that it was done."""
        try:
            self.inventory.save(machine)
        except StoreError as error:
            raise StoreError(f"{happened}, but that could not be written down: {error}") from error

    def _refreshed(self, machine: Machine) -> Machine:
        """The machine as the cloud tells of it now."""
        now = self.provider.machine(machine.cloud_id)
        self.inventory.save(now)
        return now

    def _choice(self, kind: str, given: str | None) -> str:
        chosen = given or self._defaults.get(kind)
        if not chosen:
            raise ConfigError(
                f"no {kind} is given and cloud {self.name} has no default; "
                f"use --{kind}= or cms config set clouds.{self.name}.default.{kind}=NAME"
            )
        return str(chosen)

    def _key(self, name: str) -> KeyPair:
        keys = {key.name: key for key in self.provider.key_pairs()}
        if name not in keys:
            raise UnknownName("key", name, keys, f"on cloud {self.name}")
        return keys[name]


def _already(machine: Machine, verb: Verb) -> Done:
    if verb.fitness(machine.state) is Fitness.ALREADY:
        return Done(machine, changed=False)
    raise impossible(verb, machine)


def _defaults(config: Config, cloud: str, section: object) -> dict[str, str]:
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise ConfigError(f"clouds.{cloud}.default in {config.path} must hold image: and flavor:, one a line")
    return {str(key): str(value) for key, value in section.items() if value is not None}


def _pick(kind: str, name: str, cloud: str, listing: Callable[[], Iterable[Thing]]) -> Thing:
    """The thing of this name or id."""
    things = list(listing())
    for thing in things:
        if name in (thing.name, thing.cloud_id):
            return thing
    raise UnknownName(kind, name, (thing.name for thing in things), f"on cloud {cloud}")
