"""The coordinator: the one place where tasks are run, and the only one that writes down what they do.

It runs in the thread that asks for the work. Calls are made by any ``concurrent.futures.Executor``; between
two calls it decides whose turn is next, what is tried again, and when to stop. What is to be done is in the
store before a call is made, and what came of it afterwards, in one transaction for all that happened then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import Protocol

from cloudmesh.cloud.errors import CloudTimeout
from cloudmesh.cloud.fanout.progress import ProgressCallback
from cloudmesh.cloud.store.changes import StoreChange
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, StoreError
from cloudmesh.plugin.signals import StopRequest, stopping
from cloudmesh.vm.executors.perform import perform
from cloudmesh.vm.model.call import Call, Reply
from cloudmesh.vm.model.limits import CallSettingsByCloud, JobLimits, call_timeout
from cloudmesh.vm.model.outcome import Outcome, Result, Status
from cloudmesh.vm.model.task import Task
from cloudmesh.vm.scheduler.in_flight import (
    InFlightCall,
    SchedulerStep,
    abandon,
    attempts_of,
    not_begun,
    refused,
    reply_of,
    take_seats,
    unrecorded,
    unwritable,
)
from cloudmesh.vm.scheduler.progress import ProgressCounter
from cloudmesh.vm.scheduler.queue import CloudQueue, TaskRun, by_cloud, shares
from cloudmesh.vm.scheduler.results import ResultHandler
from cloudmesh.vm.scheduler.retry import RetryPolicy

# How often it looks around when nothing happens, in seconds.
_LOOK = 0.2
_ASK_STORE = 1.0
_INTERRUPTED = "interrupted during the call; cms vm list --refresh shows what became of it"


class OutcomeLog(Protocol):
    """Where it is written down what happens."""

    def write(
        self, changes: Sequence[StoreChange], ended: Sequence[tuple[Task, Outcome]], begun: Sequence[TaskRun]
    ) -> None:
        """Write, all or nothing, what is known of machines, how tasks ended and which are begun now.

        Raises:
            StoreError: it cannot be written down.
        """

    def is_cancelled(self) -> bool:
        """Whether another process wants the job to end."""


class Scheduler:
    """Runs the tasks of one job.

    Args:
        roads: how each cloud is called, or why it cannot be.
        executor: makes the calls.
        journal: where everything is written down.
        stop: may be asked to stop from elsewhere.
        clock: seconds, that never go back.
    """

    def __init__(
        self,
        roads: CallSettingsByCloud,
        executor: Executor,
        journal: OutcomeLog,
        limits: JobLimits | None = None,
        policy: RetryPolicy | None = None,
        watch: ProgressCallback | None = None,
        stop: StopRequest | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._roads = roads
        self._executor = executor
        self._journal = journal
        self._limits = limits or JobLimits()
        self._verdicts = ResultHandler(policy or RetryPolicy(), clock)
        self._counter = ProgressCounter(watch)
        self._stop = stop or StopRequest()
        self._clock = clock
        self._events: SimpleQueue[InFlightCall | None] = SimpleQueue()
        self._flights: dict[InFlightCall, None] = {}
        self._lanes: dict[str, CloudQueue] = {}
        self._asked_store = clock()
        self._halted: Outcome | None = None
        # Whether there is something to do before any call ends.
        self._hurry = True

    def run(self, tasks: Sequence[Task]) -> Result:
        """Run all tasks; each ends in an outcome, in its place, whatever happens to the others."""
        outcomes: list[Outcome | None] = [None] * len(tasks)
        with stopping(self._stop, self._wake):
            for place, outcome in self._each(tasks, nullcontext):
                outcomes[place] = outcome
        return Result([each for each in outcomes if each is not None])

    def each(self, tasks: Sequence[Task]) -> Generator[tuple[int, Outcome], None, None]:
        """The place and the outcome of each task as it ends.

        On Ctrl-C or SIGTERM nothing new is begun, and what is running is waited for; on a second one it is
        not. So it is if this iterator is closed before its end. Signals are the caller's own while it has the
        turn.
        """
        return self._each(tasks, lambda: stopping(self._stop, self._wake))

    def _each(
        self, tasks: Sequence[Task], signals: Callable[[], AbstractContextManager[object]]
    ) -> Generator[tuple[int, Outcome], None, None]:
        self._begin(tasks)
        try:
            while self._flights or any(lane.unfinished for lane in self._lanes.values()):
                with signals():
                    ended = self._turn()
                for attempt, outcome in ended:
                    self._untold.pop(attempt)
                    yield attempt.place, outcome
        except KeyboardInterrupt:
            yield from self._left()
        except GeneratorExit:
            self._finish()
            raise

    def _begin(self, tasks: Sequence[Task]) -> None:
        now = self._clock()
        timeout = self._limits.timeout
        self._ends = None if timeout is None else now + timeout - self._limits.spent
        attempts = attempts_of(tasks)
        self._now, self._untold = SchedulerStep(), dict.fromkeys(attempts)
        self._counter.begin(attempts)
        for cloud, waiting in by_cloud(attempts).items():
            road = self._roads[cloud]
            if isinstance(road, CloudmeshError):
                self._lanes[cloud] = CloudQueue(cloud, 1, closed=road, waiting=waiting)
                continue
            limit = min(road.parallel or self._limits.parallel, self._limits.parallel)
            self._lanes[cloud] = CloudQueue(cloud, limit, road.bulk, road.boots_once, waiting=waiting)

    def _wake(self) -> None:
        """Let the coordinator look up at once."""
        self._events.put(None)

    def _turn(self) -> list[tuple[TaskRun, Outcome]]:
        """Wait until something happens, write it down, and begin what can be begun then."""
        turn = self._now = SchedulerStep()
        for flight in self._happened():
            self._settle(flight, turn)
        now = self._clock()
        self._give_up(now, turn)
        self._look_out(now, turn)
        self._choose(now, turn)
        self._write(turn)
        self._launch(turn)
        over = [*turn.ended, *turn.left]
        self._counter.count(over)
        self._counter.tell(now, self._flights, news=bool(over or turn.flights))
        return over

    def _happened(self) -> list[InFlightCall]:
        """The calls that have ended; it waits for one, unless there is something else to do."""
        happened: list[InFlightCall] = []
        try:
            first = self._events.get(timeout=self._patience())
            while True:
                if first in self._flights and first is not None:
                    happened.append(first)
                first = self._events.get_nowait()
        except Empty:
            pass
        except KeyboardInterrupt:
            # Without our handler of signals, or at the second one.
            self._stop.requested += 1
        if self._stop.requested > 1:
            raise KeyboardInterrupt
        return happened

    def _patience(self) -> float:
        """Seconds until it must look up, though no call has ended."""
        if self._hurry:
            self._hurry = False
            return 0.0
        now = self._clock()
        times = [flight.ends for flight in self._flights]
        times += [due for lane in self._lanes.values() if (due := lane.next_due(now)) is not None]
        times += [self._ends] if self._ends is not None and self._halted is None else []
        return max(0.0, min([_LOOK, *(each - now for each in times)]))

    def _settle(self, flight: InFlightCall, turn: SchedulerStep) -> None:
        """Take over what a call came to."""
        self._flights.pop(flight)
        flight.lane.running -= 1
        flight.ended = self._clock()
        reply = reply_of(flight)
        turn.changes += reply.changes
        for attempt, ended in zip(flight.attempts, reply.results, strict=True):
            attempt.seconds += reply.seconds
            self._verdicts.judge(flight, attempt, ended, turn)

    def _give_up(self, now: float, turn: SchedulerStep) -> None:
        """End the calls that take too long, and all of them when the time for the job is over."""
        late = self._ends is not None and now >= self._ends
        for flight in [each for each in self._flights if late or now >= each.ends]:
            self._flights.pop(flight)
            flight.lane.running -= 1
            abandon(self._executor, flight.future)
            for attempt in flight.attempts:
                attempt.seconds += now - flight.began
                if late:
                    self._verdicts.out_of_time(attempt, self._limits.timeout or 0.0, turn)
                else:
                    self._verdicts.overdue(flight, attempt, turn)

    def _look_out(self, now: float, turn: SchedulerStep) -> None:
        """Drop what is not to be begun any more: in a lane that is closed, or everywhere."""
        if self._halted is None:
            self._halted = self._reason_to_halt(now)
            # What would be tried again is over then.
            self._verdicts.halted = self._halted is not None
        for lane in self._lanes.values():
            lane.wake(now)
            if self._halted is not None:
                turn.left += [(each, not_begun(each, self._halted)) for each in lane.drop()]
            elif lane.closed is not None:
                turn.ended += [(each, each.failed(lane.closed)) for each in lane.drop()]

    def _reason_to_halt(self, now: float) -> Outcome | None:
        """What becomes of all that was not begun; None if the work goes on."""
        stopped = Outcome("", "", "", Status.NOT_STARTED)
        if self._stop.requested:
            return stopped
        if self._ends is not None and now >= self._ends:
            sentence = f"the {self._limits.timeout:g} seconds of the job were over before it began"
            return replace(stopped, error=CloudTimeout(sentence))
        if now - self._asked_store >= _ASK_STORE:
            self._asked_store = now
            try:
                cancelled = self._journal.is_cancelled()
            except StoreError as error:
                return unwritable(error)
            if cancelled:
                return stopped
        return None

    def _open_lanes(self, now: float) -> list[CloudQueue]:
        if self._halted is not None:
            return []
        return [lane for lane in self._lanes.values() if lane.unfinished and lane.paused <= now]

    def _choose(self, now: float, turn: SchedulerStep) -> None:
        """Take the next tasks of all lanes in turn, as far as there is room."""
        lanes = self._open_lanes(now)
        granted = shares(lanes, self._limits.parallel) if lanes else {}
        room = self._limits.parallel - len(self._flights)
        eager = [lane for lane in lanes if lane.waiting]
        while room > 0 and eager:
            for lane in list(eager):
                if not lane.waiting or lane.running >= granted[lane] or room <= 0:
                    eager.remove(lane)
                    continue
                room -= 1
                turn.flights.append(self._flight(lane, now))

    def _flight(self, lane: CloudQueue, now: float) -> InFlightCall:
        """The next call of a lane."""
        together = lane.take()
        lane.running += 1
        lane.served = now
        take_seats(together)
        for each in together:
            each.began = each.began or now
        road = self._roads[lane.cloud]
        known = None if isinstance(road, CloudmeshError) else road
        seconds = call_timeout(self._limits, known, together[0].step, len(together))
        return InFlightCall(lane, together, now, now + seconds)

    def _write(self, turn: SchedulerStep) -> None:
        """Write it all down; what cannot be written down is not begun, and what was done is told."""
        ended = [(attempt.task, outcome) for attempt, outcome in turn.ended]
        begun = [attempt for flight in turn.flights for attempt in flight.attempts]
        if not (turn.changes or ended or begun):
            return
        try:
            self._journal.write(turn.changes, ended, begun)
        except StoreError as error:
            turn.ended = [(attempt, unrecorded(outcome, error)) for attempt, outcome in turn.ended]
            # Nobody could tell later what was asked of the cloud.
            self._halted, self._hurry, self._verdicts.halted = unwritable(error), True, True
            turn.left += [(each, not_begun(each, self._halted)) for each in begun]
            for flight in turn.flights:
                flight.lane.running -= 1
            turn.flights = []

    def _launch(self, turn: SchedulerStep) -> None:
        """Hand the calls out."""
        for flight in turn.flights:
            self._flights[flight] = None
            try:
                flight.future = self._executor.submit(perform, self._call(flight))
            except RuntimeError as error:
                # It was shut down, or is broken for good: nobody else's calls will be taken either.
                reason = refused(error)
                self._close_all(reason)
                flight.future.set_exception(reason)
            except Exception as error:  # noqa: BLE001 an executor may fail in its own way; all tasks end in an outcome
                flight.future.set_exception(error)
            flight.future.add_done_callback(partial(self._landed, flight))

    def _close_all(self, error: CloudmeshError) -> None:
        for lane in self._lanes.values():
            lane.closed = lane.closed or error

    def _landed(self, flight: InFlightCall, future: Future[Reply]) -> None:
        """A call has ended; this runs in whatever thread made it."""
        self._events.put(flight)

    def _call(self, flight: InFlightCall) -> Call:
        first, road = flight.attempts[0], self._roads[flight.lane.cloud]
        if isinstance(road, CloudmeshError):
            raise road
        return Call(
            access=road.access,
            verb=first.step,
            machines=tuple(each.task.machine for each in flight.attempts),
            requests=tuple(each.task.request for each in flight.attempts),
            argument=first.task.argument,
            maybe_done=first.maybe_done,
            addresses=first.task.addresses,
        )

    def _finish(self) -> None:
        """Begin nothing new, wait for what runs, and write it down."""
        self._stop.requested = max(1, self._stop.requested)
        try:
            while self._flights or any(lane.unfinished for lane in self._lanes.values()):
                self._turn()
        except KeyboardInterrupt:
            return

    def _left(self) -> Iterator[tuple[int, Outcome]]:
        """What is told of everything that was not told yet, when nobody waits for it any more."""
        known = dict([*self._now.ended, *self._now.left])
        for attempt in list(self._untold):
            outcome = known.get(attempt)
            if outcome is None and attempt.began:
                outcome = attempt.task.outcome(Status.INTERRUPTED, error=Interrupted(_INTERRUPTED))
            yield attempt.place, outcome or attempt.task.outcome(Status.NOT_STARTED)
