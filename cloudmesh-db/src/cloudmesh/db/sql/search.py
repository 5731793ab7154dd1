"""Finding and counting records: by SQL as far as it goes, by Python where it does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloudmesh.db.records.flat import InvalidRecord, Record
from cloudmesh.db.records.values import DECODERS, from_json, unpack
from cloudmesh.db.sql.rows import ID, Column, RowReader, StaleTable
from cloudmesh.db.sql.tables import Table, Tables
from cloudmesh.plugin.errors import StoreError

if TYPE_CHECKING:
    from cloudmesh.db.records.ordering import By
    from cloudmesh.db.sql.where import Clause

Conditions = Mapping[str, Any]

# Records that are read at a time where all of a table are needed.
PAGE = 1000


class Search:
    """The records of the tables, as they are asked for."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._dialect = tables.dialect

    def find(
        self, name: str, conditions: Conditions, order: Sequence[By] = (), limit: int | None = None
    ) -> list[Record]:
        """The records that meet the conditions, by id or in the order given, at most ``limit`` of them."""
        plain = limit is None and not order
        if plain and (quick := self._find_equal(name, conditions)) is not None:
            return quick
        table = self._tables.table(name, [*conditions, *(each.column for each in order)])
        if plain:
            return self._read(table, self.where(table, conditions), conditions)
        with self._dialect.snapshot():
            # From the first statement on nothing changes, so what is looked up first stays true.
            table = self._tables.all()[name]
            clause = self.where(table, conditions)
            if clause.exact and limit is not None and self._sorts(table, order):
                parts = [
                    f"{self._dialect.quote(each.column)} {'DESC' if each.descending else 'ASC'} NULLS LAST"
                    for each in order
                ]
                return self._read(table, clause, conditions, ", ".join([*parts, "id"]), limit)
            found = self._read(table, clause, conditions)
        from cloudmesh.db.records.ordering import arranged

        return arranged(found, [(table.column(each.column).path, each.descending) for each in order])[:limit]

    def series(
        self, name: str, columns: Sequence[str], conditions: Mapping[str, str]
    ) -> dict[str, Sequence[Any]]:
        """For each of these columns, or ``id``, its values in the records with these texts, in any order."""
        table = self._tables.table(name, conditions)
        known = {"id", *(each for each, column in table.columns.items() if column.kind)}
        if not known.issuperset(columns):
            table = self._tables.all().get(name, table)
        # A column without a kind has only ever seen None.
        there = [
            table.column(each)
            for each in columns
            if each == "id" or (each in table.columns and table.columns[each].kind)
        ]
        quote, mark = self._dialect.quote, self._dialect.mark
        usual = all(len(each.path) == 1 or each is ID for each in there) and all(
            table.column(each).kind == "text" and value.isascii() and value.isprintable()
            for each, value in conditions.items()
        )
        if not usual:
            records = self.find(name, conditions)
            return {
                each: [record.id if each == "id" else record.get(each) for record in records]
                for each in columns
            }
        # With the table's name sqlite takes no column that is gone for a text.
        wanted = ", ".join(f"t.{quote(each.name)}" for each in there)
        equal = " AND ".join(f"t.{quote(each)} = {mark}" for each in conditions)
        sql = (
            f"SELECT {wanted}{', ' * bool(there)}t._json FROM {quote(name)} AS t "  # noqa: S608 quoted
            f"{'WHERE ' * bool(equal)}{equal}"
        )
        # Not fetchall: a list of all rows takes a sixth of the time.
        cells = list(zip(*self._dialect.execute(sql, tuple(conditions.values())), strict=True))
        try:
            return self._decoded(columns, there, cells or [()] * (len(there) + 1))
        except (ValueError, AttributeError, TypeError) as error:
            raise self._damaged(name) from error

    def _decoded(
        self, columns: Sequence[str], there: Sequence[Column], cells: Sequence[Sequence[Any]]
    ) -> dict[str, Sequence[Any]]:
        """The values of the columns; equal texts of JSON may give the same list. ``_json`` comes last."""
        *cells, kept = cells
        found: dict[str, Sequence[Any]] = {}
        for column, values in zip(there, cells, strict=True):
            if decode := DECODERS.get(column.kind):
                found[column.name] = _decoded(decode, values)
            else:
                found[column.name] = values
        # Most rows have none or the same, of columns that are not asked for.
        special = {text: unpack(text) for text in set(kept) if text is not None}
        if any(more.keys() & found.keys() for more in special.values()):
            lists = {name: list(values) for name, values in found.items()}
            for place, text in enumerate(kept):
                for name, value in special[text].items() if text is not None else ():
                    if name in lists:
                        lists[name][place] = value
            found = {**lists}
        return {each: found.get(each) or [None] * len(kept) for each in columns}

    def count(self, name: str, conditions: Conditions) -> int:
        """How many rows meet the conditions."""
        table = self._tables.table(name, conditions)
        clause = self.where(table, conditions)
        if not clause.exact:
            return len(self.find(name, conditions))
        sql = f"SELECT count(*) FROM {self._dialect.quote(name)}{clause.sql}"  # noqa: S608
        return int(self._dialect.execute(sql, clause.bound).fetchone()[0])

    def tally(self, name: str, column: str, conditions: Conditions) -> dict[Any, int]:
        """The values of a column in the order in which they first come, with the number of records of each.

        Raises UnknownName, or StoreError if a dict cannot have the values as its keys.
        """
        values: dict[Any, Any] = {}
        counts: dict[Any, int] = {}
        try:
            for value, number in self._counted(name, column, conditions):
                # What a condition takes for equal: True is not 1, and nan is nan.
                same = "nan" if value != value else (isinstance(value, bool), value)  # noqa: PLR0124
                values.setdefault(same, value)
                counts[same] = counts.get(same, 0) + number
        except TypeError as error:
            raise InvalidRecord(
                f"the column {column!r} of table {name!r} has lists or dicts, not values"
            ) from error
        found = {value: counts[same] for same, value in values.items()}
        if len(found) < len(values):
            raise InvalidRecord(f"the column {column!r} of table {name!r} has numbers beside True or False")
        return found

    def _counted(self, name: str, column: str, conditions: Conditions) -> Iterator[tuple[Any, int]]:
        """Values with numbers of records; a value may come several times."""
        table = self._tables.table(name, [column, *conditions])
        known = table.column(column)
        clause = self.where(table, conditions)
        if not clause.exact or not known.kind:
            from cloudmesh.db.records.ordering import at

            for record in self.find(name, conditions):
                yield at(record, known.path), 1
            return
        quote = self._dialect.quote
        # Most values stand in the column; those that it cannot hold are all in _json.
        sql = (
            f"SELECT {quote(column)}, CASE WHEN {quote(column)} IS NULL THEN _json END, count(*) "  # noqa: S608
            f"FROM {quote(name)}{clause.sql} GROUP BY 1, 2 ORDER BY min(id)"
        )
        decode = DECODERS.get(known.kind, lambda native: native)
        for native, kept, number in self._dialect.execute(sql, clause.bound).fetchall():
            yield unpack(kept).get(column) if native is None else decode(native), number

    def ids(self, table: Table, conditions: Conditions) -> list[int]:
        """The ids of the records that meet the conditions."""
        clause = self.where(table, conditions)
        if not clause.exact:
            return [record.id for record in self._read(table, clause, conditions)]
        sql = f"SELECT id FROM {self._dialect.quote(table.name)}{clause.sql}"  # noqa: S608
        return [id for (id,) in self._dialect.execute(sql, clause.bound).fetchall()]

    def where(self, table: Table, conditions: Conditions) -> Clause:
        """The conditions as SQL."""
        from cloudmesh.db.sql.where import where  # the usual search does without

        return where(self._dialect, table, conditions)

    def pages(self, name: str, size: int = PAGE) -> Iterator[list[Record]]:
        """All records of a table by id, some at a time."""
        from cloudmesh.db.records.conditions import gt

        last = 0
        while page := self.find(name, {"id": gt(last)}, limit=size):
            yield page
            last = page[-1].id

    def _find_equal(self, name: str, conditions: Conditions) -> list[Record] | None:
        """The usual search in short: texts that are equal, in columns of texts; None for any other."""
        table = self._tables.known(name)
        if table is None:
            return None
        for value in conditions.values():
            if type(value) is not str or not value.isascii() or not value.isprintable():
                return None
        names = tuple(conditions)
        if names not in table.selects:
            texts = [name for name in names if name in table.columns and table.columns[name].kind == "text"]
            quote, mark = self._dialect.quote, self._dialect.mark
            parts = " AND ".join(f"{quote(name)} = {mark}" for name in texts)
            select = f"SELECT * FROM {quote(table.name)} WHERE {parts} ORDER BY id"  # noqa: S608
            table.selects[names] = select if texts and len(texts) == len(names) else None
        sql = table.selects[names]
        if sql is None:
            return None
        cursor = self._dialect.execute(sql, tuple(conditions.values()))
        return self._records(table, cursor, cursor.fetchall())

    def _read(
        self,
        table: Table,
        clause: Clause,
        conditions: Conditions,
        order: str = "id",
        limit: int | None = None,
    ) -> list[Record]:
        """The records of the rows that a clause finds, without those that it finds in vain."""
        some = "" if limit is None else f" LIMIT {min(limit, 2**63 - 1)}"
        sql = f"SELECT * FROM {self._dialect.quote(table.name)}{clause.sql} ORDER BY {order}{some}"  # noqa: S608
        cursor = self._dialect.execute(sql, clause.bound)
        rows = cursor.fetchall()
        records = self._records(table, cursor, rows)
        if clause.exact:
            return records
        from cloudmesh.db.records.conditions import condition
        from cloudmesh.db.records.ordering import at

        checks = [(table.column(name).path, condition(wanted)) for name, wanted in conditions.items()]
        return [
            record for record in records if all(wanted.matches(at(record, path)) for path, wanted in checks)
        ]

    def _records(self, table: Table, cursor: Any, rows: list[Any]) -> list[Record]:
        if not rows:
            return []
        try:
            try:
                if table.reader.width != len(rows[0]):
                    reader = RowReader(table.columns, cursor.description)
                    if reader.misses or reader.gone:
                        raise StaleTable
                    table.reader = reader
                return list(map(table.reader.record, rows))
            except StaleTable:
                # The rows are newer than what was known of their table, or older than what is known now.
                table = self._tables.all().get(table.name, table)
                reader = RowReader(table.columns, cursor.description)
                if reader.gone and (gone := self._tables.missing_columns(table.name)):
                    lost = f"table {table.name!r} has no column {gone[0]!r}"
                    raise self._dialect.changed(lost) from None
                table.reader = reader
                return list(map(table.reader.record, rows))
        except (StaleTable, ValueError, AttributeError, TypeError) as error:
            raise self._damaged(table.name) from error

    def _damaged(self, name: str) -> StoreError:
        return StoreError(
            f"a record of table {name!r} in the store {self._dialect.place} is damaged; "
            "cms db check checks the others"
        )

    def _sorts(self, table: Table, order: Sequence[By]) -> bool:
        """Whether SQL puts the rows in the order that is meant: no value stands in ``_json`` alone."""
        for each in order:
            if each.column == "id":
                continue
            if table.columns[each.column].kind in ("json", ""):
                return False
            kept = f"{self._dialect.quote(each.column)} IS NULL AND _json IS NOT NULL"
            sql = f"SELECT 1 FROM {self._dialect.quote(table.name)} WHERE {kept} LIMIT 1"  # noqa: S608
            if self._dialect.execute(sql).fetchone():
                return False
        return True


def _decoded(decode: Callable[[Any], Any], natives: Sequence[Any]) -> list[Any]:
    """The value of each native; each is decoded once, and JSON that never comes twice all at once."""
    distinct = set(natives)
    if decode is from_json and 2 * len(distinct) > len(natives) > 1 and None not in distinct:
        whole = f"[{','.join(natives)}]"
        if '"$' not in whole:
            values: list[Any] = json.loads(whole)
            # A damaged text may have closed the bracket of another.
            if len(values) == len(natives):
                return values
    known = {native: None if native is None else decode(native) for native in distinct}
    return [known[native] for native in natives]
