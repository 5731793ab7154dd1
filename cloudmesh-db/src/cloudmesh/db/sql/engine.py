"""Writing records, and what has to happen together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cloudmesh.db.dialects.base import Dialect, Unbindable
from cloudmesh.db.records.flat import Leaf, Record, leaves
from cloudmesh.db.records.values import pack, unpack
from cloudmesh.db.sql.schema import Table
from cloudmesh.db.sql.search import Conditions, Search
from cloudmesh.db.sql.tables import Tables
from cloudmesh.plugin.errors import StoreError

# Rows that are written by one call of the database, and ids that one statement names.
BATCH = 1000


class Engine:
    """Writes rows of tables. What does so belongs into ``atomic``, except ``add``.

    Attributes:
        dialect: the connection.
        tables: what is known of the tables.
        search: finds records.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.tables = Tables(dialect)
        self.search = Search(self.tables)

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """A transaction or a savepoint; an error undoes it."""
        try:
            with self.dialect.atomic():
                yield
        except BaseException:
            # Tables, columns and indexes that were just made are undone as well.
            self.tables.forget()
            raise

    def add(self, name: str, record: Mapping[str, Any]) -> int:
        """Add a record and give its id; opens a transaction only where the table must grow."""
        table = self.tables.known(name)
        made = table and table.writer.row(record)
        if table and made:
            try:
                return self.dialect.insert(name, *made)
            except Unbindable:
                # The long way finds out what is special about it.
                pass
        found = leaves(record)
        if table is None or not table.holds(found):
            with self.atomic():
                return self.insert(self.tables.widened(name, found), found)
        return self.insert(table, found)

    def insert(self, table: Table, found: list[Leaf]) -> int:
        """Add a row; the table must hold the leaves. Gives the new id."""
        try:
            return self.dialect.insert(table.name, *table.row(found))
        except Unbindable as error:
            raise StoreError(f"table {table.name!r} cannot hold the record: {error.__cause__}") from error

    def restore(self, name: str, records: Iterable[Record]) -> None:
        """Add records with the ids that they have already."""
        table = self.tables.table(name)
        for record in records:
            native, kept = table.cells(leaves(record))
            row = (record.id, *native.values(), pack(kept))
            self.dialect.insert(name, ("id", *native, "_json"), row)

    def replace(self, table: Table, found: list[Leaf], id: int) -> None:
        """Make a row hold these leaves and nothing else."""
        native, kept = table.cells(found)
        names = [name for name, column in table.columns.items() if column.kind or name in native]
        self._set(table, [*names, "_json"], [*map(native.get, names), pack(kept)], [id])

    def change(self, table: Table, found: list[Leaf], conditions: Conditions) -> int:
        """Set the leaves in the rows that meet the conditions, and give their number."""
        native, kept = table.cells(found)
        touched = table.touched(tuple([path for path, _ in found]))
        names = [name for name in touched if table.columns[name].kind]
        values = [*map(native.get, names)]
        ids = self.search.ids(table, conditions)
        groups: dict[str | None, list[int]] = {}
        for id, old in self.kept(table, ids):
            left = {name: value for name, value in unpack(old).items() if name not in touched}
            groups.setdefault(pack({**left, **kept}), []).append(id)
        for text, some in groups.items():
            self._set(table, [*names, "_json"], [*values, text], some)
        return len(ids)

    def remove(self, table: Table, conditions: Conditions) -> int:
        """Delete the rows that meet the conditions, and give their number."""
        clause = self.search.where(table, conditions)
        delete = f"DELETE FROM {self.dialect.quote(table.name)}"  # noqa: S608 all quoted
        if clause.exact:
            return self.dialect.execute(f"{delete}{clause.sql}", clause.bound).rowcount
        ids = self.search.ids(table, conditions)
        for some in _batches(ids):
            self.dialect.execute(f"{delete} WHERE id IN ({self._marks(some)})", some)
        return len(ids)

    def kept(self, table: Table, ids: list[int]) -> Iterator[tuple[int, str | None]]:
        """The ids of rows, each with its ``_json``."""
        for some in _batches(ids):
            sql = f"SELECT id, _json FROM {self.dialect.quote(table.name)} WHERE id IN ({self._marks(some)})"  # noqa: S608
            yield from self.dialect.execute(sql, some).fetchall()

    def update_sql(self, table: Table, names: Sequence[str], nothing: Sequence[str] = ()) -> str:
        """The statement that sets columns of one row, and others to NULL; its id is bound last."""
        quote, mark = self.dialect.quote, self.dialect.mark
        changes = [
            *(f"{quote(name)} = {mark}" for name in names),
            *(f"{quote(name)} = NULL" for name in nothing),
        ]
        return f"UPDATE {quote(table.name)} SET {', '.join(changes)} WHERE id = {mark}"  # noqa: S608

    def _set(self, table: Table, names: list[str], values: list[Any], ids: list[int]) -> None:
        changes = ", ".join(f"{self.dialect.quote(name)} = {self.dialect.mark}" for name in names)
        update = f"UPDATE {self.dialect.quote(table.name)} SET {changes}"  # noqa: S608
        for some in _batches(ids):
            with self.dialect.undoable():
                self.dialect.execute(f"{update} WHERE id IN ({self._marks(some)})", [*values, *some])

    def _marks(self, values: Sequence[Any]) -> str:
        return ", ".join([self.dialect.mark] * len(values))


def _batches(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]
