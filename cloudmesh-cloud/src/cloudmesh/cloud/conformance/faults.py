"""Tests of answers that are none, and of states that are apart; for test files that can bring these about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from cloudmesh.cloud.conformance.base import ProviderTests, call_verb, new_name
from cloudmesh.cloud.errors import CloudError, Conflict, Unsupported
from cloudmesh.cloud.model.parameters import Fitness
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import VERBS, capability_of
from cloudmesh.cloud.provider.boot import new_token
from cloudmesh.cloud.provider.interface import Provider

# What brings an active machine into the state that a verb is called in.
BEFORE = {
    "start": "stop",
    "resume": "suspend",
    "unpause": "pause",
    "unshelve": "shelve",
    "confirm_resize": "resize_unconfirmed",
    "revert_resize": "resize_unconfirmed",
    "restore": "snapshot",
    "delete_snapshot": "snapshot",
}
LISTS = (
    "machines",
    "images",
    "flavors",
    "key_pairs",
    "quotas",
    "networks",
    "security_groups",
    "floating_ips",
)
AT_REST = [state for state in State if not state.is_passing and state not in (State.ACTIVE, State.DELETED)]


class FaultTests(ProviderTests):
    """What must not count as success, and what must not be taken for something else."""

    @pytest.fixture
    def lying(self) -> Callable[[str], Provider] | None:
        """Makes a provider on the same account that gets no answer of the interface to one call.

        The call is named as a verb of the table or as a method; it does its work. None tests nothing.
        """
        return None

    @pytest.fixture
    def ending(self) -> Callable[[State], Provider] | None:
        """Makes a provider on the same account whose new machines end in this state; None tests nothing."""
        return None

    @pytest.mark.parametrize("name", VERBS)
    def test_what_is_no_answer_to_a_verb_is_no_success(
        self,
        provider: Provider,
        request: pytest.FixtureRequest,
        lying: Callable[[str], Provider] | None,
        name: str,
    ) -> None:
        verb = VERBS[name]
        needed = {capability_of(each) for each in (verb, VERBS[BEFORE.get(name, name)])} - {None}
        if lying is None or not needed <= provider.capabilities:
            return
        # Only now: on a real cloud a machine takes time.
        machine: MachineRecord = request.getfixturevalue("machine")
        if before := BEFORE.get(name):
            call_verb(provider, VERBS[before], machine)
            self.await_that(
                lambda: verb.fitness(provider.machine(machine.cloud_id).state) is Fitness.POSSIBLE, before
            )
        with lying(name) as liar, pytest.raises(CloudError) as caught:
            call_verb(liar, verb, machine)
        assert caught.value.outcome_unknown, "what was asked for may have been done"

    def test_what_is_no_answer_to_a_boot_leaves_a_machine_that_is_found(
        self, provider: Provider, lying: Callable[[str], Provider] | None
    ) -> None:
        if lying is None:
            return
        request = replace(self.request(provider), name=new_name(), token=new_token())
        with lying("boot") as liar, pytest.raises(CloudError) as caught:
            liar.boot(request)
        assert caught.value.outcome_unknown and provider.find_booted(request) is not None

    @pytest.mark.parametrize("method", LISTS)
    def test_what_is_no_listing_is_no_empty_list(
        self, provider: Provider, lying: Callable[[str], Provider] | None, method: str
    ) -> None:
        if lying is None:
            return
        with lying(method) as liar, pytest.raises(CloudError):
            list(getattr(liar, method)())

    @pytest.mark.parametrize("state", AT_REST)
    def test_in_a_state_only_those_verbs_work_that_the_table_allows(
        self, provider: Provider, ending: Callable[[State], Provider] | None, state: State
    ) -> None:
        if ending is None:
            return
        with ending(state) as other:
            cloud_id = other.boot(self.request(other)).cloud_id
        self.await_that(lambda: provider.machine(cloud_id).state is state, f"it is not shown as {state}")
        for verb in VERBS.values():
            if verb.fitness(state) is Fitness.IMPOSSIBLE and verb.passing and not verb.takes:
                with pytest.raises((Conflict, Unsupported)):
                    getattr(provider, verb.call)(cloud_id)
                assert provider.machine(cloud_id).state is state, f"{verb.name} changed it"
