"""``Machine``: one machine by name, with a method for each verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.client.booter import BootKeywords
from cloudmesh.cloud.fanout.query import Deadline
from cloudmesh.cloud.model.copies import Snapshot
from cloudmesh.cloud.model.parameters import Kind
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import find_verb
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.vm.machines import Machines
from cloudmesh.vm.model.outcome import Result
from cloudmesh.vm.model.wait import Wait
from cloudmesh.vm.remote_methods import RemoteMachine
from cloudmesh.vm.verb_methods import add_verbs

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from cloudmesh.vm.jobs.planning import GivenArgument


class Machine(RemoteMachine):
    """One machine by name; each verb is a method, and raises its error if it fails.

    ::

        with Machine('vm1') as m:
            m.start()
            m.wait('active')

    Args:
        name: the name, or ``cloud:name``.
        cloud, config, mine: as for ``Machines``.
    """

    def __init__(
        self,
        name: str,
        cloud: str | None = None,
        config: Config | None = None,
        *,
        mine: bool | None = None,
    ) -> None:
        self.name = name
        self._machines: Machines = Machines(name, cloud, config, mine=mine)

    def __enter__(self) -> Machine:
        self._machines.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def open(self) -> Machine:
        """Open it without a ``with`` block; does nothing if it is open."""
        self._machines.open()
        return self

    def close(self) -> None:
        """Close it; does nothing if it is closed."""
        self._machines.close()

    def __repr__(self) -> str:
        return repr(self._machines).replace("Machines", "Machine", 1)

    def boot(
        self,
        image: str | None = None,
        flavor: str | None = None,
        key: str | None = None,
        **more: Unpack[BootKeywords],
    ) -> MachineRecord:
        """Boot a new machine of this name, as ``Machines.boot`` does.

        Raises:
            UsageError: the name means several machines; none was booted.
        """
        count = len(self._machines.boot_plan().places)
        if count != 1:
            raise UsageError(
                f"exactly one machine can be booted here, and {self.name} means {count}; use Machines"
            )
        return _only(self._machines.boot(image, flavor, key, **more))

    def wait(self, state: State | str, timeout: float | None = None) -> MachineRecord:
        """Wait until it is in a state; ``timeout`` as for ``Machines.wait``."""
        self._machines.select(timeout).machine()
        return _only(self._machines.wait(state, timeout))

    def info(self) -> MachineRecord:
        """The machine as its cloud tells of it now."""
        machine = self._machines.select().machine()
        return self._machines.session.ask(machine.cloud, lambda cloud: cloud.refresh(machine))

    def console(self) -> str:
        """What the machine printed on its console."""
        machine = self._machines.select().machine()
        return self._machines.session.ask(machine.cloud, lambda cloud: cloud.console(machine))

    def snapshots(self) -> list[Snapshot]:
        """Its snapshots, the oldest first, as its cloud tells of them now."""
        machine = self._machines.select().machine()
        return self._machines.session.ask(machine.cloud, lambda cloud: cloud.snapshots(machine))

    @property
    def state(self) -> State:
        """Its state as the cloud tells of it now."""
        return self.info().state

    def act(
        self, action: str, wait: Wait = False, timeout: float | None = None, argument: GivenArgument = None
    ) -> MachineRecord:
        """Do an action of the verb table; see ``Machines.act``. A machine that is renamed is found by its new
        name from then on; one that is cloned stays, and the new machine is given back.

        Raises:
            CloudmeshError: why it failed.
        """
        deadline = Deadline.after(timeout)
        selection = self._machines.select(timeout)
        selection.machine()
        done = _only(self._machines.act(action, wait, deadline, selection, argument))
        if find_verb(action).takes == Kind.NAME:
            self.name = self._machines.names = done.qualified_name
        return done

    if TYPE_CHECKING:
        # The methods of the verbs.
        def __getattr__(self, name: str) -> Callable[..., Any]: ...


add_verbs(Machine, "MachineRecord")


def _only(result: Result) -> MachineRecord:
    """The machine of a result that must hold exactly one, or its error raised."""
    (outcome,) = result
    if outcome.error:
        raise outcome.error
    if outcome.machine is None:
        raise CloudmeshError(f"{outcome.verb} {outcome.name}: {outcome.status}")
    if result.error:
        raise result.error
    return outcome.machine
