"""``Cloud``: one cloud, to boot machines, act on them, and list what it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from cloudmesh.cloud.client.actions import ActionResult, MachineActions, RetrySingly
from cloudmesh.cloud.client.booter import Booter, BootKeywords, BootOptions
from cloudmesh.cloud.client.catalog import Catalog
from cloudmesh.cloud.client.connection import Connection, mapped
from cloudmesh.cloud.client.copies import wanted_clone, wanted_snapshot
from cloudmesh.cloud.client.lookup import defaults
from cloudmesh.cloud.client.waiting import wait_until
from cloudmesh.cloud.errors import CloudTimeout, CredentialsError, given_up
from cloudmesh.cloud.fanout.ask_all import ask_clouds
from cloudmesh.cloud.fanout.query import QueryLimits, one_cloud, require_seconds
from cloudmesh.cloud.model.awaited import came_back
from cloudmesh.cloud.model.copies import Snapshot
from cloudmesh.cloud.model.records import LeftOut, MachineRecord, State
from cloudmesh.cloud.model.verbs import Argument, Verb, capability_of, find_verb
from cloudmesh.cloud.provider import visits
from cloudmesh.cloud.provider.boot import BootRequest, new_token, require_good_name
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.provider.registry import provider_class
from cloudmesh.cloud.provider.retry import ReadRetry
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.known import KnownMachine
from cloudmesh.config import Config
from cloudmesh.db import open_store
from cloudmesh.plugin.errors import CloudmeshError, UsageError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from cloudmesh.cloud.client.leases import Leases

Told = TypeVar("Told")


class Cloud(Catalog):
    """A cloud of the configuration; beside its machines it has what a ``Catalog`` lists.

    ::

        with Cloud('local') as c:
            vm = c.machine('vm1', 'start', wait=True)

    What the cloud answers is written into the store. Used by one thread.

    Attributes:
        connection: the provider and the store underneath.
        actions, booter: do verbs on machines, and boot them; methods of this class call them.
    """

    def __init__(
        self,
        name: str | None = None,
        config: Config | None = None,
        inventory: Inventory | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Name a cloud; ``open`` or a ``with`` block opens it.

        Args:
            name: the cloud's name in the configuration; without it the only default cloud.
            config: another configuration than the user's own.
            inventory: an open store to share; else the user's own is opened and closed.
            settings: the cloud's section with its secrets, where there is no configuration to read it from,
                as in a process on another machine; needs ``inventory``.

        Raises:
            UsageError: no name is given, and several clouds are the default.
            ConfigError: no name is given, and the configuration cannot be read or has no default.
        """
        self.name = one_cloud(config or Config.load()) if name is None else name
        self.connection = Connection(self.name)
        self.actions = MachineActions(self.connection)
        self._config = config
        self._shared = inventory
        self._settings = settings

    def __repr__(self) -> str:
        state = self.provider.__class__.__name__ if self.connection.is_open else "closed"
        return f"<Cloud {self.name!r}: {state}>"

    def __enter__(self) -> Cloud:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.forget_if_refused(error)
        self.close()

    def open(self, other: Cloud | None = None) -> Cloud:
        """Open the cloud, and give it back; ``close`` must follow. A ``with`` block does both.

        ``other``: one with the same settings that is open, so that they need not be read again.

        Raises:
            UnknownName: no cloud has this name; the message lists the known ones.
            ConfigError: the configuration or the cloud's settings cannot be used, or a secret is missing.
        """
        if self.connection.is_open:
            raise CloudmeshError(f"cloud {self.name} is already open; use one 'with' block at a time")
        settings = self._settings
        if settings is None:
            config = self._config or Config.load()
            config.require_active(self.name)
            settings = visits.settings(config, self.name)
            self.connection.defaults = defaults(config, self.name)
            visits.sign_in(config, self.name, settings)
        provider = other.provider.twin() if other else self.unopened(settings)
        self.connection.limit(settings)
        with mapped(self.name):
            try:
                provider.open()
            except CredentialsError as error:
                self.forget_if_refused(error)
                raise
        self.connection.attach(provider, self._shared or Inventory(open_store(self._config)))
        return self

    def close(self) -> None:
        """Leave the cloud, and the store if it is not shared; nothing happens if it is not open."""
        if not self.connection.is_open:
            return
        provider, inventory = self.connection.opened
        try:
            provider.close()
        finally:
            self.connection.detach()
            if self._shared is None:
                inventory.close()

    def forget_if_refused(self, error: BaseException | None) -> None:
        """What was typed for this cloud is asked for again after the cloud has refused it."""
        if isinstance(error, CredentialsError) and self._config is not None:
            self._config.forget(self.name)

    def unopened(self, settings: Mapping[str, Any]) -> Provider:
        """A provider for these settings that is not open: nobody was called, and what it declares is known.

        Raises:
            ConfigError: no installed package brings its type, or the settings cannot be used.
        """
        with mapped(self.name):
            return provider_class(settings.get("type"), self.name)(self.name, settings)

    @cached_property
    def booter(self) -> Booter:
        """Boots machines on this cloud."""
        return Booter(self)

    @cached_property
    def leasing(self) -> Leases:
        """The leases of this cloud."""
        from cloudmesh.cloud.client.leases import Leases  # few clouds have them

        return Leases(self)

    @property
    def provider(self) -> Provider:
        """The provider underneath, for what only this kind of cloud has."""
        return self.connection.provider

    @property
    def inventory(self) -> Inventory:
        """The store of what is known."""
        return self.connection.inventory

    @property
    def read_retry(self) -> ReadRetry:
        """How calls that change nothing are retried; may be set."""
        return self.connection.read_retry

    @read_retry.setter
    def read_retry(self, policy: ReadRetry) -> None:
        self.connection.read_retry = policy

    def check(self) -> str:
        """Sign in and make one cheap call; a sentence on what was found."""
        return self.connection.calls.check()

    def machine(
        self, name: str, action: str | None = None, *, wait: bool = False, timeout: float | None = None
    ) -> MachineRecord:
        """The machine of this name or id, after ``action`` (start, stop, suspend, resume, reboot, delete).

        An action that is already true changes nothing and is no error.

        Args:
            wait: whether to wait until the machine is in the state that the action leads to.
            timeout: seconds to wait at most; None for the cloud's ``wait_timeout``, else 600.

        Raises:
            UnknownName: no such machine or action; the nearest is named.
            UsageError: the action needs more than a machine: ``cloudmesh.vm.Machine`` has it as a method.
            Conflict: the action is impossible in the machine's state, and the possible ones are named; or
                the machine cannot reach the state that is waited for; or the answer was lost, nothing tells
                whether it was done, and done twice it does harm (then ``outcome_unknown``).
            CloudTimeout: the machine is not in that state in time.
            CloudError: the cloud could not be reached or refused.
        """
        require_seconds("timeout", timeout)
        if action is None:
            if wait:
                raise UsageError("wait=True requires an action to wait for")
            return self.refresh(self.find(name))
        verb = find_verb(action)
        argument = self.argument(verb, None)
        found = self.find(name)
        done = self.connection.surely(
            lambda: self.act(found, verb, argument), lambda: self.act(found, verb, argument, maybe_done=True)
        )
        if verb.target is State.DELETED and found.lease:
            self.leasing.give_back_made(found.lease, [found.cloud_id])
        if not wait or verb.passing is None or done.target in (None, done.machine.state):
            return done.machine
        condition = came_back if verb.returns_anywhere else None
        return wait_until(self.connection, done.machine, done.target, timeout, condition, verb.name)

    def boot(
        self,
        name: str,
        image: str | None = None,
        flavor: str | None = None,
        key: str | None = None,
        *,
        wait: bool = False,
        timeout: float | None = None,
        **more: Unpack[BootKeywords],
    ) -> MachineRecord:
        """Boot a machine; what is not given is taken from the cloud's defaults in the configuration.

        Args:
            image, flavor, key, more: see ``BootOptions``.
            wait, timeout: wait until it is active, as for ``machine``.

        Raises:
            UnknownName: the cloud has no such image, flavor, key, network or security group.
            UsageError: machines cannot have this name.
            ConfigError: image or flavor is neither given nor configured.
            CloudError: the cloud could not be reached or refused, or waiting ended as for ``machine``.
        """
        require_seconds("timeout", timeout)
        require_good_name(name)
        if more.get("lease"):
            raise UsageError("cloudmesh.vm.Machines boots on a lease, since it also waits for its start")
        request = replace(self.boot_request(name, BootOptions(image, flavor, key, **more)), token=new_token())
        # If the answer is lost, the token tells whether the machine is there.
        machine = self.connection.surely(
            lambda: self.boot_as(request), lambda: self.boot_as(request, maybe_done=True)
        )
        if not wait or machine.state is State.ACTIVE:
            return machine
        return wait_until(self.connection, machine, State.ACTIVE, timeout, verb="boot")

    def user_id(self) -> str:
        """Who we are on this cloud, as ``MachineRecord.owner`` tells it; empty if the cloud has no users."""
        return self.connection.calls.user_id()

    def machines(self) -> list[MachineRecord]:
        """All machines, asked from the cloud now and written down; ``left_out`` tells what it lacks."""
        found = self.actions.machines.all()
        self._refresh_leases()
        return found

    @property
    def left_out(self) -> list[LeftOut]:
        """What the last listing of each kind left out, since it cannot be as the cloud says."""
        return [each for kind in self.connection.left_out.values() for each in kind]

    def reconcile(self) -> None:
        """Write down all machines as the cloud tells of them now; see ``MachineList.reconcile``."""
        self.actions.machines.reconcile()
        self._refresh_leases()

    def _refresh_leases(self) -> None:
        """Ask for the leases, if machines are on one: lists tell when it ends."""
        if self.actions.machines.leased:
            self.leasing.refresh()

    def find(self, name: str, sign: str = "") -> MachineRecord:
        """The machine of this name or id as it is known; see ``MachineList.find``."""
        return self.actions.machines.find(name, sign)

    def refresh(self, machine: MachineRecord) -> MachineRecord:
        """The machine as the cloud tells of it now, written down. Raises NotFound if it vanished."""
        return self.actions.machines.refresh(machine)

    def vanished(self, reader: str = "python") -> list[KnownMachine]:
        """Machines that are missing from the last listing, not deleted from here; once for each reader."""
        return self.inventory.vanished([self.name], reader)

    def snapshots(self, machine: MachineRecord) -> list[Snapshot]:
        """The snapshots of a machine, the oldest first, as its cloud tells now."""
        return self.actions.copies.snapshots(machine)

    def console(self, machine: MachineRecord) -> str:
        """What the machine printed on its console."""
        return self.connection.calls.console(machine.cloud_id)

    def argument(self, verb: Verb, given: str | Mapping[str, str | None] | None) -> Argument:
        """What a verb takes beside the machine, looked up on this cloud.

        Raises:
            UsageError: the verb needs one and there is none, or the other way round.
            UnknownName: the cloud has no such image or flavor.
        """
        if bool(verb.takes) != (given is not None):
            needs = f"requires the {verb.takes.replace('_', ' ')}" if verb.takes else "takes no argument"
            raise UsageError(f"{verb.words} {needs}")
        if verb.takes and (needed := capability_of(verb)):
            self.connection.require(needed)
        if verb.takes == "image":
            return self.image(str(given))
        if verb.takes == "flavor":
            return self.flavor(str(given))
        if verb.takes == "snapshot":
            return wanted_snapshot(str(given))
        return wanted_clone(str(given)) if verb.takes == "new_machine" else given

    def act(
        self, machine: MachineRecord, verb: Verb, argument: Argument = None, maybe_done: bool = False
    ) -> ActionResult:
        """Bring a verb about on a known machine; see ``MachineActions.act``."""
        return self.actions.act(machine, verb, argument, maybe_done)

    def foresee(self, machine: MachineRecord, verb: Verb, argument: Argument = None) -> ActionResult:
        """What a verb would come to, without doing it; see ``MachineActions.foresee``."""
        return self.actions.foresee(machine, verb, argument)

    def act_many(
        self, machines: Sequence[MachineRecord], verb: Verb
    ) -> list[ActionResult | CloudmeshError | RetrySingly]:
        """Bring a verb about on several machines with few calls; see ``MachineActions.act_many``."""
        return self.actions.act_many(machines, verb)

    def boot_request(self, name: str, options: BootOptions | None = None) -> BootRequest:
        """Look up by name what booting a machine needs; see ``Booter.boot_request``."""
        return self.booter.boot_request(name, options)

    def boot_as(self, request: BootRequest, maybe_done: bool = False) -> MachineRecord:
        """Boot the machine that the request names; see ``Booter.boot_as``."""
        return self.booter.boot_as(request, maybe_done)

    def boot_many(
        self, requests: Sequence[BootRequest], maybe_done: bool = False
    ) -> list[MachineRecord | CloudmeshError | RetrySingly]:
        """Boot several machines with one call; see ``Booter.boot_many``."""
        return self.booter.boot_many(requests, maybe_done)


def ask_each(
    config: Config,
    clouds: Sequence[str],
    ask: Callable[[Cloud], Told],
    limits: QueryLimits | None = None,
    failed: Mapping[str, CloudmeshError] | None = None,
    calls: int = 1,
) -> dict[str, Told | CloudmeshError]:
    """What ``ask`` gives for each of these clouds, or its error, within limits; see ``ask_clouds``.

    The clouds are asked side by side, each in a thread that opens it anew, so that a slow one costs no more
    than its own time.
    """

    def opened(name: str) -> Told:
        with Cloud(name, quiet) as cloud:
            return ask(cloud)

    quiet = visits.quiet(config)
    return ask_clouds(config, clouds, opened, limits, failed, calls)


def ask_one(
    config: Config,
    cloud: str,
    ask: Callable[[Cloud], Told],
    limits: QueryLimits | None = None,
    changes: bool = False,
) -> Told:
    """What ``ask`` gives for one cloud, within the same limits. Raises its error.

    Args:
        changes: whether it changes something there, so that the end is not known if it takes too long.
    """
    answer = ask_each(config, [cloud], ask, limits)[cloud]
    if isinstance(answer, CloudTimeout) and changes:
        raise given_up(answer)
    if isinstance(answer, CloudmeshError):
        raise answer
    return answer
