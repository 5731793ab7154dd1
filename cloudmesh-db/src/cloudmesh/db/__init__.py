"""The store of cloudmesh: any nested dict in, the same dict out, kept in sqlite or in PostgreSQL.

The shell imports this package at start, so its names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudmesh.db.conditions import Condition, eq, ge, glob, gt, in_, le, lt, ne
    from cloudmesh.db.database import Database
    from cloudmesh.db.flat import Flat, flatten, unflatten
    from cloudmesh.db.hold import Hold
    from cloudmesh.db.ordering import By, desc
    from cloudmesh.db.record import Record
    from cloudmesh.db.store import open_store

__all__ = [
    "By",
    "Condition",
    "Database",
    "Flat",
    "Hold",
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
    "conditions": ("Condition", "eq", "ge", "glob", "gt", "in_", "le", "lt", "ne"),
    "database": ("Database",),
    "flat": ("Flat", "flatten", "unflatten"),
    "hold": ("Hold",),
    "ordering": ("By", "desc"),
    "record": ("Record",),
    "store": ("open_store",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
