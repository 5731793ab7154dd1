"""Security rules in EC2's words: a permission stands for a rule for each range and group in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cloudmesh.cloud.model.networks import ANYWHERE, SecurityRule
from cloudmesh.cloud.providers.ec2.query import items

_ALL = "-1"
_ANYWHERE_6 = "::/0"
_LAST_PORT = 65535


def read(group: Mapping[str, Any]) -> Iterator[SecurityRule]:
    """The rules of a group."""
    for direction, key in (("ingress", "ipPermissions"), ("egress", "ipPermissionsEgress")):
        for permission in items(group, key):
            for ethertype, remote in _remotes(permission):
                yield _rule(direction, permission, ethertype, remote)


def _remotes(permission: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for each in items(permission, "ipRanges"):
        yield "IPv4", str(each["cidrIp"])
    for each in items(permission, "ipv6Ranges"):
        yield "IPv6", str(each["cidrIpv6"])
    for each in items(permission, "groups"):
        yield "IPv4", str(each.get("groupId") or each.get("groupName"))


def _rule(direction: str, permission: Mapping[str, Any], ethertype: str, remote: str) -> SecurityRule:
    protocol = str(permission.get("ipProtocol") or _ALL)
    first, last = _port(permission.get("fromPort")), _port(permission.get("toPort"))
    if (first, last) == (0, _LAST_PORT):
        first = last = None
    return SecurityRule(
        direction=direction,
        protocol="any" if protocol == _ALL else protocol,
        from_port=first,
        to_port=last,
        remote=remote,
        ethertype=ethertype,
    )


def _port(text: Any) -> int | None:
    return None if text in (None, "", _ALL) else int(text)


def write(group_id: str, rule: SecurityRule) -> dict[str, Any]:
    """The parameters that name this rule of this group."""
    prefix = "IpPermissions.1"
    protocol = _ALL if rule.protocol == "any" else rule.protocol
    sent: dict[str, Any] = {"GroupId": group_id, f"{prefix}.IpProtocol": protocol}
    if protocol != _ALL:
        no_first, no_last = (0, _LAST_PORT) if protocol in ("tcp", "udp") else (-1, -1)
        sent[f"{prefix}.FromPort"] = no_first if rule.from_port is None else rule.from_port
        sent[f"{prefix}.ToPort"] = no_last if rule.to_port is None else rule.to_port
    if rule.remote.startswith("sg-"):
        sent[f"{prefix}.Groups.1.GroupId"] = rule.remote
    elif rule.ethertype == "IPv6":
        sent[f"{prefix}.Ipv6Ranges.1.CidrIpv6"] = rule.remote if ":" in rule.remote else _ANYWHERE_6
    else:
        sent[f"{prefix}.IpRanges.1.CidrIp"] = rule.remote or ANYWHERE
    return sent
