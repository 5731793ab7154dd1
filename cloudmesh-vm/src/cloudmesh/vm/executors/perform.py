"""Makes a call of a cloud: the function that every executor runs.

Each thread keeps its clouds open between two calls, since the drivers of cloud libraries are not thread-safe.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
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

    def __init__(self, access: Access) -> None:
        self.key = access.key
        self.recorder = Recorder()
        self.in_use = threading.Lock()
        self.closing = False
        self.cloud = Cloud(access.cloud, inventory=self.recorder, settings=access.settings)
        self.cloud.read_retry = _READ_RETRY
        self.cloud.connection.shared_listing = partial(LISTINGS.get, access.key)
        self.cloud.open()

    def close(self) -> None:
        """Close it now, or let its thread do so after the call that is running."""
        self.closing = True
        if self.in_use.acquire(blocking=False):
            self.cloud.close()


class ThreadClouds:
    """The clouds that the threads of this process have opened, for each thread its own."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._all: list[_OpenCloud] = []

    @contextmanager
    def using(self, access: Access) -> Iterator[_OpenCloud]:
        """The cloud, open for the calling thread. Raises as ``Cloud.__enter__`` does."""
        opened = self._of_thread(access)
        opened.in_use.acquire()
        try:
            yield opened
        finally:
            opened.in_use.release()
            if opened.closing:
                opened.close()

    def _of_thread(self, access: Access) -> _OpenCloud:
        """The calling thread's own, opened now if it is not open with this access."""
        mine: dict[str, _OpenCloud] = self._local.__dict__.setdefault("open", {})
        known = mine.pop(access.cloud, None)
        if known and known.key == access.key and not known.closing:
            mine[access.cloud] = known
            return known
        if known:
            # It was opened by another session, or before its settings were changed.
            self._close(known)
        opened = mine[access.cloud] = _OpenCloud(access)
        with self._lock:
            self._all.append(opened)
        return opened

    def close_mine(self) -> None:
        """Close the clouds of the calling thread, which comes to its end."""
        for each in self._local.__dict__.pop("open", {}).values():
            with suppress(CloudmeshError):
                self._close(each)

    def close(self, keys: Iterable[str]) -> None:
        """Close the clouds that were opened with the accesses of these keys, in all threads."""
        wanted = set(keys)
        LISTINGS.forget(wanted)
        for each in [each for each in self._all if each.key in wanted]:
            self._close(each)

    def _close(self, opened: _OpenCloud) -> None:
        """Close a cloud, once."""
        with self._lock:
            if opened not in self._all:
                return
            self._all.remove(opened)
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
