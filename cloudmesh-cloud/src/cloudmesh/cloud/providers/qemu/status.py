"""What a machine is now: what is written of it, and what its process says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cloudmesh.cloud.errors import CloudError
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.providers.qemu import process, qmp
from cloudmesh.cloud.providers.qemu.folder import Held
from cloudmesh.cloud.providers.qemu.state import RUNNING, SUSPENDED, MachineState

# What QEMU calls the state of a machine that runs.
_STATES: Mapping[str, State] = {
    "running": State.ACTIVE,
    "paused": State.PAUSED,
    "prelaunch": State.PAUSED,
    "suspended": State.PAUSED,
    "io-error": State.PAUSED,
    "save-vm": State.SUSPENDING,
    "restore-vm": State.RESUMING,
    "inmigrate": State.RESUMING,
    "shutdown": State.STOPPING,
    "internal-error": State.ERROR,
    "guest-panicked": State.ERROR,
}
_FAULTS = {
    "io-error": "its disk cannot be written; if that of this computer is full, free some space, then unpause",
    "internal-error": "the processor of the machine cannot go on",
    "guest-panicked": "the guest's system reported a panic",
}
_PATIENCE = 3.0
# What QEMU says when somebody ends it with a signal that it takes.
_SIGNALLED = "terminating on signal"


class Now(NamedTuple):
    """The state of a machine, QEMU's word for it, what went wrong, and the process (0 for none)."""

    state: State
    raw: str
    fault: str = ""
    number: int = 0


def look(machine: Held) -> Now:
    """What a machine is now, whose lock we hold."""
    state = machine.state
    number = process.find(machine.folder, state.uuid)
    if not number:
        return _without_process(machine)
    try:
        (told,) = qmp.ask(machine.folder, qmp.command("query-status"), timeout=_PATIENCE)
    except CloudError as error:
        if not process.is_machine(number, state.uuid):
            return _without_process(machine)
        return Now(State.ERROR, "hung", f"process {number} of QEMU does not answer: {error}", number)
    raw = str(told["status"])
    return Now(_STATES.get(raw, State.UNKNOWN), raw, _FAULTS.get(raw, ""), number)


def _without_process(machine: Held) -> Now:
    state = machine.state
    if state.phase == SUSPENDED:
        return Now(State.SUSPENDED, "suspended")
    if state.phase != RUNNING:
        return Now(State.STOPPED, "shut down")
    if state.host_boot != process.host_boot():
        return Now(State.STOPPED, "this computer was restarted")
    last = process.last_words(machine.folder)
    if not process.pid_file(machine.folder, state.uuid).exists() and _SIGNALLED not in last:
        # QEMU takes its file away when the guest powers itself off.
        return Now(State.STOPPED, "shut down")
    return Now(State.ERROR, "ended", f"QEMU ended unexpectedly{f': {last}' if last else ''}")


def meanwhile(state: MachineState) -> Now:
    """What a machine is on which another command is at work."""
    try:
        return Now(State(state.doing), state.doing)
    except ValueError:
        return Now(State.UNKNOWN, "busy")


def record(cloud: str, state: MachineState, now: Now) -> MachineRecord:
    """A machine in the form of all clouds."""
    return MachineRecord(
        cloud=cloud,
        name=state.name,
        cloud_id=state.uuid,
        state=now.state,
        raw_state=now.raw,
        image=state.image,
        flavor=state.flavor,
        key=state.key,
        private_ips=[state.lan_address] if state.lan_address else [],
        public_ips=["127.0.0.1"] if state.ssh_port else [],
        fault=now.fault,
        created=state.created,
        metadata=dict(state.metadata),
        login_user=state.login_user,
        ssh_port=state.ssh_port or 22,
        boot_id=state.token,
        locked=state.locked,
    )
