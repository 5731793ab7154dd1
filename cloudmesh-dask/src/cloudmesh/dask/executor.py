"""The workers of a Dask cluster as an executor, which gives no call to two of them."""

from __future__ import annotations

import pickle
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pkgutil import resolve_name
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from cloudmesh.dask.worker import HERE, INTRODUCTION, Delivery, Introduction, connection_lost, worker_lost
from cloudmesh.vm.model.call import CallLost, WorkerUnreachable

if TYPE_CHECKING:
    from distributed import Client

# Seconds between two questions to the scheduler for its workers.
_POLL = 0.5
# Seconds of one wait: on some systems a Ctrl-C does not end a longer one.
_WAIT = 0.2


def _new_name() -> str:
    return f"cloudmesh-{uuid.uuid4().hex}"


@dataclass(eq=False)
class _SentCall:
    """A call of a function: waiting for a worker, or running on one."""

    pickled: bytes = field(repr=False)
    future: Future[Any]
    name: str = field(default_factory=_new_name)
    # Dask's own future, once the call was sent to a worker.
    remote: Future[Any] | None = None


@dataclass(eq=False)
class _Worker:
    """One worker process; ``introduction`` is None until it has told its key and versions."""

    address: str
    threads: int
    asked: Future[Any]
    introduction: Introduction | None = None
    running: bool = True
    calls: set[_SentCall] = field(default_factory=set)


class DaskExecutor(Executor):
    """Makes calls on the workers of a Dask cluster, each on one worker at most.

    Dask repeats the tasks of a lost worker on other workers. A call of a cloud may have been made by then,
    so each is bound to one worker process here, and if that is lost, the call fails with ``CallLost``: the
    caller knows whether it may be made again. Where only the connection to the scheduler was lost, the
    worker may still be running the call, which fails with ``WorkerUnreachable``. No worker gets more calls
    than it has threads.

    Neither names nor texts of the tasks tell anything of the calls, which are encrypted to their worker.

    Args:
        client: a connected client, which stays open.
        grace: seconds that calls wait while there is no worker at all, as one may be restarting.

    Attributes:
        max_workers: how many calls can run at once, on the workers that are there now.
        unknown: how many workers have not introduced themselves yet, as they are busy.
        trouble: why workers cannot be used, by their address.
    """

    def __init__(self, client: Client, grace: float = 20.0) -> None:
        self.max_workers = 0
        self.unknown = 0
        self.trouble: dict[str, str] = {}
        self._client = client
        self._dask: Any = client.get_executor(pure=False, retries=0)  # type: ignore[no-untyped-call]
        # Only the executor's own thread uses what follows; other threads put functions for it into the queue.
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._workers: dict[str, _Worker] = {}
        self._waiting: deque[_SentCall] = deque()
        self._given_up: set[_SentCall] = set()
        self._refreshed = float("-inf")
        self._grace = grace
        self._empty_since = time.monotonic()
        self._closed = False
        # Held while a call is submitted, and while the executor ends: no call is added unseen afterwards.
        self._submit_lock = threading.Lock()
        self._ended = threading.Event()
        threading.Thread(target=self._work, name="cloudmesh-dask", daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Let a worker call ``fn``, which must be importable there.

        Raises:
            RuntimeError: after ``shutdown``.
            Exception: what pickle raises for arguments that cannot be sent.
        """
        call = _SentCall(pickle.dumps((fn, args, kwargs)), Future())
        with self._submit_lock:
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
            self._events.put(self._drop_waiting)
        # Any event wakes the thread, which then sees that it is closed.
        self._events.put(lambda: None)
        while wait and not self._ended.wait(_WAIT):
            pass

    # All methods below run in the executor's own thread.

    def _work(self) -> None:
        """Handle events and send calls until the executor is shut down and idle."""
        try:
            while not (self._closed and self._events.empty() and not self._under_way()):
                # Run the functions in the queue; wait a moment for the first one.
                with suppress(Empty):
                    self._events.get(timeout=_POLL)()
                    while True:
                        self._events.get_nowait()()
                if time.monotonic() - self._refreshed >= _POLL:
                    self._refreshed = time.monotonic()
                    self._refresh_workers()
                self._dispatch()
        except Exception as error:  # noqa: BLE001 Dask fails in many ways, above all while its client is closed
            self._end_all(f"the cluster cannot be used any more ({type(error).__name__})")
        else:
            self._end_all("the cluster is not used any more")
        finally:
            self._ended.set()

    def _end_all(self, sentence: str) -> None:
        """Fail all calls that have not ended, and take no more."""
        with self._submit_lock:
            self._closed = True
        for worker in self._workers.values():
            for call in worker.calls:
                call.future.set_exception(connection_lost())
            worker.calls.clear()
        while not self._events.empty():
            self._events.get()()
        self._drop_waiting(sentence)

    def _under_way(self) -> bool:
        """Whether calls are waiting, or running and not given up."""
        running = (call for worker in self._workers.values() for call in worker.calls)
        return bool(self._waiting) or any(call not in self._given_up for call in running)

    def _give_up(self, future: Future[Any]) -> None:
        """Do not wait for a running call at shutdown."""
        for worker in self._workers.values():
            self._given_up.update(call for call in worker.calls if call.future is future)

    def _drop_waiting(self, sentence: str = "") -> None:
        """Fail the calls that were not sent to a worker, and so were certainly not made; or cancel them."""
        while self._waiting:
            future = self._waiting.popleft().future
            if not sentence:
                future.cancel()
            if future.set_running_or_notify_cancel():
                future.set_exception(CallLost(sentence, outcome_unknown=False))

    def _refresh_workers(self) -> None:
        """Compare with the workers that the scheduler lists: meet new ones, fail the calls of lost ones."""
        known = self._listed_workers()
        told, lost = ({}, connection_lost) if known is None else (known, worker_lost)
        for worker in [each for each in self._workers.values() if each.address not in told]:
            self._lose(worker, lost)
        for address, each in told.items():
            running = each["status"] == "running"
            if address not in self._workers and running:
                # Its key and versions are asked for first.
                asked = self._dask.submit(resolve_name, INTRODUCTION, key=_new_name(), workers=[address])
                worker = self._workers[address] = _Worker(address, each["nthreads"], asked)
                asked.add_done_callback(partial(self._when_done, partial(self._introduced, worker)))
            elif address in self._workers:
                self._workers[address].running = running
        self._count()
        now = time.monotonic()
        if self._workers:
            self._empty_since = now
        elif now - self._empty_since >= self._grace:
            self._drop_waiting("the cluster has no workers any more")

    def _listed_workers(self) -> dict[str, Any] | None:
        """The workers as the scheduler lists them, by address; None if it does not answer."""
        if self._client.status != "running":
            return None
        try:
            return dict(self._client.scheduler_info(n_workers=-1)["workers"])
        except Exception:  # noqa: BLE001 whatever it is, nobody is there who could be asked
            return None

    def _count(self) -> None:
        """Update ``unknown`` and ``max_workers``."""
        usable = [each for each in self._workers.values() if each.introduction is not None and each.running]
        strangers = [each for each in self._workers.values() if each.introduction is None]
        self.unknown = len(strangers) - len(self.trouble)
        self.max_workers = sum(each.threads for each in usable)

    def _introduced(self, worker: _Worker) -> None:
        """Take over the introduction of a worker, or the reason why it cannot be used."""
        if worker.asked.cancelled():
            self._lose(worker, connection_lost)
            return
        if error := worker.asked.exception():
            self.trouble[worker.address] = f"it cannot load cloudmesh-vm ({type(error).__name__}: {error})"
        elif difference := worker.asked.result().difference(HERE):
            self.trouble[worker.address] = difference
        else:
            worker.introduction = worker.asked.result()
        self._count()

    def _lose(self, worker: _Worker, lost: Callable[[], CallLost]) -> None:
        """Forget a worker, and fail its calls with the error that ``lost`` makes."""
        if self._workers.get(worker.address) is worker:
            del self._workers[worker.address]
        self.trouble.pop(worker.address, None)
        worker.asked.cancel()
        for call in list(worker.calls):
            cut_off = call.remote is not None and call.remote.cancelled()
            if call.remote is not None:
                # Else Dask would keep it for a worker that comes back at the same address.
                call.remote.cancel()
            self._settle(worker, call, connection_lost if cut_off else lost)
        self._count()

    def _dispatch(self) -> None:
        """Send waiting calls, each encrypted to the worker with the most free threads."""
        while self._waiting:
            worker = max(self._workers.values(), key=_free_threads, default=None)
            if worker is None or worker.introduction is None or _free_threads(worker) < 1:
                return
            call = self._waiting.popleft()
            if call.future.set_running_or_notify_cancel():
                worker.calls.add(call)
                sent = pickle.dumps(Delivery(call.name, worker.introduction.key, call.pickled))
                call.remote = self._dask.submit(pickle.loads, sent, key=call.name, workers=[worker.address])
                settle = partial(self._settle, worker, call)
                call.remote.add_done_callback(partial(self._when_done, settle))

    def _when_done(self, handle: Callable[[], None], _: Future[Any]) -> None:
        """Let the executor's own thread handle the end of a future; this runs in a thread of Dask."""
        self._events.put(handle)

    def _settle(
        self, worker: _Worker, call: _SentCall, lost: Callable[[], CallLost] = connection_lost
    ) -> None:
        """Take over the result of a call that has ended, or was lost with its worker.

        When the connection breaks, the client itself cancels all its futures, however soon it is back.
        """
        if call not in worker.calls:
            return
        worker.calls.discard(call)
        self._given_up.discard(call)
        good, value = _answer(call.remote, lost)
        # The cluster forgets an answer when nobody has its future any more.
        call.remote = None
        if good:
            call.future.set_result(value)
            return
        call.future.set_exception(value)
        if isinstance(value, CallLost):
            # It may be that another process is at this address now.
            self._lose(worker, connection_lost if isinstance(value, WorkerUnreachable) else worker_lost)


def _free_threads(worker: _Worker) -> int:
    """How many more calls a worker can run now."""
    usable = worker.introduction is not None and worker.running
    return worker.threads - len(worker.calls) if usable else 0


def _answer(remote: Future[Any] | None, lost: Callable[[], CallLost]) -> tuple[bool, Any]:
    """True and the answer, or False and the error: ``lost`` if nothing came."""
    if remote is None or remote.cancelled() or not remote.done():
        return False, lost()
    try:
        good, value = pickle.loads(remote.result())  # noqa: S301 from the cluster that the user has chosen
    except Exception as error:  # noqa: BLE001 it is raised where the call was asked for
        return False, error
    return good, value
