"""The store of cloudmesh: any nested dict in, the same dict out, kept in one sqlite file.

The shell imports this package at start, so its names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudmesh.db.database import Database
    from cloudmesh.db.flat import Flat, flatten, unflatten
    from cloudmesh.db.record import Record

__all__ = ["Database", "Flat", "Record", "flatten", "unflatten"]

_HOMES = {"Database": "database", "Record": "record", "Flat": "flat", "flatten": "flat", "unflatten": "flat"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
