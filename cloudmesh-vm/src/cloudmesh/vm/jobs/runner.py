"""Jobs at work: what the classes for Python, the shell and resuming share."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TypedDict
from weakref import WeakSet

from cloudmesh.cloud.fanout.limits import NEVER, Deadline, require_seconds
from cloudmesh.cloud.fanout.progress import ProgressCallback
from cloudmesh.cloud.model.records import State
from cloudmesh.plugin.errors import CloudmeshError, StoreError, UsageError
from cloudmesh.plugin.signals import StopRequest
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs.store import JobStore
from cloudmesh.vm.model.call import BOOT
from cloudmesh.vm.model.limits import PARALLEL, CallSettings, JobLimits
from cloudmesh.vm.model.outcome import Outcome, Result, Status
from cloudmesh.vm.model.plan import Plan
from cloudmesh.vm.model.task import Task
from cloudmesh.vm.scheduler.in_flight import unrecorded
from cloudmesh.vm.scheduler.scheduler import Scheduler
from cloudmesh.vm.waiting.waiter import TIMEOUT, Waiter, has_shown


@dataclass(frozen=True)
class RunOptions:
    """What is spent on a job.

    Attributes:
        parallel: the most calls at once; None for what is configured, else 32.
        call_timeout: seconds for one call; None for what is configured.
        executor: makes the calls; None for the configured engine.
        watch: is told how far the work has come.
    """

    parallel: int | None = None
    call_timeout: float | None = None
    executor: Executor | None = None
    watch: ProgressCallback | None = None

    def __post_init__(self) -> None:
        """Refuse what no work could be done with. Raises UsageError."""
        if self.parallel is not None and not (isinstance(self.parallel, int) and self.parallel >= 1):
            raise UsageError(f"parallel={self.parallel!r} is no whole number from 1 on")
        require_seconds("call_timeout", self.call_timeout)


class RunKeywords(TypedDict, total=False):
    """What ``Machines`` takes by name, of the same."""

    executor: Executor | None
    parallel: int | None
    call_timeout: float | None
    watch: ProgressCallback | None


@dataclass
class JobRunner:
    """Runs jobs with the clouds and the store of one session; its threads stay between two of them."""

    session: CloudSession
    effort: RunOptions = field(default_factory=RunOptions)
    _stack: ExitStack = field(default_factory=ExitStack)
    _engine: Executor | None = None
    _begun: WeakSet[Generator[Outcome, None, None]] = field(default_factory=WeakSet)

    def __enter__(self) -> JobRunner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An iterator that somebody still has is left here, while there are threads and a store.
        for each in list(self._begun):
            each.close()
        self._engine = None
        self._stack.close()

    @property
    def parallel(self) -> int:
        """The most calls at once."""
        return self.effort.parallel or self.session.config.parallel() or PARALLEL

    def run(self, plan: Plan, deadline: Deadline = NEVER) -> Result:
        """Found a job, run it, and wait if that is part of it; one outcome a task, in their order.

        What had to be left out when the job was founded has failed, and stands at the end.
        """
        if not plan.tasks:
            return Result([])
        # An engine that cannot be had is told before there is a job.
        self._executor()
        try:
            journal, tasks, claimed = JobStore.found(self.session.inventory, plan)
        except StoreError as error:
            # What cannot be written down is not begun.
            return Result([task.outcome(Status.FAILED, error=error) for task in plan.tasks])
        result = self.finish(journal, plan.verb, tasks, plan.wait, deadline)
        refused = [each.outcome(plan.verb) for each in claimed]
        return Result([*result, *refused], result.job, result.stopped)

    def finish(
        self,
        journal: JobStore,
        verb: str,
        tasks: Sequence[Task],
        wait: bool,
        deadline: Deadline = NEVER,
        reached: Sequence[tuple[Task, Outcome]] = (),
    ) -> Result:
        """Run the tasks of a job that is in the store, wait if that is wanted, and close the job.

        ``reached``: what was done before and is still to be waited for.
        """
        over = False
        stop = StopRequest()
        try:
            result = self._runner(journal, verb, tasks, deadline, stop).run(tasks)
            outcomes = [*map(self.as_known, result), *(outcome for _, outcome in reached)]
            tasks = [*tasks, *(task for task, _ in reached)]
            result = Result(outcomes, journal.number, bool(stop.requested))
            if wait and not result.interrupted:
                waited = self._then_wait(journal, tasks, result, deadline.left(), stop)
                result = Result(waited, journal.number, bool(stop.requested))
                over = True
            else:
                over = not wait
        finally:
            _close(journal, over)
        return result

    def each(self, plan: Plan, deadline: Deadline = NEVER) -> Iterator[Outcome]:
        """Found a job and run it; each outcome as it comes. If it is left early, the job can be resumed."""
        each = self._each(plan, deadline)
        self._begun.add(each)
        return each

    def _each(self, plan: Plan, deadline: Deadline) -> Generator[Outcome, None, None]:
        self._executor()
        try:
            journal, tasks, claimed = JobStore.found(self.session.inventory, plan)
        except StoreError as error:
            yield from (task.outcome(Status.FAILED, error=error) for task in plan.tasks)
            return
        try:
            yield from (each.outcome(plan.verb) for each in claimed)
            # Left early, the work must have come to its end before the job is let go.
            with closing(self._runner(journal, plan.verb, tasks, deadline).each(tasks)) as ended:
                for _, outcome in ended:
                    yield self.as_known(outcome)
        finally:
            # Who does not ask for all outcomes may still have had all of it done.
            _close(journal, over=True)

    def as_known(self, outcome: Outcome) -> Outcome:
        """A failed outcome with what its call may have taught of the machine before it failed."""
        if outcome.succeeded or outcome.machine is None:
            return outcome
        try:
            known = self.session.inventory.find(outcome.machine)
        except StoreError:
            # Then this is why the task failed, and its outcome says so already.
            return outcome
        return replace(outcome, machine=known.machine) if known else outcome

    def _runner(
        self,
        journal: JobStore,
        verb: str,
        tasks: Sequence[Task],
        deadline: Deadline,
        stop: StopRequest | None = None,
    ) -> Scheduler:
        executor = self._executor()
        # More would only wait there, and that would count as the time of their calls.
        most = getattr(executor, "max_workers", None) or getattr(executor, "_max_workers", None)
        most = min(self.parallel, most or self.parallel)
        return Scheduler(
            self._roads(verb, tasks),
            executor,
            journal,
            JobLimits(most, deadline.seconds, self.effort.call_timeout, deadline.spent()),
            watch=self.effort.watch,
            stop=stop,
        )

    def _executor(self) -> Executor:
        if self.effort.executor is not None:
            return self.effort.executor
        if self._engine is None:
            from cloudmesh.vm.executors.engine import open_engine

            self._engine = self._stack.enter_context(open_engine(self.session.config, self.parallel))
        return self._engine

    def _roads(self, verb: str, tasks: Sequence[Task]) -> dict[str, CallSettings | CloudmeshError]:
        """How each cloud is called, or why it cannot be."""
        counts: dict[str, int] = {}
        for task in tasks:
            counts[task.cloud] = counts.get(task.cloud, 0) + 1
        unresolved = self.session.unresolved(counts)
        return {
            cloud: self.session.refusals.get(cloud) or unresolved.get(cloud) or self._road(verb, cloud, count)
            for cloud, count in counts.items()
        }

    def _road(self, verb: str, cloud: str, count: int) -> CallSettings | CloudmeshError:
        config = self.session.config
        try:
            access, declared = self.session.access(cloud), self.session.declared(cloud)
            bulk = declared.most(verb) if count > 1 else 1
            limits = config.parallel(cloud), config.call_timeout(cloud)
            return CallSettings(access, *limits, bulk, declared.boots_once)
        except CloudmeshError as error:
            return error

    def _then_wait(
        self, journal: JobStore, tasks: Sequence[Task], acted: Result, left: float | None, stop: StopRequest
    ) -> Sequence[Outcome]:
        """Wait for those that succeeded; each outcome becomes that of the wait."""
        outcomes = list(acted)
        states = {
            number: each.target
            for number, each in enumerate(acted)
            if each.succeeded and each.target is not None and each.machine is not None
        }
        machines = [machine for number in states if (machine := outcomes[number].machine)]
        if not machines:
            return acted
        seconds = TIMEOUT if left is None else left
        booted = any(task.verb == BOOT for task in tasks)
        waiter = Waiter(
            self.session,
            State.ACTIVE,
            seconds,
            watch=self.effort.watch,
            stop=stop,
            cancelled=journal.is_cancelled,
            booted=booted,
        )
        waited = dict(zip(states, waiter.wait(machines, list(states.values())), strict=True))
        for number, each in waited.items():
            outcomes[number] = _merge(outcomes[number], each)
        # What nobody has seen the end of stays done as it was: resuming the job waits again.
        seen = [number for number, each in waited.items() if has_shown(each)]
        journal.left = journal.left or len(seen) < len(waited)
        try:
            journal.write_ends((tasks[number], outcomes[number]) for number in seen)
        except StoreError as error:
            for number in seen:
                outcomes[number] = unrecorded(outcomes[number], error)
        return outcomes


def _merge(acted: Outcome, waited: Outcome) -> Outcome:
    """What was done, as the wait has seen it end; told by the name that was meant, whatever it is by now."""
    status = acted.status if waited.succeeded else waited.status
    seconds = acted.seconds + waited.seconds
    return replace(acted, status=status, machine=waited.machine, error=waited.error, seconds=seconds)


def _close(journal: JobStore, over: bool) -> None:
    """Close the job in the store."""
    # If that cannot be written down, each task still says how it ended; the job counts as interrupted then.
    with suppress(StoreError):
        journal.close(over)
