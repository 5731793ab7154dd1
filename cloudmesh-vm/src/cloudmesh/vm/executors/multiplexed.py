"""One thread for hundreds of calls at once: while some wait for their clouds, others go on.

Each call is made in a greenlet, a function that can be left in the middle and gone on with later. It leaves
where it waits (``cloudmesh.cloud.wire.waiting``), and ``Turns`` tells when it can go on.
"""

from __future__ import annotations

import atexit
import socket
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar
from weakref import WeakSet

from greenlet import GreenletExit, getcurrent, greenlet

from cloudmesh.cloud.wire.waiting import share
from cloudmesh.vm.executors.threads import DaemonThreads
from cloudmesh.vm.executors.turns import Turns, TurnsBell

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class MultiplexedCalls(Executor):
    """An executor as ``concurrent.futures`` has it, for calls that wait by ``cloudmesh.cloud.wire.waiting``.

    As those of ``DaemonThreads``, its calls can be given up, and keep no process from ending.

    Args:
        max_workers: so many calls at once at most.
        at_end: called by the thread when it comes to its end.
    """

    def __init__(self, max_workers: int, at_end: Callable[[], None] = lambda: None) -> None:
        self.max_workers = max_workers
        self._at_end = at_end
        self._turns = Turns()
        # Whether no call is taken any more, and whether none is begun any more.
        self._closed = self._begins_none = False
        # Held by who says something that must not come after the end.
        self._saying = threading.Lock()
        # Of the thread alone: whether the end was asked for behind all that was said before, and has come.
        self._ending = self._over = False
        # Whether all has ended that was not given up.
        self._ended = threading.Event()
        # Of the thread alone: what is not begun yet, and the calls that are running, without those given up.
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._running: dict[Future[Any], greenlet] = {}
        self._given_up: set[greenlet] = set()
        # Greenlets that have made a call, and make the next ones: a new one costs more.
        self._idle: list[greenlet] = []
        # What calls have other threads do.
        self._asides: dict[greenlet, Future[Any]] = {}
        self._aside = DaemonThreads(max_workers)
        self._thread = threading.Thread(target=self._run, name="cloudmesh-calls", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._turns.close()
            raise
        _open.add(self)

    def submit(
        self, fn: Callable[Arguments, Answer], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Answer]:
        """Let the thread call ``fn``. Raises RuntimeError after ``shutdown``."""
        future: Future[Answer] = Future()
        with self._saying:
            if self._closed:
                raise RuntimeError("these calls were shut down")
            self._turns.tell(partial(self._take, future, partial(fn, *args, **kwargs)))
        return future

    def abandon(self, future: Future[Any]) -> None:
        """Give a call up: it is not counted any more, whenever it ends."""
        if not future.cancel():
            self._turns.tell(lambda: self._give_up(future))

    def reduce(self, max_workers: int) -> None:
        """Have fewer calls at once from now on."""
        self.max_workers = max(1, min(self.max_workers, max_workers))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with ``cancel_futures`` those that did not begin are cancelled.

        With ``wait``, return when all others have ended, but for those that were given up. The thread stays
        until these have ended as well.
        """
        with self._saying:
            first, self._closed = not self._closed, True
            self._begins_none = self._begins_none or cancel_futures
            if first or cancel_futures:
                self._turns.tell(self._end)
        if wait:
            self._ended.wait()

    def end(self, seconds: float) -> None:
        """Let all calls close what they have open; wait for so many seconds until the thread has ended."""
        with self._saying:
            self._closed = self._begins_none = True
            self._turns.tell(self._throw_out)
        self._thread.join(seconds)

    # What follows is done by the thread.

    def _run(self) -> None:
        share(self)
        self._turns.begin()
        try:
            while not self._over:
                self._turns.turn()
        finally:
            self._closed = True
            for each in self._idle:
                each.throw(GreenletExit)
            # What was left in the middle never comes to its end.
            for future in [*self._running, *(future for future, _ in self._waiting)]:
                with suppress(InvalidStateError):
                    future.set_exception(CancelledError())
            self._at_end()
            share(None)
            self._ended.set()
            self._turns.close()
            self._aside.shutdown(wait=False, cancel_futures=True)

    def _take(self, future: Future[Any], call: Callable[[], Any]) -> None:
        if self._begins_none:
            _cancel(future)
            return
        self._waiting.append((future, call))
        self._next()

    def _next(self) -> None:
        while self._waiting and len(self._running) < self.max_workers:
            future, call = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                maker = self._running[future] = self._idle.pop() if self._idle else greenlet(self._make_each)
                maker.switch(future, call)
        if self._ending and not self._running and not self._waiting:
            self._ended.set()
            if not self._given_up:
                self._over = True

    def _make_each(self, future: Future[Any], call: Callable[[], Any]) -> None:
        """Make one call after another, until one is thrown out."""
        here = getcurrent()
        while self._make(future, call):
            self._given_up.discard(here)
            self._running.pop(future, None)
            # Not from here: the next one would be begun by this one.
            self._turns.soon(self._next)
            if len(self._idle) >= self.max_workers:
                return
            self._idle.append(here)
            del future, call
            future, call = self._turns.leave()

    @staticmethod
    def _make(future: Future[Any], call: Callable[[], Any]) -> bool:
        """Make a call; False if it is thrown out."""
        try:
            answer = call()
        except GreenletExit:
            future.set_exception(CancelledError())
            return False
        except BaseException as error:  # noqa: BLE001 it is raised where the future is asked
            future.set_exception(error)
        else:
            future.set_result(answer)
        return True

    def _give_up(self, future: Future[Any]) -> None:
        if (call := self._running.pop(future, None)) is not None:
            self._given_up.add(call)
            if call in self._asides:
                self._aside.abandon(self._asides[call])
            self._next()

    def _end(self) -> None:
        self._ending = True
        if self._begins_none:
            for future, _ in self._waiting:
                _cancel(future)
            self._waiting.clear()
        self._next()

    def _throw_out(self) -> None:
        self._end()
        for call in [*self._running.values(), *self._given_up]:
            call.throw(GreenletExit)
        self._over = True

    # How a call waits: see ``cloudmesh.cloud.wire.waiting``.

    def until_ready(self, connection: socket.socket, writing: bool, seconds: float) -> bool:
        """Let the others go on until a socket can be written to, or read; False if that takes longer."""
        return self._turns.until_ready(connection.fileno(), writing, seconds)

    def bell(self) -> TurnsBell:
        """What a call waits for that another one is to do."""
        return TurnsBell(self._turns)

    def pause(self, seconds: float) -> None:
        """Let the others go on for so many seconds."""
        self._turns.leave_for(seconds)

    def aside(self, function: Callable[[], Answer]) -> Answer:
        """Let the others go on while another thread runs a function."""
        call = getcurrent()
        done: Future[Answer] = self._aside.submit(function)
        self._asides[call] = done
        done.add_done_callback(lambda _: self._turns.tell(partial(self._go_on, call, done)))
        try:
            self._turns.leave()
        finally:
            del self._asides[call]
            if not done.done():
                self._aside.abandon(done)
        return done.result()

    def _go_on(self, call: greenlet, done: Future[Any]) -> None:
        # It may have been thrown out meanwhile, and wait for something else.
        if self._asides.get(call) is done:
            call.switch()


def _cancel(future: Future[Any]) -> None:
    """Cancel a call that has not begun; who waits for it is told."""
    future.cancel()
    future.set_running_or_notify_cancel()


# Those whose threads may still run.
_open: WeakSet[MultiplexedCalls] = WeakSet()
# Seconds that a call may take at the end of the process until it waits for something, and is left there.
_AT_END = 10.0


@atexit.register
def _end_all() -> None:
    """End the threads: Python would end them within a greenlet, which ends the process by SIGABRT."""
    for each in list(_open):
        each.end(_AT_END)
