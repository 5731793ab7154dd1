"""What a new machine is made from, and the mark by which it is known to come from a certain boot.

The mark is among the machine's metadata, tags or labels on the cloud, and never among those that users see.
By it a machine is found whose boot was answered to nobody.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cloudmesh.plugin.errors import UsageError

if TYPE_CHECKING:
    from cloudmesh.cloud.model.leases import Reservation
    from cloudmesh.cloud.model.networks import Network, SecurityGroup
    from cloudmesh.cloud.model.records import Flavor, Image, KeyPair

# Fit for the labels of Google, which allow the fewest letters: lower case, digits, hyphen and underscore.
TOKEN_KEY = "cloudmesh-token"  # noqa: S105 no secret
# The name of the lease that the machine was booted on.
LEASE_KEY = "cloudmesh-lease"
# What all clouds take as a host name (RFC 1123), with the dots and underlines that many allow.
_GOOD_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True)
class BootParameter:
    """What one kind of cloud lets a user say of a new machine, beside what all clouds do.

    Attributes:
        name: as users write it: ``disk``, ``cpus``, ``lease``.
        type: of its value: str, int, float or bool.
        help: one line that says what it is, and in which unit.
    """

    name: str
    type: type[str] | type[int] | type[float] | type[bool]
    help: str

    def value(self, given: object) -> str | int | float | bool:
        """What was given, in the type of the parameter. Raises UsageError if it is none."""
        if isinstance(given, self.type) and isinstance(given, bool) == (self.type is bool):
            return given
        try:
            if isinstance(given, str) and self.type is bool:
                return {"true": True, "false": False}[given.strip().lower()]
            if isinstance(given, str) or (self.type is float and type(given) is int):
                return self.type(given)
        except (KeyError, ValueError):
            pass
        raise UsageError(f"{self.name}={given!r} must be {_TYPES[self.type]} ({self.help})")


_TYPES: Mapping[type, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class BootRequest:
    """What is needed to boot a machine: things of the cloud, already found by name.

    What a cloud is not declared to be capable of is never in a request that a provider gets.

    Attributes:
        networks: the networks to be on; none leaves the choice to the cloud.
        security_groups: the groups to be under; none leaves the choice to the cloud.
        userdata: handed to the machine as it is, for cloud-init; may hold secrets (Capability.USERDATA).
        metadata: written on the machine (Capability.BOOT_METADATA).
        public: whether the cloud gives it a public address of its own accord (Capability.BOOT_PUBLIC). On a
            cloud with floating IPs only, ``Cloud`` attaches one afterwards and this is False.
        hints: for the scheduler, which chooses the host; several values of a key are a list
            (Capability.BOOT_HINTS).
        lease, reservation: the name of the lease that the machine is booted on, which is written on it, and
            the reservation (Capability.LEASES); empty and None for none.
        extra: the values of what the provider declares as ``boot_parameters``, by their names.
        token: up to 64 letters and digits that no other boot has, written on the machine where the cloud can
            keep it (see ``marked``), for ``Provider.find_booted``; empty for none.
    """

    name: str
    image: Image
    flavor: Flavor
    key: KeyPair | None = None
    networks: tuple[Network, ...] = ()
    security_groups: tuple[SecurityGroup, ...] = ()
    userdata: str = field(default="", repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict)
    public: bool = False
    hints: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    token: str = ""
    lease: str = ""
    reservation: Reservation | None = None
    extra: Mapping[str, str | int | float | bool] = field(default_factory=dict)


def require_good_name(name: str) -> None:
    """Raise UsageError unless all clouds take this as the name of a machine."""
    if not (isinstance(name, str) and _GOOD_NAME.fullmatch(name)):
        raise UsageError(
            f"{name!r} cannot be the name of a machine; "
            "use up to 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends"
        )


def new_token() -> str:
    """A token that no other boot has, fit for every cloud."""
    return os.urandom(16).hex()


def marked(request: BootRequest) -> dict[str, str]:
    """What to write on the new machine: the user's metadata, and the request's token and lease."""
    own = {TOKEN_KEY: request.token, LEASE_KEY: request.lease}
    return {**request.metadata, **{key: value for key, value in own.items() if value}}


def mark(token: str) -> str:
    """The token in one text, for what has no metadata."""
    return f"{TOKEN_KEY}:{token}"


def bears(metadata: Mapping[str, object], request: BootRequest) -> bool:
    """Whether a machine with this metadata on its cloud was made by this request."""
    return bool(request.token) and metadata.get(TOKEN_KEY) == request.token


def boot_id_of(metadata: Mapping[Any, Any]) -> str:
    """The token of the boot that a machine with this metadata on its cloud came from; empty for none."""
    found = metadata.get(TOKEN_KEY)
    return found if isinstance(found, str) else ""


def unmarked(metadata: Mapping[Any, Any]) -> dict[str, str]:
    """The metadata that users wrote, out of all that the cloud tells of a machine."""
    return {
        str(key): "" if value is None else str(value)
        for key, value in metadata.items()
        if not str(key).startswith((TOKEN_KEY, LEASE_KEY))
    }


def lease_of(metadata: Mapping[Any, Any]) -> str:
    """The name of the lease, out of all that the cloud tells of a machine; empty if it was booted on none."""
    return str(metadata.get(LEASE_KEY) or "")
