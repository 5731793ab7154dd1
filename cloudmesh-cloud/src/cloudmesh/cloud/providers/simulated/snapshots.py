"""The snapshots of machines of a simulated cloud: which image was on the disk, and in which state it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

from cloudmesh.cloud.errors import Conflict
from cloudmesh.cloud.model.copies import Snapshot
from cloudmesh.cloud.model.records import State


class Kept(NamedTuple):
    """What a snapshot leads a machine back to.

    Attributes:
        image: what is on the disk.
        state: active, stopped, suspended or paused.
    """

    image: str
    state: State


def list_snapshots(connection: sqlite3.Connection, row: Mapping[str, Any]) -> list[Snapshot]:
    """The snapshots of the machine of this row, the oldest first."""
    found = connection.execute("SELECT * FROM snapshot WHERE machine_id = ? ORDER BY id", (row["id"],))
    return [
        Snapshot(each["name"], each["created"], State(each["state"]) is not State.STOPPED) for each in found
    ]


def keep(connection: sqlite3.Connection, row: Mapping[str, Any], name: str, now: float) -> None:
    """Keep a machine as it is. Raises Conflict if it has a snapshot of this name."""
    try:
        connection.execute(
            "INSERT INTO snapshot (machine_id, name, created, state, image) VALUES (?, ?, ?, ?, ?)",
            (row["id"], name, now, row["state"], row["image"]),
        )
    except sqlite3.IntegrityError:
        raise Conflict(f"machine {row['name']} already has a snapshot {name}; use another name") from None


def kept(connection: sqlite3.Connection, row: Mapping[str, Any], name: str) -> Kept:
    """What the snapshot of this name leads back to. Raises Conflict if there is none."""
    found = connection.execute(
        "SELECT * FROM snapshot WHERE machine_id = ? AND name = ?", (row["id"], name)
    ).fetchone()
    if found is None:
        raise Conflict(f"machine {row['name']} has no snapshot {name}")
    return Kept(found["image"], State(found["state"]))


def give_up(connection: sqlite3.Connection, row: Mapping[str, Any], name: str) -> None:
    """Forget a snapshot. Raises Conflict if there is none of this name."""
    gone = connection.execute("DELETE FROM snapshot WHERE machine_id = ? AND name = ?", (row["id"], name))
    if not gone.rowcount:
        raise Conflict(f"machine {row['name']} has no snapshot {name}")
