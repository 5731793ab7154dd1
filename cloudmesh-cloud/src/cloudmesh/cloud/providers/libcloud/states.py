"""The states of libcloud's nodes as ours."""

from __future__ import annotations

from cloudmesh.cloud.model import State

#: By the value of ``libcloud.compute.types.NodeState``.
STATES = {
    "error": State.ERROR,
    "migrating": State.UNKNOWN,
    "normal": State.ACTIVE,
    "paused": State.PAUSED,
    "pending": State.BUILDING,
    "rebooting": State.REBOOTING,
    "reconfiguring": State.RESIZING,
    "running": State.ACTIVE,
    "starting": State.STARTING,
    "stopped": State.STOPPED,
    "stopping": State.STOPPING,
    "suspended": State.SUSPENDED,
    "terminated": State.DELETED,
    "unknown": State.UNKNOWN,
    "updating": State.UNKNOWN,
}
