"""What Nova's words for the state of a server mean.

The words: https://docs.openstack.org/api-guide/compute/server_concepts.html; what a server is about to become
stands apart, in its task.
"""

from __future__ import annotations

from cloudmesh.cloud.model import State

_STATES = {
    "ACTIVE": State.ACTIVE,
    "BUILD": State.BUILDING,
    # Shown for a moment only, before it is not found any more.
    "DELETED": State.DELETING,
    "ERROR": State.ERROR,
    "HARD_REBOOT": State.REBOOTING,
    "MIGRATING": State.ACTIVE,
    "PASSWORD": State.ACTIVE,
    "PAUSED": State.PAUSED,
    "REBOOT": State.REBOOTING,
    "REBUILD": State.REBUILDING,
    "RESCUE": State.ACTIVE,
    "RESIZE": State.RESIZING,
    "REVERT_RESIZE": State.RESIZING,
    "SHELVED": State.STOPPED,
    "SHELVED_OFFLOADED": State.STOPPED,
    "SHUTOFF": State.STOPPED,
    "SOFT_DELETED": State.DELETED,
    "SUSPENDED": State.SUSPENDED,
    # It runs, but its old self is kept, and counted, until somebody confirms.
    "VERIFY_RESIZE": State.RESIZING,
}
_TASKS = {
    "deleting": State.DELETING,
    "soft-deleting": State.DELETING,
    "powering-off": State.STOPPING,
    "powering-on": State.STARTING,
    "suspending": State.SUSPENDING,
    "resuming": State.RESUMING,
    "unpausing": State.UNPAUSING,
    "pausing": State.PAUSING,
    "restoring": State.STARTING,
    "unshelving": State.STARTING,
    "shelving": State.STOPPING,
}


def state_of(status: str, task: str | None) -> State:
    """The normalised state for Nova's status and its task, if it has one."""
    state = _STATES.get(status.upper(), State.UNKNOWN)
    if state is State.DELETED or not task:
        return state
    return _TASKS.get(task, state)


def raw_state(status: str, task: str | None) -> str:
    """Nova's own words: the status, and the task after it."""
    return f"{status} {task}" if task else status
