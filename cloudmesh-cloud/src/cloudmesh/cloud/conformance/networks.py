"""Tests of networks, security groups and floating IPs, as far as a cloud has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from cloudmesh.cloud.conformance.base import ProviderTests, new_name
from cloudmesh.cloud.errors import CloudError, Conflict, NotFound, Unsupported
from cloudmesh.cloud.model.networks import FloatingIP, SecurityGroup, SecurityRule
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.interface import Provider

SSH = SecurityRule("ingress", "tcp", 22, 22, "192.0.2.0/24")
WEB = SecurityRule("ingress", "tcp", 8000, 8080, "0.0.0.0/0")
# The same rule as one user and another may write it.
SPELLINGS = (
    (
        SecurityRule("ingress", "tcp", 1, 65535, "192.0.2.7"),
        SecurityRule("ingress", "6", None, None, "192.0.2.7/32"),
    ),
    (SecurityRule("ingress", "UDP", 53, 53, ""), SecurityRule("ingress", "udp", 53, 53)),
    (SecurityRule("ingress", "icmp", -1, -1), SecurityRule("ingress", "1")),
)


class NetworkTests(ProviderTests):
    """What is around machines. What a test made is removed after it."""

    @pytest.fixture
    def group(self, provider: Provider) -> Iterator[SecurityGroup | None]:
        """A new security group; None where the cloud keeps none."""
        if Capability.SECURITY_GROUPS not in provider.capabilities:
            yield None
            return
        made = provider.create_security_group(new_name(), "of the conformance suite")
        yield made
        with suppress(NotFound, Conflict):
            provider.delete_security_group(made.cloud_id)

    @pytest.fixture
    def address(self, provider: Provider) -> Iterator[FloatingIP | None]:
        """A new floating IP; None where the cloud keeps none."""
        if Capability.FLOATING_IPS not in provider.capabilities:
            yield None
            return
        made = provider.create_floating_ip()
        yield made
        with suppress(NotFound):
            provider.delete_floating_ip(made.cloud_id)

    def group_now(self, provider: Provider, group: SecurityGroup) -> SecurityGroup:
        """The group as it is listed now."""
        (found,) = [each for each in provider.security_groups() if each.cloud_id == group.cloud_id]
        return found

    def test_networks(self, provider: Provider, machine: MachineRecord) -> None:
        if self.supported(provider, machine, Capability.NETWORKS):
            networks = provider.networks()
            assert networks and all(each.cloud == provider.name for each in networks)
            assert len({each.cloud_id for each in networks}) == len(networks)

    def test_a_machine_is_booted_on_a_network_that_was_chosen(self, provider: Provider) -> None:
        if Capability.NETWORKS not in provider.capabilities:
            return
        network = next(each for each in provider.networks() if not each.external)
        machine = self.booted(provider, replace(self.request(provider), networks=(network,)))
        assert machine.addresses

    def test_security_groups_are_made_listed_and_deleted(
        self, provider: Provider, machine: MachineRecord
    ) -> None:
        if not self.supported(provider, machine, Capability.SECURITY_GROUPS):
            return
        name = new_name()
        made = provider.create_security_group(name, "of the conformance suite")
        try:
            listed = self.group_now(provider, made)
            assert (listed.name, listed.description) == (name, "of the conformance suite")
        finally:
            provider.delete_security_group(made.cloud_id)
        assert made.cloud_id not in {each.cloud_id for each in provider.security_groups()}
        with pytest.raises(NotFound):
            provider.delete_security_group(made.cloud_id)

    def test_rules_come_and_go(self, provider: Provider, group: SecurityGroup | None) -> None:
        if group is None:
            return
        made = provider.add_rule(group.cloud_id, SSH)
        provider.add_rule(group.cloud_id, WEB)
        assert made == SSH
        with pytest.raises(CloudError):
            provider.add_rule(group.cloud_id, SSH)
        listed = self.group_now(provider, group).rules
        assert listed.count(SSH) == 1 and WEB in listed
        provider.remove_rule(group.cloud_id, next(each for each in listed if each == SSH))
        assert SSH not in self.group_now(provider, group).rules
        assert WEB in self.group_now(provider, group).rules
        with pytest.raises(NotFound):
            provider.remove_rule(group.cloud_id, made)

    def test_a_rule_is_removed_however_it_is_spelt(
        self, provider: Provider, group: SecurityGroup | None
    ) -> None:
        if group is None:
            return
        for spelt, otherwise in SPELLINGS:
            assert provider.add_rule(group.cloud_id, spelt) == otherwise
            provider.remove_rule(group.cloud_id, otherwise)
            assert spelt not in self.group_now(provider, group).rules

    def test_a_group_that_a_machine_is_under_stays(
        self, provider: Provider, group: SecurityGroup | None
    ) -> None:
        if group is None:
            return
        machine = self.booted(provider, replace(self.request(provider), security_groups=(group,)))
        with pytest.raises(Conflict):
            provider.delete_security_group(group.cloud_id)
        self.deleted(provider, machine)
        self.await_that(lambda: self.can_delete(provider, group), "the group cannot be deleted")

    def can_delete(self, provider: Provider, group: SecurityGroup) -> bool:
        """Delete the group, unless the cloud has not noticed yet that the machine is gone."""
        try:
            provider.delete_security_group(group.cloud_id)
        except Conflict:
            return False
        return True

    def test_a_floating_ip_leads_to_a_machine_and_away(
        self, provider: Provider, machine: MachineRecord, address: FloatingIP | None
    ) -> None:
        if address is None:
            return
        assert address.address and not address.machine_id
        provider.attach_floating_ip(address.cloud_id, machine.cloud_id)
        self.await_that(
            lambda: address.address in provider.machine(machine.cloud_id).public_ips, "it does not show"
        )
        assert self.leads_to(provider, address) == machine.cloud_id
        provider.detach_floating_ip(address.cloud_id)
        assert self.leads_to(provider, address) == ""
        self.await_that(
            lambda: address.address not in provider.machine(machine.cloud_id).public_ips, "it still shows"
        )

    def leads_to(self, provider: Provider, address: FloatingIP) -> str:
        """The id of the machine that the address leads to, as it is listed."""
        (found,) = [each for each in provider.floating_ips() if each.cloud_id == address.cloud_id]
        return found.machine_id

    def test_a_floating_ip_that_is_given_back_is_gone(
        self, provider: Provider, address: FloatingIP | None
    ) -> None:
        if address is None:
            return
        provider.delete_floating_ip(address.cloud_id)
        assert address.cloud_id not in {each.cloud_id for each in provider.floating_ips()}
        with pytest.raises(NotFound):
            provider.delete_floating_ip(address.cloud_id)

    def test_an_unknown_floating_ip_or_pool_is_not_found(
        self, provider: Provider, machine: MachineRecord
    ) -> None:
        if not self.supported(provider, machine, Capability.FLOATING_IPS):
            return
        gone = provider.create_floating_ip()
        provider.delete_floating_ip(gone.cloud_id)
        for call in (
            lambda: provider.attach_floating_ip(gone.cloud_id, machine.cloud_id),
            lambda: provider.detach_floating_ip(gone.cloud_id),
            lambda: provider.create_floating_ip("conformance-no-such-pool"),
        ):
            with pytest.raises((NotFound, Unsupported)):
                call()
