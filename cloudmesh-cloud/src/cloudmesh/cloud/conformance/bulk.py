"""Tests of several machines in one call, for the clouds that declare it; the others must not pretend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from cloudmesh.cloud.conformance.base import ProviderTests, new_name
from cloudmesh.cloud.errors import Conflict, NotFound, Unsupported
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import VERBS, Capability, capability_of
from cloudmesh.cloud.provider.boot import BootRequest, new_token
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.plugin.errors import CloudmeshError

AT_ONCE = 3


class BulkTests(ProviderTests):
    """What ``Provider.bulk`` promises."""

    @pytest.fixture
    def several(self, provider: Provider) -> list[MachineRecord]:
        """Three new machines that are active; none where nothing is declared for them."""
        if not provider.bulk:
            return []
        first = self.request(provider)
        booted = [provider.boot(replace(first, name=f"{first.name}-{each}")) for each in range(AT_ONCE)]
        return [self.await_state(provider, each.cloud_id, State.ACTIVE) for each in booted]

    def test_bulk_names_verbs_that_the_cloud_has(self, provider: Provider) -> None:
        for verb, most in provider.bulk.items():
            assert isinstance(most, int) and most > 1
            if verb != "boot":
                needed = capability_of(VERBS[verb])
                assert needed is None or needed in provider.capabilities
                assert not VERBS[verb].takes

    def test_what_is_asked_of_a_provider_that_is_not_open_stays_when_it_is(
        self, provider: Provider, make_provider: Callable[[], Provider]
    ) -> None:
        closed, public = make_provider(), Capability.BOOT_PUBLIC
        assert closed.bulk == provider.bulk
        assert (public in closed.capabilities) == (public in provider.capabilities)

    def test_a_verb_that_is_not_declared_for_several_is_unsupported(self, provider: Provider) -> None:
        for verb in set(VERBS) - set(provider.bulk):
            with pytest.raises(Unsupported):
                provider.act_many(verb, [])

    def test_several_machines_are_stopped_started_and_deleted_in_one_call(
        self, provider: Provider, several: list[MachineRecord]
    ) -> None:
        ids = [machine.cloud_id for machine in several]
        if {"stop", "start"} <= set(provider.bulk):
            for verb, target in (("stop", State.STOPPED), ("start", State.ACTIVE)):
                assert not provider.act_many(verb, ids)
                for cloud_id in ids:
                    self.await_state(provider, cloud_id, target)
        if "delete" in provider.bulk:
            assert not provider.act_many("delete", ids)
            for cloud_id in ids:
                self.await_gone(provider, cloud_id)

    def test_of_a_call_that_names_a_wrong_machine_nothing_is_lost(
        self, provider: Provider, several: list[MachineRecord]
    ) -> None:
        if "stop" not in provider.bulk:
            return
        good, gone = several[:-1], several[-1]
        self.deleted(provider, gone)
        told = self.refused(provider, "stop", [each.cloud_id for each in (gone, *good)])
        assert isinstance(told.get(gone.cloud_id), NotFound | Conflict), "the wrong machine was accepted"
        for machine in good:
            if machine.cloud_id in told:
                with suppress(Conflict):
                    provider.stop(machine.cloud_id)
            self.await_state(provider, machine.cloud_id, State.STOPPED)

    def refused(
        self, provider: Provider, verb: str, cloud_ids: Sequence[str]
    ) -> Mapping[str, CloudmeshError]:
        """The error of each machine for which nothing was done; of all of them if the call was refused."""
        try:
            return provider.act_many(verb, cloud_ids)
        except (NotFound, Conflict) as error:
            assert not error.outcome_unknown, "a refusal is sure"
            return dict.fromkeys(cloud_ids, error)

    @pytest.fixture
    def requests(self, provider: Provider) -> list[BootRequest]:
        """Requests for three machines, alike but for their names."""
        first, name = self.request(provider), new_name()
        return [replace(first, name=f"{name}-{each}", token=new_token()) for each in range(AT_ONCE)]

    def boot(
        self, provider: Provider, requests: Sequence[BootRequest], maybe_done: bool = False
    ) -> list[MachineRecord]:
        """Machines that were made by one call; it must not have failed."""
        made = provider.boot_many(requests, maybe_done)
        assert all(isinstance(each, MachineRecord) for each in made), made
        return [each for each in made if isinstance(each, MachineRecord)]

    def listed(self, provider: Provider, requests: Sequence[BootRequest]) -> dict[str, str]:
        """Names by id of the machines that are listed and do not belong to others."""
        prefix = requests[0].name.rpartition("-")[0]
        found = [each for each in provider.machines() if each.name.startswith(prefix)]
        return {each.cloud_id: each.name for each in found}

    def test_several_machines_are_booted_in_one_call(
        self, provider: Provider, requests: list[BootRequest]
    ) -> None:
        if "boot" not in provider.bulk:
            with pytest.raises(Unsupported):
                provider.boot_many(requests)
            return
        before = {each.cloud_id for each in provider.machines()}
        if Capability.BOOT_METADATA in provider.capabilities:
            requests = [replace(each, metadata={"all": "x", "own": each.name}) for each in requests]
        made = self.boot(provider, requests)
        assert [each.name for each in made] == [each.name for each in requests]
        after = {each.cloud_id for each in provider.machines()} - before
        assert after == {each.cloud_id for each in made}, "no more than were asked for"
        for wanted, machine in zip(requests, made, strict=True):
            now = self.await_state(provider, machine.cloud_id, State.ACTIVE)
            assert (now.name, now.metadata) == (wanted.name, dict(wanted.metadata))

    def test_asked_again_no_more_are_made(self, provider: Provider, requests: list[BootRequest]) -> None:
        if "boot" not in provider.bulk:
            return
        made = self.boot(provider, requests)
        maybe_done = self.boot(provider, requests, maybe_done=True)
        assert [each.cloud_id for each in maybe_done] == [each.cloud_id for each in made]
        assert self.listed(provider, requests) == {each.cloud_id: each.name for each in made}

    def test_again_makes_them_if_there_are_none(
        self, provider: Provider, requests: list[BootRequest]
    ) -> None:
        if "boot" in provider.bulk:
            made = self.boot(provider, requests, maybe_done=True)
            assert self.listed(provider, requests) == {each.cloud_id: each.name for each in made}

    def test_each_of_several_is_found_by_its_own_token(
        self, provider: Provider, requests: list[BootRequest]
    ) -> None:
        if "boot" not in provider.bulk:
            return
        made = self.boot(provider, requests)
        for wanted, machine in zip(requests, made, strict=True):
            found = provider.find_booted(wanted)
            assert found is not None
            assert (found.cloud_id, found.name) == (machine.cloud_id, wanted.name)
