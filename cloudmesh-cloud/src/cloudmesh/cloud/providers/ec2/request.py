"""A boot request in EC2's words."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from cloudmesh.cloud.provider.interface import BootRequest
from cloudmesh.cloud.providers.ec2 import group
from cloudmesh.cloud.providers.ec2.query import numbered


def parameters(wanted: BootRequest, hibernate: bool = False) -> dict[str, Any]:
    """What RunInstances is sent; two calls with one token make one machine."""
    named = {**wanted.metadata, "Name": wanted.name}
    return _launch(wanted, 1, wanted.token, named, hibernate)


def group_parameters(requests: Sequence[BootRequest], hibernate: bool = False) -> dict[str, Any]:
    """The same for several machines, which differ in nothing but their names, tokens and metadata."""
    token, shared = group.client_token(requests), group.group_tags(requests)
    return _launch(requests[0], len(requests), token, shared, hibernate)


def _launch(
    wanted: BootRequest, count: int, token: str, written: Mapping[str, str], hibernate: bool
) -> dict[str, Any]:
    sent: dict[str, Any] = {
        "ImageId": wanted.image.cloud_id,
        "InstanceType": wanted.flavor.cloud_id,
        # All or none.
        "MinCount": count,
        "MaxCount": count,
        "TagSpecification.1.ResourceType": "instance",
        **tags("TagSpecification.1.Tag", written),
        **_connections(wanted),
    }
    if token:
        sent["ClientToken"] = token
    if wanted.key:
        sent["KeyName"] = wanted.key.name
    if wanted.userdata:
        sent["UserData"] = base64.b64encode(wanted.userdata.encode()).decode()
    if hibernate:
        sent["HibernationOptions.Configured"] = "true"
    return sent


def tags(prefix: str, values: Mapping[str, str]) -> dict[str, str]:
    """Keys and values as EC2 takes them."""
    sent: dict[str, str] = {}
    for number, (key, value) in enumerate(values.items(), 1):
        sent |= {f"{prefix}.{number}.Key": key, f"{prefix}.{number}.Value": value}
    return sent


def _connections(wanted: BootRequest) -> dict[str, Any]:
    """Networks, security groups and the public address.

    With an explicit interface, which a public address and several networks need, all of it belongs there.
    """
    subnets = [network.cloud_id for network in wanted.networks]
    groups = [group.cloud_id for group in wanted.security_groups]
    if not wanted.public and len(subnets) < 2:
        return {**numbered("SecurityGroupId", groups), **({"SubnetId": subnets[0]} if subnets else {})}
    sent: dict[str, Any] = {}
    for number, subnet in enumerate(subnets or [""], 1):
        prefix = f"NetworkInterface.{number}"
        sent[f"{prefix}.DeviceIndex"] = number - 1
        sent[f"{prefix}.DeleteOnTermination"] = "true"
        if subnet:
            sent[f"{prefix}.SubnetId"] = subnet
        sent |= numbered(f"{prefix}.SecurityGroupId", groups)
    if wanted.public:
        sent["NetworkInterface.1.AssociatePublicIpAddress"] = "true"
    return sent
