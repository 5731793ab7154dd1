"""``Machines``: many machines on many clouds, with a method for each verb."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.client.booter import BootKeywords, BootOptions
from cloudmesh.cloud.fanout.query import Deadline, ProgressCallback, QueryLimits
from cloudmesh.cloud.model.boot_verb import BOOT as BOOTING
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import Verb, find_verb
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, UnknownName, UsageError
from cloudmesh.vm.clouds.select import Selection, Selector
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs.runner import JobRunner
from cloudmesh.vm.model.call import BOOT
from cloudmesh.vm.model.limits import RunKeywords, RunOptions
from cloudmesh.vm.model.outcome import Outcome, Result
from cloudmesh.vm.model.plan import Plan
from cloudmesh.vm.model.wait import READY, Wait, require_real, wanted_wait
from cloudmesh.vm.remote_methods import RemoteMachines
from cloudmesh.vm.verb_methods import add_verbs
from cloudmesh.vm.waiting.waiter import Waiter

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from cloudmesh.vm.jobs.planning import BootPlan, GivenArgument


class Machines(RemoteMachines):
    """Machines by name, on the clouds given or configured.

    ::

        with Machines('web[01-20],db1') as ms:
            result = ms.stop()
        for outcome in result.failed:
            print(outcome.name, outcome.error)

    Each verb of the table is a method that takes what the verb does, and ``wait`` and ``timeout``; it gives a
    ``Result``. A machine that failed, or a name that is unknown or ambiguous, does not stop the others and
    raises nothing (``result.raise_for_failures()`` does). ``VERB_each`` yields each outcome once it is known.

    ``notes`` has sentences on machines that the last selection left out, since nobody knows whose they are.

    Names may hold ranges, globs and ``cloud:name``; no name means no machine, ``Machines.all()`` means every
    one. Threads that work at the same time need a ``Machines`` each.

    Args:
        names: a name expression, or several.
        cloud: as in ``--cloud=``: else the variable ``cloud`` of the shell, else the defaults.
        config: another configuration than the user's own.
        mine: True for machines of our own only, False for those of everyone in the project; None for what the
            cloud's ``mine`` in the configuration says. A name that means somebody else's machine is an error.
        executor, parallel, call_timeout, watch: see ``cloudmesh.vm.model.limits.RunOptions``.
    """

    def __init__(
        self,
        names: str | Sequence[str],
        cloud: str | Sequence[str] | None = None,
        config: Config | None = None,
        executor: Executor | None = None,
        *,
        parallel: int | None = None,
        call_timeout: float | None = None,
        watch: ProgressCallback | None = None,
        mine: bool | None = None,
    ) -> None:
        if names is None:
            # It came from somewhere by mistake; here it stands for all of them.
            raise UsageError("no name is given; Machines.all() means every machine")
        self.names: str | Sequence[str] | None = names
        self._cloud = cloud
        self._config = config
        self._run_options = RunOptions(parallel, call_timeout, executor, watch)
        self._session: CloudSession | None = None
        self._entered = False
        self._mine = mine
        self.notes: list[str] = []

    @classmethod
    def all(
        cls,
        cloud: str | Sequence[str] | None = None,
        config: Config | None = None,
        mine: bool | None = None,
        **more: Unpack[RunKeywords],
    ) -> Machines:
        """Every machine of these clouds, as they tell when it is used; the rest as for ``Machines``."""
        machines = cls("", cloud, config, mine=mine, **more)
        machines.names = None
        return machines

    def open(self) -> Machines:
        """Open the store and, when they are needed, the clouds; does nothing if that is done already."""
        if self._session is None:
            limits = QueryLimits(self._run_options.call_timeout, self._run_options.watch)
            self._session = CloudSession(self._cloud, self._config, limits).__enter__()
            self._runner = JobRunner(self._session, self._run_options)
        return self

    def close(self) -> None:
        """Close them; does nothing if they are closed."""
        self._entered = False
        if self._session is not None:
            with self._session, self._runner:
                self._session = None

    def __enter__(self) -> Machines:
        if self._entered:
            raise CloudmeshError("these machines are already in use; use one 'with' block at a time")
        self.open()
        self._entered = True
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __repr__(self) -> str:
        where = "" if self._cloud is None else f" on {self._cloud}"
        return f"<Machines {self._said}{where}: {'closed' if self._session is None else 'open'}>"

    def __iter__(self) -> Iterator[MachineRecord]:
        """The machines that are meant, as they are known.

        Raises:
            CloudmeshError: a name means no machine for certain, or a cloud that may have it does not answer.
        """
        selection = self.select()
        if selection.missing:
            raise selection.missing[0].error
        return iter(selection.machines)

    def __len__(self) -> int:
        """How many machines are meant; raises as iterating does."""
        return len(tuple(iter(self)))

    def __bool__(self) -> bool:
        """True: to ask for the truth of this object asks no cloud."""
        return True

    def states(self) -> dict[str, State]:
        """The last known state of each machine by its name, or ``cloud:name`` where two have the same, or
        ``cloud:name (id)`` where these are on one cloud. Raises what iterating raises.
        """
        machines = tuple(iter(self))
        count = Counter(name for each in machines for name in (each.name, each.qualified_name))

        def key(machine: MachineRecord) -> str:
            if count[machine.name] == 1:
                return machine.name
            place = machine.qualified_name
            return place if count[place] == 1 else f"{place} ({machine.cloud_id})"

        return {key(machine): machine.state for machine in machines}

    @property
    def session(self) -> CloudSession:
        """The open clouds and the store."""
        if self._session is None:
            raise CloudmeshError("the machines are not open; use 'with Machines(...) as ms:'")
        return self._session

    def select(self, timeout: float | None = None, recent: float | None = None) -> Selection:
        """The machines that are meant, as they are known.

        Args:
            timeout: seconds, if clouds have to be asked; those that take longer are told as missing.
            recent: seconds; a glob means what its cloud listed so recently. None to list for each.

        Raises:
            UsageError: the names or the seconds are wrong.
            CloudmeshError: none of them means a machine, or none for certain; why the first does not.
        """
        return self._selected(Deadline.after(timeout), recent=recent)

    def _selected(self, deadline: Deadline, acting: bool = True, recent: float | None = None) -> Selection:
        with self.session.within(deadline):
            selector = Selector(self.session, acting, self._mine, recent)
            found = selector.all() if self.names is None else selector.select(self.names)
        self.notes = found.notes
        if found.missing and not found.machines:
            raise found.missing[0].error
        return found

    def act(
        self,
        action: str,
        wait: Wait = False,
        timeout: float | Deadline | None = None,
        selection: Selection | None = None,
        argument: GivenArgument = None,
    ) -> Result:
        """Do an action of the verb table on all machines.

        Args:
            action: a name of the verb table: start, stop, hard_reboot, rebuild, ...
            wait: whether to wait until the machines are in the state that the action leads to, or
                ``"ready"``: until one can sign in to them and cloud-init, where they have it, has ended.
            timeout: seconds for all of it together, asking clouds before the first call included; without it
                the calls may take as long as they do, and the waiting after the last of them the
                ``wait_timeout`` of the cloud, else 600.
            selection: what ``select`` gave, if the caller already looked.
            argument: for rebuild an image, for resize a flavor, for snapshot and restore the name of a
                snapshot, for rename and clone a new name (then the names must mean one machine), for metadata
                values by their keys, None for those to remove.

        Raises:
            UnknownName: no such action, or no such thing to wait for.
            UsageError: the names or the seconds are wrong; nothing was done.
            CloudmeshError: none of the names means a machine, or none for certain; why the first does not.
        """
        deadline = Deadline.after(timeout)
        plan = self._action_plan(deadline, action, wait, selection, argument)
        result = self._runner.run(plan, deadline)
        missing = [each.outcome(action) for each in plan.missing]
        return result.with_outcomes([*result, *missing])

    def act_each(
        self, action: str, argument: GivenArgument = None, timeout: float | None = None
    ) -> Iterator[Outcome]:
        """The same, but each outcome is given as soon as it is known, in whatever order.

        Nothing is done before the first one is asked for. If the iteration is left early, or the ``with``
        block ends before it, no call is begun any more, those that are running are waited for, and the job
        can be resumed.

        Raises after the last outcome a CloudError if a lease of the machines could not be deleted.
        """
        deadline = Deadline.after(timeout)
        plan = self._action_plan(deadline, action, False, None, argument)
        yield from (each.outcome(action) for each in plan.missing)
        yield from self._runner.each(plan, deadline)

    def boot(
        self,
        image: str | None = None,
        flavor: str | None = None,
        key: str | None = None,
        wait: Wait = False,
        timeout: float | None = None,
        **more: Unpack[BootKeywords],
    ) -> Result:
        """Boot a machine for each name, on each of the clouds that were given.

        What is not given is taken from the cloud's defaults. A name that the cloud already has fails.

        Args:
            image, flavor, key, more: see ``BootOptions`` of ``cloudmesh.cloud``: ``network``, ``secgroup``,
                ``userdata``, ``metadata``, ``public`` and ``hint`` are given by name.
            wait, timeout: see ``act``.

        Raises:
            UnknownName, UsageError: a cloud has no such image, flavor, key, network or security group, or
                several that are meant; nothing was booted.
            UsageError: the names or the seconds are wrong, or it is not said which of several default clouds
                is meant.
            CloudError: none of the clouds answers.
        """
        deadline = Deadline.after(timeout)
        places = self.boot_plan()
        with self.session.within(deadline):
            wait = self._wanted(wait, BOOTING, [cloud for cloud, _ in places.places])
            plan = places.plan(BootOptions(image, flavor, key, **more), self._said, wait)
        result = self._runner.run(plan, deadline)
        ended = {(each.cloud, each.name): each for each in result}
        ended.update({(each.cloud, each.name): each.outcome("boot") for each in plan.missing})
        return result.with_outcomes([ended[place] for place in places.places])

    def boot_each(
        self,
        image: str | None = None,
        flavor: str | None = None,
        key: str | None = None,
        timeout: float | None = None,
        **more: Unpack[BootKeywords],
    ) -> Iterator[Outcome]:
        """The same, but each outcome is given as soon as the cloud has accepted it; see ``act_each``."""
        deadline = Deadline.after(timeout)
        with self.session.within(deadline):
            plan = self.boot_plan().plan(BootOptions(image, flavor, key, **more), self._said)
        yield from (each.outcome("boot") for each in plan.missing)
        yield from self._runner.each(plan, deadline)

    def plan(
        self,
        action: str,
        argument: GivenArgument | BootOptions = None,
        *,
        wait: Wait = False,
        timeout: float | None = None,
        selection: Selection | None = None,
    ) -> Plan:
        """An action as a job that ``Jobs.create`` stores and ``Jobs.run`` runs; nothing is done yet.

        Args:
            action: ``boot``, or as for ``act``.
            argument: ``BootOptions`` to boot, else as for ``act``.
            wait: whether running the job also waits for the machines.
            timeout: seconds for asking clouds.
            selection: what ``select`` gave, if the caller already looked.

        Raises UsageError for an argument that is none of this action, and what ``boot`` or ``act`` raises.
        """
        deadline = Deadline.after(timeout)
        if action == BOOT:
            if argument is not None and not isinstance(argument, BootOptions):
                raise UsageError(f"booting requires BootOptions, not {argument!r}")
            with self.session.within(deadline):
                places = self.boot_plan()
                wait = self._wanted(wait, BOOTING, [cloud for cloud, _ in places.places])
                return places.plan(argument or BootOptions(), self._said, wait)
        if isinstance(argument, BootOptions):
            raise UsageError(f"BootOptions are for booting, not for {action}")
        return self._action_plan(deadline, action, wait, selection, argument)

    def _wanted(self, wait: Wait, verb: Verb, clouds: Sequence[str] = ()) -> Wait:
        """What is to be waited for after a verb on these clouds; raises UsageError if it cannot be."""
        if isinstance(wait, bool):
            return wait
        if wanted_wait(wait, verb) == READY:
            require_real(self.session.config, clouds)
        return wait

    def boot_plan(self) -> BootPlan:
        """What ``boot`` would boot where; raises UsageError as it does."""
        if self.names is None:
            raise UsageError("booting needs names, such as web[01-03]")
        from cloudmesh.vm.jobs.planning import BootPlan  # other work has plans of its own

        return BootPlan(self.session, self.names, explicit=bool(self._cloud))

    def wait(self, state: State | str, timeout: float | None = None) -> Result:
        """Wait until the machines are in a state; one fails as soon as it cannot reach it any more.

        ``ready``, which is no state of a cloud: until one can sign in and cloud-init has ended. ``timeout``:
        seconds; else each cloud's ``wait_timeout``, else 600. Raises what ``select`` raises.
        """
        try:
            wanted = State.ACTIVE if state == READY else State(state)
        except ValueError:
            from cloudmesh.plugin.usage.hints import state_hint  # few have a slip

            known = [*(each.value for each in State), READY]
            raise UnknownName("state", str(state), known, near=state_hint(str(state), known)) from None
        deadline = Deadline.after(timeout)
        selection = self._selected(deadline, acting=False)
        waiter = Waiter.until(deadline, self.session, wanted, self._run_options.watch)
        if state == READY:
            from cloudmesh.vm.ready.wait import until_ready  # few waits need it

            require_real(self.session.config, (each.cloud for each in selection.machines))
            with until_ready(waiter) as checks:
                result = waiter.wait(selection.machines).with_notes(checks.notes)
        else:
            result = waiter.wait(selection.machines)
        gone = [each.outcome("wait") for each in selection.missing]
        return result.with_outcomes([*result, *gone])

    def _action_plan(
        self,
        deadline: Deadline,
        action: str,
        wait: Wait,
        selection: Selection | None,
        argument: GivenArgument,
    ) -> Plan:
        verb = find_verb(action)
        self._wanted(wait, verb)
        selection = selection or self._selected(deadline)
        wait = self._wanted(wait, verb, [each.cloud for each in selection.machines])
        from cloudmesh.vm.jobs.planning import ActionPlan

        with self.session.within(deadline):
            if verb.single:
                from cloudmesh.vm.jobs.conflicts import check_name

                check_name(str(argument), selection.machine(), self.session, verb.makes)
            return ActionPlan(self.session, verb, argument).plan(selection, self._said, wait)

    @property
    def _said(self) -> str:
        """The names as they were given, for the list of jobs."""
        if self.names is None:
            return "--all"
        return self.names if isinstance(self.names, str) else ",".join(self.names)

    if TYPE_CHECKING:
        # The methods of the verbs.
        def __getattr__(self, name: str) -> Callable[..., Any]: ...


add_verbs(Machines, "Result", each=True)
