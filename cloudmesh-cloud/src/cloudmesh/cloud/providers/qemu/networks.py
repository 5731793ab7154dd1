"""The network on which the machines of a cloud reach one another, without root and without another process.

Each QEMU sends the frames of its second card to a multicast group on the loopback interface, which the others
receive. Group and port are made at random for each cloud. **What it does not do**: keep other users of this
computer out, who can join a group if they find out which; on a computer that is shared, set
``network: false``. QEMU also listens to the group on the interface of the default route, see ``Lan.joined``;
so a neighbour there who finds out group and port could send frames to the machines, and would get none.

Which card is on which network is told by the MAC: 52:54:00, then the first bytes of the machine's id; the
last bit is 1 for the second card.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from cloudmesh.cloud.errors import NoCapacity
from cloudmesh.cloud.providers.qemu.state import MachineState
from cloudmesh.plugin.files import replace_private

FILE = ".network.json"
LOOPBACK = "127.0.0.1"
_PORTS = range(20000, 32000)
#: A second card whose cable is out.
UNPLUGGED = "hubport,id=lan,hubid=0"


def macs(uuid: str) -> tuple[str, str]:
    """The addresses of the two cards of a machine with this id."""
    start = UUID(uuid).bytes
    common = f"52:54:00:{start[0]:02x}:{start[1]:02x}"
    last = start[2] & 0xFE
    return f"{common}:{last:02x}", f"{common}:{last | 1:02x}"


def free_address(subnet: IPv4Network, states: Iterable[MachineState]) -> str:
    """An address that no machine has; the first one is kept for this computer. Raises NoCapacity."""
    used = {each.lan_address for each in states}
    for each in islice(subnet.hosts(), 1, None):
        if str(each) not in used:
            return str(each)
    raise NoCapacity(f"all addresses of {subnet} are used; set a larger network as 'subnet' of the cloud")


def seed_network(state: MachineState, subnet: IPv4Network) -> Mapping[str, Any]:
    """The configuration of both cards in cloud-init's form, version 2."""
    cards: dict[str, Any] = {"nat": {"match": {"macaddress": state.mac}, "dhcp4": True}}
    if state.lan_address:
        cards["lan"] = {
            "match": {"macaddress": state.lan_mac},
            "addresses": [f"{state.lan_address}/{subnet.prefixlen}"],
            # Nobody waits for it to begin with.
            "optional": True,
        }
    return {"version": 2, "ethernets": cards}


class Lan:
    """The group of one cloud."""

    def __init__(self, cloud_folder: Path) -> None:
        """Use the file in a cloud's folder."""
        self._file = cloud_folder / FILE

    @contextlib.contextmanager
    def joined(self) -> Iterator[tuple[str, list[int]]]:
        """What a machine is connected by: QEMU's words, and an open file that it has to be given.

        QEMU joins the group on the interface of the default route only; that file is a socket which has
        joined it on the loopback interface, for as long as QEMU lives. Where there is no such route QEMU
        cannot join, and the machine starts with the cable out.
        """
        try:
            group, port = self._group()
        except (OSError, ValueError, KeyError, TypeError):
            yield UNPLUGGED, []
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                _join(probe, group, "0.0.0.0")  # noqa: S104 as QEMU does it
            except OSError:
                yield UNPLUGGED, []
                return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as member:
            _join(member, group, LOOPBACK)
            yield f"socket,id=lan,mcast={group}:{port},localaddr={LOOPBACK}", [member.fileno()]

    def prepare(self) -> None:
        """Choose the group, at the cloud's first machine; the cloud's lock is held. Raises OSError."""
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            self._group()
            return
        # 239/8 is for use within one organisation.
        group = f"239.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"
        made = {"group": group, "port": secrets.choice(_PORTS)}
        replace_private(self._file, json.dumps(made).encode(), sync=False)

    def _group(self) -> tuple[str, int]:
        known = json.loads(self._file.read_bytes())
        return str(known["group"]), int(known["port"])


def _join(member: socket.socket, group: str, address: str) -> None:
    wanted = socket.inet_aton(group) + socket.inet_aton(address)
    member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, wanted)
