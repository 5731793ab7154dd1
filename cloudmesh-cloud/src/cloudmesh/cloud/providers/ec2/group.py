"""The machines that one call of RunInstances makes, and which of them is which.

All are made with the same tags. So each first bears the tokens of the whole group, in order, and its place
in it is its ``amiLaunchIndex``. Then it gets its own name and its own token, and those of the group go. In
that way a machine is found by its token alone at any moment, though whoever asked for it was killed.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.provider.boot import TOKEN_KEY, marked
from cloudmesh.cloud.provider.interface import BootRequest
from cloudmesh.cloud.providers.ec2.reading import state_of, tags_of

GROUP_KEY = f"{TOKEN_KEY}s-"
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
_LONGEST_VALUE = 256


def client_token(requests: Sequence[BootRequest]) -> str:
    """What makes the call one that EC2 does once: the same for the same requests in the same order."""
    return hashlib.sha256(" ".join(each.token for each in requests).encode()).hexdigest()


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


def own_tags(request: BootRequest) -> dict[str, str]:
    """The tags of one machine of a group, once it is known which it is."""
    return {**marked(request), "Name": request.name}


def group_keys(tags: Mapping[str, str]) -> list[str]:
    """The keys of the tags that hold the tokens of a group, in order."""
    keys = [key for key in tags if key.startswith(GROUP_KEY) and key.removeprefix(GROUP_KEY).isdecimal()]
    return sorted(keys, key=lambda key: int(key.removeprefix(GROUP_KEY)))


def tokens_of(instance: Mapping[str, Any]) -> list[str]:
    """The tokens of the group that a machine was made with; none if they were taken off it."""
    tags = tags_of(instance)
    return " ".join(tags[key] for key in group_keys(tags)).split()


def token_of(instance: Mapping[str, Any]) -> str:
    """The token of the boot that a machine came from; empty if it bears none."""
    own = tags_of(instance).get(TOKEN_KEY)
    if own is not None:
        return own
    tokens, index = tokens_of(instance), str(instance.get("amiLaunchIndex", ""))
    return tokens[int(index)] if index.isdecimal() and int(index) < len(tokens) else ""


def is_named(instance: Mapping[str, Any]) -> bool:
    """Whether a machine of a group has got its own name and token."""
    return TOKEN_KEY in tags_of(instance)


def is_gone(instance: Mapping[str, Any]) -> bool:
    """Whether a machine is deleted, or on its way there."""
    return state_of(instance) in (State.DELETING, State.DELETED)


@dataclass
class Seen:
    """What EC2 shows of certain boots.

    Attributes:
        instances: the machines, also those that are gone, by the token that each came from.
        promised: tokens for which a machine was made, as others of its group tell.
    """

    instances: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    promised: set[str] = field(default_factory=set)

    def add(self, instance: Mapping[str, Any]) -> None:
        """Take note of one."""
        token = token_of(instance)
        if token not in self.instances or is_gone(self.instances[token]):
            self.instances[token] = instance
        self.promised.update(tokens_of(instance))

    def hides(self, token: str) -> bool:
        """Whether there must be a machine that is not shown: EC2 may take a while to show all of them."""
        return token in self.promised and token not in self.instances


def launched(
    instances: Sequence[Mapping[str, Any]], requests: Sequence[BootRequest]
) -> dict[str, Mapping[str, Any]]:
    """The machines of an answer to RunInstances, which need not show tags, by the token of each request."""
    ordered = sorted(instances, key=_place)
    if len(ordered) < len(requests):
        # The answer to a call that was made again may lack some; the others keep their places.
        return {requests[_place(each)].token: each for each in ordered if _place(each) < len(requests)}
    return {request.token: instance for request, instance in zip(requests, ordered, strict=False)}


def _place(instance: Mapping[str, Any]) -> int:
    """Which one of its group a machine is."""
    index = str(instance.get("amiLaunchIndex") or "")
    return int(index) if index.isdecimal() else 0
