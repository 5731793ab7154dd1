"""What is around machines: networks, security groups and floating IPs."""

from __future__ import annotations

from cloudmesh.cloud.client.lookup import pick
from cloudmesh.cloud.client.opened import Opened
from cloudmesh.cloud.model.networks import FloatingIP, Network, SecurityGroup, SecurityRule
from cloudmesh.cloud.model.records import MachineRecord


class Surroundings(Opened):
    """The part of ``Cloud`` that is about networks.

    Things are given by name (a floating IP by its address), by id, or by a glob that means one: else
    UnknownName or UsageError is raised. A cloud that has no such thing raises Unsupported.
    """

    def networks(self) -> list[Network]:
        """The networks that machines can be on, and those that lead out."""
        with self.calling() as provider:
            return provider.networks()

    def network(self, name: str) -> Network:
        """The network of this name."""
        return pick("network", name, self.name, self.networks())

    def security_groups(self) -> list[SecurityGroup]:
        """The security groups with their rules."""
        with self.calling() as provider:
            return provider.security_groups()

    def security_group(self, name: str) -> SecurityGroup:
        """The security group of this name."""
        return pick("security group", name, self.name, self.security_groups())

    def create_security_group(self, name: str, description: str = "") -> SecurityGroup:
        """Make a security group. Raises Refused if the cloud has one of this name."""
        with self.calling() as provider:
            return provider.create_security_group(name, description)

    def delete_security_group(self, name: str) -> SecurityGroup:
        """Remove a security group. Raises Conflict while a machine is under it."""
        group = self.security_group(name)
        with self.calling() as provider:
            provider.delete_security_group(group.cloud_id)
        return group

    def add_rule(self, group: str, rule: SecurityRule) -> SecurityRule:
        """Let something through. Raises Conflict if the group does already."""
        found = self.security_group(group)
        with self.calling() as provider:
            return provider.add_rule(found.cloud_id, rule)

    def remove_rule(self, group: str, rule: SecurityRule) -> None:
        """No longer let something through. Raises NotFound if the group has no such rule."""
        found = self.security_group(group)
        same = next((each for each in found.rules if each == rule), rule)
        with self.calling() as provider:
            provider.remove_rule(found.cloud_id, same)

    def floating_ips(self) -> list[FloatingIP]:
        """The public addresses that are this user's."""
        with self.calling() as provider:
            return provider.floating_ips()

    def floating_ip(self, address: str) -> FloatingIP:
        """The floating IP of this address."""
        return pick("floating IP", address, self.name, self.floating_ips())

    def create_floating_ip(self, pool: str = "", description: str = "") -> FloatingIP:
        """Take a public address; it may cost money until it is given back."""
        with self.calling() as provider:
            return provider.create_floating_ip(pool, description)

    def delete_floating_ip(self, address: str) -> FloatingIP:
        """Give a public address back, also one that leads to a machine."""
        found = self.floating_ip(address)
        with self.calling() as provider:
            provider.delete_floating_ip(found.cloud_id)
        self.inventory.forget_address(found)
        return found

    def attach_floating_ip(self, address: str, machine: MachineRecord) -> None:
        """Let a public address lead to a machine. Raises Conflict if it leads to one already."""
        found = self.floating_ip(address)
        with self.calling() as provider:
            provider.attach_floating_ip(found.cloud_id, machine.cloud_id)

    def detach_floating_ip(self, address: str) -> None:
        """Let a public address lead nowhere; it stays this user's. Raises Conflict if it does already."""
        found = self.floating_ip(address)
        with self.calling() as provider:
            provider.detach_floating_ip(found.cloud_id)
        # The user has another use for it: it is not given back with the machine any more.
        self.inventory.forget_address(found)
