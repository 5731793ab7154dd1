"""Tests of snapshots and clones, as far as a cloud can: what is not declared must raise Unsupported."""

from __future__ import annotations

import pytest

from cloudmesh.cloud.conformance.base import ProviderTests, new_name
from cloudmesh.cloud.errors import Conflict, Unsupported
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.boot import new_token
from cloudmesh.cloud.provider.interface import Provider


class CopyTests(ProviderTests):
    """What is kept of a machine is there until it is deleted, and what is copied from it is apart."""

    def names(self, provider: Provider, machine: MachineRecord) -> list[str]:
        """The names of the snapshots of a machine."""
        return [each.name for each in provider.snapshots(machine.cloud_id)]

    def test_a_snapshot_is_listed_and_leaves_the_machine_as_it_was(
        self, provider: Provider, machine: MachineRecord
    ) -> None:
        if not self.supported(provider, machine, Capability.SNAPSHOT):
            with pytest.raises(Unsupported):
                provider.snapshots(machine.cloud_id)
            return
        assert self.names(provider, machine) == []
        provider.snapshot(machine.cloud_id, "before")
        # A name may look like the number that some clouds give a snapshot.
        provider.snapshot(machine.cloud_id, "1")
        assert self.names(provider, machine) == ["before", "1"], "the oldest first"
        with pytest.raises(Conflict):
            provider.snapshot(machine.cloud_id, "before")
        assert self.names(provider, machine) == ["before", "1"]
        assert provider.machine(machine.cloud_id).state is State.ACTIVE

    def test_restore_leads_back_to_the_state_of_the_snapshot(
        self, provider: Provider, machine: MachineRecord
    ) -> None:
        needed = (Capability.SNAPSHOT, Capability.RESTORE, Capability.STOP, Capability.START)
        if not self.supported(provider, machine, *needed):
            return
        provider.snapshot(machine.cloud_id, "running")
        provider.stop(machine.cloud_id)
        self.await_state(provider, machine.cloud_id, State.STOPPED)
        provider.snapshot(machine.cloud_id, "off")
        provider.restore(machine.cloud_id, "running")
        self.await_state(provider, machine.cloud_id, State.ACTIVE)
        with pytest.raises(Conflict):
            provider.restore(machine.cloud_id, "never")
        provider.restore(machine.cloud_id, "off")
        now = self.await_state(provider, machine.cloud_id, State.STOPPED)
        assert (now.name, now.created, now.metadata) == (machine.name, machine.created, machine.metadata)
        assert self.names(provider, machine) == ["running", "off"]

    def test_delete_snapshot_gives_up_that_one_alone(
        self, provider: Provider, machine: MachineRecord
    ) -> None:
        if not self.supported(provider, machine, Capability.SNAPSHOT, Capability.DELETE_SNAPSHOT):
            return
        for name in ("1", "2"):
            provider.snapshot(machine.cloud_id, name)
        provider.delete_snapshot(machine.cloud_id, "1")
        with pytest.raises(Conflict):
            provider.delete_snapshot(machine.cloud_id, "1")
        assert self.names(provider, machine) == ["2"]
        assert provider.machine(machine.cloud_id).state is State.ACTIVE

    @pytest.mark.parametrize("deleted_first", ["source", "clone"])
    def test_clone_makes_a_machine_of_its_own(
        self, provider: Provider, machine: MachineRecord, deleted_first: str
    ) -> None:
        if not self.supported(provider, machine, Capability.CLONE):
            return
        keeps = Capability.SNAPSHOT in provider.capabilities
        if keeps:
            provider.snapshot(machine.cloud_id, "before")
        clone = self.cloned(provider, machine)
        assert clone.cloud_id != machine.cloud_id
        assert (clone.image, clone.flavor, clone.key) == (machine.image, machine.flavor, machine.key)
        assert not set(clone.private_ips) & set(provider.machine(machine.cloud_id).private_ips)
        first, second = (machine, clone) if deleted_first == "source" else (clone, machine)
        self.deleted(provider, first)
        left = provider.machine(second.cloud_id)
        assert left.state in (State.ACTIVE, State.STOPPED) and left.name == second.name
        if keeps:
            assert self.names(provider, second) == ([] if second is clone else ["before"])

    def cloned(self, provider: Provider, machine: MachineRecord) -> MachineRecord:
        """An active clone of a machine, which is stopped before it if its cloud wants that."""
        name, token = new_name(), new_token()
        try:
            made = provider.clone(machine.cloud_id, name, token)
        except Conflict:
            # Some clouds copy only what is stopped.
            provider.stop(machine.cloud_id)
            self.await_state(provider, machine.cloud_id, State.STOPPED)
            made = provider.clone(machine.cloud_id, name, token)
        assert (made.name, made.boot_id) == (name, token)
        (listed,) = [each for each in provider.machines() if each.boot_id == token]
        assert listed.cloud_id == made.cloud_id, "it is found by its token, if the answer was lost"
        return self.await_state(provider, made.cloud_id, State.ACTIVE)
