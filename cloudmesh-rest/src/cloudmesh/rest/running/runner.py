"""Runs the jobs of a server in a few threads, whether or not the clients that asked for them are still there.

Each job has a store and clouds of its own. Nothing here is kept but user data that were given as text: which
jobs are to be run stands in the store, so that the next server, or another one, goes on with them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, StoreError
from cloudmesh.plugin.secrets import mask_text
from cloudmesh.rest.problems import Problem
from cloudmesh.rest.running.keeper import Keeper
from cloudmesh.rest.running.queue import FairQueue
from cloudmesh.vm.jobs.server import ClaimedJob, JobServer

# So many jobs run at the same time, and so many requests are planned.
WORKERS, PLANS = 8, 32
# Seconds: an idle thread looks around, a job is tried again after a failure (each time later), the longest
# of these pauses, and how long calls in flight are waited for at the end.
_LOOK, _PAUSE, _LONGEST, _PATIENCE = 1.0, 0.5, 8.0, 20.0
# A job that fails so often for another reason than its store is left to its user.
_TRIES = 4
_LOG = logging.getLogger(__name__)
Given = TypeVar("Given")


@dataclass
class _Entry:
    """A job that waits for a thread, and how often it was tried in vain."""

    job: ClaimedJob
    tries: int = 0


@dataclass(frozen=True)
class RunnerState:
    """How the runner is.

    Attributes:
        workers, alive, busy: how many threads run jobs, live, and are at a job now.
        queued: how many jobs wait for a thread.
        oldest: for how many seconds the one that has waited longest.
        renewed: how many seconds ago the store was last written.
        looked: how many seconds ago the idle thread looked for a job that did so longest ago.
        may_run: whether jobs may be begun.
        trouble: why the store could not be written the last time; empty if it could.
    """

    workers: int
    alive: int
    busy: int
    queued: int
    oldest: float
    renewed: float
    looked: float
    may_run: bool
    trouble: str


class _Worker(threading.Thread):
    """One thread that runs one job after the other."""

    def __init__(self, number: int, step: Callable[[], None], go_on: Callable[[], bool]) -> None:
        super().__init__(name=f"cloudmesh-job-{number}", daemon=True)
        self._step, self._go_on = step, go_on
        self.looked = time.monotonic()
        self.busy = False

    def run(self) -> None:
        """Look for a job, until the runner ends."""
        while self._go_on():
            self.looked = time.monotonic()
            self._step()


class Runner:
    """Runs jobs from ``start`` to ``stop``; any thread may give it one.

    Attributes:
        server: its part in the jobs of the store.
    """

    def __init__(self, config: Callable[[], Config], workers: int = WORKERS) -> None:
        """``config`` gives the configuration as it is now; ``workers``: how many jobs may run at once."""
        self.server = JobServer(config)
        self._queue: FairQueue[_Entry] = FairQueue()
        self._keeper = Keeper(self.server, config, self._adoptable, self.submit)
        self._workers = [_Worker(number, self._step, self._goes_on) for number in range(workers)]
        self._userdata: dict[int, str] = {}
        self._plans = threading.BoundedSemaphore(PLANS)

    def start(self) -> None:
        """Begin, with what an earlier server has left."""
        for each in self._workers:
            each.start()
        self._keeper.start()

    def begin_stop(self) -> None:
        """Begin no more calls; those in flight go on, and what is left of jobs stays in the store."""
        self.server.end()
        self._queue.close()

    def stop(self, seconds: float = _PATIENCE) -> None:
        """End in good order: wait for the calls in flight, for so many seconds at most."""
        self.begin_stop()
        ends = time.monotonic() + seconds
        for each in self._workers:
            if each.is_alive():
                each.join(max(0.0, ends - time.monotonic()))
        # While calls are in flight nobody else may go on with their jobs: the lease ends by itself then.
        self._keeper.stop(leave=not any(each.is_alive() for each in self._workers))

    def submit(self, job: ClaimedJob, userdata: str = "") -> None:
        """Run a job that this server has, when it is the turn of whoever asked for it."""
        if userdata:
            self._userdata[job.number] = userdata
        self._queue.put(job.made_by, _Entry(job))

    async def apart(self, work: Callable[[], Given]) -> Given:
        """What ``work`` gives, in a thread of its own: it may ask clouds, for which nobody else waits.

        Raises what it raises, and a Problem if too many are at work.
        """
        if not self._plans.acquire(blocking=False):
            raise Problem(
                503,
                f"{PLANS} requests are being planned; try again in a moment",
                headers={"Retry-After": "2"},
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Given] = loop.create_future()

        def tell(set_it: Callable[..., None], value: object) -> None:
            if not future.done():
                set_it(value)

        def run() -> None:
            try:
                found = work()
            except BaseException as error:  # noqa: BLE001 it is raised where it is waited for
                loop.call_soon_threadsafe(tell, future.set_exception, error)
            else:
                loop.call_soon_threadsafe(tell, future.set_result, found)
            finally:
                self._plans.release()

        threading.Thread(target=run, name="cloudmesh-plan", daemon=True).start()
        return await future

    def require_running(self) -> None:
        """Raise a Problem if no job can be taken on now."""
        if not self.server.may_call:
            why = self._keeper.trouble or "this server is starting or stopping"
            raise Problem(503, f"no job can be taken on now: {why}", headers={"Retry-After": "5"})

    def state(self) -> RunnerState:
        """How the runner is; asks nobody."""
        idle = [each for each in self._workers if each.is_alive() and not each.busy]
        now = time.monotonic()
        return RunnerState(
            workers=len(self._workers),
            alive=sum(each.is_alive() for each in self._workers) if self._keeper.is_alive else 0,
            busy=sum(each.busy for each in self._workers),
            queued=len(self._queue),
            oldest=self._queue.oldest,
            renewed=self.server.seconds_since_renewal,
            looked=max((now - each.looked for each in idle), default=0.0),
            may_run=self.server.may_call,
            trouble=self._keeper.trouble,
        )

    def _goes_on(self) -> bool:
        return not self.server.ending

    def _adoptable(self) -> int:
        """How many jobs of others could be begun at once."""
        idle = sum(each.is_alive() and not each.busy for each in self._workers)
        return max(0, idle - len(self._queue))

    def _step(self) -> None:
        """Run a job, if there is one; this is what the threads do."""
        if not self.server.may_call:
            # Until the store can be written again.
            time.sleep(_PAUSE)
            return
        entry = self._queue.take(_LOOK)
        if entry is None:
            return
        worker = threading.current_thread()
        assert isinstance(worker, _Worker)  # noqa: S101 only workers come here
        worker.busy = True
        try:
            self._run(entry)
        finally:
            worker.busy = False

    def _run(self, entry: _Entry) -> None:
        """Run a job, and let it be tried again if its server still has it afterwards."""
        job = entry.job
        told = ""
        lacks_store = False
        try:
            result = self.server.run(job.number, job.terms, self._userdata.get(job.number, ""))
            lacks_store = any(isinstance(each.error, StoreError) for each in result)
        except CloudmeshError as error:
            lacks_store = isinstance(error, StoreError | ConfigError)
            told = str(error)
        except Exception as error:  # noqa: BLE001 a mistake in one job must not end the thread for all others
            told = f"{type(error).__name__}, an error in cloudmesh itself"
            entry.tries = _TRIES
            _LOG.exception("job %d failed", job.number)
        self._again(entry, lacks_store, told)

    def _again(self, entry: _Entry, lacks_store: bool, told: str) -> None:
        number = entry.job.number
        if told:
            _LOG.warning("job %d: %s", number, mask_text(told))
        try:
            left = self.server.left(number)
            if left is not None and not lacks_store and not self.server.ending and entry.tries >= _TRIES:
                self.server.drop(number)
                left = None
        except CloudmeshError:
            # Nobody can tell now; it is tried again, and found out then.
            left = entry.job
        if left is None:
            self._userdata.pop(number, None)
        else:
            pause = min(_LONGEST, _PAUSE * 2**entry.tries)
            self._queue.put(left.made_by, _Entry(left, entry.tries + 1), pause)
