"""What an OpenStack says when it will not do something, beyond the status of HTTP."""

from __future__ import annotations

import re
from http import HTTPStatus

from cloudmesh.cloud.errors import Conflict, FlavorTooSmall, NoCapacity, NotFound, QuotaExceeded, Refused
from cloudmesh.cloud.providers.libcloud.error_details import ErrorDetails
from cloudmesh.cloud.providers.libcloud.errors import CallContext, by_code
from cloudmesh.cloud.providers.openstack.records import GIB, QUOTA_NAMES
from cloudmesh.plugin.errors import CloudmeshError

_GONE = re.compile(r"vm_state (soft-)?deleted|could not be found", re.IGNORECASE)
_STATE = re.compile(r"while it is in (?:vm_state|task_state) ([\w-]+)")
_TOO_SMALL = re.compile(r"disk is (\d+) bytes, minimum size is (\d+) bytes")
_TOO_LITTLE = re.compile(r"memory is too small|requires at least|too little memory", re.IGNORECASE)
_NO_HOST = re.compile(r"no valid host|no hosts? available", re.IGNORECASE)
_IMAGE = re.compile(r"can not find requested image|image .* (not found|could not be found)", re.IGNORECASE)
_NOT_ROUTED = re.compile(r"is not reachable from subnet", re.IGNORECASE)
_NOVA_QUOTA = re.compile(
    r"quota exceeded for (?P<what>\w+): requested [\d, ]+, but already used (?P<used>\d+)[\d, ]* "
    r"of (?P<limit>\d+)",
    re.IGNORECASE,
)
_NEUTRON_QUOTA = re.compile(r"quota exceeded for resources: \['(?P<what>\w+)'", re.IGNORECASE)


def explain(details: ErrorDetails, call: CallContext) -> CloudmeshError | None:
    """Our error for one of an OpenStack; None leaves it to what all clouds share."""
    if details.code < 400 or details.is_page:
        return None
    plain = ErrorDetails(details.code, _words(details), retry_after=details.retry_after)
    for rule in (_quota, _gone, _wrong_state, _flavor_too_small, _no_host, _no_image, _not_routed):
        if error := rule(plain, call):
            return error
    return by_code(plain.code, plain, call)


def _words(details: ErrorDetails) -> str:
    """What the service said, without the status and the reason that libcloud puts before it."""
    try:
        reason = HTTPStatus(details.code).phrase
    except ValueError:
        return details.words
    return details.words.removeprefix(f"{details.code} {reason}").strip()


def _quota(details: ErrorDetails, call: CallContext) -> CloudmeshError | None:
    """Which quota, and how much of it is used: Nova says all of that, Neutron only which."""
    found = _NOVA_QUOTA.search(details.words) or _NEUTRON_QUOTA.search(details.words)
    if not found or details.code >= 500:
        return None
    name = QUOTA_NAMES.get(found["what"], found["what"])
    used, limit = (int(found[key]) if key in found.groupdict() else None for key in ("used", "limit"))
    much = f" ({used} of {limit} are used)" if limit is not None else ""
    return QuotaExceeded(
        f"cloud {call.cloud} did not {call.what}: the quota of {name} is exceeded{much}; "
        "delete what is not needed, or ask its operators for more",
        name,
        used,
        limit,
    )


def _gone(details: ErrorDetails, call: CallContext) -> CloudmeshError | None:
    """For a moment Nova knows what it has deleted, and calls that a conflict."""
    if details.code != 409 or not _GONE.search(details.words):
        return None
    return NotFound(f"cloud {call.cloud} no longer has what is needed to {call.what}")


def _wrong_state(details: ErrorDetails, call: CallContext) -> CloudmeshError | None:
    state = _STATE.search(details.words)
    if details.code != 409 or not state:
        return None
    return Conflict(f"cloud {call.cloud} cannot {call.what} while it is {state[1]}")


def _flavor_too_small(details: ErrorDetails, call: CallContext) -> CloudmeshError | None:
    sizes = _TOO_SMALL.search(details.words)
    if details.code != 400 or not (sizes or _TOO_LITTLE.search(details.words)):
        return None
    if not sizes:
        return FlavorTooSmall(
            f"cloud {call.cloud} did not {call.what}: the flavor is too small for the image "
            f"({details.words}); choose a larger flavor"
        )
    has, needs = (int(size) / GIB for size in sizes.groups())
    return FlavorTooSmall(
        f"cloud {call.cloud} did not {call.what}: the image needs a disk of {needs:g} GiB, the flavor has "
        f"{has:g} GiB; choose a larger flavor"
    )


def _no_host(details: ErrorDetails, call: CallContext) -> CloudmeshError | None:
    if not _NO_HOST.search(details.words):
        return None
    return NoCapacity(f"cloud {call.cloud} has no host with room to {call.what}; choose a smaller flavor")


def _no_image(details: ErrorDetails, call: CallContext) -> CloudmeshError | None:
    if details.code != 400 or not _IMAGE.search(details.words):
        return None
    return NotFound(f"cloud {call.cloud} no longer has the image that is needed to {call.what}")


def _not_routed(details: ErrorDetails, call: CallContext) -> CloudmeshError | None:
    """Neutron calls it "not found" that no router joins a network to the one of the address."""
    if not _NOT_ROUTED.search(details.words):
        return None
    return Refused(
        f"cloud {call.cloud} did not {call.what}: no router joins the network of the machine to that of the "
        "address; boot it on another network, or ask the operators for a router"
    )
