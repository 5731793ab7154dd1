"""Many machines on many clouds, for a block of statements."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING

from cloudmesh.cloud.booting import BootOptions, MoreOptions
from cloudmesh.cloud.model import State
from cloudmesh.cloud.verbs import find_verb
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, StoreError, UnknownName, UsageError
from cloudmesh.vm.acting import ActionPlan, Given
from cloudmesh.vm.boot import BootPlan, check_name
from cloudmesh.vm.outcome import Outcome, Result, Status
from cloudmesh.vm.runner import Task, run
from cloudmesh.vm.select import Missing, Selection, Selector
from cloudmesh.vm.session import Session
from cloudmesh.vm.waiting import TIMEOUT, Waiter
from cloudmesh.vm.worker import SessionWorker, ThreadWorkers

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Machines:
    """Machines by name, on the clouds given or configured.

    ::

        with Machines('web[01-20],db1') as ms:
            result = ms.stop()
        for outcome in result.failed:
            print(outcome.name, outcome.error)

    Each action gives a ``Result``; a machine that failed does not stop the others and raises nothing
    (``result.raise_for_failures()`` does). Names may hold ranges, globs and ``cloud:name``; no name
    means no machine, ``Machines.all()`` means every one.

    Args:
        names: a name expression, or several.
        cloud: as in ``--cloud=``: else the variable ``cloud`` of the shell, else the defaults.
        config: another configuration than the user's own.
        executor: makes the calls, such as a ThreadPoolExecutor; without one they are made one after
            another. Each of its threads opens clouds and store for itself.
    """

    def __init__(
        self,
        names: str | Sequence[str],
        cloud: str | Sequence[str] | None = None,
        config: Config | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.names: str | Sequence[str] | None = names
        self._cloud = cloud
        self._executor = executor
        self._config = config
        self._session: Session | None = None

    @classmethod
    def all(cls, cloud: str | Sequence[str] | None = None, config: Config | None = None) -> Machines:
        """Every machine of these clouds, as they tell when it is used."""
        machines = cls("", cloud, config)
        machines.names = None
        return machines

    def __enter__(self) -> Machines:
        if self._session is not None:
            raise CloudmeshError("these machines are already in use; use one 'with' block at a time")
        self._session = Session(self._cloud, self._config).__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.__exit__(kind, error, trace)
        self._session = None

    @property
    def session(self) -> Session:
        """The open clouds and the store."""
        if self._session is None:
            raise CloudmeshError("the machines are not open; use 'with Machines(...) as ms:'")
        return self._session

    def select(self) -> Selection:
        """The machines that are meant, as they are known.

        Raises:
            UsageError: the names are wrong or ambiguous.
            UnknownName: none of them is known.
        """
        selector = Selector(self.session)
        selection = selector.all() if self.names is None else selector.select(self.names)
        return selection.require_some()

    def start(self, wait: bool = False, timeout: float = TIMEOUT) -> Result:
        """Power stopped machines on."""
        return self.act("start", wait, timeout)

    def stop(self, wait: bool = False, timeout: float = TIMEOUT) -> Result:
        """Shut machines down; their disks stay."""
        return self.act("stop", wait, timeout)

    def suspend(self, wait: bool = False, timeout: float = TIMEOUT) -> Result:
        """Keep their memory on disk and free the hosts."""
        return self.act("suspend", wait, timeout)

    def resume(self, wait: bool = False, timeout: float = TIMEOUT) -> Result:
        """Bring suspended machines back."""
        return self.act("resume", wait, timeout)

    def pause(self, wait: bool = False, timeout: float = TIMEOUT) -> Result:
        """Let them stand still; their memory stays on the hosts."""
        return self.act("pause", wait, timeout)

    def unpause(self, wait: bool = False, timeout: float = TIMEOUT) -> Result:
        """Let paused machines go on."""
        return self.act("unpause", wait, timeout)

    def reboot(self, wait: bool = False, timeout: float = TIMEOUT, *, hard: bool = False) -> Result:
        """Restart machines by their systems; the hard way cuts the power, in whatever state they are."""
        return self.act("hard_reboot" if hard else "reboot", wait, timeout)

    def rebuild(self, image: str, wait: bool = False, timeout: float = TIMEOUT) -> Result:
        """Replace their disks by new ones of an image; what was on them is lost."""
        return self.act("rebuild", wait, timeout, argument=image)

    def resize(self, flavor: str, wait: bool = False, timeout: float = TIMEOUT) -> Result:
        """Give them another size; they are restarted for it."""
        return self.act("resize", wait, timeout, argument=flavor)

    def rename(self, name: str) -> Result:
        """Give the machine another name; the names must mean only one. Raises UsageError."""
        selection = self.select()
        check_name(name, selection.machine(), self.session)
        return self.act("rename", selection=selection, argument=name)

    def metadata(self, changes: Mapping[str, str | None]) -> Result:
        """Set metadata by key, and remove that whose value is None; other keys stay."""
        return self.act("metadata", argument=dict(changes))

    def delete(self, wait: bool = False, timeout: float = TIMEOUT) -> Result:
        """Remove machines and their disks for good."""
        return self.act("delete", wait, timeout)

    def act(
        self,
        action: str,
        wait: bool = False,
        timeout: float = TIMEOUT,
        selection: Selection | None = None,
        argument: Given = None,
    ) -> Result:
        """Do an action of the verb table on all machines.

        Args:
            action: start, stop, suspend, resume, pause, unpause, reboot, hard_reboot, rebuild, resize,
                rename, metadata or delete.
            wait: whether to wait until the machines are in the state that the action leads to.
            timeout: seconds to wait.
            selection: what ``select`` gave, if the caller already looked.
            argument: for rebuild an image, for resize a flavor, for rename a name, for metadata values by
                their keys, None for those to remove.

        Raises:
            UnknownName: no such action, or none of the machines is known.
            UsageError: the names are wrong or ambiguous; nothing was done.
        """
        verb = find_verb(action)
        selection = selection or self.select()
        tasks, missing = ActionPlan(self.session, verb, argument).tasks(selection)
        result = self._run(tasks)
        if wait:
            result = self._then_wait(result, timeout)
        return Result([*result, *(_missing(each, action) for each in missing)])

    def boot(
        self,
        image: str | None = None,
        flavor: str | None = None,
        key: str | None = None,
        wait: bool = False,
        timeout: float = TIMEOUT,
        **more: Unpack[MoreOptions],
    ) -> Result:
        """Boot a machine for each name, on each of the clouds that were given.

        What is not given is taken from the cloud's defaults. A name that the cloud already has fails.

        Args:
            image, flavor, key, more: see ``cloudmesh.cloud.booting.BootOptions``: ``network``, ``secgroup``,
                ``userdata``, ``metadata`` and ``public`` are given by name.
            wait: whether to wait until the machines are active.
            timeout: seconds to wait.

        Raises:
            UnknownName, UsageError: a cloud has no such image, flavor, key, network or security group, or
                several that are meant; nothing was booted.
            UsageError: the names are wrong, or it is not said which of several default clouds is meant.
            CloudError: none of the clouds answers.
        """
        plan = self.boot_plan()
        tasks, missing = plan.tasks(BootOptions(image, flavor, key, **more))
        result = self._run(tasks)
        if wait:
            result = self._then_wait(result, timeout)
        ended = {(each.cloud, each.name): each for each in result}
        ended.update({(each.cloud, each.name): _missing(each, "boot") for each in missing})
        return Result([ended[place] for place in plan.places])

    def boot_plan(self) -> BootPlan:
        """What ``boot`` would boot where; raises UsageError as it does."""
        if self.names is None:
            raise UsageError("booting needs names, such as web[01-03]")
        return BootPlan(self.session, self.names, explicit=bool(self._cloud))

    def wait(self, state: State | str, timeout: float = TIMEOUT) -> Result:
        """Wait until the machines are in a state; one fails as soon as it cannot reach it any more."""
        wanted = find_state(state)
        selection = self.select()
        result = Waiter(self.session, wanted, timeout).wait(selection.machines)
        gone = [_missing(each, "wait") for each in selection.missing]
        return Result([*result, *gone])

    def _run(self, tasks: Sequence[Task]) -> Result:
        if self._executor is None:
            worker = SessionWorker(self.session)
            result = run(tasks, lambda: worker)
        else:
            with ThreadWorkers(partial(Session, self._cloud, self.session.config)) as workers:
                result = run(tasks, workers, self._executor)
        return Result([each if each.succeeded else self._as_known(each) for each in result])

    def _as_known(self, outcome: Outcome) -> Outcome:
        """A failed outcome with what its call may have taught of the machine before it failed."""
        if outcome.machine is None:
            return outcome
        try:
            known = self.session.inventory.find(outcome.machine)
        except StoreError:
            # Then this is why the task failed, and its outcome says so already.
            return outcome
        return replace(outcome, machine=known.machine) if known else outcome

    def _then_wait(self, result: Result, timeout: float) -> Result:
        """Wait for those that succeeded; each outcome becomes that of the wait."""
        if result.interrupted:
            return result
        outcomes = list(result)
        ends = time.monotonic() + timeout
        for target in dict.fromkeys(each.target for each in outcomes if each.succeeded and each.target):
            here = [
                number for number, each in enumerate(outcomes) if each.succeeded and each.target is target
            ]
            machines = [machine for number in here if (machine := outcomes[number].machine)]
            waited = Waiter(self.session, target, max(0.0, ends - time.monotonic())).wait(machines)
            for number, each in zip(here, waited, strict=True):
                outcomes[number] = _merge(outcomes[number], each)
            if waited.interrupted:
                break
        return Result(outcomes)


def _merge(acted: Outcome, waited: Outcome) -> Outcome:
    status = acted.status if waited.succeeded else waited.status
    return replace(waited, verb=acted.verb, status=status, seconds=acted.seconds + waited.seconds)


def _missing(each: Missing, verb: str) -> Outcome:
    return Outcome(each.cloud, each.name, verb, Status.FAILED, error=each.error)


def find_state(state: State | str) -> State:
    """The state of this name.

    Raises:
        UnknownName: with the nearest one.
    """
    try:
        return State(state)
    except ValueError:
        raise UnknownName("state", str(state), [each.value for each in State]) from None
