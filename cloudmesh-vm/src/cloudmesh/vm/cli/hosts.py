"""The forms ``ssh-config`` and ``ansible`` of ``cms vm list``: its rows as files of other programs."""

from __future__ import annotations

from cloudmesh.cloud.access.hosts import (
    Host,
    aliases_of,
    ansible_lines,
    groups_of,
    is_address,
    ssh_lines,
    user_or_none,
)
from cloudmesh.plugin.lists.rows import Row, Rows
from cloudmesh.plugin.plain import harmless

_SHOWN = 10


def hosts_text(form: str, rows: Rows) -> tuple[str, list[str]]:
    """The file of all machines with an address, and a note on those without.

    Args:
        form: ``ansible`` or ``ssh-config``.
        rows: with the columns cloud, name, id, address, user, port, metadata.
    """
    there = [row for row in rows if is_address(row["address"])]
    hosts = _hosts(there)
    lines = ssh_lines(hosts) if form == "ssh-config" else ansible_lines(hosts)
    away = [f"{row['cloud']}:{row['name']}" for row in rows if not is_address(row["address"])]
    if not away:
        return "\n".join(lines), []
    more = f" and {len(away) - _SHOWN} more" if len(away) > _SHOWN else ""
    named = harmless(", ".join(away[:_SHOWN]))
    return "\n".join(lines), [f"note: left out, since no address is known: {named}{more}"]


def _hosts(rows: list[Row]) -> list[Host]:
    """The hosts; of those with the same name each has its cloud in its alias, or also its id."""
    aliases = aliases_of(
        [
            (row["name"], f"{row['cloud']}-{row['name']}", f"{row['cloud']}-{row['name']}-{row['id']}")
            for row in rows
        ]
    )
    return [
        Host(
            alias,
            row["address"],
            user_or_none(row["user"]),
            int(row["port"]),
            groups_of(row["cloud"], row["metadata"]),
        )
        for alias, row in zip(aliases, rows, strict=True)
    ]
