"""The store of cloudmesh: any nested dict in, the same dict out, kept in sqlite or in PostgreSQL.

The shell imports this package at start, so its names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudmesh.db.database import Database, open_store
    from cloudmesh.db.locks.hold import Hold
    from cloudmesh.db.records.conditions import Condition, eq, ge, glob, gt, in_, le, lt, ne
    from cloudmesh.db.records.flat import Flat, InvalidRecord, Record, flatten, unflatten
    from cloudmesh.db.records.ordering import By, desc

__all__ = [
    "By",
    "Condition",
    "Database",
    "Flat",
    "Hold",
    "InvalidRecord",
    "Record",
    "desc",
    "eq",
    "flatten",
    "ge",
    "glob",
    "gt",
    "in_",
    "le",
    "lt",
    "ne",
    "open_store",
    "unflatten",
]

_HOMES = {
    "records.conditions": ("Condition", "eq", "ge", "glob", "gt", "in_", "le", "lt", "ne"),
    "database": ("Database", "open_store"),
    "locks.hold": ("Hold",),
    "records.flat": ("Flat", "InvalidRecord", "Record", "flatten", "unflatten"),
    "records.ordering": ("By", "desc"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
