"""The formats of the store, and the way from each to the next.

======  ==========================================================================================
format  what changed
======  ==========================================================================================
1       the first
2       the file names its program (``PRAGMA application_id``); a column of integers holds integers
        only, so that sqlite and PostgreSQL hold the same: a number such as 2.5 is in ``_json`` alone
======  ==========================================================================================
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from types import MappingProxyType

from cloudmesh.db.dialects.damage import APPLICATION_ID
from cloudmesh.plugin.errors import StoreError

FORMAT = 2


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a file from an older format to ``FORMAT``, in the transaction that is open."""
    for step in range(version, FORMAT):
        _STEPS[step](connection)


def too_new(place: str, version: int) -> StoreError:
    """The error for a store that a newer cloudmesh has made."""
    return StoreError(
        f"the store {place} has the format {version} of a newer cloudmesh, this one knows {FORMAT}; "
        "upgrade cloudmesh-db"
    )


def _from_1(connection: sqlite3.Connection) -> None:
    columns = connection.execute(
        "SELECT tab, col FROM _columns WHERE kind = 'integer' AND col <> 'id'"
    ).fetchall()
    for tab, col in columns:
        table, column = (name.replace('"', '""') for name in (tab, col))
        # What is lost here is in _json as it is.
        connection.execute(
            f'UPDATE "{table}" SET "{column}" = NULL WHERE typeof("{column}") = \'real\''  # noqa: S608
        )
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")


_STEPS: Mapping[int, Callable[[sqlite3.Connection], None]] = MappingProxyType({1: _from_1})
