"""Runs a planned job: stores it, lets the scheduler run its tasks, waits for the machines, closes it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING
from weakref import WeakSet

from cloudmesh.cloud.fanout.query import NEVER, Deadline
from cloudmesh.cloud.fanout.room import room_for
from cloudmesh.cloud.model.awaited import came_back
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.model.verbs import find_verb
from cloudmesh.plugin.errors import CloudmeshError, CredentialsError, StoreError
from cloudmesh.plugin.signals import StopRequest
from cloudmesh.vm.clouds.session import NO_ANSWERS, CloudSession
from cloudmesh.vm.executors.own import OwnCalls, can_share
from cloudmesh.vm.executors.perform import HERE
from cloudmesh.vm.executors.registry import open_executor
from cloudmesh.vm.executors.room import FEW_THREADS, few_files
from cloudmesh.vm.executors.threads import THREADS, leaving
from cloudmesh.vm.jobs import lease_rows, rows
from cloudmesh.vm.jobs.collector import collecting_less
from cloudmesh.vm.jobs.store import JobStore
from cloudmesh.vm.model.call import BOOT
from cloudmesh.vm.model.limits import PARALLEL, CallSettings, First, JobLimits, RunOptions
from cloudmesh.vm.model.outcome import Outcome, Result, Status
from cloudmesh.vm.model.plan import Plan, Task
from cloudmesh.vm.model.wait import READY, Wait
from cloudmesh.vm.scheduler.queue import unrecorded
from cloudmesh.vm.scheduler.scheduler import Scheduler
from cloudmesh.vm.waiting.waiter import Waiter, usual_timeout, was_seen

if TYPE_CHECKING:
    from cloudmesh.vm.jobs.leasing import JobLeases
    from cloudmesh.vm.ready.checks import ReadyChecks

# Files that one call may need to have open at each cloud: a connection to each of its services, or an sqlite
# file with its log and index.
_A_CALL = 4
# Those that share a thread share connections too: each uses one, and may be opening another.
_A_SHARING_CALL = 2
# A machine goes on running for a moment after these were accepted.
_RESTARTS = ("reboot", "hard_reboot")
# Files that are needed beside the calls: by the store, and by modules that are loaded.
_OTHERS = 14


@dataclass
class JobRunner:
    """Runs jobs with the clouds and the store of one session; its executor stays open between two jobs."""

    session: CloudSession
    options: RunOptions = field(default_factory=RunOptions)
    _stack: ExitStack = field(default_factory=ExitStack)
    _opened: Executor | None = None
    _iterators: WeakSet[Generator[Outcome, None, None]] = field(default_factory=WeakSet)

    def __enter__(self) -> JobRunner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An iterator that was left early is finished here, while the executor and the store are open.
        for each in list(self._iterators):
            each.close()
        self._opened = None
        self._stack.close()

    @property
    def parallel(self) -> int:
        """The most calls at once."""
        return self.options.parallel or self.session.config.parallel() or PARALLEL

    def run(self, plan: Plan, deadline: Deadline = NEVER) -> Result:
        """Create a job and run it; one outcome a task, in their order.

        What had to be left out when the job was created has failed, and stands at the end.
        """
        if not plan.tasks:
            return Result([])
        if plan.wait and deadline.seconds is None:
            # A limit that cannot be read is told before anything is done.
            for cloud in {task.cloud for task in plan.tasks}:
                usual_timeout(self.session.config, cloud)
        try:
            store = self.create(plan)
        except StoreError as error:
            # What cannot be stored is not begun.
            return Result([task.outcome(Status.FAILED, error=error) for task in plan.tasks])
        result = self.finish(store, plan.verb, store.tasks, plan.wait, deadline)
        refused = [each.outcome(plan.verb) for each in store.refused]
        return result.with_outcomes([*result, *refused])

    def create(self, plan: Plan) -> JobStore:
        """Write a job into the store, before any call is made; it has its number from then on.

        Raises:
            StoreError: it cannot be written.
            ConfigError, CloudError: the configured executor cannot be had; there is no job then.
        """
        if self.session.config.engine() != THREADS:
            self._executor()
        with collecting_less():
            return JobStore.create(self.session.inventory, plan)

    def finish(
        self,
        store: JobStore,
        verb: str,
        tasks: Sequence[Task],
        wait: Wait,
        deadline: Deadline = NEVER,
        done: Sequence[tuple[Task, Outcome]] = (),
    ) -> Result:
        """Run the tasks of a job that is in the store, wait if that is part of it, and close the job.

        ``done``: tasks that were done before, whose machines are waited for too.
        """
        stop = self.options.stop or StopRequest()
        try:
            leases = self._leases(store, verb, tasks, stop, deadline)
            ready, ended = leases.secure(tasks) if leases else (tasks, {})
            scheduler = self._scheduler(store, verb, ready, deadline, stop)
            with collecting_less():
                result = scheduler.run(ready) if ready else Result([])
            if leases:
                run = dict(zip((task.number for task in ready), result, strict=True))
                result = Result([ended.get(task.number) or run[task.number] for task in tasks])
                leases.settle(verb, result)
            notes = self._room(scheduler.parallel, len(ready))
            if notes and self._own_threads:
                # The threads have files open, which are needed for what comes.
                self._stack.close()
                self._opened = None
            notes += leases.notes if leases else []
            outcomes = [*map(self.as_known, result), *(outcome for _, outcome in done)]
            tasks = [*tasks, *(task for task, _ in done)]
            result = Result(outcomes, store.number, bool(stop.requested), notes)
            over = not wait
            if wait and not result.interrupted:
                waited, told = self._then_wait(store, verb, tasks, result, deadline, stop, wait)
                result = Result(waited, store.number, bool(stop.requested), [*notes, *told])
                over = True
            self._note_answers(scheduler.answering, result)
        except BaseException:
            # Each task still has its row; the job counts as interrupted.
            self._note_answers(dict.fromkeys(task.cloud for task in tasks))
            with suppress(StoreError):
                store.close(False, again=True)
            raise
        result.error = leases.error if leases else None
        # What ended for want of the store, or since this process ends, is left for another time.
        again = bool(stop.requested) or any(isinstance(each.error, StoreError) for each in result)
        try:
            store.close(over, again, zip(tasks, result, strict=False))
        except StoreError as error:
            result.error = StoreError(
                f"the end of job {store.number} could not be saved in the store: {error}"
            )
        return result

    def _note_answers(self, answering: Mapping[str, float | None], outcomes: Iterable[Outcome] = ()) -> None:
        """Tell the session which clouds answer, by their calls and by what became of the machines."""
        silent = {each.cloud for each in outcomes if isinstance(each.error, NO_ANSWERS)}
        self.session.note_answers({**answering, **dict.fromkeys(silent)})

    def _leases(
        self, store: JobStore, verb: str, tasks: Sequence[Task], stop: StopRequest, deadline: Deadline
    ) -> JobLeases | None:
        """What makes and gives back the leases of a job; None if it has none."""
        if not (verb in (BOOT, "delete") and lease_rows.read_rows(store.inventory.database, store.number)):
            return None
        from cloudmesh.vm.jobs.leasing import JobLeases  # few jobs have any

        return JobLeases(self.session, store, self.options.watch, stop, deadline)

    def each(self, plan: Plan, deadline: Deadline = NEVER) -> Iterator[Outcome]:
        """Create a job and run it; each outcome as it comes. If it is left early, the job can be resumed.

        Raises after the last outcome a StoreError if the end of the job cannot be stored, and what kept a
        lease from being deleted.
        """
        each = self._each(plan, deadline)
        self._iterators.add(each)
        return each

    def _each(self, plan: Plan, deadline: Deadline) -> Generator[Outcome, None, None]:
        try:
            store = self.create(plan)
        except StoreError as error:
            yield from (task.outcome(Status.FAILED, error=error) for task in plan.tasks)
            return
        try:
            yield from (each.outcome(plan.verb) for each in store.refused)
            leases = self._leases(store, plan.verb, store.tasks, StopRequest(), deadline)
            ready, known = leases.secure(store.tasks) if leases else (store.tasks, {})
            told = [(each, known[each.number]) for each in store.tasks if each.number in known]
            yield from (outcome for _, outcome in told)
            # Left early, the calls in flight must have ended before the job is released.
            scheduler = self._scheduler(store, plan.verb, ready, deadline)
            with collecting_less(), closing(scheduler.each(ready)) as ended:
                for place, outcome in ended:
                    told.append((ready[place], outcome))
                    yield self.as_known(outcome)
            outcomes = [outcome for _, outcome in told]
            self._note_answers(scheduler.answering, outcomes)
            if leases:
                leases.settle(plan.verb, outcomes)
        except BaseException:
            self._note_answers(dict.fromkeys(task.cloud for task in store.tasks))
            # All may be done even if the caller did not ask for every outcome.
            with suppress(StoreError):
                store.close(True)
            raise
        store.close(True, told=told)
        if leases and leases.error:
            raise leases.error

    def as_known(self, outcome: Outcome) -> Outcome:
        """A failed outcome with what its call may have found out about the machine before it failed."""
        if isinstance(outcome.error, CredentialsError):
            self.session.config.forget(outcome.cloud)
        if outcome.succeeded or outcome.machine is None:
            return outcome
        try:
            known = self.session.inventory.find(outcome.machine)
        except StoreError:
            # The task failed for this reason too, and its outcome says so already.
            return outcome
        return replace(outcome, machine=known.machine) if known else outcome

    def _scheduler(
        self,
        store: JobStore,
        verb: str,
        tasks: Sequence[Task],
        deadline: Deadline,
        stop: StopRequest | None = None,
    ) -> Scheduler:
        counts = Counter(task.cloud for task in tasks)
        errors: dict[str, CloudmeshError] = {**self.session.unresolved(counts), **self.session.refusals}
        settings: dict[str, CallSettings | CloudmeshError] = {
            cloud: errors.get(cloud) or self._cloud_settings(verb, cloud, count)
            for cloud, count in counts.items()
        }
        most = self._most_calls(settings, len(tasks))
        return Scheduler(
            settings,
            partial(self._executor, most),
            store,
            JobLimits(most, deadline.seconds, self.options.call_timeout, deadline.spent()),
            watch=self.options.watch,
            stop=stop or StopRequest(),
        )

    def _room(self, parallel: int, tasks: int) -> list[str]:
        """What to tell if the system had no room in this process for as many calls at once as were wanted."""
        wanted = min(self.parallel, tasks)
        if parallel >= wanted or not self._own_threads:
            return []
        why = FEW_THREADS if getattr(self._executor(), "refused", False) else few_files()
        counted = "1 call was" if parallel == 1 else f"{parallel} calls were"
        return [f"{counted} run in parallel, not {wanted}: {why}"]

    @property
    def _own_threads(self) -> bool:
        """Whether threads of this process make the calls."""
        return self.options.executor is None and self.session.config.engine() == THREADS

    def _most_calls(self, settings: Mapping[str, CallSettings | CloudmeshError], tasks: int) -> int:
        """How many calls are given to the executor at once.

        More than it can make would only wait there, and that would count as the time of their calls.
        """
        if self._own_threads:
            wanted = min(self.parallel, max(1, tasks))
            if wanted == 1:
                return 1
            clouds = len(settings)
            accesses = [each.access for each in settings.values() if isinstance(each, CallSettings)]
            # A thread may have been at each of the clouds.
            each = _A_SHARING_CALL if all(map(can_share, accesses)) else _A_CALL * max(1, clouds)
            others = _OTHERS + _A_CALL * clouds
            return room_for(wanted, each, others)
        executor = self._executor()
        most = getattr(executor, "max_workers", None) or getattr(executor, "_max_workers", None)
        return min(self.parallel, most or self.parallel)

    def _executor(self, calls: int = 0) -> Executor:
        """The executor that the caller gave, or the configured one, opened when needed for ``calls``."""
        if self.options.executor is not None:
            return self.options.executor
        if self._opened is None:
            engine = self.session.config.engine()
            opened: AbstractContextManager[Executor] = (
                leaving(OwnCalls(self.parallel, HERE.close_mine))
                if engine == THREADS
                else open_executor(self.session.config, self.parallel)
            )
            self._opened = self._stack.enter_context(opened)
        if calls and isinstance(self._opened, OwnCalls):
            self._opened.expect(calls)
        return self._opened

    def _cloud_settings(self, verb: str, cloud: str, count: int) -> CallSettings | CloudmeshError:
        """How a cloud is called, or why it cannot be."""
        config = self.session.config
        try:
            access = self.session.access(cloud)
            limits = config.parallel(cloud), config.call_timeout(cloud)
            if count == 1 and verb != BOOT:
                return CallSettings(access, *limits)
            declared = self.session.declared(cloud)
            # Workers elsewhere sign in each for itself.
            first = First.SHARE if self._own_threads and self.session.is_answering(cloud) else First.ONE
            bulk = declared.most(verb) if count > 1 else 1
            return CallSettings(access, *limits, bulk, declared.boots_once, first)
        except CloudmeshError as error:
            return error

    def _then_wait(
        self,
        store: JobStore,
        verb: str,
        tasks: Sequence[Task],
        acted: Result,
        deadline: Deadline,
        stop: StopRequest,
        wait: Wait,
    ) -> tuple[Sequence[Outcome], list[str]]:
        """Wait for the machines of tasks that succeeded; their outcomes become those of the wait.

        With sentences on machines that are as they should be, and of which something is to be told.
        """
        outcomes = list(acted)
        states = {
            position: each.target
            for position, each in enumerate(acted)
            if each.succeeded and each.target is not None and each.machine is not None
        }
        machines = [machine for position in states if (machine := outcomes[position].machine)]
        if not machines:
            return acted, []
        with suppress(StoreError):
            store.note(rows.WAITING)
        waiter = Waiter.until(deadline, self.session, State.ACTIVE, self.options.watch)
        waiter.stop, waiter.cancelled, waiter.verb = stop, store.is_cancelled, verb
        if verb != BOOT and find_verb(verb).returns_anywhere:
            waiter.condition = came_back
        waiter.booted = any(task.verb == BOOT or find_verb(task.verb).makes for task in tasks)
        with ExitStack() as stack:
            checks = stack.enter_context(_until_ready(waiter, acted)) if wait == READY else None
            ended = waiter.wait(machines, list(states.values()))
        waited = dict(zip(states, ended, strict=True))
        for position, each in waited.items():
            # The name stays the one that was meant, even if that has changed.
            acted_on = outcomes[position]
            outcomes[position] = replace(
                acted_on,
                status=acted_on.status if each.succeeded else each.status,
                machine=each.machine,
                error=each.error,
                seconds=acted_on.seconds + each.seconds,
            )
        # A task whose end was not seen stays done as it was: resuming the job waits again.
        seen = [
            position
            for position, each in waited.items()
            if was_seen(each) or (checks and each.machine and each.error is checks.ended(each.machine))
        ]
        store.left = store.left or len(seen) < len(waited)
        try:
            store.write_ends((tasks[position], outcomes[position]) for position in seen)
        except StoreError as error:
            for position in seen:
                outcomes[position] = unrecorded(outcomes[position], error)
        return outcomes, checks.notes if checks else []


def _until_ready(waiter: Waiter, acted: Result) -> AbstractContextManager[ReadyChecks]:
    """Within this the waiter waits until machines are ready, those that were restarted newly so."""
    from cloudmesh.vm.ready.wait import until_ready  # few jobs wait for that

    now = time.monotonic()
    restarted = {
        (each.machine.cloud, each.machine.cloud_id): now - each.seconds
        for each in acted
        if each.machine and each.status is Status.DONE and each.verb in _RESTARTS and each.seconds
    }
    return until_ready(waiter, restarted)
