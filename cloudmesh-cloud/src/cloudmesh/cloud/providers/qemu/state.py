"""What is written down of a machine: one small JSON file in its folder, replaced in one step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from cloudmesh.plugin.files import replace_private

FILE = "state.json"
# Where a machine is whose process is not there.
STOPPED, RUNNING, SUSPENDED = "stopped", "running", "suspended"


@dataclass(frozen=True)
class Kept:
    """A snapshot of a machine.

    Attributes:
        tag: its name within the disk.
        created: seconds since the epoch.
        phase: what the machine was: ``active``, ``paused``, ``suspended`` or ``stopped``; only that of a
            stopped machine is without memory.
        sizes: the flavor's name, processors, MiB of memory and GiB of disk.
    """

    tag: str
    created: float
    phase: str
    flavor: str
    vcpus: int
    ram: int
    disk: int
    machine_type: str
    cpu: str


@dataclass
class MachineState:
    """All that is known of a machine beside its disk.

    Attributes:
        uuid: its id on the cloud, which QEMU is started with, too.
        instance_id: by which cloud-init knows that a machine is new.
        mac, lan_mac: of its two network cards.
        lan_address: on the network of the cloud's machines; empty for none.
        ssh_port: of this computer, which leads to port 22 of the machine.
        machine_type: the versioned one, which the saved memory belongs to; empty before the first start.
        phase: what it is when no process is there: ``stopped``, ``suspended``, or ``running`` for one whose
            process ended by itself.
        doing: the passing state while a command is at work; left over from a killed one if nobody holds the
            lock.
        saved: the tag of the memory of a suspended machine.
        host_boot: what the kernel calls the time from its start on; another one tells that this computer was
            started anew since.
    """

    name: str
    uuid: str
    image_id: str
    image: str
    flavor: str
    vcpus: int
    ram: int
    disk: int
    instance_id: str
    mac: str
    lan_mac: str
    lan_address: str = ""
    key: str = ""
    public_key: str = ""
    login_user: str = ""
    created: float = 0.0
    token: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    ssh_port: int = 0
    machine_type: str = ""
    cpu: str = ""
    phase: str = STOPPED
    doing: str = ""
    saved: str = ""
    host_boot: str = ""
    locked: bool = False
    snapshots: dict[str, Kept] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> MachineState:
        """What is written in a machine's folder. Raises OSError, and ValueError if it cannot be read."""
        try:
            data: dict[str, Any] = json.loads((folder / FILE).read_bytes())
            known = {each.name for each in fields(cls)}
            data["snapshots"] = {name: Kept(**each) for name, each in data.get("snapshots", {}).items()}
            return cls(**{key: value for key, value in data.items() if key in known})
        except (TypeError, AttributeError, KeyError) as error:
            raise ValueError(f"{FILE} is not as it was written") from error

    def write(self, folder: Path, sync: bool = True) -> None:
        """Put it into the machine's folder in one step; ``sync`` waits for the disk. Raises OSError."""
        replace_private(folder / FILE, json.dumps(asdict(self), indent=1).encode(), sync=sync)

    def keeps(self, tag: str) -> bool:
        """Whether a snapshot stands on what the disk's file holds by this tag."""
        return any(each.tag == tag for each in self.snapshots.values())

    def take_sizes(self, sizes: Mapping[str, Any]) -> None:
        """Take flavor, processors, memory, disk and the like from a snapshot."""
        for key in ("flavor", "vcpus", "ram", "disk", "machine_type", "cpu"):
            setattr(self, key, sizes[key])
