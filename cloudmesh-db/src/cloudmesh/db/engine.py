"""The statements behind ``Database``, and the memory of the tables that spares reading them each time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cloudmesh.db import catalog
from cloudmesh.db.dialects.base import Dialect, Unbindable
from cloudmesh.db.flat import Leaf, column_name, fold, leaves
from cloudmesh.db.reading import Reader, Stale
from cloudmesh.db.record import Record
from cloudmesh.db.schema import Column, Table, check_name
from cloudmesh.db.values import pack, unpack
from cloudmesh.plugin.errors import StoreError, UnknownName

if TYPE_CHECKING:
    from cloudmesh.db.conditions import Condition
    from cloudmesh.db.ordering import By
    from cloudmesh.db.where import Clause

# Rows that are written by one call of the database, and ids that one statement names.
BATCH = 1000

Conditions = Mapping[str, Any]


class Engine:
    """Reads and writes rows of tables. Those that write belong into ``atomic``, except ``add``.

    Tables only grow. So a writer may trust what it remembers of columns that exist, and a reader finds
    out by the rows whether something was added.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._tables: dict[str, Table] | None = None
        self._indexed: set[str] = set()

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """A transaction or a savepoint; an error undoes it."""
        try:
            with self.dialect.atomic():
                yield
        except BaseException:
            # Tables, columns and indexes that were just made are undone as well.
            self._tables = None
            self._indexed.clear()
            raise

    def tables(self) -> dict[str, Table]:
        """All tables, as they are now."""
        if not self.dialect.exists:
            return {}
        self._tables = catalog.load(self.dialect)
        return self._tables

    def known(self, name: str) -> Table | None:
        """A table as it was when last read, or None if there is no such table."""
        return (self._tables or {}).get(name) or self.tables().get(name)

    def table(self, name: str, columns: Iterable[str] = ()) -> Table:
        """The table, with all that a condition on these columns must know; raises UnknownName."""
        found = self.known(name)
        columns = [column for column in columns if column != "id"]
        if found and not all(column in found.columns and found.columns[column].kind for column in columns):
            found = self.tables().get(name)
        if found is None:
            raise UnknownName("table", name, self._tables or {}, f"in the store {self.dialect.place}")
        for column in columns:
            if column not in found.columns:
                raise UnknownName("column", column, ["id", *found.columns], f"in table {name!r}")
        return found

    def add(self, name: str, record: Mapping[str, Any]) -> int:
        """Add a record and give its id; opens a transaction only where the table must grow."""
        table = self.known(name)
        made = table and table.shapes.row(record)
        if table and made:
            try:
                return self.dialect.insert(name, *made)
            except Unbindable:
                # The long way finds out what is special about it.
                pass
        found = leaves(record)
        if table is None or not table.holds(found):
            with self.atomic():
                return self.insert(self.widened(name, found), found)
        return self.insert(table, found)

    def insert(self, table: Table, found: list[Leaf]) -> int:
        """Add a row; the table must hold the leaves. Gives the new id."""
        native, kept = table.cells(found)
        return self.dialect.insert(table.name, (*native, "_json"), (*native.values(), pack(kept)))

    def widened(self, name: str, found: list[Leaf]) -> Table:
        """The table with room for the leaves, made if there is none."""
        table = self.known(name)
        if table is not None and table.holds(found):
            return table
        tables = self.tables()
        table = tables.get(name)
        if table is None:
            table = self._new_table(name, found, tables)
            catalog.create(self.dialect, table)
        else:
            catalog.grow(self.dialect, table, *table.widen(found))
        self._tables = {**tables, name: table}
        return table

    def index(self, table: Table, columns: Iterable[str]) -> None:
        """Make rows quick to find by these columns; looked after once for each table and columns."""
        name, sql = catalog.index_sql(self.dialect, table, columns)
        if name not in self._indexed:
            self.dialect.execute(sql)
            self._indexed.add(name)

    def replace(self, table: Table, found: list[Leaf], id: int) -> None:
        """Make a row hold these leaves and nothing else."""
        native, kept = table.cells(found)
        names = [name for name, column in table.columns.items() if column.kind or name in native]
        self._set(table, [*names, "_json"], [*map(native.get, names), pack(kept)], [id])

    def change(self, table: Table, found: list[Leaf], conditions: Conditions) -> int:
        """Set the leaves in the rows that meet the conditions, and give their number."""
        native, kept = table.cells(found)
        touched = [*(table.by_path[path].name for path, _ in found), *table.beside(found)]
        names = [name for name in touched if table.columns[name].kind]
        values = [*map(native.get, names)]
        groups: dict[str | None, list[int]] = {}
        for id, old in self._ids(table, conditions, with_json=True):
            left = {name: value for name, value in unpack(old).items() if name not in touched}
            groups.setdefault(pack({**left, **kept}), []).append(id)
        for text, ids in groups.items():
            self._set(table, [*names, "_json"], [*values, text], ids)
        return sum(map(len, groups.values()))

    def remove(self, table: Table, conditions: Conditions) -> int:
        """Delete the rows that meet the conditions, and give their number."""
        clause = self._where(table, conditions)
        delete = f"DELETE FROM {self.dialect.quote(table.name)}"  # noqa: S608 all quoted
        if clause.exact:
            return self.dialect.execute(f"{delete}{clause.sql}", clause.bound).rowcount
        ids = [id for id, _ in self._ids(table, conditions)]
        for some in _batches(ids):
            self.dialect.execute(f"{delete} WHERE id IN ({self._marks(some)})", some)
        return len(ids)

    def count(self, name: str, conditions: Conditions) -> int:
        """How many rows meet the conditions."""
        table = self.table(name, conditions)
        clause = self._where(table, conditions)
        if not clause.exact:
            return len(self.find(name, conditions))
        sql = f"SELECT count(*) FROM {self.dialect.quote(name)}{clause.sql}"  # noqa: S608
        return int(self.dialect.execute(sql, clause.bound).fetchone()[0])

    def find(
        self, name: str, conditions: Conditions, order: Sequence[By] = (), limit: int | None = None
    ) -> list[Record]:
        """The records that meet the conditions, by id or in the order given, at most ``limit`` of them."""
        if limit is None and not order:
            quick = self._find_equal(name, conditions)
            if quick is not None:
                return quick
        table = self.table(name, [*conditions, *(each.column for each in order)])
        if limit is None and not order:
            return self._read(table, self._where(table, conditions), conditions)
        with self.dialect.snapshot():
            # From the first statement on nothing changes, so what is looked up first stays true.
            table = self.tables()[name]
            clause = self._where(table, conditions)
            if clause.exact and limit is not None and self._sorts(table, order):
                return self._read(table, clause, conditions, self._order_sql(order), limit)
            found = self._read(table, clause, conditions)
        from cloudmesh.db.ordering import arranged

        paths = [
            (None if each.column == "id" else table.columns[each.column].path, each.descending)
            for each in order
        ]
        return arranged(found, paths)[:limit]

    def _find_equal(self, name: str, conditions: Conditions) -> list[Record] | None:
        """The usual search in short: texts that are equal, in columns of texts; None for any other."""
        table = self.known(name)
        if table is None:
            return None
        for value in conditions.values():
            if type(value) is not str or not value.isascii() or not value.isprintable():
                return None
        names = tuple(conditions)
        try:
            sql = table.selects[names]
        except KeyError:
            sql = table.selects[names] = self._select_equal(table, names)
        if sql is None:
            return None
        cursor = self.dialect.execute(sql, tuple(conditions.values()))
        return self._records(table, cursor, cursor.fetchall())

    def _select_equal(self, table: Table, names: tuple[str, ...]) -> str | None:
        if not names or not all(
            name in table.columns and table.columns[name].kind == "text" for name in names
        ):
            return None
        parts = " AND ".join(f"{self.dialect.quote(name)} = {self.dialect.mark}" for name in names)
        return f"SELECT * FROM {self.dialect.quote(table.name)} WHERE {parts} ORDER BY id"  # noqa: S608

    def pages(self, name: str, size: int = BATCH) -> Iterator[list[Record]]:
        """All records of a table by id, some at a time."""
        from cloudmesh.db.conditions import gt

        last = 0
        while page := self.find(name, {"id": gt(last)}, limit=size):
            yield page
            last = page[-1].id

    def make_like(self, table: Table) -> None:
        """Make an empty table with the columns of one of another store, in their order."""
        made = self._new_table(table.name, [], self.tables())
        for path, column in table.by_path.items():
            name = column_name(path, made.taken, self.dialect.limits.reserved, self.dialect.limits.name_bytes)
            made.put(Column(name, path, column.kind))
        catalog.create(self.dialect, made)
        self._tables = None

    def restore(self, name: str, records: Iterable[Record]) -> None:
        """Add records with the ids that they have already."""
        table = self.table(name)
        for record in records:
            native, kept = table.cells(leaves(record))
            row = (record.id, *native.values(), pack(kept))
            self.dialect.insert(name, ("id", *native, "_json"), row)

    def missing_columns(self, name: str) -> list[str]:
        """The columns that a table should have, and has not."""
        sql = f"SELECT * FROM {self.dialect.quote(name)} LIMIT 0"  # noqa: S608
        there = {column[0] for column in self.dialect.execute(sql).description}
        columns = self.table(name).columns.values()
        return [column.name for column in columns if column.kind and column.name not in there]

    def _read(
        self,
        table: Table,
        clause: Clause,
        conditions: Conditions,
        order: str = "id",
        limit: int | None = None,
    ) -> list[Record]:
        """The records of the rows that a clause finds, without those that it finds in vain."""
        some = "" if limit is None else f" LIMIT {limit}"
        sql = f"SELECT * FROM {self.dialect.quote(table.name)}{clause.sql} ORDER BY {order}{some}"  # noqa: S608
        cursor = self.dialect.execute(sql, clause.bound)
        rows = cursor.fetchall()
        records = self._records(table, cursor, rows)
        if clause.exact:
            return records
        checks = _checks(table, conditions)
        return [record for record in records if all(met(record) for met in checks)]

    def _records(self, table: Table, cursor: Any, rows: list[Any]) -> list[Record]:
        if not rows:
            return []
        reader = table.reader
        try:
            if reader.width != len(rows[0]):
                reader = table.reader = Reader(table, [column[0] for column in cursor.description])
                if reader.misses:
                    raise Stale
            return list(map(reader.record, rows))
        except Stale:
            return self._read_anew(table, cursor, rows)
        except (ValueError, AttributeError, TypeError) as error:
            raise self._damaged(table) from error

    def _read_anew(self, table: Table, cursor: Any, rows: list[Any]) -> list[Record]:
        """The records of rows that are newer than what was known of their table."""
        fresh = self.tables().get(table.name, table)
        fresh.reader = Reader(fresh, [column[0] for column in cursor.description])
        try:
            return list(map(fresh.reader.record, rows))
        except (Stale, ValueError, AttributeError, TypeError) as error:
            raise self._damaged(table) from error

    def _damaged(self, table: Table) -> StoreError:
        return StoreError(
            f"a record of table {table.name!r} in the store {self.dialect.place} is damaged; "
            "cms db check shows what else is"
        )

    def _where(self, table: Table, conditions: Conditions) -> Clause:
        from cloudmesh.db.where import where  # the usual search does without

        return where(self.dialect, table, conditions)

    def _sorts(self, table: Table, order: Sequence[By]) -> bool:
        """Whether SQL puts the rows in the order that is meant: no value stands in ``_json`` alone."""
        for each in order:
            if each.column == "id":
                continue
            if table.columns[each.column].kind in ("json", ""):
                return False
            column = self.dialect.quote(each.column)
            sql = (
                f"SELECT 1 FROM {self.dialect.quote(table.name)} WHERE {column} IS NULL AND _json IS NOT NULL"  # noqa: S608
            )
            if self.dialect.execute(f"{sql} LIMIT 1").fetchone():
                return False
        return True

    def _order_sql(self, order: Sequence[By]) -> str:
        parts = [
            f"{self.dialect.quote(each.column)} {'DESC' if each.descending else 'ASC'} NULLS LAST"
            for each in order
        ]
        return ", ".join([*parts, "id"])

    def _ids(
        self, table: Table, conditions: Conditions, with_json: bool = False
    ) -> list[tuple[int, str | None]]:
        """The ids of the rows that meet the conditions, with their ``_json`` if it is asked for."""
        clause = self._where(table, conditions)
        name = self.dialect.quote(table.name)
        if clause.exact:
            sql = f"SELECT id, _json FROM {name}{clause.sql}"  # noqa: S608
            return [(id, text) for id, text in self.dialect.execute(sql, clause.bound).fetchall()]
        ids = [record.id for record in self._read(table, clause, conditions)]
        if not with_json:
            return [(id, None) for id in ids]
        found: list[tuple[int, str | None]] = []
        for some in _batches(ids):
            sql = f"SELECT id, _json FROM {name} WHERE id IN ({self._marks(some)})"  # noqa: S608
            found += self.dialect.execute(sql, some).fetchall()
        return found

    def _set(self, table: Table, names: list[str], values: list[Any], ids: list[int]) -> None:
        changes = ", ".join(f"{self.dialect.quote(name)} = {self.dialect.mark}" for name in names)
        update = f"UPDATE {self.dialect.quote(table.name)} SET {changes}"  # noqa: S608
        for some in _batches(ids):
            with self.dialect.undoable():
                self.dialect.execute(f"{update} WHERE id IN ({self._marks(some)})", [*values, *some])

    def _marks(self, values: Sequence[Any]) -> str:
        return ", ".join([self.dialect.mark] * len(values))

    def _new_table(self, name: str, found: list[Leaf], others: Iterable[str]) -> Table:
        check_name(name, self.dialect.limits)
        for other in others:
            if fold(other) == fold(name):
                raise StoreError(f"table {name!r} differs from {other!r} in letter case alone; use that name")
        table = Table(name, self.dialect.limits)
        table.widen(found)
        return table


def _checks(table: Table, conditions: Conditions) -> list[Any]:
    """A function for each condition that tells whether a record meets it."""
    from cloudmesh.db.conditions import condition
    from cloudmesh.db.ordering import at

    def check(name: str, wanted: Condition) -> Any:
        if name == "id":
            return lambda record: wanted.matches(record.id)
        path = table.columns[name].path
        return lambda record: wanted.matches(at(record, path))

    return [check(name, condition(wanted)) for name, wanted in conditions.items()]


def _batches(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]
