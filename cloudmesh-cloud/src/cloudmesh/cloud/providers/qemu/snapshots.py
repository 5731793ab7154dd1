"""Snapshots of a machine: they live in the file of its disk, with its memory if it had any."""

from __future__ import annotations

import time

from cloudmesh.cloud.errors import CloudError, Conflict
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.providers.qemu import process, qmp, tags
from cloudmesh.cloud.providers.qemu.folder import DISK, CloudFolder, Held, told
from cloudmesh.cloud.providers.qemu.power import Power
from cloudmesh.cloud.providers.qemu.state import SUSPENDED, Kept
from cloudmesh.cloud.providers.qemu.status import look

_QUICK = 600.0


class Snapshots:
    """The snapshots of one cloud's machines; the caller holds the machine's lock."""

    def __init__(self, folder: CloudFolder, power: Power) -> None:
        """Act on the machines in a cloud's folder."""
        self._cloud = folder.cloud
        self._power = power

    def take(self, machine: Held, name: str) -> None:
        """Keep disk and memory under a name; the machine goes on. Raises Conflict for a taken name."""
        state = machine.state
        if name in state.snapshots:
            raise Conflict(
                f"{state.name} has a snapshot {name} already; use another name, or delete that one"
            )
        now = look(machine).state
        if now is State.SUSPENDED:
            # Its memory is there already, and is kept on when the machine goes on.
            tag = state.saved
        elif now is State.STOPPED:
            tag = tags.new_tag()
            tags.in_file(machine.folder / DISK, tags.MAKE, tag)
        else:
            tag = self._power.save_memory(machine, running=now is State.ACTIVE)
        sizes = (state.flavor, state.vcpus, state.ram, state.disk, state.machine_type, state.cpu)
        state.snapshots[name] = Kept(tag, time.time(), now.value, *sizes)
        with told(self._cloud, machine.folder):
            machine.save()

    def restore(self, machine: Held, name: str) -> None:
        """Bring the machine back to a snapshot: disk, size, and what it was doing. Raises Conflict."""
        kept = self._find(machine, name)
        state = machine.state
        self._power.cut(machine)
        before = dict(vars(state))
        state.take_sizes(vars(kept))
        try:
            self._go_back(machine, kept)
        except CloudError:
            state.take_sizes(before)
            raise

    def _go_back(self, machine: Held, kept: Kept) -> None:
        """Bring back what was kept of a machine that has the size of that time, and no process."""
        state = machine.state
        if kept.phase == State.STOPPED:
            tags.in_file(machine.folder / DISK, tags.GO_BACK, kept.tag)
            with told(self._cloud, machine.folder):
                machine.save()
        elif kept.phase == State.SUSPENDED:
            state.phase, state.saved = SUSPENDED, kept.tag
            with told(self._cloud, machine.folder):
                machine.save()
        else:
            self._power.start(machine, loads=kept.tag, frozen=kept.phase == State.PAUSED)

    def delete(self, machine: Held, name: str) -> None:
        """Give up a snapshot. Raises Conflict if there is none of this name."""
        kept, state = self._find(machine, name), machine.state
        del state.snapshots[name]
        with told(self._cloud, machine.folder):
            machine.save()
        if kept.tag == state.saved or state.keeps(kept.tag):
            return
        if process.find(machine.folder, state.uuid):
            qmp.monitor(machine.folder, f"delvm {kept.tag}", _QUICK)
        else:
            tags.in_file(machine.folder / DISK, tags.DELETE, kept.tag)

    def _find(self, machine: Held, name: str) -> Kept:
        known = machine.state.snapshots
        if name not in known:
            which = f"it has {', '.join(known)}" if known else "it has none"
            raise Conflict(f"{machine.state.name} of cloud {self._cloud} has no snapshot {name}; {which}")
        return known[name]
