"""Makes a call of a cloud: the function that every executor runs.

Each thread keeps its clouds open between two calls, since the drivers of cloud libraries are not thread-safe;
for calls that share a thread it keeps as many of a cloud as are made at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from cloudmesh.cloud.client.actions import ActionResult
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import find_verb
from cloudmesh.cloud.provider.retry import ReadRetry
from cloudmesh.cloud.store.changes import Recorder, StoreChange
from cloudmesh.cloud.store.listings import SharedListings
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.executors.room import no_room
from cloudmesh.vm.model.call import ADDRESS, BOOT, Access, Call, CallResult, Reply

# A read that failed is repeated at once, a few times; after longer trouble the scheduler repeats the whole
# call, and lets other tasks go first meanwhile.
_READ_RETRY = ReadRetry(attempts=3, first=0.2, longest=1.0, quick=3.0, ceiling=3.0)
# Shared by all threads: where many machines of a job have vanished, one listing serves all of them.
LISTINGS = SharedListings()


class _OpenCloud:
    """One cloud that one thread has opened.

    Attributes:
        in_use: held by its thread during a call, since closing a connection that another thread is using can
            crash the process.
        closing: whether it is closed, or will be after the call that is running.
    """

    def __init__(self, access: Access, other: _OpenCloud | None = None) -> None:
        """Open it; ``other``: one that is open with the same access, in the same thread."""
        self.key = access.key
        self.recorder = Recorder()
        self.in_use = threading.Lock()
        self.closing = False
        self.cloud = Cloud(access.cloud, inventory=self.recorder, settings=access.settings)
        self.cloud.open(other.cloud if other else None)
        self.cloud.read_retry = _READ_RETRY
        self.cloud.connection.shared_listing = partial(LISTINGS.get, access.key)

    def close(self) -> None:
        """Close it now, or let its thread do so after the call that is running."""
        self.closing = True
        if self.in_use.acquire(blocking=False):
            self.cloud.close()


@dataclass
class _ThreadCloud:
    """What one thread has open of one cloud, with one access.

    Attributes:
        key: of the access.
        all: as many as there were calls at once.
        free: those that no call uses.
    """

    key: str
    all: list[_OpenCloud] = field(default_factory=list)
    free: list[_OpenCloud] = field(default_factory=list)

    def take(self) -> _OpenCloud | None:
        """One that is free, for a call; None if there is none."""
        while self.free:
            taken = self.free.pop()
            if not taken.closing and taken.in_use.acquire(blocking=False):
                return taken
            self.all.remove(taken)
        return None


class ThreadClouds:
    """The clouds that the threads of this process have opened, for each thread its own."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._all: dict[_OpenCloud, None] = {}

    @contextmanager
    def using(self, access: Access) -> Iterator[_OpenCloud]:
        """The cloud, open for this call alone. Raises as ``Cloud.__enter__`` does."""
        mine = self._of_thread(access)
        opened = mine.take() or self._new(access, mine)
        try:
            yield opened
        finally:
            opened.in_use.release()
            if opened.closing:
                opened.close()
            else:
                mine.free.append(opened)

    def _of_thread(self, access: Access) -> _ThreadCloud:
        """What the calling thread has open of a cloud, with this access alone."""
        all_mine: dict[str, _ThreadCloud] = self._local.__dict__.setdefault("open", {})
        mine = all_mine.get(access.cloud)
        if mine is None or mine.key != access.key:
            if mine:
                # Opened by another session, or before its settings were changed.
                self._close_all(mine)
            mine = all_mine[access.cloud] = _ThreadCloud(access.key)
        return mine

    def _new(self, access: Access, mine: _ThreadCloud) -> _OpenCloud:
        other = next((each for each in mine.all if not each.closing), None)
        opened = _OpenCloud(access, other)
        opened.in_use.acquire()
        mine.all.append(opened)
        with self._lock:
            self._all[opened] = None
        return opened

    def _close_all(self, mine: _ThreadCloud) -> None:
        for each in mine.all:
            with suppress(CloudmeshError):
                self._close(each)

    def close_mine(self) -> None:
        """Close the clouds of the calling thread, which comes to its end."""
        for mine in self._local.__dict__.pop("open", {}).values():
            self._close_all(mine)

    def close(self, keys: Iterable[str]) -> None:
        """Close the clouds that were opened with the accesses of these keys, in all threads."""
        wanted = set(keys)
        LISTINGS.forget(wanted)
        with self._lock:
            found = [each for each in self._all if each.key in wanted]
        for each in found:
            self._close(each)

    def _close(self, opened: _OpenCloud) -> None:
        """Close a cloud, once."""
        with self._lock:
            if opened not in self._all:
                return
            del self._all[opened]
        opened.close()


HERE = ThreadClouds()


def perform(call: Call) -> Reply:
    """Make a call, for one machine or many. It raises nothing: errors are part of the reply."""
    began = time.monotonic()
    changes: tuple[StoreChange, ...] = ()
    try:
        with HERE.using(call.access) as opened:
            opened.recorder.begin(call.addresses)
            opened.cloud.connection.call_timeout = call.seconds
            try:
                results = _results(opened.cloud, call)
            finally:
                changes = opened.recorder.taken()
    except CloudmeshError as error:
        results = (error,) * len(call.machines)
    except Exception as error:  # noqa: BLE001 a mistake in this package must not take other machines along
        kind = type(error).__name__
        failed = f"cloud {call.access.cloud}: {call.verb} failed with {kind}"
        mistake = CloudmeshError(f"{failed}, an error in cloudmesh itself; please report it")
        # The cloud may have done what was asked for before it happened.
        mistake.outcome_unknown = True
        results = (no_room(error) or mistake,) * len(call.machines)
    results = tuple((isinstance(each, CloudmeshError) and no_room(each)) or each for each in results)
    return Reply(results, changes, time.monotonic() - began)


def _results(cloud: Cloud, call: Call) -> tuple[CallResult, ...]:
    """Call the cloud, and give what came of it for each machine."""
    if len(call.machines) > 1 and call.verb == BOOT:
        booted_each = cloud.boot_many([each for each in call.requests if each], call.maybe_done)
        return tuple(
            ActionResult(each, changed=True, target=State.ACTIVE) if isinstance(each, MachineRecord) else each
            for each in booted_each
        )
    if len(call.machines) > 1:
        return tuple(cloud.act_many([each for each in call.machines if each], find_verb(call.verb)))
    (machine,), (request,) = call.machines, call.requests
    if call.verb == BOOT and request is not None:
        booted = cloud.boot_as(request, call.maybe_done)
        return (ActionResult(booted, changed=True, target=State.ACTIVE),)
    if machine is None:
        raise CloudmeshError(f"{call.verb} needs a machine, but none is known")
    if call.verb == ADDRESS and request is not None:
        now = cloud.booter.addresses.give(machine, request.token)
        return (ActionResult(now, changed=True, target=State.ACTIVE),)
    return (cloud.act(machine, find_verb(call.verb), call.argument, call.maybe_done),)
