"""The part of the provider interface that is about networks; every method of it is optional."""

from __future__ import annotations

from typing import NoReturn

from cloudmesh.cloud.errors import Unsupported
from cloudmesh.cloud.model.networks import FloatingIP, Network, SecurityGroup, SecurityRule
from cloudmesh.cloud.model.verbs import Capability, cannot


class NetworkProvider:
    """Networks, security groups and floating IPs of one cloud; what is not declared raises Unsupported."""

    name: str

    def networks(self) -> list[Network]:
        """The networks that this user can see (Capability.NETWORKS)."""
        self._lacks(Capability.NETWORKS)

    def security_groups(self) -> list[SecurityGroup]:
        """This user's security groups, with their rules (Capability.SECURITY_GROUPS)."""
        self._lacks(Capability.SECURITY_GROUPS)

    def create_security_group(self, name: str, description: str = "") -> SecurityGroup:
        """Make a group; a cloud may put rules of its own into it. Raises Refused if the name is taken."""
        self._lacks(Capability.SECURITY_GROUPS)

    def delete_security_group(self, cloud_id: str) -> None:
        """Remove a group. Raises NotFound, and Conflict while a machine is under it."""
        self._lacks(Capability.SECURITY_GROUPS)

    def add_rule(self, group_id: str, rule: SecurityRule) -> SecurityRule:
        """Let something through. Raises NotFound, and Conflict if the group has this rule."""
        self._lacks(Capability.SECURITY_GROUPS)

    def remove_rule(self, group_id: str, rule: SecurityRule) -> None:
        """Take a rule, as it was listed, out of its group. Raises NotFound."""
        self._lacks(Capability.SECURITY_GROUPS)

    def floating_ips(self) -> list[FloatingIP]:
        """The public addresses that are this user's (Capability.FLOATING_IPS)."""
        self._lacks(Capability.FLOATING_IPS)

    def create_floating_ip(self, pool: str = "", description: str = "") -> FloatingIP:
        """Take a public address, from the network of this name or id, or from the cloud's only one.

        The description, of at most 255 letters, is kept where the cloud can; an address whose machine is
        not known, since the process that took it was killed, is found by it.
        """
        self._lacks(Capability.FLOATING_IPS)

    def delete_floating_ip(self, cloud_id: str) -> None:
        """Give an address back, also one that is attached. Raises NotFound."""
        self._lacks(Capability.FLOATING_IPS)

    def attach_floating_ip(self, cloud_id: str, machine_id: str) -> None:
        """Let an address lead to a machine. Raises NotFound, and Conflict if it leads to one already.

        Raises Conflict too while the machine has no port yet: it may be asked again a moment later.
        """
        self._lacks(Capability.FLOATING_IPS)

    def detach_floating_ip(self, cloud_id: str) -> None:
        """Let an address lead nowhere; it stays the user's. Raises NotFound, Conflict if it leads nowhere."""
        self._lacks(Capability.FLOATING_IPS)

    def _lacks(self, capability: Capability) -> NoReturn:
        raise Unsupported(cannot(self.name, capability))
