"""Writing records: adding, changing and deleting them, one or many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from cloudmesh.db.dialects.base import Dialect, Unbindable, padded
from cloudmesh.db.records.flat import InvalidRecord, Leaf, Record, leaves
from cloudmesh.db.records.values import pack, unpack
from cloudmesh.db.sql.rows import Columns, Row
from cloudmesh.db.sql.search import Conditions, Search
from cloudmesh.db.sql.tables import Table, Tables

# Rows that are written by one call of the database, and ids that one statement names.
BATCH = 1000

T = TypeVar("T")


class RowChange(NamedTuple):
    """What is to be set in a row.

    Attributes:
        touched: the columns of which ``_json`` has nothing old afterwards.
        columns, values: the columns that are set, without ``_json``, and to what.
        kept: what ``_json`` gets.
    """

    touched: Columns
    columns: Columns
    values: Row
    kept: dict[str, Any]

    @classmethod
    def of(cls, table: Table, found: list[Leaf]) -> RowChange:
        """What sets these leaves, for which the table must have columns."""
        native, kept = table.cells(found)
        touched = table.touched(tuple([path for path, _ in found]))
        columns = tuple([name for name in touched if table.columns[name].kind])
        return cls(touched, columns, tuple(map(native.get, columns)), kept)


class Engine:
    """Writes rows of tables. Call its methods within ``atomic``, except ``add``.

    ``dialect`` is the connection, ``tables`` what is known of the tables, ``search`` finds records.
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
        if table and (made := table.writer.row(record)):
            # Not suppress, which takes its time.
            try:
                return self.dialect.insert(name, *made)
            except Unbindable:
                pass  # A value does not fit its column; ``Table.row`` finds out which.
        found = leaves(record)
        if table is None or not table.holds(found):
            with self.atomic():
                return self.insert(self.tables.widened(name, found), found)
        return self.insert(table, found)

    def add_many(self, name: str, records: Iterable[Mapping[str, Any]]) -> list[int]:
        """Add the records, all or none, and give their ids in order; raises StoreError."""
        ids: list[int] = []
        with self.atomic():
            for batch in batches(records):
                start = 0
                while start < len(batch):
                    made = self._add_alike(name, batch, start)
                    ids += made
                    start += len(made)
        return ids

    def _add_alike(self, name: str, records: list[Mapping[str, Any]], start: int) -> Sequence[int]:
        """Add the record at ``start`` and those after it that have the same columns; gives their ids."""
        table = self.tables.known(name)
        columns, rows = table.writer.rows(records, start) if table else ((), [])
        if rows:
            # Else each of them goes the way that finds out what is special about it.
            with suppress(Unbindable), self.dialect.atomic():
                return self.dialect.insert_many(name, columns, rows)
        some = [leaves(record) for record in records[start : start + max(1, len(rows))]]
        return [self.insert(self.tables.widened(name, found), found) for found in some]

    def insert(self, table: Table, found: list[Leaf]) -> int:
        """Add a row; the table must hold the leaves. Gives the new id."""
        try:
            return self.dialect.insert(table.name, *table.row(found))
        except Unbindable as error:
            raise InvalidRecord(f"table {table.name!r} cannot hold the record: {error.__cause__}") from error

    def restore(self, name: str, records: Iterable[Record]) -> None:
        """Add records with the ids that they have already."""
        table = self.tables.table(name)
        for record in records:
            native, kept = table.cells(leaves(record))
            row = (record.id, *native.values(), pack(kept))
            self.dialect.insert(name, ("id", *native, "_json"), row)

    def replace(self, table: Table, found: list[Leaf], id: int) -> None:
        """Make a row hold these leaves and nothing else."""
        columns, row = table.row(found)
        self.replace_many(table, columns, [(*row, id)])

    def replace_many(self, table: Table, columns: Columns, rows: Iterable[Row]) -> None:
        """Make rows hold these columns and nothing else; each row ends with its id."""
        others = [name for name, column in table.columns.items() if column.kind and name not in columns]
        self.dialect.executemany(self._update_sql(table, columns, others), rows)

    def update(self, name: str, values: Mapping[str, Any], conditions: Conditions) -> int:
        """Set values in the records that meet the conditions, and give their number; raises StoreError."""
        found = leaves(values)
        self.tables.table(name, conditions)
        with self.atomic():
            self.tables.current(name)
            self.tables.widened(name, found)
            table = self.tables.table(name, conditions)
            change = RowChange.of(table, found)
            ids = self.search.ids(table, conditions)
            return sum(self._apply(table, dict.fromkeys(some, change)) for some in batches(ids))

    def update_many(self, name: str, records: Iterable[Mapping[str, Any]]) -> int:
        """Set the values of each record in that with its ``id``, all or none; gives how many there were."""
        changed = 0
        changes: dict[int, Mapping[str, Any]] = {}
        with self.atomic():
            for number, record in enumerate(records):
                id = record.get("id") if isinstance(record, Mapping) else None
                if not isinstance(id, int) or isinstance(id, bool):
                    raise InvalidRecord(f"missing 'id' of the record of {name!r} to update")
                values = {key: value for key, value in record.items() if key != "id"}
                if number == 0:
                    self.tables.table(name)
                    self.tables.current(name)
                if id in changes or len(changes) == BATCH:
                    changed += self._change(name, changes)
                    changes = {}
                changes[id] = values
            if changes:
                changed += self._change(name, changes)
        return changed

    def _change(self, name: str, changes: Mapping[int, Mapping[str, Any]]) -> int:
        """Set values in at most ``BATCH`` rows, by their ids; gives how many of them there are."""
        if self._change_plain(self.tables.table(name), changes):
            return len(changes)
        found = {id: leaves(values) for id, values in changes.items()}
        for each in found.values():
            self.tables.widened(name, each)
        table = self.tables.table(name)
        # No other number is ever that of a record, or can be looked for.
        rows = {id: RowChange.of(table, each) for id, each in found.items() if 0 < id < 2**63}
        return self._apply(table, rows) if rows else 0

    def _change_plain(self, table: Table, changes: Mapping[int, Mapping[str, Any]]) -> bool:
        """Set the values if neither these nor the rows need ``_json``, as it mostly is.

        If it is False, some may have been set, and all have yet to be.
        """
        groups: dict[Columns, list[Row]] = {}
        for id, values in changes.items():
            made = table.writer.row(values)
            columns = table.touched_alone(made[0]) if made and made[1][-1] is None else ()
            if not (made and columns):
                return False
            groups.setdefault(columns, []).append((*made[1][:-1], id))
        done = 0
        with suppress(Unbindable):
            for columns, rows in groups.items():
                done += self._set_plain(table, columns, rows)
        return done == len(changes)

    def _set_plain(self, table: Table, columns: Columns, rows: list[Row]) -> int:
        """Set columns of rows that have no ``_json``, and give how many there are; each ends with its id."""
        values = rows[0][:-1]
        # Tasks that are begun together differ in nothing but their ids.
        if len(rows) > 1 and all(each[place] is value for each in rows for place, value in enumerate(values)):
            ids = padded([row[-1] for row in rows])
            rows = [(*values, *ids)]
            sql = self._update_sql(table, columns, count=len(ids))
        else:
            sql = self._update_sql(table, columns)
        return self.dialect.count_changed(f"{sql} AND _json IS NULL", rows)

    def _apply(self, table: Table, changes: Mapping[int, RowChange]) -> int:
        """Change at most ``BATCH`` rows, by their ids; gives how many of them there are."""
        groups: dict[Columns, list[Row]] = {}
        marks = ", ".join([self.dialect.mark] * len(changes))
        sql = f"SELECT id, _json FROM {self.dialect.quote(table.name)} WHERE id IN ({marks})"  # noqa: S608
        rows = self.dialect.execute(sql, list(changes)).fetchall()
        for id, text in rows:
            touched, columns, values, kept = changes[id]
            left = {name: value for name, value in unpack(text).items() if name not in touched}
            groups.setdefault(columns, []).append((*values, pack({**left, **kept}), id))
        for columns, cells in groups.items():
            try:
                self.dialect.executemany(self._update_sql(table, (*columns, "_json")), cells)
            except Unbindable as error:
                raise InvalidRecord(f"table {table.name!r} cannot hold a value: {error.__cause__}") from error
        return len(rows)

    def delete(self, name: str, conditions: Conditions) -> int:
        """Delete the rows that meet the conditions, and give their number."""
        self.tables.table(name, conditions)
        delete = f"DELETE FROM {self.dialect.quote(name)}"  # noqa: S608 quoted
        with self.atomic():
            table = self.tables.table(name, conditions)
            clause = self.search.where(table, conditions)
            if clause.exact:
                return int(self.dialect.execute(f"{delete}{clause.sql}", clause.bound).rowcount)
            ids = self.search.ids(table, conditions)
            self.dialect.executemany(f"{delete} WHERE id = {self.dialect.mark}", [(id,) for id in ids])
            return len(ids)

    def _update_sql(
        self, table: Table, names: Sequence[str], nothing: Sequence[str] = (), count: int = 1
    ) -> str:
        """The statement that sets columns of rows, and others to NULL; ``count`` ids are bound last."""
        key = tuple(names), tuple(nothing), count
        if key not in table.updates:
            quote, mark = self.dialect.quote, self.dialect.mark
            changes = [f"{quote(name)} = {mark}" for name in names]
            changes += [f"{quote(name)} = NULL" for name in nothing]
            marks = ", ".join([mark] * count)
            sql = f"UPDATE {quote(table.name)} SET {', '.join(changes)} WHERE id IN ({marks})"  # noqa: S608
            table.updates[key] = sql
        return table.updates[key]


def batches(things: Iterable[T]) -> Iterator[list[T]]:
    """The things, as many at a time as one call of the database writes or names."""
    remaining = iter(things)
    while batch := list(islice(remaining, BATCH)):
        yield batch
