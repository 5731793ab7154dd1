"""What is handed to whoever calls the clouds, and what comes back: plain data, for any thread or process.

``perform`` is all that an executor runs. It touches no store: what is to be written down comes back in the
reply, and the coordinator writes it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cloudmesh.cloud.acting import Done
from cloudmesh.cloud.errors import CloudError
from cloudmesh.cloud.many import Split
from cloudmesh.cloud.model import Machine
from cloudmesh.cloud.network import FloatingIP
from cloudmesh.cloud.provider import BootRequest
from cloudmesh.cloud.recorder import Change
from cloudmesh.cloud.verbs import Argument
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
    machines: tuple[Machine | None, ...]
    requests: tuple[BootRequest | None, ...] = field(repr=False)
    argument: Argument = field(default=None, repr=False)
    again: bool = False
    addresses: tuple[FloatingIP, ...] = ()


Ended = Done | CloudmeshError | Split


@dataclass(frozen=True)
class Reply:
    """What came of a call.

    Attributes:
        results: how it ended for each machine.
        changes: what is to be written down.
        seconds: how long it took.
    """

    results: tuple[Ended, ...]
    changes: tuple[Change, ...] = ()
    seconds: float = 0.0


class LostCall(CloudError):
    """Whoever made a call was lost with it, such as a worker process that died."""

    unsure = True


class CutOff(LostCall):
    """Whoever makes a call may be well and still at it, unheard: no look at the cloud can tell yet."""


def perform(call: Call) -> Reply:
    """Make a call. It raises nothing: errors are values."""
    from cloudmesh.vm.performing import reply_to

    return reply_to(call)
