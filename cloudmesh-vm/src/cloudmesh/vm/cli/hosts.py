"""Machines as the files that ssh and Ansible read: ``--output=ssh-config`` and ``--output=ansible``.

Names and metadata come from a cloud, and nothing of them may act in these files: only letters, digits, ``.``,
``-`` and ``_`` are left of them, and an address that is no IP address is not used.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from cloudmesh.plugin.lists.rows import Row, Rows
from cloudmesh.plugin.plain import harmless

_SHOWN = 10
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_UNSAFE_IN_GROUP = re.compile(r"\W+", re.ASCII)
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")
_SSH_PORT = 22
# They mean something else to ssh and Ansible: what is done on this computer, or on all hosts.
_TAKEN = frozenset({"all", "ungrouped", "localhost", "implicit_localhost"})


class Host(NamedTuple):
    """A machine that can be signed in to: its alias, unlike all others, and where it is."""

    alias: str
    address: str
    user: str
    port: int
    groups: list[str]


def hosts_text(form: str, rows: Rows) -> tuple[str, list[str]]:
    """The file of all machines with an address, and a note on those without.

    Args:
        form: ``ansible`` or ``ssh-config``.
        rows: with the columns cloud, name, id, address, user, port, metadata.
    """
    there = [row for row in rows if _is_address(row["address"])]
    hosts = _hosts(there)
    lines = _ssh_lines(hosts) if form == "ssh-config" else _ansible_lines(hosts)
    away = [f"{row['cloud']}:{row['name']}" for row in rows if not _is_address(row["address"])]
    if not away:
        return "\n".join(lines), []
    more = f" and {len(away) - _SHOWN} more" if len(away) > _SHOWN else ""
    named = harmless(", ".join(away[:_SHOWN]))
    return "\n".join(lines), [f"note: left out, since no address is known: {named}{more}"]


def _hosts(rows: list[Row]) -> list[Host]:
    """The hosts; of those with the same name each has its cloud in its alias, or also its id."""
    candidates = [
        [
            _safe(name)
            for name in (
                row["name"],
                f"{row['cloud']}-{row['name']}",
                f"{row['cloud']}-{row['name']}-{row['id']}",
            )
        ]
        for row in rows
    ]
    # An alias may be what another machine would be called with its cloud.
    counts = Counter(name for names in candidates for name in set(names))
    hosts = []
    for row, names in zip(rows, candidates, strict=True):
        alias = next((name for name in names if counts[name] == 1 and _is_free(name)), names[-1])
        tags = [
            _group(f"tag_{key}_{value}" if value else f"tag_{key}") for key, value in row["metadata"].items()
        ]
        user = row["user"] if _USER.fullmatch(row["user"]) else ""
        groups = list(dict.fromkeys([_group(f"cloud_{row['cloud']}"), *tags]))
        hosts.append(Host(alias, row["address"], user, int(row["port"]), groups))
    return hosts


def _ssh_lines(hosts: Iterable[Host]) -> list[str]:
    lines = []
    for host in hosts:
        lines += [f"Host {host.alias}", f"    HostName {host.address}"]
        lines += [f"    User {host.user}"] * bool(host.user)
        lines += [f"    Port {host.port}"] * (host.port != _SSH_PORT)
    return lines


def _ansible_lines(hosts: list[Host]) -> list[str]:
    """An inventory in YAML: all hosts with their variables, and the groups that they are in."""
    if not hosts:
        return ["all:", "  hosts: {}"]
    lines = ["all:", "  hosts:"]
    groups: dict[str, list[str]] = {}
    for host in hosts:
        lines += [f"    {_quoted(host.alias)}:", f"      ansible_host: {_quoted(host.address)}"]
        lines += [f"      ansible_user: {_quoted(host.user)}"] * bool(host.user)
        lines += [f"      ansible_port: {host.port}"] * (host.port != _SSH_PORT)
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


def _is_address(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_free(alias: str) -> bool:
    """Whether an alias has no meaning of its own; our groups begin with ``cloud_`` and ``tag_``."""
    return alias.lower() not in _TAKEN and not alias.startswith(("cloud_", "tag_"))


def _safe(text: str) -> str:
    """A name as ssh and Ansible take it for one host, and not for a pattern or an option."""
    name = _UNSAFE.sub("_", text)
    return name if name[:1].isalnum() or name[:1] == "_" else f"_{name}"


def _group(text: str) -> str:
    """A name that Ansible allows for a group: letters, digits and ``_``."""
    return _UNSAFE_IN_GROUP.sub("_", text)


def _quoted(text: str) -> str:
    """A text in YAML, which might take it bare for a number."""
    return json.dumps(text)
