"""Subnets, security groups and elastic IPs: the network part of the provider ``ec2``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cloudmesh.cloud.errors import Conflict, NotFound
from cloudmesh.cloud.model.networks import FloatingIP, Network, SecurityGroup, SecurityRule
from cloudmesh.cloud.providers.ec2.query import Ec2Query, filters, items
from cloudmesh.cloud.providers.ec2.records import tags_of
from cloudmesh.cloud.providers.ec2.settings import Ec2Settings
from cloudmesh.cloud.providers.libcloud.base import LibcloudProvider
from cloudmesh.cloud.providers.libcloud.records import address_of, word_of

_A_PAGE = 1000


class Ec2Networks(LibcloudProvider):
    """The part of ``Ec2Provider`` that is about networks; libcloud's driver signs its calls."""

    own: Ec2Settings
    query: Ec2Query

    def networks(self) -> list[Network]:
        """The subnets, each a network of its own."""
        with self.requesting("list networks"):
            found = self._all("DescribeSubnets", "subnetSet")
            return list(self.readable("networks", found, self._network, ("name", "subnetId")))

    def _network(self, subnet: Mapping[str, Any]) -> Network:
        cloud_id = word_of(subnet.get("subnetId"), "id", needed=True)
        subnets = (word_of(subnet.get("cidrBlock"), "range"),)
        return Network(self.name, tags_of(subnet).get("Name") or cloud_id, cloud_id, subnets)

    def _all(self, action: str, key: str) -> Iterator[Any]:
        vpc = filters({"vpc-id": [self.own.vpc]}) if self.own.vpc else {}
        return self.query.pages(action, key, _A_PAGE, vpc)

    def security_groups(self) -> list[SecurityGroup]:
        with self.requesting("list security groups"):
            found = self._all("DescribeSecurityGroups", "securityGroupInfo")
            return list(self.readable("security_groups", found, self._group, ("groupName", "groupId")))

    def _group(self, group: Mapping[str, Any]) -> SecurityGroup:
        return SecurityGroup(
            cloud=self.name,
            name=word_of(group.get("groupName"), "name", needed=True),
            cloud_id=word_of(group.get("groupId"), "id", needed=True),
            description=word_of(group.get("groupDescription"), "description"),
            rules=tuple(_rules(group)),
        )

    def create_security_group(self, name: str, description: str = "") -> SecurityGroup:
        sent = {"GroupName": name, "GroupDescription": description or name}
        if self.own.vpc:
            sent["VpcId"] = self.own.vpc
        with self.requesting(f"create the security group {name}"):
            made = str(self.query.send("CreateSecurityGroup", sent)["groupId"])
            # EC2 puts a rule of its own into it.
            answer = self.query.send("DescribeSecurityGroups", {"GroupId.1": made})
            return self._group(items(answer, "securityGroupInfo")[0])

    def delete_security_group(self, cloud_id: str) -> None:
        with self.requesting(f"delete the security group {cloud_id}"):
            self.query.send("DeleteSecurityGroup", {"GroupId": cloud_id})

    def add_rule(self, group_id: str, rule: SecurityRule) -> SecurityRule:
        with self.requesting(f"add a rule to {group_id}"):
            self._change_rule("Authorize", group_id, rule)
        return rule

    def remove_rule(self, group_id: str, rule: SecurityRule) -> None:
        # EC2 keeps 0 to 65535 and 1 to 65535 apart, which are one rule here.
        firsts = (0, 1) if rule.from_port is None and rule.protocol in ("tcp", "udp") else (0,)
        for first in firsts:
            try:
                with self.requesting(f"remove a rule from {group_id}"):
                    answer = self._change_rule("Revoke", group_id, rule, first)
            except NotFound:
                if first is firsts[-1]:
                    raise
                continue
            if not items(answer, "unknownIpPermissionSet"):
                return
        raise NotFound(f"the security group {group_id} on cloud {self.name} has no such rule")

    def _change_rule(
        self, action: str, group_id: str, rule: SecurityRule, first: int = 0
    ) -> Mapping[str, Any]:
        sent = _rule_parameters(group_id, rule, first)
        return self.query.send(f"{action}SecurityGroup{rule.direction.title()}", sent)

    def floating_ips(self) -> list[FloatingIP]:
        with self.requesting("list addresses"):
            found = items(self.query.send("DescribeAddresses"), "addressesSet")
            return list(self.readable("floating_ips", found, self._address, ("publicIp", "allocationId")))

    def _address(self, address: Mapping[str, Any]) -> FloatingIP:
        public = address_of(address.get("publicIp"))
        cloud_id = word_of(address.get("allocationId"), "id") or public
        machine_id = word_of(address.get("instanceId"), "machine")
        return FloatingIP(self.name, public, cloud_id, machine_id=machine_id)

    def create_floating_ip(self, pool: str = "", description: str = "") -> FloatingIP:
        """Take an elastic IP; ``pool`` is a network border group, of which most regions have one.

        It has no description; new machines get their public addresses in another way (BOOT_PUBLIC).
        """
        sent = {"Domain": "vpc", **({"NetworkBorderGroup": pool} if pool else {})}
        with self.requesting("create a public address"):
            zones = (
                items(self.query.send("DescribeAvailabilityZones"), "availabilityZoneInfo") if pool else []
            )
            if pool and pool not in {str(zone.get("networkBorderGroup") or "") for zone in zones}:
                raise NotFound(f"there is no network border group {pool} on cloud {self.name}")
            return self._address(self.query.send("AllocateAddress", sent))

    def delete_floating_ip(self, cloud_id: str) -> None:
        with self.requesting(f"delete address {cloud_id}"):
            association = self._describe_address(cloud_id).get("associationId")
            if association:
                self.query.send("DisassociateAddress", {"AssociationId": association})
            self.query.send("ReleaseAddress", _by_id(cloud_id))

    def attach_floating_ip(self, cloud_id: str, machine_id: str) -> None:
        with self.requesting(f"attach the address {cloud_id} to {machine_id}"):
            if self._describe_address(cloud_id).get("instanceId"):
                raise Conflict(
                    f"the address {cloud_id} on cloud {self.name} is attached already; detach it first"
                )
            sent = {**_by_id(cloud_id), "InstanceId": machine_id, "AllowReassociation": "false"}
            self.query.send("AssociateAddress", sent)

    def detach_floating_ip(self, cloud_id: str) -> None:
        with self.requesting(f"detach the address {cloud_id}"):
            told = self._describe_address(cloud_id)
            if not told.get("instanceId") and not told.get("associationId"):
                raise Conflict(f"the address {cloud_id} on cloud {self.name} is not attached")
            association = told.get("associationId")
            sent = {"AssociationId": association} if association else {"PublicIp": told["publicIp"]}
            self.query.send("DisassociateAddress", sent)

    def _describe_address(self, cloud_id: str) -> Mapping[str, Any]:
        """What EC2 tells of an address. Raises NotFound."""
        named = {f"{key}.1": value for key, value in _by_id(cloud_id).items()}
        answer = self.query.send("DescribeAddresses", named)
        for address in items(answer, "addressesSet"):
            return dict(address)
        raise NotFound(f"there is no address {cloud_id} on cloud {self.name}")


def _by_id(cloud_id: str) -> dict[str, str]:
    """An address is named by the id of its allocation; where a cloud gives none, by itself."""
    return {"AllocationId" if cloud_id.startswith("eipalloc-") else "PublicIp": cloud_id}


_ALL = "-1"
_LAST_PORT = 65535


def _rules(group: Mapping[str, Any]) -> Iterator[SecurityRule]:
    """The rules of a group."""
    for direction, key in (("ingress", "ipPermissions"), ("egress", "ipPermissionsEgress")):
        for permission in items(group, key):
            for each in items(permission, "ipRanges"):
                yield _rule(direction, permission, "IPv4", each["cidrIp"])
            for each in items(permission, "ipv6Ranges"):
                yield _rule(direction, permission, "IPv6", each["cidrIpv6"])
            for each in items(permission, "groups"):
                yield _rule(direction, permission, "IPv4", each.get("groupId") or each.get("groupName"))


def _rule(direction: str, permission: Mapping[str, Any], ethertype: str, remote: Any) -> SecurityRule:
    return SecurityRule(
        direction=direction,
        protocol=str(permission.get("ipProtocol") or _ALL),
        from_port=_port(permission.get("fromPort")),
        to_port=_port(permission.get("toPort")),
        remote=word_of(remote, "range", needed=True),
        ethertype=ethertype,
    )


def _port(text: Any) -> int | None:
    return None if text in (None, "") else int(text)


def _rule_parameters(group_id: str, rule: SecurityRule, first: int = 0) -> dict[str, Any]:
    """The parameters that name this rule of this group; all ports begin with ``first``."""
    prefix = "IpPermissions.1"
    protocol = {"any": _ALL, "ipv6-icmp": "icmpv6"}.get(rule.protocol, rule.protocol)
    sent: dict[str, Any] = {"GroupId": group_id, f"{prefix}.IpProtocol": protocol}
    if protocol != _ALL:
        no_first, no_last = (first, _LAST_PORT) if protocol in ("tcp", "udp") else (-1, -1)
        sent[f"{prefix}.FromPort"] = no_first if rule.from_port is None else rule.from_port
        sent[f"{prefix}.ToPort"] = no_last if rule.to_port is None else rule.to_port
    if rule.remote.startswith("sg-"):
        sent[f"{prefix}.Groups.1.GroupId"] = rule.remote
    elif rule.ethertype == "IPv6":
        sent[f"{prefix}.Ipv6Ranges.1.CidrIpv6"] = rule.remote
    else:
        sent[f"{prefix}.IpRanges.1.CidrIp"] = rule.remote
    return sent
