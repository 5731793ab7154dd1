"""A call of a cloud and its reply: plain data that can be pickled, for any thread or process.

An executor runs ``perform``, which makes a ``Reply`` of a ``Call``. It uses no store: the scheduler does.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.client.actions import ActionResult, RetrySingly
from cloudmesh.cloud.errors import CloudError
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.model.verbs import Argument
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.store.changes import StoreChange
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.secrets import MASK

if TYPE_CHECKING:
    from cloudmesh.cloud.model.networks import FloatingIP

BOOT = "boot"
ADDRESS = "address"


@dataclass(frozen=True)
class Access:
    """With what a cloud is called: its section of the configuration, with all secrets, which are never shown.

    Attributes:
        cloud: its name.
        settings: its section; never part of a text.
        key: identifies this access: a thread keeps the cloud open for the next call with the same one.
    """

    cloud: str
    settings: Mapping[str, Any] = field(repr=False, compare=False)
    key: str = field(default_factory=secrets.token_hex)

    def __repr__(self) -> str:
        return f"Access({self.cloud!r}, {MASK})"


@dataclass(frozen=True)
class Call:
    """One call of a cloud, for one machine or, where the cloud takes many at once, for several.

    Attributes:
        access: how to call the cloud.
        verb: one of the verb table; ``boot``; or ``address``, to give a booted machine its public address.
        machines: the machines; None at each position if they are to be booted.
        requests: what to boot, at the same positions; else None.
        argument: what the verb takes beside the machine.
        maybe_done: whether an earlier call may have done it already.
        addresses: floating IPs that were taken for the machine, to be released when it is deleted.
        seconds: after how long the call is given up.
    """

    access: Access
    verb: str
    machines: tuple[MachineRecord | None, ...]
    requests: tuple[BootRequest | None, ...] = field(repr=False)
    argument: Argument = field(default=None, repr=False)
    maybe_done: bool = False
    addresses: tuple[FloatingIP, ...] = ()
    seconds: float | None = None


CallResult = ActionResult | CloudmeshError | RetrySingly


@dataclass(frozen=True)
class Reply:
    """What came of a call.

    Attributes:
        results: how it ended for each machine.
        changes: what is to be written into the store.
        seconds: how long it took.
        values: for each machine what the call has found out, as plain data; empty if the verb gives nothing.
    """

    results: tuple[CallResult, ...]
    changes: tuple[StoreChange, ...] = ()
    seconds: float = 0.0
    values: tuple[Any, ...] = ()


class CallLost(CloudError):
    """The process that made a call was lost before it told the result; the call may have been made."""

    outcome_unknown = True


class WorkerUnreachable(CallLost):
    """The process that makes a call cannot be reached, and may still run it: the cloud cannot tell yet."""


class NoRoom(CloudError):
    """A call was not made, or not to its end: the system allows its process no more files or threads."""
