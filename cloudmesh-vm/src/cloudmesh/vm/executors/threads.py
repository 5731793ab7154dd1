"""Threads for calls that may never return: a call can be given up, and none keeps the process from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")
Opened = TypeVar("Opened", bound=Executor)

# What ``cloudmesh.engine`` says for them.
THREADS = "threads"
# Seconds of one wait: on some systems a Ctrl-C does not end a longer one.
_WAIT = 0.5


# A function to be called, and the future that gets its answer.
_WorkItem = tuple[Future[Any], Callable[[], Any]]
_RETIRE: _WorkItem = (Future(), lambda: None)


@contextmanager
def leaving(executor: Opened) -> Iterator[Opened]:
    """An executor for a block; at its end calls that still run are left to themselves."""
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


class DaemonThreads(Executor):
    """An executor as ``concurrent.futures`` has it, made for calls that may never return.

    ``ThreadPoolExecutor`` waits at the end of the process for what its threads do; these threads are daemons
    and die with it. A call that took too long can be given up, and another thread takes its place.

    Args:
        max_workers: so many threads at most; they are made when there is something to do.
        at_end: called by each thread that comes to its end.

    Attributes:
        max_workers: how many threads there may be by now.
        refused: whether the system has allowed no further thread.
    """

    def __init__(self, max_workers: int, at_end: Callable[[], None] = lambda: None) -> None:
        if max_workers < 1:
            raise ValueError(f"max_workers must be at least 1, not {max_workers}")
        self.max_workers = max_workers
        self.refused = False
        self._at_end = at_end
        # None ends the thread that takes it, which puts it back for the next one; _RETIRE ends one thread.
        self._calls: SimpleQueue[_WorkItem | None] = SimpleQueue()
        self._change = threading.Condition()
        self._closed = False
        # Guarded by the condition: calls that no thread has taken, threads that wait for one, all threads but
        # those of calls that were given up, and the calls that are running.
        self._waiting = 0
        self._idle = 0
        self._threads = 0
        self._running: set[Future[Any]] = set()

    def submit(
        self, fn: Callable[Arguments, Answer], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Answer]:
        """Let a thread call ``fn``.

        Raises:
            RuntimeError: after ``shutdown``, or the system allows not even one thread.
        """
        future: Future[Answer] = Future()
        with self._change:
            if self._closed:
                raise RuntimeError("these threads were shut down")
            self._waiting += 1
            try:
                self._provide()
            except RuntimeError:
                self._waiting -= 1
                raise
            self._calls.put((future, lambda: fn(*args, **kwargs)))
        return future

    def abandon(self, future: Future[Any]) -> None:
        """Give a call up: one that is waiting is cancelled, a running one is not counted any more.

        Its thread ends when the call ever returns, and the future still gets that late answer. ``shutdown``
        does not wait for it.
        """
        if future.cancel():
            return
        with self._change:
            if future in self._running:
                self._running.discard(future)
                self._threads -= 1
                self._change.notify_all()
                self._provide()

    def reduce(self, max_workers: int) -> None:
        """Have fewer threads from now on; those above end when they have nothing to do."""
        with self._change:
            self.max_workers = max(1, min(self.max_workers, max_workers))
            for _ in range(self._threads - self.max_workers):
                self._calls.put(_RETIRE)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with ``cancel_futures`` those that did not begin are cancelled.

        With ``wait``, return when all others have ended, but for those that were given up.
        """
        with self._change:
            first, self._closed = not self._closed, True
            if cancel_futures:
                self._cancel()
            if first:
                self._calls.put(None)
            while wait and self._threads:
                self._change.wait(_WAIT)

    def _cancel(self) -> None:
        """Cancel what no thread took yet."""
        with suppress(Empty):
            while call := self._calls.get_nowait():
                if call is not _RETIRE:
                    self._waiting -= 1
                    call[0].cancel()
                    call[0].set_running_or_notify_cancel()
            self._calls.put(None)

    def _provide(self) -> None:
        """Make a thread if one is needed and allowed. Raises RuntimeError if there is none at all."""
        if self._waiting <= self._idle or self._threads >= self.max_workers:
            return
        thread = threading.Thread(target=self._work, name="cloudmesh-call", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # The system has no room for another; the others do it all.
            self.refused = True
            if not self._threads:
                raise
            self.max_workers = self._threads
            return
        self._threads += 1
        self._idle += 1

    def _work(self) -> None:
        """Make one call after another, until shutdown or until one was given up meanwhile."""
        counts = True
        try:
            while counts:
                call = self._calls.get()
                if call is None:
                    self._calls.put(None)
                    break
                if call is _RETIRE:
                    counts = not self._retires()
                    continue
                counts = self._make(call)
                del call
        finally:
            self._at_end()
            if counts:
                with self._change:
                    self._threads -= 1
                    self._idle -= 1
                    self._change.notify_all()

    def _retires(self) -> bool:
        """Whether the calling thread, which is idle, is one too many; then it counts no more."""
        with self._change:
            if self._threads <= self.max_workers:
                return False
            self._threads -= 1
            self._idle -= 1
            self._change.notify_all()
            return True

    def _make(self, call: _WorkItem) -> bool:
        """Make one call, unless it was cancelled before; False if it was given up meanwhile."""
        future, function = call
        with self._change:
            self._waiting -= 1
            self._idle -= 1
            self._running.add(future)
        if future.set_running_or_notify_cancel():
            try:
                answer = function()
            except BaseException as error:  # noqa: BLE001 it is raised where the future is asked
                future.set_exception(error)
            else:
                future.set_result(answer)
        with self._change:
            if future not in self._running:
                return False
            self._running.discard(future)
            self._idle += 1
            return True
