"""Jobs that go into the machines: planned as others are, and run by threads of this process with OpenSSH."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.access.route import Route
from cloudmesh.cloud.client.actions import ActionResult
from cloudmesh.cloud.fanout.query import Deadline
from cloudmesh.cloud.fanout.room import room_for
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.plugin.errors import CloudmeshError, StoreError
from cloudmesh.plugin.signals import StopRequest
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.executors.threads import DaemonThreads, leaving
from cloudmesh.vm.jobs.runner import JobRunner
from cloudmesh.vm.jobs.store import JobStore
from cloudmesh.vm.model.call import Access, Call, CallResult, Reply
from cloudmesh.vm.model.limits import CallSettings, First, JobLimits
from cloudmesh.vm.model.plan import Plan, Task
from cloudmesh.vm.model.remote import PUT, RUN, WAKES, Work
from cloudmesh.vm.scheduler.scheduler import Scheduler
from cloudmesh.vm.ssh.command import CommandRunner, Outputs, interrupted
from cloudmesh.vm.ssh.command_line import destination, jump_words, session_options
from cloudmesh.vm.ssh.names import file_name
from cloudmesh.vm.ssh.processes import Processes
from cloudmesh.vm.ssh.routes import Routes
from cloudmesh.vm.ssh.sockets import control_path
from cloudmesh.vm.ssh.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cloudmesh.vm.clouds.select import Selection
    from cloudmesh.vm.model.outcome import Outcome

PARALLEL = 64
# Files that one connection needs to have open here, and what is needed beside them.
_A_CONNECTION, _OTHERS = 6, 20


class MachineAsleep(CloudmeshError):
    """The machine is in a state in which nobody answers, such as stopped; nothing was tried."""


def asleep(machine: MachineRecord) -> MachineAsleep | None:
    """Why a machine cannot be reached in the state that it is in; None if it may be."""
    # On its way there it may still answer.
    verb = None if machine.state.is_passing else WAKES.get(machine.state)
    if verb:
        return MachineAsleep(f"{machine.name} is {machine.state}; use cms vm {verb} {machine.qualified_name}")
    if machine.state is State.DELETED:
        return MachineAsleep(f"{machine.name} is deleted")
    return None


def refreshed(session: CloudSession, machines: Sequence[MachineRecord]) -> list[MachineRecord]:
    """The machines; those that seem out of reach as their clouds list them now, one listing a cloud."""
    doubtful = [each for each in machines if asleep(each) or not each.ssh_address]
    clouds = list(dict.fromkeys(each.cloud for each in doubtful))
    # A cloud that does not answer now changes nothing: what is known of its machines is told.
    told = session.ask_all(clouds, lambda cloud: list(cloud.machines())) if clouds else {}
    now = {
        (each.cloud, each.cloud_id): each
        for found in told.values()
        if not isinstance(found, CloudmeshError)
        for each in found
    }
    return [now.get((each.cloud, each.cloud_id), each) for each in machines]


def encode_work(work: Work) -> str:
    """What is to be done, as text for the store; never what is piped in."""
    return json.dumps({"Work": asdict(work)})


def decode_work(text: str) -> Work:
    """What ``encode_work`` made the text of."""
    return Work(**json.loads(text)["Work"])


def remote_plan(session: CloudSession, selection: Selection, work: Work, names: str = "") -> Plan:
    """One task for each machine; it is known by then whether the machine is awake."""
    tasks = [Task(each.cloud, each.name, work.verb, each) for each in refreshed(session, selection.machines)]
    parts = dict.fromkeys((each.cloud for each in tasks), encode_work(work))
    return Plan(work.verb, tasks, parts, names, missing=list(selection.missing))


@dataclass(frozen=True)
class RemoteOptions:
    """What a run takes beside its work; nothing of it is stored.

    Attributes:
        stdin: what each command reads; None for nothing.
        outputs: where the output of a machine goes; None to keep it in the outcomes.
        connect_timeout: seconds until a connection is given up that does not come about.
    """

    stdin: Spool | None = None
    outputs: Callable[[MachineRecord], Outputs] | None = None
    connect_timeout: float = 10.0


@dataclass
class RemoteRunner(JobRunner):
    """Runs jobs of one work in machines, with OpenSSH; each command once at most."""

    work: Work = field(default_factory=lambda: Work(RUN))
    remote: RemoteOptions = field(default_factory=RemoteOptions)
    _processes: Processes = field(default_factory=Processes)
    _routes: dict[tuple[str, str], Route | CloudmeshError] = field(default_factory=dict)
    _names: Counter[str] = field(default_factory=Counter)
    _finder: Routes | None = None

    def __exit__(self, *raised: Any) -> None:
        try:
            super().__exit__(*raised)
        finally:
            self._processes.close()

    @property
    def parallel(self) -> int:
        """The most machines at once."""
        return self.options.parallel or self.session.config.parallel() or PARALLEL

    def create(self, plan: Plan) -> JobStore:
        """Write a job into the store, before any machine is reached. Raises StoreError."""
        return JobStore.create(self.session.inventory, plan)

    def _note_answers(self, answering: Mapping[str, float | None], outcomes: Iterable[Outcome] = ()) -> None:
        """Nothing: no cloud was called."""

    def _scheduler(
        self,
        store: JobStore,
        verb: str,
        tasks: Sequence[Task],
        deadline: Deadline,
        stop: StopRequest | None = None,
    ) -> Scheduler:
        self._find_routes(tasks)
        stop = stop or StopRequest()
        # No cloud is called, so that nothing is to be known of them but their names.
        clouds = {task.cloud for task in tasks}
        settings = {cloud: CallSettings(Access(cloud, {}), first=First.ALL) for cloud in clouds}
        self._runner = CommandRunner(
            self._processes,
            self.remote.connect_timeout,
            self.options.call_timeout,
            self.remote.stdin,
            self._outputs if self.remote.outputs else None,
        )
        scheduler = Scheduler(
            settings,
            self._executor,
            store,
            JobLimits(self._most_calls(1, len(tasks)), deadline.seconds, None, deadline.spent()),
            watch=self.options.watch,
            stop=stop,
            perform=self.perform,
        )
        self._processes.stopped = lambda: bool(stop.requested) or scheduler.halted
        self._open_jumps()
        return scheduler

    def _find_routes(self, tasks: Sequence[Task]) -> None:
        """Find the way to each machine, once for all of them; what one lacks is told by its task."""
        self._finder = Routes(self.session.config, self.session.inventory)
        self._names = Counter(task.name for task in tasks)
        for task in tasks:
            if task.machine is not None:
                place = task.machine.cloud, task.machine.cloud_id
                self._routes[place] = asleep(task.machine) or self._finder.find(task.machine)

    def _open_jumps(self) -> None:
        """Connect once to what several machines are reached through; all of them share that connection.

        Else each would open one of its own at the same moment, more than a server accepts. If it fails, each
        machine tells why.
        """
        ways = [route.jumps for route in self._routes.values() if isinstance(route, Route) and route.jumps]
        timeout = self.remote.connect_timeout
        opened = set()
        for way in ways if len(ways) > 1 else ():
            for number, jump in enumerate(way):
                path = control_path(jump)
                if path is None or path in opened or path.exists():
                    continue
                opened.add(path)
                words = [
                    *jump_words(jump, way[:number], batch=True, timeout=timeout),
                    *session_options(),
                ]
                with suppress(OSError):
                    self._processes.run(
                        [*words, "--", destination(jump), "true"], ends=time.monotonic() + timeout
                    )

    def _outputs(self, route: Route) -> Outputs:
        assert self.remote.outputs is not None  # noqa: S101 it is asked only then
        return self.remote.outputs(route.machine)

    def _executor(self, calls: int = 0) -> Any:
        if self._opened is None:
            self._opened = self._stack.enter_context(leaving(DaemonThreads(self.parallel)))
        return self._opened

    def _most_calls(self, settings: object, tasks: int) -> int:
        wanted = min(self.parallel, max(1, tasks))
        return room_for(wanted, _A_CONNECTION, _OTHERS) if wanted > 1 else 1

    @property
    def _own_threads(self) -> bool:
        return True

    def perform(self, call: Call) -> Reply:
        """Do the work in one machine. It raises nothing: errors are part of the reply."""
        began = time.monotonic()
        (machine,) = call.machines
        try:
            result, value = self._performed(machine)
        except CloudmeshError as error:
            result, value = error, None
        except Exception as error:  # noqa: BLE001 a mistake in this package must not take other machines along
            kind = type(error).__name__
            result, value = (
                CloudmeshError(f"{call.verb} failed with {kind}, an error in cloudmesh itself; report it"),
                None,
            )
            result.outcome_unknown = True
        return Reply((result,), (), time.monotonic() - began, (value,))

    def _performed(self, machine: MachineRecord | None) -> tuple[CallResult, Any]:
        if machine is None:
            raise CloudmeshError("it is not known any more which machine this was")
        route = self._routes[machine.cloud, machine.cloud_id]
        if isinstance(route, CloudmeshError):
            raise route
        done = ActionResult(machine, changed=True)
        if self.work.verb == RUN:
            value, error = self._runner.run(route, self.work.command)
            return error or done, value
        if self._processes.stopped():
            raise interrupted()
        from cloudmesh.vm.ssh.copy import Copier  # most jobs copy nothing

        copier = Copier(self._processes, self.remote.connect_timeout, self.options.call_timeout)
        if self.work.verb == PUT:
            return done, copier.put(route, self.work.source, self.work.destination)
        folder = Path(self.work.destination).expanduser() / file_name(machine, self._is_alone(machine))
        return done, copier.get(route, self.work.source, str(folder))

    def _is_alone(self, machine: MachineRecord) -> bool:
        """Whether no other machine of the job has the same name."""
        return self._names[machine.name] < 2

    def finish(self, *given: Any, **more: Any) -> Any:
        """Run the tasks of a job; see ``JobRunner.finish``. What was learnt of users is kept."""
        result = super().finish(*given, **more)
        if self._runner_learnt():
            with suppress(StoreError):
                Routes.keep(self.session.inventory, self._runner.learnt)
        return result

    def _runner_learnt(self) -> bool:
        return bool(getattr(self, "_runner", None) and self._runner.learnt)
