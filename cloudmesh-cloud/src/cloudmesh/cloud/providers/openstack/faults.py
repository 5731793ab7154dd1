"""What an OpenStack says when it will not do something, beyond the status of HTTP."""

from __future__ import annotations

import re

from cloudmesh.cloud.errors import Conflict, NotFound, Refused
from cloudmesh.cloud.providers.libcloud.fault import Fault
from cloudmesh.cloud.providers.libcloud.mapping import Call, by_code
from cloudmesh.plugin.errors import CloudmeshError

# libcloud puts status and reason before the words of the service.
_BEFORE = re.compile(r"^[45]\d\d ([A-Z][a-z]+ )*")
_GONE = re.compile(r"vm_state (soft-)?deleted|could not be found", re.IGNORECASE)
_STATE = re.compile(r"while it is in (?:vm_state|task_state) ([\w-]+)")
_TOO_SMALL = re.compile(r"disk is (\d+) bytes, minimum size is (\d+) bytes")
_TOO_LITTLE = re.compile(r"memory is too small|requires at least|too little memory", re.IGNORECASE)
_NO_HOST = re.compile(r"no valid host|no hosts? available", re.IGNORECASE)
_IMAGE = re.compile(r"can not find requested image|image .* (not found|could not be found)", re.IGNORECASE)
_GIB = 2**30


def explain(fault: Fault, call: Call) -> CloudmeshError | None:
    """Our error for one of an OpenStack; None leaves it to what all clouds share."""
    if fault.code < 400 or fault.is_page:
        return None
    plain = Fault(fault.code, _BEFORE.sub("", fault.words), retry_after=fault.retry_after)
    for rule in (_gone, _impossible, _too_big, _no_host, _no_image):
        if error := rule(plain, call):
            return error
    return by_code(plain.code, plain, call)


def _gone(fault: Fault, call: Call) -> CloudmeshError | None:
    """For a moment Nova knows what it has deleted, and calls that a conflict."""
    if fault.code != 409 or not _GONE.search(fault.words):
        return None
    return NotFound(f"cloud {call.cloud} no longer has what is needed to {call.what}")


def _impossible(fault: Fault, call: Call) -> CloudmeshError | None:
    state = _STATE.search(fault.words)
    if fault.code != 409 or not state:
        return None
    return Conflict(f"cloud {call.cloud} cannot {call.what} while it is {state[1]}")


def _too_big(fault: Fault, call: Call) -> CloudmeshError | None:
    sizes = _TOO_SMALL.search(fault.words)
    if fault.code != 400 or not (sizes or _TOO_LITTLE.search(fault.words)):
        return None
    if not sizes:
        return Refused(
            f"cloud {call.cloud} did not {call.what}: the flavor is too small for the image ({fault.words}); "
            "choose a larger flavor"
        )
    has, needs = (int(size) / _GIB for size in sizes.groups())
    return Refused(
        f"cloud {call.cloud} did not {call.what}: the image needs a disk of {needs:g} GiB, the flavor has "
        f"{has:g} GiB; choose a larger flavor"
    )


def _no_host(fault: Fault, call: Call) -> CloudmeshError | None:
    if not _NO_HOST.search(fault.words):
        return None
    return Refused(f"cloud {call.cloud} has no host with room to {call.what}; choose a smaller flavor")


def _no_image(fault: Fault, call: Call) -> CloudmeshError | None:
    if fault.code != 400 or not _IMAGE.search(fault.words):
        return None
    return NotFound(f"cloud {call.cloud} no longer has the image that is needed to {call.what}")
