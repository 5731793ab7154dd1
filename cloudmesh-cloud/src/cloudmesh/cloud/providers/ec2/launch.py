"""A new machine, or several in one call, in the words of EC2's RunInstances; and which of them is which.

All machines of one call are made with the same tags. So each first bears the tokens of the whole group, in
order, and its place in it is its ``amiLaunchIndex``. Then it gets its own name and its own token, and the
tokens of the group are removed. In that way a machine is found by its token alone at any moment, though
the process that asked for it was killed.
"""

from __future__ import annotations

import base64
import hashlib
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.provider.boot import TOKEN_KEY, BootRequest
from cloudmesh.cloud.providers.ec2.query import numbered
from cloudmesh.cloud.providers.ec2.records import state_of, tags_of

#: A machine in EC2's words.
Instance = Mapping[str, Any]


def launch_parameters(wanted: BootRequest, hibernate: bool = False) -> dict[str, Any]:
    """What RunInstances is sent; two calls with one token make one machine."""
    named = {**wanted.metadata, "Name": wanted.name}
    return _run_instances(wanted, 1, wanted.token, named, hibernate)


def group_launch_parameters(requests: Sequence[BootRequest], hibernate: bool = False) -> dict[str, Any]:
    """The same for several machines, which differ in nothing but their names, tokens and metadata."""
    # EC2 does it once: the token is the same for the same requests in the same order.
    token = hashlib.sha256(" ".join(each.token for each in requests).encode()).hexdigest()
    return _run_instances(requests[0], len(requests), token, group_tags(requests), hibernate)


def _run_instances(
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
        **_network_parameters(wanted),
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


def tag_keys(keys: Iterable[str]) -> dict[str, str]:
    """Keys of tags as DeleteTags takes them."""
    return {f"Tag.{number}.Key": key for number, key in enumerate(keys, 1)}


def _network_parameters(wanted: BootRequest) -> dict[str, Any]:
    """Networks, security groups and the public address.

    With an explicit interface, which a public address and several networks need, all of it belongs there.
    """
    subnets = [network.cloud_id for network in wanted.networks]
    groups = [each.cloud_id for each in wanted.security_groups]
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


GROUP_KEY = f"{TOKEN_KEY}s-"
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
_LONGEST_VALUE = 256


def group_tags(requests: Sequence[BootRequest]) -> dict[str, str]:
    """The tags of all: what the users wrote on every one of them, and the tokens."""
    first, *others = requests
    shared = {
        key: value
        for key, value in first.metadata.items()
        if all(other.metadata.get(key) == value for other in others)
    }
    lines = textwrap.wrap(" ".join(each.token for each in requests), _LONGEST_VALUE, break_on_hyphens=False)
    return {**shared, **{f"{GROUP_KEY}{number}": line for number, line in enumerate(lines, 1)}}


def group_keys(tags: Mapping[str, str]) -> list[str]:
    """The keys of the tags that hold the tokens of a group, in order."""
    keys = [key for key in tags if key.startswith(GROUP_KEY) and key.removeprefix(GROUP_KEY).isdecimal()]
    return sorted(keys, key=lambda key: int(key.removeprefix(GROUP_KEY)))


def tokens_of(instance: Instance) -> list[str]:
    """The tokens of the group that a machine was made with; none if they were taken off it."""
    tags = tags_of(instance)
    return " ".join(tags[key] for key in group_keys(tags)).split()


def token_of(instance: Instance) -> str:
    """The token of the boot that a machine came from; empty if it bears none."""
    own = tags_of(instance).get(TOKEN_KEY)
    if own is not None:
        return own
    tokens, index = tokens_of(instance), str(instance.get("amiLaunchIndex", ""))
    return tokens[int(index)] if index.isdecimal() and int(index) < len(tokens) else ""


def is_gone(instance: Instance) -> bool:
    """Whether a machine is deleted, or on its way there."""
    return state_of(instance) in (State.DELETING, State.DELETED)


def take_note(found: dict[str, Instance], instance: Instance) -> None:
    """Keep a machine by the token that it came from; others of its group are empty until they are shown."""
    token = token_of(instance)
    if not found.get(token) or is_gone(found[token]):
        found[token] = instance
    for other in tokens_of(instance):
        found.setdefault(other, {})


def by_token(instances: Sequence[Instance], requests: Sequence[BootRequest]) -> dict[str, Instance]:
    """The machines of an answer to RunInstances, which need not show tags, by the token of each request."""
    ordered = sorted(instances, key=_launch_index)
    if len(ordered) == len(requests):
        return {request.token: instance for request, instance in zip(requests, ordered, strict=True)}
    # The answer to a call that was made again may lack some; the others keep their places.
    tokens = dict(enumerate(each.token for each in requests))
    return {tokens[at]: each for each in ordered if (at := _launch_index(each)) in tokens}


def _launch_index(instance: Instance) -> int:
    """Which one of its group a machine is."""
    index = str(instance.get("amiLaunchIndex") or "")
    return int(index) if index.isdecimal() else 0
