"""Runs the tasks of a job in parallel. All calls are started here, and their results are stored here.

The scheduler runs in the thread that asks for the work; any ``concurrent.futures.Executor`` makes the calls.
Between two calls it decides which cloud is called next, what is retried, and when to stop. A task is in the
store before its call is made, and its result afterwards, in one transaction for all that happened in a step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from math import inf
from queue import Empty, SimpleQueue

from cloudmesh.cloud.fanout.query import ProgressCallback
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, StoreError
from cloudmesh.plugin.signals import StopRequest, stopping
from cloudmesh.vm.executors.perform import perform
from cloudmesh.vm.model.call import Call, NoRoom, Reply
from cloudmesh.vm.model.limits import CallSettingsByCloud, JobLimits, call_timeout
from cloudmesh.vm.model.outcome import Outcome, Result, Status
from cloudmesh.vm.model.plan import Task
from cloudmesh.vm.scheduler.outcome_log import OutcomeLog
from cloudmesh.vm.scheduler.progress import ProgressCounter
from cloudmesh.vm.scheduler.queue import (
    CloudQueue,
    InFlightCall,
    SchedulerStep,
    TaskRun,
    not_begun,
    note_batch,
    runs_of,
    share_calls,
    too_late,
    unrecorded,
)
from cloudmesh.vm.scheduler.results import ResultHandler, RetryPolicy

# Seconds between two steps when nothing happens, and between two looks whether the job was cancelled.
_STEP_EVERY = 0.2
_ASK_STORE = 1.0
# With more than so many calls in flight the next step is put off for so many times the processor time of the
# last, at most so many seconds, to store the calls together that end meanwhile.
_MANY, _PAUSE, _LONGEST_PAUSE = 64, 2.0, 0.01
_INTERRUPTED = "interrupted during the call; cms vm list --refresh shows its state"


@dataclass(eq=False)
class Scheduler:
    """Runs the tasks of one job.

    Args:
        settings: how each cloud is called, or why it cannot be.
        executor: gives the executor that makes the calls; it is asked for it before the first call.
        log: where everything is written.
        limits: how much at once, and for how long.
        policy: what is retried.
        watch: is told the progress.
        stop: may be asked to stop from elsewhere.
        clock: seconds that never go back.
        perform: makes a call; a function that can be pickled and raises nothing.

    Attributes:
        parallel: how many calls may be made at once by now.
    """

    settings: CallSettingsByCloud
    executor: Callable[[], Executor]
    log: OutcomeLog
    limits: JobLimits = field(default_factory=JobLimits)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    watch: ProgressCallback | None = None
    stop: StopRequest = field(default_factory=StopRequest)
    clock: Callable[[], float] = time.monotonic
    perform: Callable[[Call], Reply] = perform

    def __post_init__(self) -> None:
        """Prepare a run."""
        self._results = ResultHandler(self.policy, self.clock)
        self._progress = ProgressCounter(self.watch)
        # Futures of calls that have ended; None only wakes the scheduler.
        self._events: SimpleQueue[Future[Reply] | None] = SimpleQueue()
        self._in_flight: dict[Future[Reply], InFlightCall] = {}
        self._queues: dict[str, CloudQueue] = {}
        self._asked_store = self.clock()
        # What becomes of all that is not begun yet; None while the work goes on.
        self._halted: Outcome | None = None
        # How many calls may be made at once by now, and when that was lowered.
        self.parallel, self._lowered = self.limits.parallel, float("-inf")
        # Whether the next step has something to do before any call ends.
        self._hurry = True
        # No call in flight is to be given up before that; and how long calls are gathered for a step.
        self._first_end, self._pause = inf, 0.0

    def run(self, tasks: Sequence[Task]) -> Result:
        """Run all tasks; each ends in an outcome, at its position, whatever happens to the others."""
        with stopping(self.stop, self._wake):
            outcomes = dict(self._each(tasks, nullcontext))
        return Result([outcomes[place] for place in sorted(outcomes)])

    def each(self, tasks: Sequence[Task]) -> Generator[tuple[int, Outcome], None, None]:
        """The position and the outcome of each task as it ends.

        On Ctrl-C or SIGTERM no call is begun any more, and those in flight are waited for; on a second one
        they are not. Closing this iterator before its end is like Ctrl-C. Signals have the caller's own
        handlers while the caller's code runs.
        """
        return self._each(tasks, lambda: stopping(self.stop, self._wake))

    def _each(
        self, tasks: Sequence[Task], signals: Callable[[], AbstractContextManager[object]]
    ) -> Generator[tuple[int, Outcome], None, None]:
        self._begin(tasks)
        try:
            while self._unfinished():
                with signals():
                    over = self._next_step()
                for run, outcome in over:
                    self._untold.pop(run)
                    yield run.place, outcome
        except KeyboardInterrupt:
            # The calls in flight are not waited for any more.
            known = dict([*self._step.ended, *self._step.left])
            for run in list(self._untold):
                lost = run.task.outcome(Status.NOT_STARTED)
                if run.began:
                    error = Interrupted(_INTERRUPTED)
                    error.outcome_unknown = True
                    lost = run.task.outcome(Status.INTERRUPTED, error=error)
                yield run.place, known.get(run, lost)
        except GeneratorExit:
            # Nothing new is begun, and the results of the calls in flight are stored.
            self.stop.requested = max(1, self.stop.requested)
            with suppress(KeyboardInterrupt):
                while self._unfinished():
                    self._next_step()
            raise

    def _unfinished(self) -> bool:
        """Whether tasks are left, or calls in flight."""
        return bool(self._in_flight) or any(queue.unfinished for queue in self._queues.values())

    def _begin(self, tasks: Sequence[Task]) -> None:
        """Put each task into the queue of its cloud."""
        now = self.clock()
        timeout = self.limits.timeout
        self._ends = None if timeout is None else now + timeout - self.limits.spent
        runs = runs_of(tasks)
        self._step, self._untold = SchedulerStep(), dict.fromkeys(runs)
        self._progress.begin(runs)
        for run in runs:
            cloud = run.task.cloud
            settings = self.settings[cloud]
            if cloud in self._queues:
                pass
            elif isinstance(settings, CloudmeshError):
                self._queues[cloud] = CloudQueue(cloud, 1, closed=settings)
            else:
                limit = min(settings.parallel or self.limits.parallel, self.limits.parallel)
                self._queues[cloud] = CloudQueue(
                    cloud, limit, settings.bulk, settings.boots_once, first=settings.first
                )
            self._queues[cloud].waiting.append(run)

    @property
    def answering(self) -> dict[str, float | None]:
        """Of each cloud, when it answered last, by the clock; None if it has not, or has stopped since."""
        return {name: queue.answering for name, queue in self._queues.items()}

    @property
    def halted(self) -> bool:
        """Whether nothing is begun any more: it was stopped or cancelled, or its time is over."""
        return self._halted is not None

    def _wake(self) -> None:
        """Let the next step begin at once; safe to be called by the handler of a signal."""
        self._events.put(None)

    def _next_step(self) -> list[tuple[TaskRun, Outcome]]:
        """Wait until something happens, store it, and begin the next calls; the tasks that are over."""
        step = self._step = SchedulerStep()
        ended = self._ended_calls()
        began = time.thread_time()
        for call in ended:
            call.shared = call.shared or len(self._in_flight) > 1
            self._remove(call)
            call.ended = self.clock()
            self._make_room(call)
            self._results.settle(call, step)
        now = self.clock()
        self._give_up_late_calls(now, step)
        self._drop_hopeless_tasks(now, step)
        self._choose_calls(now, step)
        self._write(step)
        for call in step.calls:
            self._submit(call)
        if step.calls and getattr(self.executor(), "refused", False):
            self.parallel = min(self.parallel, getattr(self.executor(), "max_workers", self.parallel))
        over = [*step.ended, *step.left]
        self._progress.count(over)
        self._progress.tell(now, self._in_flight.values(), news=bool(over or step.calls))
        self._pause = min(_PAUSE * (time.thread_time() - began), _LONGEST_PAUSE)
        return over

    def _ended_calls(self) -> list[InFlightCall]:
        """The calls that have ended; it waits for one, and a moment for more, unless there is else to do."""
        ended: list[InFlightCall] = []
        try:
            self._take(ended, self._seconds_to_wait())
            if pause := self._seconds_to_gather(ended):
                time.sleep(pause)
                self._take(ended, 0.0)
        except KeyboardInterrupt:
            # Without our handler of signals, or at the second signal.
            self.stop.requested += 1
        if self.stop.requested > 1:
            raise KeyboardInterrupt
        return ended

    def _seconds_to_gather(self, ended: list[InFlightCall]) -> float:
        """How long to wait for more calls that end, once there are some."""
        if self.stop.requested or len(self._in_flight) == len(ended):
            return 0.0
        if ended and len(self._in_flight) > max(_MANY, len(ended)):
            return self._pause
        # Clouds that were asked first together mostly answer together. The one that is a moment earlier would
        # get all calls, and the others would wait for those.
        if not any(call.queue.probing and call.queue.waiting for call in ended):
            return 0.0
        more = any(call.queue.probing for call in self._in_flight.values() if call not in ended)
        return _LONGEST_PAUSE if more else 0.0

    def _take(self, ended: list[InFlightCall], seconds: float) -> None:
        """Take the calls that have ended; if there is none, wait so many seconds for one."""
        with suppress(Empty):
            event = self._events.get(timeout=seconds)
            while True:
                ended += [self._in_flight[event]] if event is not None and event in self._in_flight else []
                event = self._events.get_nowait()

    def _make_room(self, ended: InFlightCall) -> None:
        """Make fewer calls at once, if the system had no room for one that was made with others."""
        if not any(isinstance(each, NoRoom) for each in ended.reply().results):
            return
        # Those that were begun before it was lowered do not count again.
        if ended.shared and ended.began > self._lowered:
            self._lowered = self.clock()
            self.parallel = max(1, self.parallel // 2)
            reduce = getattr(self.executor(), "reduce", None)
            if reduce is not None:
                reduce(self.parallel)

    def _seconds_to_wait(self) -> float:
        """Seconds until there is something to do, though no call has ended."""
        if self._hurry:
            self._hurry = False
            return 0.0
        now = self.clock()
        times = [self._first_end]
        times += [due for queue in self._queues.values() if (due := queue.next_due(now)) is not None]
        times += [self._ends] if self._ends is not None and self._halted is None else []
        return max(0.0, min([_STEP_EVERY, *(each - now for each in times)]))

    def _remove(self, call: InFlightCall) -> None:
        """Count a call as in flight no more."""
        self._in_flight.pop(call.future)
        call.queue.running -= 1

    def _give_up_late_calls(self, now: float, step: SchedulerStep) -> None:
        """Give up calls that take too long, and all of them when the time for the job is over."""
        late = self._ends is not None and now >= self._ends
        if not late and now < self._first_end:
            return
        for call in [each for each in self._in_flight.values() if late or now >= each.ends]:
            self._remove(call)
            call.abandon(self.executor())
            for run in call.runs:
                run.seconds += now - call.began
                if late:
                    self._results.out_of_time(run, self.limits.timeout or 0.0, step)
                else:
                    self._results.overdue(call, run, step)
        self._first_end = min((each.ends for each in self._in_flight.values()), default=inf)

    def _drop_hopeless_tasks(self, now: float, step: SchedulerStep) -> None:
        """Drop what will not be begun: in a queue that is closed, or everywhere once the work is halted."""
        if self._halted is None:
            self._halted = self._reason_to_halt(now)
            self._results.halted = self._halted is not None
        for queue in self._queues.values():
            queue.wake(now)
            if self._halted is not None:
                step.left += [(each, not_begun(each, self._halted)) for each in queue.drop()]
            elif queue.closed is not None:
                step.ended += [(each, each.given_up(queue.closed)) for each in queue.drop()]

    def _reason_to_halt(self, now: float) -> Outcome | None:
        """What becomes of all that was not begun; None if the work goes on."""
        stopped = Outcome("", "", "", Status.NOT_STARTED)
        if self.stop.requested:
            return stopped
        if self._ends is not None and now >= self._ends:
            return replace(stopped, error=too_late(self.limits.timeout))
        if now - self._asked_store >= _ASK_STORE:
            self._asked_store = now
            try:
                cancelled = self.log.is_cancelled()
            except StoreError as error:
                return replace(stopped, status=Status.FAILED, error=error)
            if cancelled:
                return stopped
        return None

    def _choose_calls(self, now: float, step: SchedulerStep) -> None:
        """Choose the next calls, from all queues in turn, as far as the limits allow."""
        if self._halted is not None:
            return
        queues = [each for each in self._queues.values() if each.unfinished and each.paused <= now]
        granted = share_calls(queues, self.parallel) if queues else {}
        room = self.parallel - len(self._in_flight)
        eager = [queue for queue in queues if queue.waiting]
        while room > 0 and eager:
            for queue in list(eager):
                if not queue.waiting or queue.running >= granted[queue] or room <= 0:
                    eager.remove(queue)
                    continue
                room -= 1
                step.calls.append(self._new_call(queue, now))

    def _new_call(self, queue: CloudQueue, now: float) -> InFlightCall:
        """The next call of a queue."""
        together = queue.take()
        queue.running += 1
        queue.served = now
        note_batch(together)
        for each in together:
            each.began = each.began or now
        settings = self.settings[queue.cloud]
        known = None if isinstance(settings, CloudmeshError) else settings
        seconds = call_timeout(self.limits, known, together[0].step, len(together))
        return InFlightCall(queue, together, now, now + seconds)

    def _write(self, step: SchedulerStep) -> None:
        """Store it all; what cannot be stored is not begun, and what was done is told in the outcomes."""
        ended = [(run.task, outcome) for run, outcome in step.ended]
        begun = [run for call in step.calls for run in call.runs]
        if not (step.changes or ended or begun):
            return
        try:
            self.log.write(step.changes, ended, begun)
        except StoreError as error:
            step.ended = [(run, unrecorded(outcome, error)) for run, outcome in step.ended]
            # Nobody could tell later what was asked of the cloud.
            self._halted = Outcome("", "", "", Status.FAILED, error=error)
            self._hurry, self._results.halted = True, True
            step.left += [(each, not_begun(each, self._halted)) for each in begun]
            for call in step.calls:
                call.queue.running -= 1
            step.calls = []

    def _submit(self, call: InFlightCall) -> None:
        """Hand a call to the executor."""
        self._first_end = min(self._first_end, call.ends)
        call.executor = type(self.executor()).__name__
        try:
            call.future = self.executor().submit(self.perform, self._message(call))
        except RuntimeError as error:
            # It was shut down, or is broken for good: it will take no other call either.
            reason = call.refusal(error)
            for queue in self._queues.values():
                queue.closed = queue.closed or reason
            call.fail(reason)
        except Exception as error:  # noqa: BLE001 an executor may fail in its own way; all tasks end in an outcome
            call.fail(error)
        self._in_flight[call.future] = call
        # This runs in whatever thread made the call. It does not know the call, which knows the future: what
        # refers to each other in a circle waits for the garbage collector.
        call.future.add_done_callback(self._events.put)

    def _message(self, call: InFlightCall) -> Call:
        """The call as it is sent to whoever makes it."""
        first, settings = call.runs[0], self.settings[call.queue.cloud]
        if isinstance(settings, CloudmeshError):
            raise settings
        return Call(
            access=settings.access,
            verb=first.step,
            machines=tuple(each.task.machine for each in call.runs),
            requests=tuple(each.task.request for each in call.runs),
            argument=first.task.argument,
            maybe_done=first.asks_first,
            addresses=first.task.addresses,
            seconds=call.ends - call.began,
        )
