"""The words that start a machine. All files are named as seen from its folder, which may be renamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cloudmesh.cloud.providers.qemu.folder import CONSOLE, DISK, SEED
from cloudmesh.cloud.providers.qemu.networks import UNPLUGGED
from cloudmesh.cloud.providers.qemu.process import PIDS
from cloudmesh.cloud.providers.qemu.qmp import SOCKET
from cloudmesh.cloud.providers.qemu.state import MachineState

#: What a machine's type is asked for by, until its versioned name is known.
MACHINE_TYPE = "pc"
DISK_NODE = "disk0"


@dataclass(frozen=True)
class Wiring:
    """How a machine is connected.

    Attributes:
        tftp: the folder that machines can read by TFTP at the address of their gateway; empty for none.
        lan: the words of the second network behind ``-netdev``, with its id ``lan``.
    """

    tftp: str = ""
    lan: str = UNPLUGGED


def words(
    program: str,
    accel: str,
    state: MachineState,
    wiring: Wiring,
    *,
    port: int = 0,
    loads: str = "",
    frozen: bool = False,
) -> Sequence[str]:
    """The command line.

    Args:
        port: of this computer, which is to lead to its ssh server; 0 for any that is free.
        loads: the tag of the memory that it goes on with; empty to boot.
        frozen: whether it stands still until it is told to go on.
    """
    return [
        *(program, "-name", f"guest={state.name}", "-uuid", state.uuid),
        *("-no-user-config", "-nodefaults", "-display", "none", "-pidfile", f"../{PIDS}/{state.uuid}.pid"),
        *("-machine", f"{state.machine_type or MACHINE_TYPE},accel={accel}", "-cpu", state.cpu),
        *("-smp", str(state.vcpus), "-m", str(state.ram), "-vga", "std"),
        # The clock of the hardware goes on while the machine is suspended, see ``names``.
        *("-rtc", "base=utc,clock=host,driftfix=slew"),
        *("-chardev", f"socket,id=qmp,path={SOCKET},server=on,wait=off", "-mon", "chardev=qmp,mode=control"),
        *("-chardev", f"file,id=console,path={CONSOLE},append=on", "-serial", "chardev:console"),
        # Cached, and written through when the guest asks for that.
        *("-drive", f"file={DISK},id={DISK_NODE},if=none,format=qcow2,cache=writeback,discard=unmap"),
        *("-device", f"virtio-blk-pci,drive={DISK_NODE},bootindex=1"),
        *("-drive", f"file={SEED},id=seed,if=none,format=raw,readonly=on"),
        *("-device", "virtio-blk-pci,drive=seed"),
        *("-netdev", _nat(wiring, port)),
        *("-device", f"virtio-net-pci,netdev=nat,mac={state.mac},romfile="),
        *(_lan(state, wiring)),
        *("-device", "virtio-rng-pci"),
        *(("-loadvm", loads) if loads else ()),
        *(("-S",) if frozen else ()),
    ]


def _nat(wiring: Wiring, port: int) -> str:
    """The way out of the machine, and the one way in."""
    tftp = f",tftp={wiring.tftp.replace(',', ',,')}" if wiring.tftp else ""
    return f"user,id=nat,ipv6=off,hostfwd=tcp:127.0.0.1:{port}-:22{tftp}"


def _lan(state: MachineState, wiring: Wiring) -> Sequence[str]:
    if not state.lan_address:
        return ()
    card = f"virtio-net-pci,netdev=lan,mac={state.lan_mac},romfile="
    return ("-netdev", wiring.lan, "-device", card)
