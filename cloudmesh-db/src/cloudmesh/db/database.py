"""The database of records: nested dicts in, the same dicts out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from cloudmesh.db import schema
from cloudmesh.db.engine import Engine
from cloudmesh.db.flat import Leaf, leaves, nest
from cloudmesh.db.record import Record
from cloudmesh.db.schema import Table, quote
from cloudmesh.plugin.errors import StoreError

Conditions = Mapping[str, Any]

# Keyword arguments of find that are no columns, now or in a later version.
_KEYWORDS = ("order", "limit")


class Database:
    """Tables of records in one sqlite file, made and widened from the records themselves.

    The file is opened when it is first needed, and made (mode 0600) when something is first written;
    reading never makes it. Several processes may use it at the same time; within a process each thread
    needs a Database of its own.

    Conditions are names of columns and the values they must have: ``find("vm", cloud="uc")``. The column
    ``id`` is the number that the database gave a record. None stands for a record that has None there or
    nothing; numbers are equal as numbers, and True is not 1. A name that is no Python word, or that is
    ``where``, ``order`` or ``limit``, goes into a mapping: ``find("vm", where={"a b": 1})``.

    Every method raises StoreError if the file cannot be used, and those with conditions UnknownName for
    a table or a column that does not exist.
    """

    def __init__(self, path: Path | str) -> None:
        """Use this file; ``:memory:`` is a database that is gone when it is closed."""
        self._engine = Engine(path)

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The file."""
        return self._engine.link.path

    def close(self) -> None:
        """Close the file; the object cannot be used afterwards."""
        self._engine.link.close()

    @staticmethod
    def generate(dictionary: Mapping[str, Any], table: str = "element") -> str:
        """The SQL that makes a table for records like this one.

        Raises:
            StoreError: the dictionary, or the name of the table, is none that can be stored.
        """
        schema.check_name(table)
        made = Table(table)
        made.widen(leaves(dictionary))
        return schema.create_sql(made)

    @contextmanager
    def atomic(self) -> Iterator[Database]:
        """All or nothing: ``with db.atomic(): ...`` undoes what was written if the block raises.

        Inside another atomic block only the inner one is undone. Other writers wait until the outermost
        block ends, so it should be short.
        """
        with self._engine.atomic():
            yield self

    def add(self, table: str, record: Mapping[str, Any], /) -> int:
        """Store a record, and give its new id, which is greater than any before it in the table.

        Raises:
            StoreError: it is no dict, or holds what cannot be stored; nothing is stored then.
        """
        found = leaves(record)
        known = self._engine.known(table)
        if known is not None and known.holds(found):
            return self._engine.insert(known, found)
        with self._engine.atomic():
            return self._engine.insert(self._engine.widened(table, found), found)

    def upsert(self, table: str, record: Mapping[str, Any], /, key: Sequence[str]) -> int:
        """Store a record in place of the one with the same values in the columns ``key``; give its id.

        The old record is replaced whole and keeps its id; if there is none, the record is added. The first
        time makes an index on these columns, so that it does not look through the whole table.

        Raises:
            StoreError: the record lacks a column of the key, or several records have these values.
        """
        found = leaves(record)
        key = [key] if isinstance(key, str) else key
        with self._engine.atomic():
            made = self._engine.widened(table, found)
            conditions = _key_values(made, found, key)
            self._engine.index(made, key)
            _, rows = self._engine.fetch(table, conditions, lambda _: "id")
            if not rows:
                return self._engine.insert(made, found)
            if len(rows) > 1:
                raise StoreError(f"{len(rows)} records of table {table!r} have the same {', '.join(key)}")
            self._engine.replace(made, found, rows[0][0])
            return int(rows[0][0])

    def find(self, table: str, /, where: Conditions | None = None, **equals: Any) -> list[Record]:
        """The records that meet all conditions, oldest first; without conditions all of them."""
        return [
            Record(nest((column.path, value) for column, value in values), number)
            for number, values in self._read(table, where, equals)
        ]

    def rows(self, table: str, /, where: Conditions | None = None, **equals: Any) -> list[dict[str, Any]]:
        """As ``find``, but flat: ``id``, then every column of the table, None where a record has none."""
        found = self._read(table, where, equals)
        empty = dict.fromkeys(self.columns(table))
        return [
            {**empty, "id": number, **{column.name: value for column, value in values}}
            for number, values in found
        ]

    def count(self, table: str, /, where: Conditions | None = None, **equals: Any) -> int:
        """How many records meet the conditions."""
        _, rows = self._engine.fetch(table, _conditions(where, equals), lambda _: "count(*)")
        return int(rows[0][0])

    def update(
        self, table: str, values: Mapping[str, Any], /, where: Conditions | None = None, **equals: Any
    ) -> int:
        """Set values in the records that meet the conditions, and give their number.

        A nested dict is merged into what is there; a scalar, a list or an empty dict takes its place.

        Raises:
            StoreError: there is no condition, or a value cannot be stored.
        """
        conditions = _needed(_conditions(where, equals), f"which records of {table!r} to update")
        found = leaves(values)
        self._engine.ready(table, conditions)
        with self._engine.atomic():
            self._engine.widened(table, found)
            return self._engine.change(self._engine.ready(table, conditions), found, conditions)

    def delete(self, table: str, /, where: Conditions | None = None, **equals: Any) -> int:
        """Remove the records that meet the conditions, and give their number.

        Raises:
            StoreError: there is no condition; nothing is deleted when nothing was said.
        """
        conditions = _needed(_conditions(where, equals), f"which records of {table!r} to delete")
        self._engine.ready(table, conditions)
        with self._engine.atomic():
            return self._engine.remove(self._engine.ready(table, conditions), conditions)

    def has(self, table: str, /) -> bool:
        """Whether there is such a table."""
        return self._engine.known(table) is not None

    def tables(self) -> list[str]:
        """The tables, in the order in which they were made."""
        return list(self._engine.tables())

    def columns(self, table: str, /) -> list[str]:
        """The columns of a table, ``id`` first; raises UnknownName if there is no such table."""
        self._engine.tables()
        return ["id", *self._engine.table(table).columns]

    def _read(
        self, table: str, where: Conditions | None, equals: Conditions
    ) -> Iterator[tuple[int, list[tuple[schema.Column, Any]]]]:
        read, rows = self._engine.fetch(table, _conditions(where, equals), _all_columns)
        try:
            for number, kept, *natives in rows:
                yield number, read.values(natives, kept)
        except ValueError as error:
            raise StoreError(f"a record of table {table!r} in the store {self.path} is damaged") from error


def _all_columns(table: Table) -> str:
    return ", ".join(["id", "_json", *map(quote, table.columns)])


def _conditions(where: Conditions | None, equals: Conditions) -> dict[str, Any]:
    for name in _KEYWORDS:
        if name in equals:
            raise StoreError(f"a condition on a column {name!r} must be given as where={{{name!r}: ...}}")
    return {**(where or {}), **equals}


def _needed(conditions: dict[str, Any], what: str) -> dict[str, Any]:
    if not conditions:
        raise StoreError(f"it was not said {what}; give a condition")
    return conditions


def _key_values(table: Table, found: list[Leaf], key: Sequence[str]) -> dict[str, Any]:
    values = {table.by_path[path].name: value for path, value in found}
    missing = [column for column in key if column not in values]
    if missing or not key:
        raise StoreError(
            f"the record for table {table.name!r} has no column {', '.join(missing) or 'as its key'}; "
            f"it has {', '.join(values)}"
        )
    return {column: values[column] for column in key}
