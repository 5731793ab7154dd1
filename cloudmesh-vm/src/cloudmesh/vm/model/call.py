"""What is handed to whoever calls the clouds, and what comes back: plain data, for any thread or process.

``perform`` is all that an executor runs. It touches no store: what is to be written down comes back in the
reply, and the coordinator writes it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cloudmesh.cloud.client.actions import ActionResult, RetrySingly
from cloudmesh.cloud.errors import CloudError
from cloudmesh.cloud.model.networks import FloatingIP
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.model.verbs import Argument
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.store.changes import StoreChange
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.secrets import MASK

BOOT = "boot"
ADDRESS = "address"


@dataclass(frozen=True)
class Access:
    """How a cloud is called: its section of the configuration with all secrets, which nobody shows.

    Attributes:
        cloud: its name.
        settings: its section; never part of a text.
        key: names this access among others, so that a cloud stays open between two calls.
    """

    cloud: str
    settings: Mapping[str, Any] = field(repr=False, compare=False)
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __repr__(self) -> str:
        return f"Access({self.cloud!r}, {MASK})"


@dataclass(frozen=True)
class Call:
    """One call of a cloud, for one machine or, where the cloud takes many at once, for several.

    Attributes:
        access: how to call the cloud.
        verb: one of the verb table; ``boot``; or ``address``, to give a booted machine its public address.
        machines: the machines that are known; None in each place if they are to be booted.
        requests: what to boot, in the same places; else None.
        argument: what the verb takes beside the machine.
        again: whether an earlier call may have done it already.
        addresses: what was taken for the machine, to be given back when it is deleted.
    """

    access: Access
    verb: str
    machines: tuple[MachineRecord | None, ...]
    requests: tuple[BootRequest | None, ...] = field(repr=False)
    argument: Argument = field(default=None, repr=False)
    maybe_done: bool = False
    addresses: tuple[FloatingIP, ...] = ()


Ended = ActionResult | CloudmeshError | RetrySingly


@dataclass(frozen=True)
class Reply:
    """What came of a call.

    Attributes:
        results: how it ended for each machine.
        changes: what is to be written down.
        seconds: how long it took.
    """

    results: tuple[Ended, ...]
    changes: tuple[StoreChange, ...] = ()
    seconds: float = 0.0


class CallLost(CloudError):
    """Whoever made a call was lost with it, such as a worker process that died."""

    outcome_unknown = True


class WorkerUnreachable(CallLost):
    """Whoever makes a call may be well and still at it, unheard: no look at the cloud can tell yet."""
