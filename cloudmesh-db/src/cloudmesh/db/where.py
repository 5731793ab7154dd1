"""Conditions on the rows of a table, as SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudmesh.db.schema import Column, Table, quote
from cloudmesh.db.values import encode, to_json

Sql = tuple[str, list[Any]]


class OneOf(tuple[Any, ...]):
    """A condition's value that stands for each of several: ``where={"cpus": OneOf(("4", 4))}``."""

    __slots__ = ()


def where_sql(table: Table, conditions: Mapping[str, Any]) -> Sql:
    """The WHERE clause, with a blank before it, and what is bound to it; nothing without conditions.

    None means that a record has None at that place, or nothing. Numbers are equal as numbers; True is
    not 1. The columns must be known to the table.

    Raises:
        StoreError: a value is of a type that cannot be stored.
    """
    parts = [_condition(table, name, value) for name, value in conditions.items()]
    if not parts:
        return "", []
    text = " AND ".join(part for part, _ in parts)
    return f" WHERE {text}", [value for _, bound in parts for value in bound]


def _condition(table: Table, name: str, value: Any) -> Sql:
    if not isinstance(value, OneOf):
        return _equal(table, name, value)
    parts = [_equal(table, name, each) for each in value]
    text = " OR ".join(part for part, _ in parts) or "0"
    return f"({text})", [bound for _, each in parts for bound in each]


def _equal(table: Table, name: str, value: Any) -> Sql:
    if name == "id":
        return _id_equal(table, value)
    column = table.columns[name]
    place = f"{quote(table.name)}.{quote(name)}"
    if value is None:
        text, bound = _kept_equal(table, column, value)
        return f"({place} IS NULL AND {text})", bound
    if column.kind == "json":
        return f"json_same({place}, ?)", [to_json(value)]
    native, _ = encode(column.kind, value)
    if native is None:
        return _kept_equal(table, column, value)
    return f"{place} = ?", [native]


def _id_equal(table: Table, value: Any) -> Sql:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63:
        return "0", []
    return f"{quote(table.name)}.id = ?", [value]


def _kept_equal(table: Table, column: Column, value: Any) -> Sql:
    return f"kept_same({quote(table.name)}._json, ?, ?)", [column.name, to_json(value)]
