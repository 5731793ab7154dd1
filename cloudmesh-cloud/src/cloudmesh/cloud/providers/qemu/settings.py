"""What the configuration may say of a cloud of machines on this computer, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from cloudmesh.config.settings.places import machines_directory
from cloudmesh.plugin import durations
from cloudmesh.plugin.errors import ConfigError, suggest

AUTO, KVM, TCG = "auto", "kvm", "tcg"
ACCELERATORS = (AUTO, KVM, TCG)
#: By name: processors, MiB of memory, GiB of disk.
FLAVORS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "tiny": (1, 256, 4),
        "small": (1, 1024, 10),
        "medium": (2, 2048, 20),
        "large": (4, 4096, 40),
        "xlarge": (8, 8192, 80),
    }
)
_CPU = re.compile(r"[A-Za-z0-9_.-]+(,[a-z0-9_.+-]+(=[a-z0-9]+)?)*")
_FLAVOR_KEYS = ("vcpus", "ram", "disk")
# The smallest network with room for this computer's address and two machines.
_LONGEST_PREFIX = 29


@dataclass(frozen=True)
class QemuSettings:
    """The settings of one cloud of type ``qemu``.

    Attributes:
        folder: where its machines and images are.
        program: the name or path of QEMU.
        accel: ``kvm``, ``tcg`` (every instruction is translated), or ``auto`` for the better one that works.
        cpu: the processor that guests see, as QEMU calls it; empty for one that suits ``accel``.
        grace: seconds that a guest gets to shut down before its power is cut.
        lock_wait: seconds to wait for another command that is at work on the same machine.
        network: whether machines share a network on which they reach one another by name.
        subnet: the addresses of that network.
        flavors: sizes of machines by name: processors, MiB of memory, GiB of disk.
    """

    folder: Path
    program: str = "qemu-system-x86_64"
    accel: str = AUTO
    cpu: str = ""
    grace: float = 60.0
    lock_wait: float = 10.0
    network: bool = True
    subnet: IPv4Network = IPv4Network("10.152.0.0/16")  # noqa: RUF009 it cannot be changed
    flavors: Mapping[str, tuple[int, int, int]] = field(default_factory=lambda: FLAVORS)

    @classmethod
    def read(cls, cloud: str, data: Mapping[str, Any]) -> QemuSettings:
        """Take the settings from the cloud's part of the configuration. Raises ConfigError."""
        given: dict[str, Any] = {}
        for key in ("program", "cpu"):
            if data.get(key) is not None:
                given[key] = _text(cloud, key, data[key])
        for key in ("grace", "lock_wait"):
            if key in data:
                given[key] = _seconds(cloud, key, data[key])
        accel = data.get("accel", AUTO)
        if accel not in ACCELERATORS:
            raise _bad(cloud, "accel", f"has an unknown value ({suggest(str(accel), ACCELERATORS)})")
        network = data.get("network", True)
        if not isinstance(network, bool):
            raise _bad(cloud, "network", "must be true or false")
        if data.get("subnet") is not None:
            given["subnet"] = _subnet(cloud, data["subnet"])
        if data.get("flavors") is not None:
            given["flavors"] = _flavors(cloud, data["flavors"])
        return cls(_folder(cloud), accel=accel, network=network, **given)


SETTINGS_KEYS = tuple(name for name in QemuSettings.__dataclass_fields__ if name != "folder")


def _folder(cloud: str) -> Path:
    """Where all that belongs to a cloud is. Its name may be such as "a/b" or ".."."""
    name = quote(cloud, safe="")
    return machines_directory() / (f"%2E{name[1:]}" if name.startswith(".") else name)


def _bad(cloud: str, key: str, problem: str) -> ConfigError:
    mend = "config edit" if key == "flavors" else f"config set clouds.{cloud}.{key}=VALUE"
    return ConfigError(f"clouds.{cloud}.{key} {problem}; correct it with cms {mend}")


def _text(cloud: str, key: str, value: object) -> str:
    if not (isinstance(value, str) and value.strip()):
        raise _bad(cloud, key, "must be a text")
    if key == "cpu" and not _CPU.fullmatch(value.strip()):
        raise _bad(cloud, key, "must be a processor as 'qemu-system-x86_64 -cpu help' lists it")
    return value.strip()


def _seconds(cloud: str, key: str, value: object) -> float:
    try:
        return durations.seconds(value)
    except ValueError as error:
        raise _bad(cloud, key, str(error)) from None


def _subnet(cloud: str, value: object) -> IPv4Network:
    try:
        found = ip_network(str(value))
    except ValueError:
        found = None
    if not isinstance(found, IPv4Network) or found.prefixlen > _LONGEST_PREFIX:
        raise _bad(
            cloud, "subnet", f"must be an IPv4 network such as 10.152.0.0/16, /{_LONGEST_PREFIX} or larger"
        )
    return found


def _flavors(cloud: str, value: object) -> dict[str, tuple[int, int, int]]:
    if not (isinstance(value, Mapping) and value):
        raise _bad(cloud, "flavors", "must have lines such as 'big: {vcpus: 4, ram: 4096, disk: 40}'")
    found = {}
    for name, sizes in value.items():
        numbers = [sizes.get(key) for key in _FLAVOR_KEYS] if isinstance(sizes, Mapping) else []
        if not numbers or not all(type(each) is int and each > 0 for each in numbers):
            raise _bad(cloud, "flavors", f"needs vcpus, ram (MiB) and disk (GiB) of 1 or more for {name}")
        found[str(name)] = (int(numbers[0] or 0), int(numbers[1] or 0), int(numbers[2] or 0))
    return found
