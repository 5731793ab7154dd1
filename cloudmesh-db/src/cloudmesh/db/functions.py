"""The functions that the store adds to SQL, for what rows keep in ``_json``."""

from __future__ import annotations

import json
import sqlite3

from cloudmesh.db.values import from_json, same, unpack


def register(connection: sqlite3.Connection) -> None:
    """Make the functions known to a connection."""
    for name, count, function in (
        ("json_same", 2, json_same),
        ("kept_same", 3, kept_same),
        ("kept_changed", 3, kept_changed),
    ):
        connection.create_function(name, count, function, deterministic=True)


def json_same(text: str | None, wanted: str) -> bool:
    """Whether a JSON text is equal to another as a condition understands it."""
    return text is not None and same(from_json(text), from_json(wanted))


def kept_same(kept: str | None, column: str, wanted: str) -> bool:
    """Whether ``_json`` has a value for the column that is equal to the wanted one; absent is null."""
    return same(unpack(kept).get(column), from_json(wanted))


def kept_changed(kept: str | None, dropped: str, added: str | None) -> str | None:
    """``_json`` without the columns of a JSON list, with those of a JSON object; None if nothing is left."""
    values = json.loads(kept) if kept else {}
    for column in json.loads(dropped):
        values.pop(column, None)
    values.update(json.loads(added) if added else {})
    return json.dumps(values, separators=(",", ":")) if values else None
