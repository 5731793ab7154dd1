"""Tests of booting, listing and deleting, which every cloud can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from cloudmesh.cloud.conformance.base import Around, ProviderTests, new_name
from cloudmesh.cloud.errors import NotFound, Unsupported
from cloudmesh.cloud.model.records import Flavor, Image, MachineRecord, State
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.boot import new_token
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.store.known import machine_of


class MachineTests(ProviderTests):
    """Booting and listing."""

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

    def test_an_image_is_found_by_its_id_alone(self, provider: Provider) -> None:
        first = provider.images()[0]
        assert provider.image(first.cloud_id).cloud_id == first.cloud_id

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
        assert not provider.user_id() or listed.owner == provider.user_id(), "whoever boots a machine owns it"
        assert listed.boot_id in ("", request.token)

    def test_a_machine_is_booted_with_metadata_and_userdata(self, provider: Provider) -> None:
        request = self.request(provider)
        if Capability.BOOT_METADATA in provider.capabilities:
            request = replace(request, metadata={"conformance": "yes"})
        if Capability.USERDATA in provider.capabilities:
            request = replace(request, userdata="#!/bin/sh\ntrue\n")
        if Capability.BOOT_HINTS in provider.capabilities:
            request = replace(request, hints={"conformance": "yes"})
        machine = self.booted(provider, request)
        assert dict(request.metadata).items() <= machine.metadata.items()

    def test_a_machine_survives_the_way_through_the_store(self, machine: MachineRecord) -> None:
        assert machine_of(machine.to_record()) == machine

    def test_another_connection_sees_the_same_machines(
        self, provider: Provider, machine: MachineRecord, make_provider: Callable[[], Provider]
    ) -> None:
        with make_provider() as other:
            assert other.machine(machine.cloud_id).name == machine.name

    def test_two_machines_have_two_ids(self, provider: Provider) -> None:
        first = self.request(provider)
        second = replace(first, name=f"{first.name}-b")
        assert provider.boot(first).cloud_id != provider.boot(second).cloud_id

    def test_booting_twice_with_one_token_makes_one_machine(self, provider: Provider) -> None:
        request = replace(self.request(provider), name=new_name(), token=new_token())
        around = Around(provider)
        first, second = around.boot_as(request), around.boot_as(request, maybe_done=True)
        assert first.cloud_id == second.cloud_id
        if provider.boots_once:
            assert provider.boot(request).cloud_id == first.cloud_id, "without a query before it"
        assert [each.cloud_id for each in provider.machines() if each.name == request.name] == [
            first.cloud_id
        ]
        assert not any(request.token in (*each, *each.values()) for each in (first.metadata, second.metadata))

    def test_a_token_that_nobody_used_finds_no_machine(
        self, provider: Provider, machine: MachineRecord
    ) -> None:
        other = replace(self.request(provider), name=new_name(), token=new_token())
        assert machine.cloud_id and provider.find_booted(other) is None

    def test_a_machine_that_was_deleted_is_not_found_by_its_token(self, provider: Provider) -> None:
        request = replace(self.request(provider), name=new_name(), token=new_token())
        self.deleted(provider, self.booted(provider, request))
        assert provider.find_booted(request) is None

    def test_delete(self, provider: Provider, machine: MachineRecord) -> None:
        self.deleted(provider, machine)

    def test_what_has_changed_since_a_listing_is_told(
        self, provider: Provider, machine: MachineRecord
    ) -> None:
        if not self.supported(provider, machine, Capability.CHANGES):
            return
        listed = {each.cloud_id for each in provider.machines()}
        assert machine.cloud_id in listed and provider.mark, "changes are asked for from its end on"
        made = self.booted(provider, replace(self.request(provider), name=new_name()))
        told = {each.cloud_id: each.state for each in provider.changed_machines(provider.mark)}
        assert told[made.cloud_id] is State.ACTIVE
        assert provider.mark, "nor is this the end"
        self.deleted(provider, machine)
        told = {each.cloud_id: each.state for each in provider.changed_machines(provider.mark)}
        assert told[machine.cloud_id] is State.DELETED

    @pytest.mark.parametrize("verb", ["machine", "start", "stop", "reboot", "delete"])
    def test_an_unknown_id_is_not_found(self, provider: Provider, machine: MachineRecord, verb: str) -> None:
        self.deleted(provider, machine)
        allowed = (NotFound,) if verb in ("machine", "delete") else (NotFound, Unsupported)
        with pytest.raises(allowed):
            getattr(provider, verb)(machine.cloud_id)
