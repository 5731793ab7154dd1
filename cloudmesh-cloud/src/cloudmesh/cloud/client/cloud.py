"""One cloud, opened for a block of statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.client.booting import BootKeywords, BootOptions
from cloudmesh.cloud.client.lookup import defaults
from cloudmesh.cloud.client.many import Many
from cloudmesh.cloud.errors import CloudError, Conflict, is_transient
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.model.verbs import find_verb
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.provider.registry import provider_class
from cloudmesh.cloud.provider.tokens import new_token
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.config import Config
from cloudmesh.db import open_store
from cloudmesh.plugin.errors import CloudmeshError, UnknownName

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Cloud(Many):
    """A cloud of the configuration.

    ::

        with Cloud('local') as c:
            vm = c.machine('vm1', 'start')

    What the cloud tells is written down in the store.

    Args:
        name: the cloud's name in the configuration.
        config: another configuration than the user's own.
        inventory: an open store to share; else the user's own is opened and closed.
        settings: the cloud's section with its secrets, where there is no configuration to read it from, as
            in a process on another machine; needs ``inventory``.
    """

    def __init__(
        self,
        name: str,
        config: Config | None = None,
        inventory: Inventory | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(name)
        self._config = config
        self._shared = inventory
        self._settings = settings

    def __enter__(self) -> Cloud:
        """Open the cloud.

        Raises:
            UnknownName: no cloud has this name; the message lists the known ones.
            ConfigError: the configuration or the cloud's settings cannot be used, or a secret is missing.
        """
        if self._provider is not None:
            raise CloudmeshError(f"cloud {self.name} is already open; use one 'with' block at a time")
        config = self._config
        if self._settings is None:
            config = config or Config.load()
            config.require_active(self.name)
            settings: Mapping[str, Any] = config.settings(self.name)
            self._defaults = defaults(config, self.name)
        else:
            settings, self._defaults = self._settings, {}
        provider = self.unopened(settings)
        with self.mapped():
            provider.open()
        self._provider, self._inventory = provider, self._shared or Inventory(open_store(self._config))
        return self

    def unopened(self, settings: Mapping[str, Any]) -> Provider:
        """A provider for these settings that is not open: nobody was called, and what it declares is known.

        Raises:
            ConfigError: no installed package brings its type, or the settings cannot be used.
        """
        with self.mapped():
            return provider_class(settings.get("type"), self.name)(self.name, settings)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.provider.close()
        finally:
            if self._shared is None:
                self.inventory.close()
            self._provider = self._inventory = None

    def machine(self, name: str, action: str | None = None) -> MachineRecord:
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

    def check(self) -> str:
        """Sign in and make one cheap call; a sentence on what was found."""
        with self.calling() as provider:
            return provider.check()

    def boot(
        self,
        name: str,
        image: str | None = None,
        flavor: str | None = None,
        key: str | None = None,
        **more: Unpack[BootKeywords],
    ) -> MachineRecord:
        """Boot a machine; what is not given is taken from the cloud's defaults in the configuration.

        Args:
            image, flavor, key, more: see ``BootOptions``.

        Raises:
            UnknownName: the cloud has no such image, flavor, key, network or security group.
            ConfigError: image or flavor is neither given nor configured.
            CloudError: the cloud could not be reached or refused.
        """
        request = replace(self.boot_request(name, BootOptions(image, flavor, key, **more)), token=new_token())
        try:
            return self.boot_as(request)
        except CloudError as error:
            if not (error.outcome_unknown and is_transient(error)):
                raise
        # The answer was lost: the token tells whether the machine is there.
        return self.boot_as(request, maybe_done=True)

    def console(self, machine: MachineRecord) -> str:
        """What the machine printed on its console."""
        with self.calling() as provider:
            return provider.console(machine.cloud_id)

    def find(self, name: str) -> MachineRecord:
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
