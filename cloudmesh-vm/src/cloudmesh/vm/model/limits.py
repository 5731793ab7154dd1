"""How much of a job may happen at once, how long it may take, and how each cloud is called."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypedDict

from cloudmesh.cloud.fanout.query import CALL_TIMEOUT, ProgressCallback, require_seconds
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.plugin.signals import StopRequest
from cloudmesh.vm.model.call import ADDRESS, BOOT, Access
from cloudmesh.vm.model.remote import REMOTE

PARALLEL = 32
# Seconds that a call may take which waits until the cloud has finished its work.
SLOW_CALL_TIMEOUT = 1200.0
_SLOW = frozenset({"resize", "snapshot", "restore", "delete_snapshot", "clone", ADDRESS})
# Seconds more for each further machine of a call that boots many: they are given their names one by one.
_NAMING = 1.0


@dataclass(frozen=True)
class RunOptions:
    """How a user wants a job to be run.

    Attributes:
        parallel: the most calls at once, on all clouds together; else ``cloudmesh.parallel``, else 32.
        call_timeout: seconds after which one call is given up, and what is asked of one cloud before the
            first call; else the ``call_timeout`` of its cloud.
        executor: makes the calls, any of ``concurrent.futures``; else the configured engine, or threads.
        watch: a function to call with the progress; see ``cloudmesh.cloud.fanout.query``.
        stop: may ask from elsewhere that no more is begun; for one job.

    Raises:
        UsageError: ``parallel`` or ``call_timeout`` is no such number.
    """

    parallel: int | None = None
    call_timeout: float | None = None
    executor: Executor | None = None
    watch: ProgressCallback | None = None
    stop: StopRequest | None = None

    def __post_init__(self) -> None:
        if self.parallel is not None and not (isinstance(self.parallel, int) and self.parallel >= 1):
            raise UsageError(f"parallel={self.parallel!r} must be a whole number of 1 or more")
        require_seconds("call_timeout", self.call_timeout)


class RunKeywords(TypedDict, total=False):
    """The attributes of ``RunOptions``, as ``Machines`` takes them by name."""

    executor: Executor | None
    parallel: int | None
    call_timeout: float | None
    watch: ProgressCallback | None


@dataclass(frozen=True)
class JobLimits:
    """How much of one job may happen at once, and how long it may take.

    Attributes:
        parallel: the most calls at once, on all clouds together.
        timeout: seconds for all tasks together; None for no limit.
        call_timeout: seconds for one call; None for the cloud's own setting, or the default.
        spent: seconds of ``timeout`` that had passed before the first task.
    """

    parallel: int = PARALLEL
    timeout: float | None = None
    call_timeout: float | None = None
    spent: float = 0.0


class First(Enum):
    """How many calls of a cloud may begin before it has answered one of them."""

    # It is tried by one call alone.
    ONE = auto()
    # It has answered a moment ago: as many as each of the clouds may have of all calls.
    SHARE = auto()
    # Machines are called, which answer each for itself.
    ALL = auto()


@dataclass(frozen=True)
class CallSettings:
    """How one cloud is called.

    Attributes:
        access: its configuration.
        parallel: the most calls of this cloud at once; None for no limit of its own.
        call_timeout: seconds for one call; None for the default.
        bulk: the most machines in one call.
        boots_once: whether the cloud makes no second machine for one token, however soon it is asked again.
        first: how many calls may begin before the first one is answered.
    """

    access: Access
    parallel: int | None = None
    call_timeout: float | None = None
    bulk: int = 1
    boots_once: bool = False
    first: First = First.ONE


def call_timeout(limits: JobLimits, settings: CallSettings | None, step: str, machines: int = 1) -> float:
    """Seconds that a call with this verb may take on this cloud, for so many machines."""
    if step in REMOTE:
        # What runs in a machine may take as long as it does; its own limit ends it there.
        return math.inf
    default = SLOW_CALL_TIMEOUT if step in _SLOW else CALL_TIMEOUT
    more = _NAMING * (machines - 1) if step == BOOT else 0.0
    return (limits.call_timeout or (settings and settings.call_timeout) or default) + more


CallSettingsByCloud = Mapping[str, CallSettings | CloudmeshError]
