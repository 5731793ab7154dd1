"""``find_route``: as whom, to which address and by which way one signs in to a machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cloudmesh.cloud.access.keys import key_file
from cloudmesh.cloud.access.route import NoRoute, Route, alias_of, is_pretended
from cloudmesh.cloud.access.users import user_of_image
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.config.settings import ssh
from cloudmesh.plugin.plain import harmless

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class ImageNote:
    """What is known of the image of a machine.

    Attributes:
        name: its name, where the machine may tell only its id.
        login_user: the user that it names itself; empty if it does not.
    """

    name: str = ""
    login_user: str = ""


@dataclass(frozen=True)
class RouteFinder:
    """Finds routes, with what is known of machines, clouds, images and key pairs.

    Attributes:
        settings: the section of a cloud in the configuration; None if there is no such cloud.
        known: the machine ``CLOUD:NAME``; None if there is none.
        image: what is known of the image of a machine.
        told_user: who a machine said is to sign in when somebody else tried; empty if it was never asked.
        fingerprint: that of the key pair of a machine, as its cloud told it; empty if that is not known.
        ssh_folder: where the user's keys are; None for ``~/.ssh``.
    """

    settings: Callable[[str], Settings | None]
    known: Callable[[str], MachineRecord | None] = lambda _: None
    image: Callable[[MachineRecord], ImageNote] = lambda _: ImageNote()
    fingerprint: Callable[[MachineRecord], str] = lambda _: ""
    ssh_folder: Path | None = None
    told_user: Callable[[MachineRecord], str] = lambda _: ""
    # The files of key pairs that were looked for.
    _keys: dict[tuple[str, str, str], Path | None] = field(default_factory=dict, compare=False)

    def find(self, machine: MachineRecord) -> Route:
        """The route to a machine.

        The address is a public IPv4, else a global IPv6, else a private one, which is reached through the
        ``jump`` of the configuration, or directly if there is none.

        Raises:
            NoRoute: it has no address, or a machine to go through has none, is not known, or would be gone
                through twice.
        """
        return self._find(machine, ())

    def _find(self, machine: MachineRecord, visited: tuple[MachineRecord, ...]) -> Route:
        """The same for a machine on the way to those that are ``visited``."""
        name = harmless(machine.qualified_name)
        if any(_same(machine, each) for each in visited):
            way = harmless(" -> ".join(each.qualified_name for each in (*visited, machine)))
            raise NoRoute(
                f"{name} would be reached through itself ({way}); correct clouds.{machine.cloud}.ssh.jump"
            )
        if not machine.ssh_address:
            raise NoRoute(
                f"{name} has no address; it is {machine.state}; cms vm list --refresh asks its cloud"
            )
        image, settings = self.image(machine), self.settings(machine.cloud) or {}
        own = ssh.read(settings.get("ssh"), (image.name, machine.image))
        said = own.user or machine.login_user or image.login_user
        route = Route(
            machine=machine,
            user=said or self.told_user(machine) or user_of_image(image.name or machine.image, settings),
            guessed=not said,
            address=machine.ssh_address,
            port=machine.ssh_port,
            key_file=own.key or self._key_file(machine),
            host_key_alias=alias_of(machine),
        )
        if not _is_private(machine):
            return route
        jumps = self._way(own.jumps, (*visited, machine))
        hosts = [each for each in jumps if isinstance(each, str)]
        hint = ""
        if hosts:
            hint = f"the way leads through {', '.join(hosts)}, which your OpenSSH configuration has to know"
        elif is_pretended(settings):
            hint = f"{machine.cloud} is a simulated cloud: signing in to its machines is impossible"
        elif not jumps:
            hint = (
                f"{machine.ssh_address} is a private address, reachable only from its own network or a VPN; "
                f"else set clouds.{machine.cloud}.ssh.jump, or give the machine a public address"
            )
        return replace(route, jumps=jumps, hint=hint)

    def _way(self, words: tuple[str, ...], visited: tuple[MachineRecord, ...]) -> tuple[Route | str, ...]:
        """What the words of ``jump`` say to go through, each machine with what stands before it."""
        way: tuple[Route | str, ...] = ()
        for word in words:
            machine = self._machine(word, visited[-1])
            if machine is None:
                way = (*way, word)
            elif not way:
                hop = self._find(machine, visited)
                way = (*hop.jumps, hop)
            else:
                # It is reached from what stands before it, whatever leads there from here.
                hop = self._find(machine, ()) if not _is_private(machine) else self._bare(machine, visited)
                way = (*way, replace(hop, jumps=way, hint=""))
        return way

    def _bare(self, machine: MachineRecord, visited: tuple[MachineRecord, ...]) -> Route:
        """The route to a machine that is not the first to go through, without a way of its own."""

        def settings(cloud: str) -> Settings | None:
            section = self.settings(cloud)
            return section and {**section, "ssh": _without_jumps(section.get("ssh"))}

        return replace(self, settings=settings)._find(machine, visited)

    def _machine(self, word: str, target: MachineRecord) -> MachineRecord | None:
        """The machine of ours that a word means; None if it means a host that OpenSSH is to know."""
        cloud, sign, name = word.partition(":")
        if "@" in word:
            return None
        if sign and not name.isdigit() and self.settings(cloud) is not None:
            if found := self.known(word):
                return found
            raise NoRoute(
                f"the way to {harmless(target.qualified_name)} leads through {harmless(word)}, and no such "
                f"machine is known; correct clouds.{target.cloud}.ssh.jump, or ask: cms vm list --refresh"
            )
        return None if sign else self.known(f"{target.cloud}:{word}")

    def _key_file(self, machine: MachineRecord) -> Path | None:
        key = (machine.cloud, machine.key, self.fingerprint(machine))
        if key not in self._keys:
            self._keys[key] = key_file(machine.key, key[2], self.ssh_folder)
        return self._keys[key]


def find_route(
    machine: MachineRecord,
    settings: Settings,
    known: Callable[[str], MachineRecord | None] = lambda _: None,
) -> Route:
    """The route to a machine whose cloud has these settings; machines to go through are of the same cloud.

    Args:
        known: the machine ``CLOUD:NAME``; None if there is none.

    Raises:
        NoRoute: as ``RouteFinder.find``.
    """
    return RouteFinder({machine.cloud: settings}.get, known).find(machine)


def _same(one: MachineRecord, other: MachineRecord) -> bool:
    return (one.cloud, one.cloud_id) == (other.cloud, other.cloud_id)


def _is_private(machine: MachineRecord) -> bool:
    """Whether the address of a machine leads somewhere else from elsewhere, and not to this computer."""
    address = machine.ssh_address
    if address in machine.public_ips:
        # Also one of a range of private addresses: it floats there to be reached.
        return False
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (parsed.is_global or parsed.is_loopback)


def _without_jumps(section: Any) -> dict[str, Any]:
    """A section ``ssh`` without any ``jump``."""
    if not isinstance(section, Mapping):
        return {}
    images = section.get("images")
    kept = {
        glob: {key: each for key, each in value.items() if key != "jump"}
        for glob, value in (images.items() if isinstance(images, Mapping) else ())
        if isinstance(value, Mapping)
    }
    return {**{key: value for key, value in section.items() if key != "jump"}, "images": kept}
