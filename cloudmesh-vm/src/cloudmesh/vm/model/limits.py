"""How much may happen at once and how long it may take, and how each cloud is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cloudmesh.cloud.fanout.limits import CALL_TIMEOUT
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.model.call import ADDRESS, BOOT, Access

PARALLEL = 32
# Seconds that a call may take which waits for the cloud to finish its work.
SLOW_CALL_TIMEOUT = 1200.0
_SLOW = frozenset({"resize", ADDRESS})
# Where one call boots many, each of them is given its name afterwards.
_NAMING = 1.0


@dataclass(frozen=True)
class JobLimits:
    """How much may happen at once, and how long it may take.

    Attributes:
        parallel: the most calls at once, on all clouds together.
        timeout: seconds for all tasks together; None for as long as it takes.
        call_timeout: seconds for one call; None for the cloud's own setting, or the usual.
        spent: how many of the seconds of ``timeout`` were over before the first task.
    """

    parallel: int = PARALLEL
    timeout: float | None = None
    call_timeout: float | None = None
    spent: float = 0.0


@dataclass(frozen=True)
class CallSettings:
    """How one cloud is called.

    Attributes:
        access: with what.
        parallel: the most calls of it at once; None for no limit of its own.
        call_timeout: seconds for one call; None for the usual.
        bulk: the most machines in one call.
        boots_once: whether the cloud makes no second machine for one token, however soon it is asked again.
    """

    access: Access
    parallel: int | None = None
    call_timeout: float | None = None
    bulk: int = 1
    boots_once: bool = False


def call_timeout(limits: JobLimits, road: CallSettings | None, step: str, machines: int = 1) -> float:
    """Seconds that a call of this verb may take on this cloud, for so many machines."""
    usual = SLOW_CALL_TIMEOUT if step in _SLOW else CALL_TIMEOUT
    more = _NAMING * (machines - 1) if step == BOOT else 0.0
    return (limits.call_timeout or (road and road.call_timeout) or usual) + more


CallSettingsByCloud = Mapping[str, CallSettings | CloudmeshError]
