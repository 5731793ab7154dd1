"""Tests of the verbs, as far as a cloud can: what is not declared must raise Unsupported."""

from __future__ import annotations

from contextlib import suppress

import pytest

from cloudmesh.cloud.conformance.base import ProviderTests
from cloudmesh.cloud.errors import Conflict, Locked, Unsupported
from cloudmesh.cloud.model.records import Flavor, MachineRecord, State
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.interface import Provider

# A verb, the state that it leads an active machine to, and the verb that leads back.
PAIRS = (
    ("stop", State.STOPPED, "start"),
    ("suspend", State.SUSPENDED, "resume"),
    ("pause", State.PAUSED, "unpause"),
    ("shelve", State.SHELVED, "unshelve"),
)
RESTARTS = ("reboot", "hard_reboot")


class VerbTests(ProviderTests):
    """Each verb with the state it leads to: in a row of the tables above, or in a test of its own below."""

    @pytest.mark.parametrize(("verb", "state", "opposite"), PAIRS, ids=[verb for verb, _, _ in PAIRS])
    def test_a_verb_and_its_opposite(
        self, provider: Provider, machine: MachineRecord, verb: str, state: State, opposite: str
    ) -> None:
        if not self.supported(provider, machine, Capability(verb), Capability(opposite)):
            return
        getattr(provider, verb)(machine.cloud_id)
        self.await_state(provider, machine.cloud_id, state)
        getattr(provider, opposite)(machine.cloud_id)
        self.await_state(provider, machine.cloud_id, State.ACTIVE)

    @pytest.mark.parametrize("verb", RESTARTS)
    def test_a_verb_that_leads_back_to_active(
        self, provider: Provider, machine: MachineRecord, verb: str
    ) -> None:
        if self.supported(provider, machine, Capability(verb)):
            getattr(provider, verb)(machine.cloud_id)
            self.await_state(provider, machine.cloud_id, State.ACTIVE)

    def test_rebuild_keeps_the_machine_and_changes_its_image(
        self, provider: Provider, machine: MachineRecord
    ) -> None:
        if not self.supported(provider, machine, Capability.REBUILD):
            return
        images = sorted(self.images(provider), key=lambda each: each.size)
        others = [each for each in images if machine.image not in (each.name, each.cloud_id)]
        image = (others or images)[0]
        provider.rebuild(machine.cloud_id, image)
        rebuilt = self.await_state(provider, machine.cloud_id, State.ACTIVE)
        assert rebuilt.name == machine.name
        assert rebuilt.image in ("", image.name, image.cloud_id)

    def test_resize(self, provider: Provider, machine: MachineRecord) -> None:
        if not self.supported(provider, machine, Capability.RESIZE):
            return
        larger = self.larger(provider, machine)
        state = State.ACTIVE
        try:
            provider.resize(machine.cloud_id, larger)
        except Conflict:
            # Some clouds resize only what is stopped.
            state = State.STOPPED
            provider.stop(machine.cloud_id)
            self.await_state(provider, machine.cloud_id, state)
            provider.resize(machine.cloud_id, larger)
        resized = self.await_state(provider, machine.cloud_id, state)
        assert resized.flavor in (larger.name, larger.cloud_id)

    @pytest.mark.parametrize("verb", ["confirm_resize", "revert_resize"])
    def test_resize_unconfirmed_waits_for_confirm_resize_or_revert_resize(
        self, provider: Provider, machine: MachineRecord, verb: str
    ) -> None:
        if not self.supported(provider, machine, Capability.RESIZE_UNCONFIRMED, Capability(verb)):
            return
        larger = self.larger(provider, machine)
        with pytest.raises(Conflict):
            getattr(provider, verb)(machine.cloud_id)
        provider.resize_unconfirmed(machine.cloud_id, larger)
        self.await_state(provider, machine.cloud_id, State.RESIZED)
        getattr(provider, verb)(machine.cloud_id)
        now = self.await_state(provider, machine.cloud_id, State.ACTIVE)
        kept = (larger.name, larger.cloud_id)
        assert now.flavor in (kept if verb == "confirm_resize" else (machine.flavor,))

    def test_lock_keeps_a_machine_from_being_deleted_until_unlock(
        self, provider: Provider, machine: MachineRecord
    ) -> None:
        if not self.supported(provider, machine, Capability.LOCK, Capability.UNLOCK):
            return
        for _ in "again":
            provider.lock(machine.cloud_id)
        self.await_that(lambda: bool(provider.machine(machine.cloud_id).locked), "it is not shown as locked")
        with pytest.raises(Locked):
            provider.delete(machine.cloud_id)
        assert provider.machine(machine.cloud_id).state is State.ACTIVE
        for _ in "again":
            provider.unlock(machine.cloud_id)
        assert provider.machine(machine.cloud_id).locked is False
        self.deleted(provider, machine)

    def larger(self, provider: Provider, machine: MachineRecord) -> Flavor:
        """The smallest flavor that is not the machine's, and not smaller than it."""
        sizes = sorted(provider.flavors(), key=lambda each: (each.disk, each.ram, each.vcpus))
        others = [each for each in sizes if machine.flavor not in (each.name, each.cloud_id)]
        own = [each for each in sizes if machine.flavor in (each.name, each.cloud_id)]
        fitting = [each for each in others if not own or each.disk >= own[0].disk]
        if not fitting:
            pytest.skip("the cloud has only one flavor to resize to")
        return fitting[0]

    def test_rename(self, provider: Provider, machine: MachineRecord) -> None:
        if self.supported(provider, machine, Capability.RENAME):
            provider.rename(machine.cloud_id, f"{machine.name}-b")
            assert provider.machine(machine.cloud_id).name == f"{machine.name}-b"

    def test_metadata_is_set_changed_and_removed(self, provider: Provider, machine: MachineRecord) -> None:
        if not self.supported(provider, machine, Capability.METADATA):
            return
        provider.set_metadata(machine.cloud_id, {"conformance-a": "1", "conformance-b": "2"})
        provider.set_metadata(machine.cloud_id, {"conformance-b": "3", "conformance-a": None, "never": None})
        now = provider.machine(machine.cloud_id).metadata
        assert (now.get("conformance-b"), "conformance-a" in now) == ("3", False)
        (listed,) = [each for each in provider.machines() if each.cloud_id == machine.cloud_id]
        assert listed.metadata == now

    @pytest.mark.parametrize("verb", ["start", "resume", "unpause"])
    def test_a_verb_on_an_active_machine_conflicts_or_changes_nothing(
        self, provider: Provider, machine: MachineRecord, verb: str
    ) -> None:
        with suppress(Conflict, Unsupported):
            getattr(provider, verb)(machine.cloud_id)
        assert self.await_state(provider, machine.cloud_id, State.ACTIVE)

    def test_console(self, provider: Provider, machine: MachineRecord) -> None:
        if self.supported(provider, machine, Capability.CONSOLE):
            assert isinstance(provider.console(machine.cloud_id), str)
