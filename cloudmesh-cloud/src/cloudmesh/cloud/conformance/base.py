"""What all tests of the suite share: providers, machines, waiting for them, and what is not declared."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import Locked, NotFound, Unsupported
from cloudmesh.cloud.model.leases import LeaseRequest
from cloudmesh.cloud.model.networks import SecurityRule
from cloudmesh.cloud.model.records import Image, MachineRecord, State
from cloudmesh.cloud.model.verbs import VERBS, Capability, Verb
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.db import Database

# The calls that need each capability which is no verb, with what they take. The ids are of nothing that is
# there: a cloud that does not declare the capability must say Unsupported before it looks for them.
CALLS: Mapping[Capability, tuple[tuple[Any, ...], ...]] = {
    Capability.CONSOLE: (("console", "a"),),
    Capability.QUOTAS: (("quotas",),),
    Capability.NETWORKS: (("networks",),),
    Capability.KEYS: (("key_pairs",), ("add_key", "a", "b"), ("delete_key", "a")),
    Capability.SECURITY_GROUPS: (
        *(("security_groups",), ("create_security_group", "a"), ("delete_security_group", "a")),
        *(("add_rule", "a", SecurityRule()), ("remove_rule", "a", SecurityRule())),
    ),
    Capability.FLOATING_IPS: (
        *(("floating_ips",), ("create_floating_ip",), ("delete_floating_ip", "a")),
        *(("attach_floating_ip", "a", "b"), ("detach_floating_ip", "a")),
    ),
    Capability.LEASES: (
        *(("leases",), ("create_lease", LeaseRequest("a", 1, 3600.0))),
        *(("extend_lease", "a", 3600.0), ("delete_lease", "a")),
    ),
    Capability.ADD_IMAGE: (("add_image", "a", Path("a")),),
    Capability.DELETE_IMAGE: (("delete_image", "a"),),
    Capability.CHANGES: (("changed_machines", "a"),),
}


def new_name() -> str:
    """A name that tells whose the thing is."""
    return f"conformance-{uuid.uuid4().hex[:8]}"


def require_unsupported(provider: Provider, capability: Capability) -> None:
    """Fail unless every call that needs this capability, which is no verb, raises Unsupported."""
    for method, *words in CALLS[capability]:
        with pytest.raises(Unsupported):
            getattr(provider, method)(*words)


def call_verb(provider: Provider, verb: Verb, machine: MachineRecord) -> None:
    """Call the provider's method for a verb, with any value for what the verb takes beside the machine."""
    values: Mapping[str, Callable[[], Any]] = {
        "image": lambda: provider.images()[0],
        "flavor": lambda: provider.flavors()[0],
        "name": lambda: f"{machine.name}-b",
        "new_machine": lambda: f"{machine.name}-b",
        "snapshot": lambda: "before",
        "metadata": lambda: {"a": "b"},
    }
    arguments = [values[verb.takes]()] if verb.takes else []
    getattr(provider, verb.call)(machine.cloud_id, *arguments)


class Around(Cloud):
    """A ``Cloud`` around a provider that is open already, with a store that nobody keeps."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider.name)
        self.connection.attach(provider, Inventory(Database(":memory:")))


class ProviderTests:
    """The fixtures and helpers of all classes of tests."""

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
                gone = machine.state in (State.DELETING, State.DELETED)
                if machine.name.startswith("conformance-") and not gone:
                    with suppress(NotFound):
                        self._delete_unlocked(provider, machine.cloud_id)

    def _delete_unlocked(self, provider: Provider, cloud_id: str) -> None:
        """Delete a machine, also one that a test has left locked."""
        try:
            provider.delete(cloud_id)
        except Locked:
            provider.unlock(cloud_id)
            provider.delete(cloud_id)

    @pytest.fixture
    def machine(self, provider: Provider) -> MachineRecord:
        """A new machine that is active."""
        return self.booted(provider, self.request(provider))

    def request(self, provider: Provider) -> BootRequest:
        """A boot request with the smallest flavor and the first image."""
        flavor = min(provider.flavors(), key=lambda each: (each.vcpus, each.ram, each.disk))
        return BootRequest(new_name(), self.images(provider)[0], flavor)

    def images(self, provider: Provider) -> Sequence[Image]:
        """The images that machines of the tests are made of; to be replaced where some fit no flavor."""
        return provider.images()

    def booted(self, provider: Provider, request: BootRequest) -> MachineRecord:
        """The machine of a boot request, once it is active."""
        return self.await_state(provider, provider.boot(request).cloud_id, State.ACTIVE)

    def deleted(self, provider: Provider, machine: MachineRecord) -> None:
        """Delete a machine and wait until it is no longer listed."""
        provider.delete(machine.cloud_id)
        self.await_gone(provider, machine.cloud_id)

    def await_state(self, provider: Provider, cloud_id: str, state: State) -> MachineRecord:
        """Wait for a machine; fail when it is in error or takes longer than ``patience``."""
        deadline = time.monotonic() + self.patience
        while True:
            machine = provider.machine(cloud_id)
            if machine.state.counts_as(state):
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
            if each in CALLS:
                require_unsupported(provider, each)
            else:
                with pytest.raises(Unsupported):
                    call_verb(provider, VERBS[each.value], machine)
        return not missing
