"""Machines as entries of the files that OpenSSH and Ansible read.

Names, metadata and addresses come from a cloud, and nothing of them may act in these files: only letters,
digits, ``.``, ``-`` and ``_`` are left of names, and an address that is no plain IP address is not used.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

SSH_PORT = 22
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_UNSAFE_IN_GROUP = re.compile(r"\W+", re.ASCII)
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*\$?")
# They mean something else to ssh and Ansible: what is done on this computer, or on all hosts.
_TAKEN = frozenset({"all", "ungrouped", "localhost", "implicit_localhost"})


@dataclass(frozen=True)
class Host:
    """A machine that can be signed in to, as the files name it.

    Attributes:
        alias: unlike all others.
        address: an IP address.
        user: empty for none.
        groups: those that Ansible has it in.
        key_file: the private key; None for none.
        host_key_alias: under which its host keys are kept; empty where OpenSSH's own place is meant.
        known_hosts: the file of these keys.
        jumps: what to go through first: aliases of this file, and hosts that OpenSSH is to know.
    """

    alias: str
    address: str
    user: str = ""
    port: int = SSH_PORT
    groups: tuple[str, ...] = ()
    key_file: Path | None = None
    host_key_alias: str = ""
    known_hosts: Path | None = None
    jumps: tuple[str, ...] = ()

    def options(self) -> list[tuple[str, str]]:
        """What OpenSSH is to be told beside address, user, port and jumps, as its files take it."""
        told = []
        if self.key_file is not None and (key := quoted_path(self.key_file)):
            told.append(("IdentityFile", key))
        if self.host_key_alias and self.known_hosts and (known := quoted_path(self.known_hosts)):
            told.append(("HostKeyAlias", self.host_key_alias))
            told.append(("UserKnownHostsFile", known))
            # Where a key is known this takes no other one, also none of another kind.
            told.append(("StrictHostKeyChecking", "accept-new"))
            # Under a name that nobody else can make sense of, and that has to be found again.
            told.append(("HashKnownHosts", "no"))
        return told


def ssh_lines(hosts: Iterable[Host]) -> list[str]:
    """The entries of hosts for a configuration of OpenSSH."""
    lines = []
    for host in hosts:
        lines += [f"Host {host.alias}", f"    HostName {host.address}"]
        lines += [f"    User {host.user}"] * bool(host.user)
        lines += [f"    Port {host.port}"] * (host.port != SSH_PORT)
        lines += [f"    {key} {value}" for key, value in host.options()]
        lines += [f"    ProxyJump {','.join(host.jumps)}"] * bool(host.jumps)
    return lines


def ansible_lines(hosts: Sequence[Host], config: Path | None = None) -> list[str]:
    """An inventory in YAML: all hosts with their variables, and the groups that they are in.

    Args:
        config: the file of ``ssh_lines`` of the same hosts, in which those to go through are found.
    """
    if not hosts:
        return ["all:", "  hosts: {}"]
    lines = ["all:", "  hosts:"]
    groups: dict[str, list[str]] = {}
    aliases = {host.alias for host in hosts}
    for host in hosts:
        lines += [f"    {_quoted(host.alias)}:", f"      ansible_host: {_quoted(host.address)}"]
        lines += [f"      ansible_user: {_quoted(host.user)}"] * bool(host.user)
        lines += [f"      ansible_port: {host.port}"] * (host.port != SSH_PORT)
        if arguments := _arguments(host, aliases, config):
            lines.append(f"      ansible_ssh_common_args: {_quoted(arguments)}")
        for group in host.groups:
            groups.setdefault(group, []).append(host.alias)
    lines.append("  children:")
    for group in sorted(groups):
        lines += [
            f"    {group}:",
            "      hosts:",
            *(f"        {_quoted(alias)}: {{}}" for alias in groups[group]),
        ]
    return lines


def _arguments(host: Host, aliases: set[str], config: Path | None) -> str:
    """The options of OpenSSH for Ansible, which splits them as a shell does."""
    words = [f"-o{key}={value}" for key, value in host.options()]
    if host.jumps and config is not None and aliases.intersection(host.jumps):
        *before, last = host.jumps
        way = ["ssh", "-F", str(config), *(["-J", ",".join(before)] if before else []), "-W", "[%h]:%p", last]
        words.append(f"-oProxyCommand={shlex.join(way)}")
    elif host.jumps:
        words.append(f"-oProxyJump={','.join(host.jumps)}")
    # Ansible reads what is between these as a template.
    return "" if any(sign in "".join(words) for sign in ("{{", "{%", "{#")) else shlex.join(words)


def aliases_of(candidates: Sequence[Sequence[str]]) -> list[str]:
    """For each machine the first of its candidates that is no other machine's, the last one if all are."""
    names = [[safe_name(each) for each in several] for several in candidates]
    # An alias may be what another machine would be called with its cloud; ssh's patterns know no case.
    counts = Counter(name for several in names for name in {each.lower() for each in several})
    return [
        next((name for name in several if counts[name.lower()] == 1 and _is_free(name)), several[-1])
        for several in names
    ]


def groups_of(cloud: str, metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """The groups of a machine: that of its cloud, and one for each of its tags."""
    tags = [_group(f"tag_{key}_{value}" if value else f"tag_{key}") for key, value in metadata.items()]
    return tuple(dict.fromkeys([_group(f"cloud_{cloud}"), *tags]))


def user_or_none(text: str) -> str:
    """The name of a user, empty if it is none."""
    return text if _USER.fullmatch(text) else ""


def is_address(text: str) -> bool:
    """Whether this is an IP address and nothing more: Python takes what follows a ``%`` for a zone."""
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


@lru_cache(maxsize=64)
def quoted_path(path: Path) -> str:
    """A path as OpenSSH's configuration takes it; empty for one that it cannot hold."""
    text = str(path)
    if "${" in text or any(ord(sign) < 32 or sign in '"\\' for sign in text):
        return ""
    text = text.replace("%", "%%")
    return f'"{text}"' if re.search(r"[\s#']", text) else text


def safe_name(text: str) -> str:
    """A name as ssh and Ansible take it for one host, and not for a pattern or an option."""
    name = _UNSAFE.sub("_", text)
    return name if name[:1].isalnum() or name[:1] == "_" else f"_{name}"


def _is_free(alias: str) -> bool:
    """Whether an alias has no meaning of its own; our groups begin with ``cloud_`` and ``tag_``."""
    return alias.lower() not in _TAKEN and not alias.startswith(("cloud_", "tag_"))


def _group(text: str) -> str:
    """A name that Ansible allows for a group: letters, digits and ``_``."""
    return _UNSAFE_IN_GROUP.sub("_", text)


def _quoted(text: str) -> str:
    """A text in YAML, which might take it bare for a number."""
    return json.dumps(text)
