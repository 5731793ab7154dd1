"""The tests that every provider passes, ours or an outside one.

An outside provider runs them with pytest by a test file of its own (``pip install
cloudmesh-cloud[conformance]``)::

    import pytest
    from cloudmesh.cloud.conformance import ProviderSuite

    class TestAcme(ProviderSuite):
        @pytest.fixture
        def make_provider(self, tmp_path):
            return lambda: AcmeProvider("acme", {...})

The account should be empty; machines that the suite boots are named ``conformance-...`` and deleted.
What a provider does not declare in ``capabilities`` must raise Unsupported.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from cloudmesh.cloud.errors import CloudError, Conflict, NotFound, Unsupported
from cloudmesh.cloud.model import Flavor, Image, Machine, State
from cloudmesh.cloud.provider import BootRequest, Capability, Provider

# Well formed, but nobody has a private half of it.
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGEga2V5IG9mIHRoZSBjb25mb3JtYW5jZSBzdWl0ZSEh conformance"


class ProviderSuite:
    """Subclass it and give it the fixture ``make_provider``; set ``patience`` for slow clouds."""

    #: Seconds to wait for a machine to reach a state.
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
                if machine.name.startswith("conformance-") and machine.state is not State.DELETING:
                    with suppress(NotFound):
                        provider.delete(machine.cloud_id)

    @pytest.fixture
    def machine(self, provider: Provider) -> Machine:
        """A new machine that is active."""
        booted = provider.boot(self.request(provider))
        return self.await_state(provider, booted.cloud_id, State.ACTIVE)

    def request(self, provider: Provider) -> BootRequest:
        """A boot request with the smallest flavor and the first image."""
        flavor = min(provider.flavors(), key=lambda each: (each.vcpus, each.ram, each.disk))
        name = f"conformance-{uuid.uuid4().hex[:8]}"
        return BootRequest(name, provider.images()[0], flavor)

    def await_state(self, provider: Provider, cloud_id: str, state: State) -> Machine:
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
        deadline = time.monotonic() + self.patience
        while any(
            each.cloud_id == cloud_id and each.state is not State.DELETED for each in provider.machines()
        ):
            assert time.monotonic() < deadline, "still there after delete"
            time.sleep(0.05)

    def test_check_says_something(self, provider: Provider) -> None:
        assert provider.check()

    def test_capabilities_are_declared_by_their_names(self, provider: Provider) -> None:
        assert all(isinstance(each, Capability) for each in provider.capabilities)

    def test_images_and_flavors_are_there_and_told_apart_by_id(self, provider: Provider) -> None:
        images, flavors = provider.images(), provider.flavors()
        assert images and all(isinstance(each, Image) and each.cloud == provider.name for each in images)
        assert flavors and all(isinstance(each, Flavor) and each.cloud == provider.name for each in flavors)
        assert len({each.cloud_id for each in images}) == len(images)
        assert len({each.cloud_id for each in flavors}) == len(flavors)

    def test_a_booted_machine_is_listed_with_what_was_asked(self, provider: Provider) -> None:
        request = self.request(provider)
        booted = provider.boot(request)
        assert booted.state in (State.BUILDING, State.ACTIVE)
        machine = self.await_state(provider, booted.cloud_id, State.ACTIVE)
        (listed,) = [each for each in provider.machines() if each.cloud_id == booted.cloud_id]
        assert (listed.name, listed.cloud) == (request.name, provider.name)
        assert machine.raw_state, "the cloud's own word for the state is kept"
        assert listed.flavor in ("", request.flavor.name, request.flavor.cloud_id)
        assert listed.image in ("", request.image.name, request.image.cloud_id)

    def test_a_machine_survives_the_way_through_the_store(self, machine: Machine) -> None:
        assert Machine.from_record(machine.to_record()) == machine

    def test_another_connection_sees_the_same_machines(
        self, provider: Provider, machine: Machine, make_provider: Callable[[], Provider]
    ) -> None:
        with make_provider() as other:
            assert other.machine(machine.cloud_id).name == machine.name

    def test_two_machines_have_two_ids(self, provider: Provider) -> None:
        first = self.request(provider)
        second = replace(first, name=f"{first.name}-b")
        assert provider.boot(first).cloud_id != provider.boot(second).cloud_id

    def test_stop_and_start(self, provider: Provider, machine: Machine) -> None:
        if not self.supported(provider, machine, Capability.STOP, Capability.START):
            return
        provider.stop(machine.cloud_id)
        self.await_state(provider, machine.cloud_id, State.STOPPED)
        provider.start(machine.cloud_id)
        self.await_state(provider, machine.cloud_id, State.ACTIVE)

    def test_reboot(self, provider: Provider, machine: Machine) -> None:
        if self.supported(provider, machine, Capability.REBOOT):
            provider.reboot(machine.cloud_id)
            self.await_state(provider, machine.cloud_id, State.ACTIVE)

    def supported(self, provider: Provider, machine: Machine, *verbs: Capability) -> bool:
        """Whether all these verbs are declared; those that are not must say that they are unsupported."""
        missing = [verb for verb in verbs if verb not in provider.capabilities]
        for verb in missing:
            with pytest.raises(Unsupported):
                getattr(provider, verb.value)(machine.cloud_id)
        return not missing

    def test_delete(self, provider: Provider, machine: Machine) -> None:
        provider.delete(machine.cloud_id)
        self.await_gone(provider, machine.cloud_id)

    def test_suspend_and_resume(self, provider: Provider, machine: Machine) -> None:
        if not self.supported(provider, machine, Capability.SUSPEND, Capability.RESUME):
            return
        provider.suspend(machine.cloud_id)
        self.await_state(provider, machine.cloud_id, State.SUSPENDED)
        provider.resume(machine.cloud_id)
        self.await_state(provider, machine.cloud_id, State.ACTIVE)

    @pytest.mark.parametrize("verb", ["start", "resume"])
    def test_a_verb_on_an_active_machine_conflicts_or_changes_nothing(
        self, provider: Provider, machine: Machine, verb: str
    ) -> None:
        with suppress(Conflict, Unsupported):
            getattr(provider, verb)(machine.cloud_id)
        assert self.await_state(provider, machine.cloud_id, State.ACTIVE)

    @pytest.mark.parametrize("verb", ["machine", "start", "stop", "reboot", "delete"])
    def test_an_unknown_id_is_not_found(self, provider: Provider, machine: Machine, verb: str) -> None:
        provider.delete(machine.cloud_id)
        self.await_gone(provider, machine.cloud_id)
        allowed = (NotFound,) if verb in ("machine", "delete") else (NotFound, Unsupported)
        with pytest.raises(allowed):
            getattr(provider, verb)(machine.cloud_id)

    def test_console(self, provider: Provider, machine: Machine) -> None:
        if Capability.CONSOLE in provider.capabilities:
            assert isinstance(provider.console(machine.cloud_id), str)
        else:
            with pytest.raises(Unsupported):
                provider.console(machine.cloud_id)

    def test_key_pairs(self, provider: Provider) -> None:
        if Capability.KEYS not in provider.capabilities:
            with pytest.raises(Unsupported):
                provider.key_pairs()
            return
        name = f"conformance-{uuid.uuid4().hex[:8]}"
        made = provider.add_key(name, PUBLIC_KEY)
        try:
            assert made in provider.key_pairs()
            with pytest.raises(CloudError):
                provider.add_key(name, PUBLIC_KEY)
        finally:
            provider.delete_key(name)
        assert name not in {key.name for key in provider.key_pairs()}
        with pytest.raises(NotFound):
            provider.delete_key(name)
