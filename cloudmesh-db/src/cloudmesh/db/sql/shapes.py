"""Records that look like earlier ones become rows without a walk through each.

Machines of a cloud have the same keys and, at each key, the same type of value. For such a shape a function
is made, once, that sees whether a record has the shape and gives its row. A record of another shape, and the
first of each, goes the long way through ``Table.cells``, which alone decides what a row is; a function only
repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

from cloudmesh.db.records.flat import KeyPath
from cloudmesh.db.records.values import is_plain, list_json

if TYPE_CHECKING:
    from cloudmesh.db.sql.schema import Table

Row = tuple[Any, ...]

# The values that a column of their own kind holds as they are, or by list_json.
_NATIVE = {
    str: "text",
    int: "integer",
    float: "real",
    bool: "boolean",
    bytes: "blob",
    list: "json",
    dict: "json",
}
# Records of very many shapes are better off without functions.
_MOST = 500


class Maker(NamedTuple):
    """The columns of the rows of a shape, ``_json`` last, and what makes a row, None of another shape."""

    columns: tuple[str, ...]
    row: Callable[[Mapping[str, Any]], Row | None]


class Shapes:
    """The shapes of the records of a table as its columns are now."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._makers: dict[tuple[Any, ...], Maker | None] = {}
        self._last = Maker((), lambda record: None)

    def row(self, record: Mapping[str, Any]) -> tuple[tuple[str, ...], Row] | None:
        """The columns and the row of a record; None if it must go the long way."""
        if not isinstance(record, dict):
            return None
        columns, make = self._last
        row = make(record)
        if row is None:
            maker = self._maker(record)
            row = maker.row(record) if maker else None
            if maker is None or row is None:
                return None
            self._last, columns = maker, maker.columns
        return columns, row

    def _maker(self, record: dict[str, Any]) -> Maker | None:
        """What makes rows of the record's shape; to make that pays from the second such record on."""
        try:
            shape = _shape(record)
        except RecursionError:
            return None
        if shape not in self._makers:
            if len(self._makers) < _MOST:
                self._makers[shape] = None
            return None
        maker = self._makers[shape]
        if maker is None:
            maker = self._makers[shape] = _compiled(self._table, record)
        return maker


def _shape(record: dict[str, Any]) -> tuple[Any, ...]:
    """The keys of a record with the types of the values, and of the dicts in it the same."""
    return tuple(
        (key, _shape(value) if type(value) is dict and value else type(value))
        for key, value in record.items()
    )


def _compiled(table: Table, record: dict[str, Any]) -> Maker:
    source = _Source(table)
    source.take(record, "record", ())
    names = {"list_json": list_json, "is_plain": is_plain, "nulls": source.nulls}
    # The keys in it are literals of Python, and a value of the record is never part of it.
    exec(source.text(), names)  # noqa: S102
    return Maker((*source.cells, "_json"), names["row"])  # type: ignore[arg-type]


class _Source:
    """The source of a function that makes the rows of one shape."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._steps: list[str] = []
        self._count = 0
        self._fits = True
        self._nulls: list[str] = []
        self.cells: dict[str, str] = {}

    @property
    def nulls(self) -> str | None:
        """What ``_json`` is in all rows of the shape."""
        return f"{{{','.join(self._nulls)}}}" if self._nulls else None

    def take(self, record: dict[str, Any], name: str, above: KeyPath) -> None:
        """Add what looks at a dict, which a variable has, and at all in it."""
        self._steps.append(f"if len({name}) != {len(record)}: return None")
        for key, value in record.items():
            self._count += 1
            inner = f"v{self._count}"
            self._steps.append(f"{inner} = {name}[{key!r}]")
            if type(value) is dict and value:
                self._steps.append(f"if type({inner}) is not dict: return None")
                self.take(value, inner, (*above, key))
            else:
                self._leaf((*above, key), inner, type(value))

    def _leaf(self, path: KeyPath, name: str, kind: type) -> None:
        column = self._table.by_path.get(path)
        if column is not None and kind is NoneType:
            self._steps.append(f"if {name} is not None: return None")
            self._nulls.append(f"{json.dumps(column.name)}:null")
            return
        if column is None or _NATIVE.get(kind) != column.kind:
            self._fits = False
            return
        wrong = f"type({name}) is not {kind.__name__}"
        if kind is dict:
            wrong += f" or {name}"
        if kind is float:
            wrong += f" or not ({name} > 0 or {name} < 0 or is_plain({name}))"
        self._steps.append(f"if {wrong}: return None")
        self.cells[column.name] = f"list_json({name})" if column.kind == "json" else name

    def text(self) -> str:
        """The function."""
        if not self._fits:
            return "def row(record): return None"
        steps = "\n        ".join([*self._steps, f"return ({', '.join([*self.cells.values(), 'nulls'])},)"])
        return f"def row(record):\n    try:\n        {steps}\n    except KeyError:\n        return None"
