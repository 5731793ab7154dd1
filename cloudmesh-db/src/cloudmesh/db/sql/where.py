"""Conditions as SQL: a clause that finds at least the rows that meet them, and whether it finds no others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from cloudmesh.db.dialects.base import Dialect
from cloudmesh.db.records.conditions import AllOf, Condition, Equal, Glob, OneOf, Order, Unequal, condition
from cloudmesh.db.records.values import encode, kind_of
from cloudmesh.db.sql.rows import Column
from cloudmesh.db.sql.tables import Table

# Fewer than any database allows in one statement (sqlite 32766, PostgreSQL 65535).
MOST_VALUES = 30_000


class Clause(NamedTuple):
    """SQL, what is bound to it, and whether every row that it finds meets the conditions."""

    sql: str
    bound: list[Any]
    exact: bool


# Every row meets the condition; no row does; Python must look at each.
_ALL = Clause("1 = 1", [], True)
_NONE = Clause("0 = 1", [], True)
_UNDECIDED = Clause("1 = 1", [], False)


def where(dialect: Dialect, table: Table, conditions: Mapping[str, Any]) -> Clause:
    """The WHERE clause, with a blank before it; nothing without conditions.

    A row that its columns cannot decide, since ``_json`` holds its value, is among those found.
    The columns must be known to the table.

    Raises:
        StoreError: a value is of a type that cannot be stored.
    """
    if not conditions:
        return Clause("", [], True)
    clauses = [
        _ColumnConditions(dialect, table, name).clause(condition(wanted))
        for name, wanted in conditions.items()
    ]
    joined = _joined(" AND ", clauses)
    if len(joined.bound) > MOST_VALUES:
        return Clause("", [], False)
    return joined._replace(sql=f" WHERE {joined.sql}")


class _ColumnConditions:
    """One column, and what conditions on it are in SQL."""

    def __init__(self, dialect: Dialect, table: Table, name: str) -> None:
        self._dialect, self._table = dialect, table
        self._sql = f"{dialect.quote(table.name)}.{dialect.quote(name)}"
        self._in_json = f"({self._sql} IS NULL AND {dialect.quote(table.name)}._json IS NOT NULL)"
        # None for the column "id".
        self._column: Column | None = None if name == "id" else table.columns[name]

    def clause(self, wanted: Condition) -> Clause:
        """What a condition on the column is in SQL."""
        if isinstance(wanted, AllOf):
            return _joined(" AND ", [self.clause(part) for part in wanted.parts])
        if isinstance(wanted, OneOf):
            return self._any(wanted.parts)
        if isinstance(wanted, Equal):
            return self._equal(wanted.value)
        return self._unequal(wanted.value) if isinstance(wanted, Unequal) else self._like(wanted)

    def _like(self, wanted: Condition) -> Clause:
        """An order or a pattern."""
        if self._column is None:
            return self._id_order(wanted) if isinstance(wanted, Order) else _NONE
        if not self._column.kind:
            return _NONE
        if isinstance(wanted, Order):
            return self._order(self._column, wanted)
        return self._glob(self._column, wanted) if isinstance(wanted, Glob) else _UNDECIDED

    def _equal(self, value: Any) -> Clause:
        if self._column is None:
            is_id = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63
            return self._compared("=", value) if is_id else _NONE
        if not self._column.kind:
            return _ALL if value is None else _NONE
        if value is None:
            return Clause(f"{self._sql} IS NULL", [], False)
        native = self._native(value)
        if native is not None and self._column.kind != "json":
            return self._compared("=", native)
        return _UNDECIDED if self._column.kind == "json" else Clause(self._in_json, [], False)

    def _unequal(self, value: Any) -> Clause:
        equal = self._equal(value)
        if equal is _ALL or equal is _NONE:
            return _NONE if equal is _ALL else _ALL
        if not equal.exact:
            return _UNDECIDED
        return Clause(
            f"({self._sql} <> {self._dialect.mark} OR {self._sql} IS NULL)", equal.bound, exact=True
        )

    def _any(self, parts: tuple[Condition, ...]) -> Clause:
        clauses = [self.clause(part) for part in parts]
        single = f"{self._sql} = {self._dialect.mark}"
        values = [clause.bound[0] for clause in clauses if clause.sql == single]
        if len(values) < 2:
            return _joined(" OR ", clauses)
        marks = ", ".join([self._dialect.mark] * len(values))
        listed = Clause(f"{self._sql} IN ({marks})", values, exact=True)
        return _joined(" OR ", [listed, *(clause for clause in clauses if clause.sql != single)])

    def _id_order(self, wanted: Order) -> Clause:
        return self._numbers("integer", wanted) if kind_of(wanted.value) in ("integer", "real") else _NONE

    def _order(self, column: Column, wanted: Order) -> Clause:
        if column.kind == "json":
            return _UNDECIDED
        in_json = Clause(self._in_json, [], False)
        own = kind_of(wanted.value)
        if own in ("integer", "real") and column.kind in ("integer", "real"):
            return _joined(" OR ", [self._numbers(column.kind, wanted), in_json])
        if own != column.kind:
            return in_json
        native = self._native(wanted.value)
        return (
            _UNDECIDED if native is None else _joined(" OR ", [self._compared(wanted.sign, native), in_json])
        )

    def _numbers(self, kind: str, wanted: Order) -> Clause:
        """A comparison that is exact although the column's type may not hold the number."""
        bound = (_as_integer if kind == "integer" else _as_real)(wanted.sign, wanted.value)
        if isinstance(bound, bool):
            return Clause(f"{self._sql} IS NOT NULL", [], exact=True) if bound else _NONE
        return self._compared(*bound)

    def _glob(self, column: Column, wanted: Glob) -> Clause:
        if column.kind == "json":
            return _UNDECIDED
        in_json = Clause(self._in_json, [], False)
        if column.kind != "text":
            return in_json
        native = self._native(wanted.prefix)
        if not native:
            return _UNDECIDED
        return _joined(" OR ", [_joined(" AND ", self._begins_with(native)), in_json])

    def _begins_with(self, prefix: str) -> list[Clause]:
        clauses = [self._compared(">=", prefix)]
        last = ord(prefix[-1])
        # U+D7FF is followed by halves of surrogate pairs, and nothing comes after U+10FFFF.
        if last not in (0xD7FF, 0x10FFFF):
            clauses.append(self._compared("<", prefix[:-1] + chr(last + 1)))
        return clauses

    def _compared(self, sign: str, native: Any) -> Clause:
        return Clause(f"{self._sql} {sign} {self._dialect.mark}", [native], exact=True)

    def _native(self, value: Any) -> Any:
        column = self._column
        return encode(column.kind, value, self._table.limits.nul_in_text)[0] if column else None


def _joined(word: str, clauses: list[Clause]) -> Clause:
    if len(clauses) == 1:
        return clauses[0]
    if not clauses:
        return _NONE
    text = word.join(clause.sql for clause in clauses)
    bound = [value for clause in clauses for value in clause.bound]
    return Clause(f"({text})", bound, all(clause.exact for clause in clauses))


def _as_integer(sign: str, number: int | float) -> tuple[str, int] | bool:
    """The same comparison with an integer of 64 bits; True or False if it is so for all of them."""
    if isinstance(number, float) and math.isnan(number):
        return False
    if abs(number) == math.inf:
        return (number > 0) == (sign in ("<", "<="))
    # All four become "greater than" or "at most" an integer.
    whole = math.floor(number) if sign in (">", "<=") else math.ceil(number) - 1
    sign = ">" if sign in (">", ">=") else "<="
    if whole < -(2**63):
        return sign == ">"
    if whole >= 2**63 - 1:
        return sign == "<="
    return sign, whole


def _as_real(sign: str, number: int | float) -> tuple[str, float] | bool:
    """The same comparison with a float; False if nothing can meet it."""
    if isinstance(number, float) and math.isnan(number):
        return False
    down = sign in (">", "<=")
    try:
        nearest = float(number)
    except OverflowError:
        greatest = math.nextafter(math.inf, 0)
        nearest = (greatest if down else math.inf) if number > 0 else (-math.inf if down else -greatest)
        return sign, nearest
    if down and nearest > number:
        nearest = math.nextafter(nearest, -math.inf)
    if not down and nearest < number:
        nearest = math.nextafter(nearest, math.inf)
    return sign, nearest
