"""What the tests of all rooms of the suite share: providers, machines, and waiting for them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest

from cloudmesh.cloud.client.booting import Booting
from cloudmesh.cloud.errors import NotFound, Unsupported
from cloudmesh.cloud.model.networks import SecurityRule
from cloudmesh.cloud.model.records import Image, MachineRecord, State
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.interface import BootRequest, Provider
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.db import Database

# For each capability a call that needs it, on a machine where it is about one.
CALLS: Mapping[Capability, Callable[[Provider, MachineRecord], Any]] = {
    Capability.START: lambda provider, machine: provider.start(machine.cloud_id),
    Capability.STOP: lambda provider, machine: provider.stop(machine.cloud_id),
    Capability.REBOOT: lambda provider, machine: provider.reboot(machine.cloud_id),
    Capability.HARD_REBOOT: lambda provider, machine: provider.hard_reboot(machine.cloud_id),
    Capability.SUSPEND: lambda provider, machine: provider.suspend(machine.cloud_id),
    Capability.RESUME: lambda provider, machine: provider.resume(machine.cloud_id),
    Capability.PAUSE: lambda provider, machine: provider.pause(machine.cloud_id),
    Capability.UNPAUSE: lambda provider, machine: provider.unpause(machine.cloud_id),
    Capability.REBUILD: lambda provider, machine: provider.rebuild(machine.cloud_id, provider.images()[0]),
    Capability.RESIZE: lambda provider, machine: provider.resize(machine.cloud_id, provider.flavors()[0]),
    Capability.RENAME: lambda provider, machine: provider.rename(machine.cloud_id, f"{machine.name}-b"),
    Capability.METADATA: lambda provider, machine: provider.set_metadata(machine.cloud_id, {"a": "b"}),
    Capability.CONSOLE: lambda provider, machine: provider.console(machine.cloud_id),
    Capability.KEYS: lambda provider, _: provider.key_pairs(),
    Capability.NETWORKS: lambda provider, _: provider.networks(),
    Capability.SECURITY_GROUPS: lambda provider, _: provider.security_groups(),
    Capability.FLOATING_IPS: lambda provider, _: provider.floating_ips(),
    Capability.QUOTAS: lambda provider, _: provider.quotas(),
}
FURTHER_CALLS: tuple[tuple[Capability, Callable[[Provider], Any]], ...] = (
    (Capability.KEYS, lambda provider: provider.add_key("a", "b")),
    (Capability.KEYS, lambda provider: provider.delete_key("a")),
    (Capability.SECURITY_GROUPS, lambda provider: provider.create_security_group("a")),
    (Capability.SECURITY_GROUPS, lambda provider: provider.delete_security_group("a")),
    (Capability.SECURITY_GROUPS, lambda provider: provider.add_rule("a", SecurityRule())),
    (Capability.SECURITY_GROUPS, lambda provider: provider.remove_rule("a", SecurityRule())),
    (Capability.FLOATING_IPS, lambda provider: provider.create_floating_ip()),
    (Capability.FLOATING_IPS, lambda provider: provider.delete_floating_ip("a")),
    (Capability.FLOATING_IPS, lambda provider: provider.attach_floating_ip("a", "b")),
    (Capability.FLOATING_IPS, lambda provider: provider.detach_floating_ip("a")),
)


def new_name() -> str:
    """A name that tells whose the thing is."""
    return f"conformance-{uuid.uuid4().hex[:8]}"


class Around(Booting):
    """The context ``Cloud`` around a provider that is open already, with a store that nobody keeps."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider.name)
        self._provider, self._inventory, self._defaults = provider, Inventory(Database(":memory:")), {}


class Base:
    """Fixtures and helpers."""

    #: Seconds to wait for a machine to reach a state, or for another change to show.
    patience = 60.0

    @pytest.fixture
    def make_provider(self) -> Callable[[], Provider]:
        """Makes a new, not yet opened provider, each time on the same account."""
        raise NotImplementedError("give the suite a fixture 'make_provider'")

    @pytest.fixture
    def provider(self, make_provider: Callable[[], Provider]) -> Iterator[Provider]:
        """An open provider; what the test left of the suite's machines is deleted after it."""
        with make_provider() as provider:
            yield provider
            for machine in provider.machines():
                if machine.name.startswith("conformance-") and machine.state not in (
                    State.DELETING,
                    State.DELETED,
                ):
                    with suppress(NotFound):
                        provider.delete(machine.cloud_id)

    @pytest.fixture
    def machine(self, provider: Provider) -> MachineRecord:
        """A new machine that is active."""
        booted = provider.boot(self.request(provider))
        return self.await_state(provider, booted.cloud_id, State.ACTIVE)

    def request(self, provider: Provider) -> BootRequest:
        """A boot request with the smallest flavor and the first image."""
        flavor = min(provider.flavors(), key=lambda each: (each.vcpus, each.ram, each.disk))
        return BootRequest(new_name(), self.images(provider)[0], flavor)

    def images(self, provider: Provider) -> Sequence[Image]:
        """The images that machines of the tests are made of; to be replaced where some fit no flavor."""
        return provider.images()

    def await_state(self, provider: Provider, cloud_id: str, state: State) -> MachineRecord:
        """Wait for a machine; fail when it is in error or takes longer than ``patience``."""
        deadline = time.monotonic() + self.patience
        while True:
            machine = provider.machine(cloud_id)
            if machine.state is state:
                return machine
            assert machine.state is not State.ERROR, machine.fault
            assert time.monotonic() < deadline, f"still {machine.state}, not {state}"
            time.sleep(0.05)

    def await_gone(self, provider: Provider, cloud_id: str) -> None:
        """Wait until a deleted machine is no longer listed, or listed as deleted."""
        self.await_that(
            lambda: all(
                each.cloud_id != cloud_id or each.state is State.DELETED for each in provider.machines()
            ),
            "still there after delete",
        )

    def await_that(self, holds: Callable[[], bool], otherwise: str) -> None:
        """Wait until something holds; some clouds show a change only a moment after they made it."""
        deadline = time.monotonic() + self.patience
        while not holds():
            assert time.monotonic() < deadline, otherwise
            time.sleep(0.05)

    def supported(self, provider: Provider, machine: MachineRecord, *capabilities: Capability) -> bool:
        """Whether all these are declared; those that are not must say that they are unsupported."""
        missing = [each for each in capabilities if each not in provider.capabilities]
        for each in missing:
            with pytest.raises(Unsupported):
                CALLS[each](provider, machine)
        return not missing
