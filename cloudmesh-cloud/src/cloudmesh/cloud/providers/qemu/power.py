"""Machines are started, shut down, restarted, paused and suspended here.

The caller holds the machine's lock, and has looked whether its state allows what is asked for.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator

from cloudmesh.cloud.errors import CloudError, CloudTimeout, Refused, Unreachable
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.providers.qemu import command_line, names, process, programs, qmp, tags
from cloudmesh.cloud.providers.qemu.folder import CONSOLE, DISK, CloudFolder, Held, told
from cloudmesh.cloud.providers.qemu.networks import UNPLUGGED, Lan
from cloudmesh.cloud.providers.qemu.settings import QemuSettings
from cloudmesh.cloud.providers.qemu.state import RUNNING, STOPPED, SUSPENDED
from cloudmesh.cloud.providers.qemu.status import look

# To read a large memory from the disk, or to write one, takes a while.
_MEMORY = 600.0
_UP = 60.0
_QUIT = 10.0
_TAKE_UP = 3.0
# A guest that has not come far yet may have missed the power button.
_PRESS_AGAIN = 3.0
_TICK = 0.005
_FORWARDED = re.compile(r"HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+22\b")
# The console is cut to half of this when it is longer, whenever a command has to do with the machine.
CONSOLE_BYTES = 2 << 20


class Power:
    """What can be done to the processes of one cloud's machines."""

    def __init__(self, folder: CloudFolder, settings: QemuSettings) -> None:
        """Act on the machines in a cloud's folder."""
        self._cloud = folder.cloud
        self._settings = settings
        self._lan = Lan(folder.path)
        self._tftp = folder.path / names.FOLDER

    def start(self, machine: Held, loads: str = "", frozen: bool = False) -> None:
        """Start the process of a machine, which boots, or goes on with the memory of this tag.

        Raises Refused with QEMU's last words if it ends at once.
        """
        state = machine.state
        trim_console(machine)
        for port in dict.fromkeys((state.ssh_port, 0)):
            try:
                self._spawn(machine, port, loads, frozen)
                break
            except Refused as error:
                # Somebody else may have taken the port meanwhile.
                if not (port and "forwarding" in str(error)):
                    raise
        self._learn(machine)
        state.phase, state.host_boot = RUNNING, process.host_boot()
        if not loads:
            state.saved = ""
        with told(self._cloud, machine.folder):
            machine.save()

    def take_up(self, machine: Held) -> None:
        """Make true what is written of a machine on which a killed command was at work; we hold its lock.

        What runs is a machine that runs, with the port that it has, and no memory to go back to. A guest that
        was to be suspended goes on, as where that fails. A QEMU that does not answer is left as it is.
        """
        state, lost = machine.state, ""
        if not state.doing:
            return
        number = process.find(machine.folder, state.uuid) or process.search(state.uuid)
        with contextlib.suppress(CloudError), told(self._cloud, machine.folder):
            if number:
                self._await_up(machine, number, _TAKE_UP)
                if state.doing == State.SUSPENDING:
                    qmp.ask(machine.folder, qmp.command("cont"))
                self._learn(machine)
                lost, state.saved = state.saved, ""
                state.phase, state.host_boot = RUNNING, process.host_boot()
            state.doing = ""
            machine.save()
            self._drop(machine, lost)

    def _spawn(self, machine: Held, port: int, loads: str, frozen: bool) -> None:
        state, folder = machine.state, machine.folder
        program = programs.find(self._cloud, self._settings)
        accel = programs.accelerator(self._settings)
        state.cpu = state.cpu or programs.cpu(self._settings)
        with told(self._cloud, folder), self._wired(machine) as (wiring, keep):
            (folder / qmp.SOCKET).unlink(missing_ok=True)
            words = command_line.words(program, accel, state, wiring, port=port, loads=loads, frozen=frozen)
            number = process.spawn(words, folder, state.uuid, keep)
            try:
                self._await_up(machine, number, _MEMORY if loads else _UP)
            except BaseException:
                process.kill(folder, state.uuid, number)
                raise

    @contextlib.contextmanager
    def _wired(self, machine: Held) -> Iterator[tuple[command_line.Wiring, list[int]]]:
        if not (machine.state.lan_address and self._settings.network):
            yield command_line.Wiring(str(self._tftp), UNPLUGGED), []
            return
        with self._lan.joined() as (lan, keep):
            yield command_line.Wiring(str(self._tftp), lan), keep

    def _await_up(self, machine: Held, number: int, seconds: float) -> None:
        """Wait until QEMU answers. Raises Refused if it has ended, CloudTimeout if it takes too long."""
        end = time.monotonic() + seconds
        socket = machine.folder / qmp.SOCKET
        while time.monotonic() < end:
            if socket.exists():
                with contextlib.suppress(Unreachable):
                    qmp.ask(machine.folder, qmp.command("query-status"), timeout=end - time.monotonic())
                    return
            if not process.is_machine(number, machine.state.uuid):
                last = process.last_words(machine.folder)
                raise Refused(
                    f"QEMU of {machine.state.name} on cloud {self._cloud} ended at once: "
                    f"{last or 'it gave no reason'}"
                )
            time.sleep(_TICK)
        raise CloudTimeout(
            f"QEMU of {machine.state.name} on cloud {self._cloud} did not answer in {seconds:g} s"
        )

    def _learn(self, machine: Held) -> None:
        """Note the port that leads to the machine's ssh server, and the versioned type of the machine."""
        forwarded, kinds = qmp.ask(
            machine.folder,
            qmp.command("human-monitor-command", command_line="info usernet"),
            qmp.command("query-machines"),
        )
        match = _FORWARDED.search(str(forwarded))
        machine.state.ssh_port = int(match[1]) if match else 0
        if not machine.state.machine_type:
            machine.state.machine_type = next(
                (each["name"] for each in kinds if each.get("alias") == command_line.MACHINE_TYPE), ""
            )

    def stop(self, machine: Held) -> None:
        """Press the power button, wait for the guest, and cut the power after the grace period."""
        number = process.find(machine.folder, machine.state.uuid)
        end = time.monotonic() + self._settings.grace
        with contextlib.suppress(CloudError):
            while number and (left := end - time.monotonic()) > 0:
                # A paused guest notices the button only when it goes on.
                qmp.ask(machine.folder, qmp.command("system_powerdown"), qmp.command("cont"))
                if process.await_end(machine.state.uuid, number, min(left, _PRESS_AGAIN)):
                    break
        self.cut(machine)

    def cut(self, machine: Held) -> None:
        """End the process at once, but let it write what it has in its own memory to the disk."""
        self._end(machine)
        state, lost = machine.state, machine.state.saved
        state.phase, state.saved = STOPPED, ""
        with told(self._cloud, machine.folder):
            machine.save()
        if lost and not state.keeps(lost):
            # What is kept for nothing only takes space.
            with contextlib.suppress(CloudError):
                tags.in_file(machine.folder / DISK, tags.DELETE, lost)

    def _end(self, machine: Held) -> None:
        number = process.find(machine.folder, machine.state.uuid)
        if number:
            with contextlib.suppress(CloudError):
                qmp.ask(machine.folder, qmp.command("quit"), timeout=_QUIT)
                process.await_end(machine.state.uuid, number, _QUIT)
        with told(self._cloud, machine.folder):
            process.kill(machine.folder, machine.state.uuid, number)

    def reboot(self, machine: Held) -> None:
        """Shut the guest down and start it again."""
        self.stop(machine)
        self.start(machine)

    def hard_reboot(self, machine: Held) -> None:
        """Cut the power and give it again, whatever state the machine is in."""
        if look(machine).state in (State.ACTIVE, State.PAUSED):
            with contextlib.suppress(CloudError):
                qmp.ask(machine.folder, qmp.command("system_reset"), qmp.command("cont"))
                return
        self.cut(machine)
        self.start(machine)

    def pause(self, machine: Held) -> None:
        """Let the guest stand still; what it has written reaches the disk before this returns."""
        qmp.ask(machine.folder, qmp.command("stop"))

    def unpause(self, machine: Held) -> None:
        """Let a paused guest go on."""
        qmp.ask(machine.folder, qmp.command("cont"))

    def suspend(self, machine: Held) -> None:
        """Write the memory into the disk's file and end the process. The guest goes on where that fails."""
        tag = self.save_memory(machine, running=False)
        machine.state.phase, machine.state.saved = SUSPENDED, tag
        with told(self._cloud, machine.folder):
            machine.save()
        self._end(machine)

    def save_memory(self, machine: Held, running: bool) -> str:
        """Write the memory, with the state of the disk, into the disk's file; gives its tag.

        The guest stands still meanwhile, and goes on afterwards if ``running``; in any case where this fails.
        """
        tag, folder = tags.new_tag(), machine.folder
        qmp.ask(folder, qmp.command("stop"))
        try:
            qmp.monitor(folder, f"savevm {tag}", _MEMORY)
        except CloudError:
            with contextlib.suppress(CloudError):
                qmp.monitor(folder, f"delvm {tag}")
            with contextlib.suppress(CloudError):
                qmp.ask(folder, qmp.command("cont"))
            raise
        if running:
            qmp.ask(folder, qmp.command("cont"))
        return tag

    def resume(self, machine: Held) -> None:
        """Start the process of a suspended machine with its memory, which is then no longer kept."""
        state = machine.state
        tag = state.saved
        self.start(machine, loads=tag)
        state.saved = ""
        with told(self._cloud, machine.folder):
            machine.save()
        self._drop(machine, tag)

    def _drop(self, machine: Held, tag: str) -> None:
        """Give up the memory of a machine that runs already: it only takes space."""
        if tag and not machine.state.keeps(tag):
            with contextlib.suppress(CloudError):
                qmp.monitor(machine.folder, f"delvm {tag}", _MEMORY)


def trim_console(machine: Held) -> None:
    """Keep the newer half of a console that has become too long. QEMU goes on writing behind it."""
    file = machine.folder / CONSOLE
    with contextlib.suppress(OSError):
        if file.stat().st_size > CONSOLE_BYTES:
            with file.open("r+b") as opened:
                opened.seek(-CONSOLE_BYTES // 2, 2)
                newest = opened.read()
                opened.truncate(0)
            with file.open("ab") as opened:
                opened.write(newest)
