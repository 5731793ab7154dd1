"""One machine, for a block of statements."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from cloudmesh.cloud.client.booter import BootKeywords
from cloudmesh.cloud.model import records
from cloudmesh.cloud.model.records import State
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.vm.jobs.planning import GivenArgument
from cloudmesh.vm.machines import Machines
from cloudmesh.vm.model.outcome import Result

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Machine:
    """One machine by name; each action raises its error if it fails.

    ::

        with Machine('vm1') as m:
            m.start()
            m.wait('active')

    Args:
        name: the name, or ``cloud:name``.
        cloud, config: as for ``Machines``.
    """

    def __init__(self, name: str, cloud: str | None = None, config: Config | None = None) -> None:
        self.name = name
        self._machines = Machines(name, cloud, config)

    def __enter__(self) -> Machine:
        self._machines.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._machines.__exit__(kind, error, trace)

    def start(self) -> records.MachineRecord:
        """Power it on, if it is not on."""
        return self._act("start")

    def stop(self) -> records.MachineRecord:
        """Shut it down; its disk stays."""
        return self._act("stop")

    def suspend(self) -> records.MachineRecord:
        """Keep its memory on disk and free the host."""
        return self._act("suspend")

    def resume(self) -> records.MachineRecord:
        """Bring it back from suspension."""
        return self._act("resume")

    def pause(self) -> records.MachineRecord:
        """Let it stand still; its memory stays on the host."""
        return self._act("pause")

    def unpause(self) -> records.MachineRecord:
        """Let it go on after a pause."""
        return self._act("unpause")

    def reboot(self, *, hard: bool = False) -> records.MachineRecord:
        """Restart it by its system; the hard way cuts the power, in whatever state it is."""
        return self._act("hard_reboot" if hard else "reboot")

    def rebuild(self, image: str) -> records.MachineRecord:
        """Replace its disk by a new one of an image; what was on it is lost."""
        return self._act("rebuild", image)

    def resize(self, flavor: str) -> records.MachineRecord:
        """Give it another size; it is restarted for it."""
        return self._act("resize", flavor)

    def rename(self, name: str) -> records.MachineRecord:
        """Give it another name, by which this object finds it from then on."""
        renamed = _only(self._machines.rename(name))
        self.name = self._machines.names = renamed.qualified_name
        return renamed

    def metadata(self, changes: Mapping[str, str | None]) -> records.MachineRecord:
        """Set metadata by key, and remove that whose value is None; other keys stay."""
        return self._act("metadata", dict(changes))

    def delete(self) -> records.MachineRecord:
        """Remove it and its disk for good."""
        return self._act("delete")

    def boot(
        self,
        image: str | None = None,
        flavor: str | None = None,
        key: str | None = None,
        **more: Unpack[BootKeywords],
    ) -> records.MachineRecord:
        """Boot a new machine of this name, as ``Machines.boot`` does.

        Raises:
            UsageError: the name means several machines; none was booted.
        """
        count = len(self._machines.boot_plan().places)
        if count != 1:
            raise UsageError(f"one machine is to be booted, and {self.name} means {count}; use Machines")
        return _only(self._machines.boot(image, flavor, key, **more))

    def wait(self, state: State | str, timeout: float | None = None) -> records.MachineRecord:
        """Wait up to ``timeout`` seconds, else 600, until it is in a state."""
        self._machines.select(timeout).machine()
        return _only(self._machines.wait(state, timeout))

    def info(self) -> records.MachineRecord:
        """The machine as its cloud tells of it now."""
        machine = self._machines.select().machine()
        return self._machines.session.cloud(machine.cloud).refresh(machine)

    def console(self) -> str:
        """What the machine printed on its console."""
        machine = self._machines.select().machine()
        return self._machines.session.cloud(machine.cloud).console(machine)

    @property
    def state(self) -> State:
        """Its state as the cloud tells of it now."""
        return self.info().state

    def _act(self, action: str, argument: GivenArgument = None) -> records.MachineRecord:
        selection = self._machines.select()
        selection.machine()
        return _only(self._machines.act(action, selection=selection, argument=argument))


def _only(result: Result) -> records.MachineRecord:
    """The machine of a result that must hold exactly one, or its error raised."""
    (outcome,) = result
    if outcome.error:
        raise outcome.error
    if outcome.machine is None:
        raise CloudmeshError(f"{outcome.verb} {outcome.name}: {outcome.status}")
    return outcome.machine
