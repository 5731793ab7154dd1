"""The part of ``Provider`` for what is around machines: key pairs, quotas, networks, floating IPs, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.copies import Copies

if TYPE_CHECKING:
    from cloudmesh.cloud.model.networks import FloatingIP, Network, SecurityGroup, SecurityRule
    from cloudmesh.cloud.model.records import KeyPair, Quota


class Things(Copies):
    """What not every cloud has; see ``Provider`` for the attributes."""

    capabilities: frozenset[Capability] = frozenset()

    def key_pairs(self) -> list[KeyPair]:
        """The key pairs of this user (Capability.KEYS)."""
        self._lacks(Capability.KEYS)

    def add_key(self, name: str, public_key: str) -> KeyPair:
        """Register a public key in OpenSSH's one-line form (Capability.KEYS)."""
        self._lacks(Capability.KEYS)

    def delete_key(self, name: str) -> None:
        """Forget a key pair (Capability.KEYS). Raises NotFound."""
        self._lacks(Capability.KEYS)

    def quotas(self) -> list[Quota]:
        """What this user may have and has (Capability.QUOTAS)."""
        self._lacks(Capability.QUOTAS)

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

        Raises Conflict too while the machine has no port yet: it may be asked again a moment later. Where
        that cannot help, it raises Refused.
        """
        self._lacks(Capability.FLOATING_IPS)

    def detach_floating_ip(self, cloud_id: str) -> None:
        """Let an address lead nowhere; it stays the user's. Raises NotFound, Conflict if it leads nowhere."""
        self._lacks(Capability.FLOATING_IPS)
