"""What an OpenStack says when it will not do something, beyond the status of HTTP."""

from __future__ import annotations

import re
from http import HTTPStatus

from cloudmesh.cloud.errors import (
    Conflict,
    CredentialsError,
    EndpointError,
    FlavorTooSmall,
    Locked,
    NoCapacity,
    NotFound,
    QuotaExceeded,
    Refused,
    ServerFailure,
)
from cloudmesh.cloud.providers.libcloud.error_details import ErrorDetails
from cloudmesh.cloud.providers.libcloud.errors import CallContext, by_code
from cloudmesh.cloud.providers.openstack.records import GIB, QUOTA_NAMES
from cloudmesh.plugin.errors import CloudmeshError


class SeveralNetworks(Refused):
    """The new machine could be on one of several networks; raised again with their names."""


class LeaseBusy(ServerFailure):
    """Blazar starts, changes or ends the lease at this moment, and takes no other change of it meanwhile."""


_TOO_SMALL = re.compile(r"disk is (\d+) bytes, minimum size is (\d+) bytes")
_TOO_LITTLE = re.compile(r"memory is too small|requires at least|too little memory", re.IGNORECASE)
# Status (0 for any), what the service says, our error, and its sentence.
_WORDS: tuple[tuple[int, str, type[CloudmeshError], str], ...] = (
    # For a moment Nova knows what it has deleted, and calls that a conflict.
    (
        409,
        r"vm_state (?:soft-)?deleted|could not be found",
        NotFound,
        "{failed}: the machine no longer exists",
    ),
    (409, r"instance [\w-]+ is locked", Locked, "{failed}: the machine is locked; unlock it first"),
    (409, r"while it is in (?:vm_state|task_state) ([\w-]+)", Conflict, "{failed}: the machine is {found}"),
    (
        0,
        r"no valid host|no hosts? available",
        NoCapacity,
        "{failed}: no host with enough capacity (no valid host); use a smaller flavor, or try again later",
    ),
    # Blazar says it with 500, as of a failure of its own.
    (
        0,
        r"not enough hosts available",
        NoCapacity,
        "{failed}: not enough hosts available; use fewer machines, another time or other properties",
    ),
    # It says this so, too, and does not say that the next minute is soon enough.
    (
        500,
        r"invalid lease status",
        LeaseBusy,
        "{failed}: Blazar is starting, changing or ending the lease, and takes no other change meanwhile; "
        "try again in a minute; if it persists, tell the cloud's operators",
    ),
    (
        403,
        r"only volume-backed servers",
        FlavorTooSmall,
        "{failed}: the flavor has no disk, and this cloud boots such machines from volumes only; "
        "use a flavor with a disk",
    ),
    (409, r"multiple possible networks|more than one possible network", SeveralNetworks, "{failed}"),
    (
        406,
        r"version ([\d.]+ is not supported.*)",
        EndpointError,
        "{failed}: microversion {found}; correct clouds.{cloud}.credentials.OS_COMPUTE_API_VERSION",
    ),
    (
        400,
        r"can not find requested image|image .* (?:not|could not be) found",
        NotFound,
        "{failed}: the image no longer exists",
    ),
    # Neutron calls it "not found" that no router joins a network to the one of the address.
    (
        0,
        r"is not reachable from subnet",
        Refused,
        "{failed}: no router connects the network of the machine to that of the address; "
        "boot it on another network, or ask the operators for a router",
    ),
)
_NOVA_QUOTA = re.compile(
    r"quota exceeded for (?P<what>\w+): requested [\d, ]+, but already used (?P<used>\d+)[\d, ]* "
    r"of (?P<limit>\d+)",
    re.IGNORECASE,
)
# Of oslo.limit, which all services may use.
_UNIFIED_LIMIT = re.compile(
    r"resource (?P<what>[\w:.-]+) is over limit of (?P<limit>\d+) due to current usage (?P<used>\d+)",
    re.IGNORECASE,
)
_NEUTRON_QUOTA = re.compile(r"quota exceeded for resources: \['(?P<what>\w+)'", re.IGNORECASE)


def explain(details: ErrorDetails, call: CallContext) -> CloudmeshError | None:
    """Our error for one of an OpenStack; None leaves it to what all clouds share."""
    if details.code < 400 or details.is_page:
        return None
    if details.code == HTTPStatus.UNAUTHORIZED:
        # Keystone has just given another token for the credentials, so it is not them.
        said = f" ({details.words})" if details.words else ""
        return CredentialsError(
            f"cloud {call.cloud}: sign-in succeeded, but the new token was rejected: {call.http(401)}{said}; "
            "ask the operators of the cloud: a clock may be wrong, or that service cannot reach Keystone"
        )
    if error := _quota(details, call) or _flavor_too_small(details, call):
        return error
    for code, words, kind, sentence in _WORDS:
        found = re.search(words, details.words, re.IGNORECASE)
        if found and code in (0, details.code):
            shown = found[1] if found.groups() else ""
            return kind(sentence.format(cloud=call.cloud, failed=call.failed, found=shown))
    return by_code(details.code, details, call)


def _quota(details: ErrorDetails, call: CallContext) -> CloudmeshError | None:
    """Which quota, and how much of it is used: Nova says all of that, Neutron only which."""
    forms = (_NOVA_QUOTA, _UNIFIED_LIMIT, _NEUTRON_QUOTA)
    found = next((found for form in forms if (found := form.search(details.words))), None)
    if not found or details.code >= 500:
        return None
    name = QUOTA_NAMES.get(found["what"], found["what"])
    used, limit = (int(found[key]) if key in found.groupdict() else None for key in ("used", "limit"))
    much = f" ({used} of {limit} used)" if limit is not None else ""
    return QuotaExceeded(
        f"{call.failed}: quota of {name} exceeded{much}; "
        "delete what is not needed, or ask the operators of the cloud for a higher quota",
        name,
        used,
        limit,
    )


def _flavor_too_small(details: ErrorDetails, call: CallContext) -> CloudmeshError | None:
    sizes = _TOO_SMALL.search(details.words)
    if details.code != 400 or not (sizes or _TOO_LITTLE.search(details.words)):
        return None
    why = f"the flavor is too small for the image ({details.words})"
    if sizes:
        has, needs = (int(size) / GIB for size in sizes.groups())
        why = f"the image needs a disk of {needs:g} GiB, the flavor has {has:g} GiB"
    return FlavorTooSmall(f"{call.failed}: {why}; use a larger flavor")
