"""What Nova's words for the state of a server mean.

The words: https://docs.openstack.org/api-guide/compute/server_concepts.html; what a server is about to become
stands apart, in its task.
"""

from __future__ import annotations

from cloudmesh.cloud.model import State

_STATES = {
    "ACTIVE": State.ACTIVE,
    "BUILD": State.BUILDING,
    "DELETED": State.DELETED,
    "ERROR": State.ERROR,
    "HARD_REBOOT": State.REBOOTING,
    "MIGRATING": State.ACTIVE,
    "PASSWORD": State.ACTIVE,
    "PAUSED": State.PAUSED,
    "REBOOT": State.REBOOTING,
    "REBUILD": State.BUILDING,
    "RESCUE": State.ACTIVE,
    "RESIZE": State.STOPPING,
    "REVERT_RESIZE": State.STARTING,
    "SHELVED": State.STOPPED,
    "SHELVED_OFFLOADED": State.STOPPED,
    "SHUTOFF": State.STOPPED,
    "SOFT_DELETED": State.DELETED,
    "SUSPENDED": State.SUSPENDED,
    # Its old self is kept until the resize is confirmed, but it runs.
    "VERIFY_RESIZE": State.ACTIVE,
}
_TASKS = {
    "deleting": State.DELETING,
    "soft-deleting": State.DELETING,
    "powering-off": State.STOPPING,
    "powering-on": State.STARTING,
    "suspending": State.SUSPENDING,
    "resuming": State.RESUMING,
    "unpausing": State.RESUMING,
    "pausing": State.SUSPENDING,
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
