"""The workers of a Dask cluster as an executor, which gives no call to two of them."""

from __future__ import annotations

import pickle
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from pkgutil import resolve_name
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from cloudmesh.vm.executors.on_worker import (
    HERE,
    INTRODUCTION,
    Delivery,
    Introduction,
    line_lost,
    worker_lost,
)
from cloudmesh.vm.model.call import CallLost, WorkerUnreachable

if TYPE_CHECKING:
    from distributed import Client

# The scheduler is asked so often who is there, in seconds.
_LOOK = 0.5
# Who waits looks up so often, since on some systems a Ctrl-C does not end a longer wait.
_PATIENCE = 0.2


def _new_name() -> str:
    return f"cloudmesh-{uuid.uuid4().hex}"


@dataclass(eq=False)
class _SentCall:
    pickled: bytes = field(repr=False)
    future: Future[Any]
    name: str = field(default_factory=_new_name)
    # The cluster's own future, once the call was handed out.
    there: Future[Any] | None = None


@dataclass(eq=False)
class _Worker:
    """One worker: how many threads it has, and who it is once it has told that."""

    address: str
    threads: int
    asked: Future[Any]
    who: Introduction | None = None
    running: bool = True
    calls: set[_SentCall] = field(default_factory=set)


class ClusterExecutor(Executor):
    """Makes calls on the workers of a Dask cluster, each on one worker at most.

    Dask gives the tasks of a worker that is lost to others. A call of a cloud may have been made by then, so
    each is bound to one worker process here, and if that is lost, the call fails with ``CallLost``: whoever
    asked for it knows whether it may be made again. Where only the line to the scheduler was lost, the worker
    may still be at it, and the call fails with ``WorkerUnreachable``. No worker gets more calls than
    it has threads.

    Neither names nor texts of the tasks tell anything of the calls, which are encrypted to their worker.

    Args:
        client: a connected client, which stays open.
        grace: so many seconds calls wait when there is no worker at all, for those that start again.

    Attributes:
        max_workers: how many calls can run at once, on the workers that are there now.
        unknown: how many workers have not told yet who they are, as they are busy.
        trouble: why workers cannot be used, by their address.
    """

    def __init__(self, client: Client, grace: float = 20.0) -> None:
        self.max_workers = 0
        self.unknown = 0
        self.trouble: dict[str, str] = {}
        self._client = client
        self._dask: Any = client.get_executor(pure=False, retries=0)  # type: ignore[no-untyped-call]
        # All that follows belongs to one thread, which does what it is told here.
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._workers: dict[str, _Worker] = {}
        self._waiting: deque[_SentCall] = deque()
        self._given_up: set[_SentCall] = set()
        self._looked = float("-inf")
        self._grace = grace
        self._alone_since = time.monotonic()
        self._closed = False
        # Who brings a call holds it, and who closes for good: so no call comes that nobody will see.
        self._door = threading.Lock()
        self._ended = threading.Event()
        threading.Thread(target=self._work, name="cloudmesh-cluster", daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Let a worker call ``fn``, which must be importable there.

        Raises:
            RuntimeError: after ``shutdown``.
            Exception: what pickle raises for arguments that cannot be sent.
        """
        call = _SentCall(pickle.dumps((fn, args, kwargs)), Future())
        with self._door:
            if self._closed:
                raise RuntimeError("this executor was shut down")
            self._events.put(partial(self._waiting.append, call))
        return call.future

    def abandon(self, future: Future[Any]) -> None:
        """Give a call up: one that is waiting is cancelled, and nobody waits for a running one.

        It occupies a thread of its worker until it ends.
        """
        if not future.cancel():
            self._events.put(partial(self._give_up, future))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and wait for those that were taken; the client stays open."""
        self._closed = True
        if cancel_futures:
            self._events.put(self._cancel)
        # Whatever it is, it is heard at once.
        self._events.put(lambda: None)
        while wait and not self._ended.wait(_PATIENCE):
            pass

    # From here on all is done in the executor's own thread.

    def _work(self) -> None:
        try:
            while not (self._closed and self._events.empty() and not self._under_way()):
                self._hear()
                if time.monotonic() - self._looked >= _LOOK:
                    self._looked = time.monotonic()
                    self._look()
                self._hand_out()
        except Exception as error:  # noqa: BLE001 Dask fails in many ways, above all while its client is closed
            self._broke(f"the cluster cannot be used any more ({type(error).__name__})")
        else:
            self._broke("the cluster is not used any more")
        finally:
            self._ended.set()

    def _broke(self, sentence: str) -> None:
        """The end: whatever has not ended is lost."""
        with self._door:
            self._closed = True
        for worker in self._workers.values():
            for call in worker.calls:
                call.future.set_exception(line_lost())
            worker.calls.clear()
        while not self._events.empty():
            self._events.get()()
        self._fail_waiting(sentence)

    def _hear(self) -> None:
        """Do what was told meanwhile, or wait for that a little."""
        try:
            self._events.get(timeout=_LOOK)()
            while True:
                self._events.get_nowait()()
        except Empty:
            return

    def _under_way(self) -> bool:
        running = (call for worker in self._workers.values() for call in worker.calls)
        return bool(self._waiting) or any(call not in self._given_up for call in running)

    def _give_up(self, future: Future[Any]) -> None:
        for worker in self._workers.values():
            self._given_up.update(call for call in worker.calls if call.future is future)

    def _cancel(self) -> None:
        while self._waiting:
            call = self._waiting.popleft()
            call.future.cancel()
            call.future.set_running_or_notify_cancel()

    def _fail_waiting(self, sentence: str) -> None:
        """Nobody will make the calls that were not handed out."""
        while self._waiting:
            call = self._waiting.popleft()
            if call.future.set_running_or_notify_cancel():
                call.future.set_exception(CallLost(sentence, outcome_unknown=False))

    def _look(self) -> None:
        """Who is there? What was given to a worker that is not there any more is lost."""
        known = self._told()
        told, lost = ({}, line_lost) if known is None else (known, worker_lost)
        for worker in [each for each in self._workers.values() if each.address not in told]:
            self._lose(worker, lost)
        for address, each in told.items():
            running = each["status"] == "running"
            if address not in self._workers and running:
                self._ask(address, each["nthreads"])
            elif address in self._workers:
                self._workers[address].running = running
        self._count()
        now = time.monotonic()
        if self._workers:
            self._alone_since = now
        elif now - self._alone_since >= self._grace:
            self._fail_waiting("the cluster has no workers any more")

    def _told(self) -> dict[str, Any] | None:
        """What the scheduler tells of its workers; None if it does not answer."""
        if self._client.status != "running":
            return None
        try:
            return dict(self._client.scheduler_info(n_workers=-1)["workers"])
        except Exception:  # noqa: BLE001 whatever it is, nobody is there who could be asked
            return None

    def _count(self) -> None:
        usable = [each for each in self._workers.values() if each.who is not None and each.running]
        self.unknown = len([each for each in self._workers.values() if each.who is None])
        self.unknown -= len(self.trouble)
        self.max_workers = sum(each.threads for each in usable)

    def _ask(self, address: str, threads: int) -> None:
        """Ask a new worker who it is."""
        asked = self._dask.submit(resolve_name, INTRODUCTION, key=_new_name(), workers=[address])
        worker = self._workers[address] = _Worker(address, threads, asked)
        asked.add_done_callback(lambda _: self._events.put(partial(self._met, worker)))

    def _met(self, worker: _Worker) -> None:
        """A worker has told who it is, or failed to."""
        if worker.asked.cancelled():
            self._lose(worker, line_lost)
            return
        error = worker.asked.exception()
        if error is not None:
            self.trouble[worker.address] = f"it cannot load cloudmesh-vm ({type(error).__name__}: {error})"
        else:
            who: Introduction = worker.asked.result()
            difference = who.difference(HERE)
            if difference:
                self.trouble[worker.address] = difference
            else:
                worker.who = who
        self._count()

    def _lose(self, worker: _Worker, lost: Callable[[], CallLost]) -> None:
        if self._workers.get(worker.address) is worker:
            del self._workers[worker.address]
        self.trouble.pop(worker.address, None)
        worker.asked.cancel()
        for call in list(worker.calls):
            cut_off = call.there is not None and call.there.cancelled()
            if call.there is not None:
                # Else Dask would keep it for a worker that comes back at the same address.
                call.there.cancel()
            self._settle(worker, call, line_lost if cut_off else lost)
        self._count()

    def _hand_out(self) -> None:
        """Give the next calls to the workers that have the most room."""
        while self._waiting:
            worker = max(self._workers.values(), key=_room, default=None)
            if worker is None or worker.who is None or _room(worker) < 1:
                return
            call = self._waiting.popleft()
            if call.future.set_running_or_notify_cancel():
                self._send(worker, worker.who, call)

    def _send(self, worker: _Worker, who: Introduction, call: _SentCall) -> None:
        worker.calls.add(call)
        sent = pickle.dumps(Delivery(call.name, who.key, call.pickled))
        call.there = self._dask.submit(pickle.loads, sent, key=call.name, workers=[worker.address])
        call.there.add_done_callback(lambda _: self._events.put(partial(self._settle, worker, call)))

    def _settle(self, worker: _Worker, call: _SentCall, lost: Callable[[], CallLost] = line_lost) -> None:
        """A call has ended, or was lost with its worker.

        When its line breaks, the client itself cancels all that it waits for, however soon it is back.
        """
        if call not in worker.calls:
            return
        worker.calls.discard(call)
        self._given_up.discard(call)
        good, value = _answer(call.there, lost)
        # The cluster forgets an answer when nobody has its future any more.
        call.there = None
        if good:
            call.future.set_result(value)
            return
        call.future.set_exception(value)
        if isinstance(value, CallLost):
            # It may be that another process is at this address now.
            self._lose(worker, line_lost if isinstance(value, WorkerUnreachable) else worker_lost)


def _room(worker: _Worker) -> int:
    """How many calls a worker can take now."""
    usable = worker.who is not None and worker.running
    return worker.threads - len(worker.calls) if usable else 0


def _answer(there: Future[Any] | None, lost: Callable[[], CallLost]) -> tuple[bool, Any]:
    """True and the answer, or False and the error: ``lost`` if nothing came."""
    if there is None or there.cancelled() or not there.done():
        return False, lost()
    try:
        good, value = pickle.loads(there.result())  # noqa: S301 from the cluster that the user has chosen
    except Exception as error:  # noqa: BLE001 it is raised where the call was asked for
        return False, error
    return good, value
