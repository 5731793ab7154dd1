"""Conditions as SQL: a clause that finds at least the rows that meet them, and whether it finds no others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from cloudmesh.db.dialects.base import Dialect
from cloudmesh.db.records.conditions import AllOf, Condition, Equal, Glob, OneOf, Order, Unequal, condition
from cloudmesh.db.records.values import encode, kind_of
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
    The columns must be known to the table. Raises StoreError for a value that cannot be stored.
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
        self._dialect, self._nul_in_text = dialect, table.limits.nul_in_text
        self._sql = f"{dialect.quote(table.name)}.{dialect.quote(name)}"
        self._is_id = name == "id"
        self._kind = table.column(name).kind
        in_json = f"({self._sql} IS NULL AND {dialect.quote(table.name)}._json IS NOT NULL)"
        self._in_json = _NONE if self._is_id else Clause(in_json, [], False)

    def clause(self, wanted: Condition) -> Clause:
        """What a condition on the column is in SQL."""
        if isinstance(wanted, AllOf):
            return _joined(" AND ", [self.clause(part) for part in wanted.parts])
        if isinstance(wanted, OneOf):
            return self._any(wanted.parts)
        if isinstance(wanted, (Equal, Unequal)):
            return (self._equal if isinstance(wanted, Equal) else self._unequal)(wanted.value)
        if not self._kind:
            return _NONE
        if self._kind == "json" or not isinstance(wanted, (Order, Glob)):
            return _UNDECIDED
        found = self._order(wanted) if isinstance(wanted, Order) else self._glob(wanted)
        return _joined(" OR ", [found, self._in_json])

    def _equal(self, value: Any) -> Clause:
        if self._is_id:
            is_id = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63
            return self._compared("=", value) if is_id else _NONE
        if not self._kind:
            return _ALL if value is None else _NONE
        if value is None:
            return Clause(f"{self._sql} IS NULL", [], False)
        native = self._native(value)
        if self._kind == "json":
            return _UNDECIDED
        return self._in_json if native is None else self._compared("=", native)

    def _unequal(self, value: Any) -> Clause:
        equal = self._equal(value)
        if equal is _ALL or equal is _NONE:
            return _NONE if equal is _ALL else _ALL
        sql = f"({self._sql} <> {self._dialect.mark} OR {self._sql} IS NULL)"
        return Clause(sql, equal.bound, exact=True) if equal.exact else _UNDECIDED

    def _any(self, parts: tuple[Condition, ...]) -> Clause:
        clauses = [self.clause(part) for part in parts]
        single = f"{self._sql} = {self._dialect.mark}"
        values = [clause.bound[0] for clause in clauses if clause.sql == single]
        if len(values) < 2:
            return _joined(" OR ", clauses)
        marks = ", ".join([self._dialect.mark] * len(values))
        listed = Clause(f"{self._sql} IN ({marks})", values, exact=True)
        return _joined(" OR ", [listed, *(clause for clause in clauses if clause.sql != single)])

    def _order(self, wanted: Order) -> Clause:
        own = kind_of(wanted.value)
        if own in ("integer", "real") and self._kind in ("integer", "real"):
            return self._number_order(wanted.sign, wanted.value)
        if own != self._kind:
            return _NONE
        native = self._native(wanted.value)
        return _UNDECIDED if native is None else self._compared(wanted.sign, native)

    def _number_order(self, sign: str, number: int | float) -> Clause:
        """A comparison that is exact; Python decides if the column's type cannot hold the number."""
        if number != number:  # noqa: PLR0124 nan
            return _NONE
        if self._kind == "real":
            is_float = isinstance(number, float) or abs(number) <= 2**53
            return self._compared(sign, float(number)) if is_float else _UNDECIDED
        if not -(2**63) <= number < 2**63:
            return _UNDECIDED
        if number != math.floor(number):
            # Between two integers: what is greater than the lower one, or at most that.
            sign = ">" if sign in (">", ">=") else "<="
        return self._compared(sign, math.floor(number))

    def _glob(self, wanted: Glob) -> Clause:
        """What begins as all texts do that fit the pattern."""
        if self._kind != "text":
            return _NONE
        prefix = self._native(wanted.prefix)
        if not prefix:
            return _UNDECIDED
        clauses = [self._compared(">=", prefix)]
        last = ord(prefix[-1])
        # U+D7FF is followed by halves of surrogate pairs, and nothing comes after U+10FFFF.
        if last not in (0xD7FF, 0x10FFFF):
            clauses.append(self._compared("<", prefix[:-1] + chr(last + 1)))
        return _joined(" AND ", clauses)._replace(exact=False)

    def _compared(self, sign: str, native: Any) -> Clause:
        return Clause(f"{self._sql} {sign} {self._dialect.mark}", [native], exact=True)

    def _native(self, value: Any) -> Any:
        return encode(self._kind, value, self._nul_in_text)[0]


def _joined(word: str, clauses: list[Clause]) -> Clause:
    if len(clauses) == 1:
        return clauses[0]
    if not clauses:
        return _NONE
    text = word.join(clause.sql for clause in clauses)
    bound = [value for clause in clauses for value in clause.bound]
    return Clause(f"({text})", bound, all(clause.exact for clause in clauses))
