"""Making calls: each thread keeps its clouds open between two calls, since drivers must not be shared."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from cloudmesh.cloud.client.actions import ActionResult
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import find_verb
from cloudmesh.cloud.provider.retry import ReadRetry
from cloudmesh.cloud.store.changes import Recorder, StoreChange
from cloudmesh.cloud.store.listings import SharedListings
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.model.call import ADDRESS, BOOT, Access, Call, Ended, Reply

# What is only looked at is asked for again at once; for longer trouble the coordinator tries the whole again,
# and lets other tasks go first meanwhile.
_PATIENCE = ReadRetry(attempts=3, first=0.2, longest=1.0, quick=3.0, ceiling=3.0)


# Many machines of one job may have vanished; one listing tells whether others have their names by now.
LISTINGS = SharedListings()


class _Open:
    """One cloud as one thread has it open.

    ``using`` is held by its thread during a call: to close a connection that another thread uses at this
    moment can end the whole process.
    """

    def __init__(self, access: Access) -> None:
        self.key = access.key
        self.recorder = Recorder()
        self.using = threading.Lock()
        self.doomed = False
        self.cloud = Cloud(access.cloud, inventory=self.recorder, settings=access.settings)
        self.cloud.read_retry = _PATIENCE
        self.cloud.actions.machines.shared_listing = partial(LISTINGS.get, access.key)
        self.cloud.open()

    def close(self) -> None:
        """Close it now, or let its thread do so after the call that it is in."""
        self.doomed = True
        if self.using.acquire(blocking=False):
            self.cloud.close()


class ThreadClouds:
    """The clouds that the threads of this process have open."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._all: list[_Open] = []

    @contextmanager
    def using(self, access: Access) -> Iterator[_Open]:
        """The cloud, open for the calling thread. Raises as ``Cloud.__enter__`` does."""
        opened = self._of_thread(access)
        # Nobody else waits for it.
        opened.using.acquire()
        try:
            yield opened
        finally:
            opened.using.release()
            if opened.doomed:
                opened.close()

    def _of_thread(self, access: Access) -> _Open:
        mine: dict[str, _Open] = self._local.__dict__.setdefault("open", {})
        known = mine.pop(access.cloud, None)
        if known and known.key == access.key and not known.doomed:
            mine[access.cloud] = known
            return known
        if known:
            # Somebody else's, or from before its settings were changed.
            self._close(known)
        opened = mine[access.cloud] = _Open(access)
        with self._lock:
            self._all.append(opened)
        return opened

    def close(self, keys: Iterable[str]) -> None:
        """Close what was opened by these keys, in whatever thread."""
        wanted = set(keys)
        LISTINGS.forget(wanted)
        for each in [each for each in self._all if each.key in wanted]:
            self._close(each)

    def _close(self, opened: _Open) -> None:
        with self._lock:
            if opened not in self._all:
                return
            self._all.remove(opened)
        opened.close()


HERE = ThreadClouds()


def perform(call: Call) -> Reply:
    """Make a call. It raises nothing: errors are values."""
    began = time.monotonic()
    changes: tuple[StoreChange, ...] = ()
    try:
        with HERE.using(call.access) as opened:
            opened.recorder.begin(call.addresses)
            try:
                results = _results(opened.cloud, call)
            finally:
                changes = opened.recorder.taken()
    except CloudmeshError as error:
        results = (error,) * len(call.machines)
    except Exception as error:  # noqa: BLE001 a mistake in this package must not take other machines along
        kind = type(error).__name__
        sentence = f"cloud {call.access.cloud}: {call.verb} failed by {kind}, a mistake in cloudmesh itself"
        mistake = CloudmeshError(sentence)
        # It may have happened after the cloud had answered.
        mistake.outcome_unknown = True
        results = (mistake,) * len(call.machines)
    return Reply(results, changes, time.monotonic() - began)


def _results(cloud: Cloud, call: Call) -> tuple[Ended, ...]:
    if len(call.machines) > 1:
        return _many(cloud, call)
    (machine,), (request,) = call.machines, call.requests
    if call.verb == BOOT and request is not None:
        booted = cloud.boot_as(request, call.maybe_done)
        return (ActionResult(booted, changed=True, target=State.ACTIVE),)
    if machine is None:
        raise CloudmeshError(f"{call.verb} needs a machine, and none is known")
    if call.verb == ADDRESS and request is not None:
        return (ActionResult(cloud.give_address(machine, request.token), changed=True, target=State.ACTIVE),)
    return (cloud.act(machine, find_verb(call.verb), call.argument, call.maybe_done),)


def _many(cloud: Cloud, call: Call) -> tuple[Ended, ...]:
    """The same for many machines in one call."""
    if call.verb == BOOT:
        booted = cloud.boot_many([each for each in call.requests if each], call.maybe_done)
        return tuple(
            ActionResult(each, changed=True, target=State.ACTIVE) if isinstance(each, MachineRecord) else each
            for each in booted
        )
    return tuple(cloud.act_many([each for each in call.machines if each], find_verb(call.verb)))
