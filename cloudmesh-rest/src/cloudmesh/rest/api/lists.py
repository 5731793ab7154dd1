"""What all lists can be asked for: rows by a filter, in an order, with some columns, page by page."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from fastapi import Query

from cloudmesh.plugin.lists.rows import Rows
from cloudmesh.plugin.lists.selection import Selection
from cloudmesh.plugin.lists.values import MAP, NUMBERS, TIME, YES
from cloudmesh.plugin.plain import plain
from cloudmesh.rest.problems import Problem

# How many rows a page has unless the client says otherwise, and how many at most.
USUAL, MOST = 1000, 5000
_LONGEST = 2000
Key = dict[str, Any]


class ListQuery:
    """The parameters of a list."""

    def __init__(
        self,
        filter: Annotated[
            str | None,
            Query(
                description="conditions as --filter takes them, such as `state=active,name=web*`",
                min_length=1,
                max_length=_LONGEST,
                examples=["name=web*"],
            ),
        ] = None,
        sort: Annotated[
            str | None,
            Query(
                description="columns to sort by as --sort takes them; `-` before one for the greatest first",
                min_length=1,
                max_length=_LONGEST,
                examples=["-name"],
            ),
        ] = None,
        columns: Annotated[
            str | None,
            Query(
                description="the members of each item as --columns takes them; else the usual ones",
                min_length=1,
                max_length=_LONGEST,
                examples=["cloud,name"],
            ),
        ] = None,
        limit: Annotated[int, Query(ge=1, le=MOST, description="the most items of this page")] = USUAL,
        cursor: Annotated[
            str | None,
            Query(
                description="`next` of the page before, with the same parameters",
                min_length=1,
                max_length=4 * _LONGEST,
            ),
        ] = None,
    ) -> None:
        self.filter, self.sort, self.columns = filter, sort, columns
        self.limit, self.cursor = limit, cursor


class Page(NamedTuple):
    """Some rows of a list.

    Attributes:
        items: the rows, as JSON has them.
        next: the cursor of the page behind it; None if it is the last one.
        total: how many rows the list has on all pages.
    """

    items: list[dict[str, Any]]
    next: str | None
    total: int


class Listing:
    """A list that is asked for, checked before it is made.

    Args:
        query: what is asked for.
        known: all columns that the list can have, with ``age`` among them if the shell has it: it is asked
            for as there, and told as ``refreshed``, a time, which stays the same as long as nothing changes.
        usual: the columns that are told if none are chosen.
        kinds: the kinds of columns that are no texts.
        ties: columns that together name a row, which all rows are sorted by in the end.
        other: what else decides which rows there are; a cursor is good for the same only.

    Raises:
        UsageError: there is no such column, or the filter or the order is malformed.
        Problem: the cursor is none of this list.
    """

    def __init__(
        self,
        query: ListQuery,
        known: Sequence[str],
        usual: Sequence[str],
        kinds: Mapping[str, str],
        ties: Sequence[str] = ("cloud", "name", "id"),
        other: object = None,
    ) -> None:
        self._kinds, self._ties, self._limit = kinds, ties, query.limit
        bare = ("name", "id") if "id" in known else ("name",)
        options = {"--filter": query.filter, "--columns": query.columns}
        self._filter = Selection({"--filter": query.filter}, known, kinds, bare)
        chosen = Selection({**options, "--sort": query.sort}, known, kinds, bare).columns or usual
        self.columns = list(dict.fromkeys("refreshed" if name == "age" else name for name in chosen))
        sort = ",".join([*_by_time(query.sort), *ties])
        self._order = Selection({"--sort": sort}, known, kinds)
        asked = json.dumps([query.filter, sort, other], default=str)
        self._digest = hashlib.sha256(asked.encode("utf-8", "backslashreplace")).hexdigest()[:16]
        self._after = self._read(query.cursor) if query.cursor is not None else None

    @property
    def needed(self) -> set[str]:
        """The columns that the rows must have."""
        named = (*self.columns, *self._filter.needed, *self._order.needed, *self._ties)
        return {self._stored(name) for name in named}

    @property
    def depends_on_time(self) -> bool:
        """Whether other rows may be meant in a moment, though nothing changed."""
        kinds = {self._kinds.get(name) for name in self._filter.needed}
        return "age" in self._filter.needed or TIME in kinds

    def page(self, rows: Rows) -> Page:
        """The page of these rows that is asked for."""
        found = self._filter.apply(rows)
        places = self._places(found)
        shown = found.take(places[: self._limit])
        more = len(places) > self._limit
        return Page(self._items(shown), self._cursor(shown) if more else None, len(found))

    def _places(self, rows: Rows) -> Sequence[int]:
        """The places of the rows behind the cursor, in order.

        The last row of the page before need not be there any more: it is put among the others, and taken
        for the place where this page begins.
        """
        count = len(rows)
        after = self._after
        stored = dict.fromkeys(self._stored(name) for name in self._order.needed)
        # The cursor has no more of a map than the keys that it is sorted by.
        columns = {name: [*rows.values(name), *([after.get(name)] if after else [])] for name in stored}
        own = [columns[name] for name in self._ties]
        # Names that are sorted alike, as web1 and web01, have one order as well.
        base = sorted(range(len(own[0])), key=lambda place: [str(each[place]) for each in own])
        table = {name: [values[place] for place in base] for name, values in columns.items()}
        found = self._order.apply(Rows({**table, "#": base}, len(base))).values("#")
        return found[found.index(count) + 1 :] if after else found

    def _items(self, rows: Rows) -> list[dict[str, Any]]:
        """The rows as JSON has them."""
        return [
            dict(zip(self.columns, values, strict=True))
            for values in zip(*(self._values(rows, name) for name in self.columns), strict=True)
        ]

    def _values(self, rows: Rows, name: str) -> Sequence[Any]:
        stored = self._stored(name)
        values: Sequence[Any] = rows.values(stored)
        if stored != name:
            key = name.partition(".")[2]
            return [plain((value or {}).get(key)) for value in values]
        kind = self._kinds.get(name)
        if kind == TIME:
            return times(values)
        return plain(values) if kind == MAP else values

    def _stored(self, name: str) -> str:
        """The column of which this one is a part, as ``metadata`` of ``metadata.role``; else itself."""
        above = name.partition(".")[0]
        return above if above != name and self._kinds.get(above) == MAP else name

    def _cursor(self, rows: Rows) -> str:
        """The place behind the last of these rows."""
        last: Key = {}
        for name in self._order.needed:
            stored = self._stored(name)
            value = rows.values(stored)[-1]
            if stored == name:
                last[name] = value
            else:
                key = name.partition(".")[2]
                last.setdefault(stored, {})[key] = (value or {}).get(key)
        text = json.dumps([self._digest, plain(last)], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _read(self, cursor: str) -> Key:
        """The last row of the page before, as far as the order needs it. Raises Problem."""
        try:
            text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            digest, last = json.loads(text)
            if digest == self._digest and all(
                _fits(last[self._stored(name)], self._kinds.get(self._stored(name)))
                for name in self._order.needed
            ):
                return dict(last)
        except (binascii.Error, ValueError, TypeError, LookupError, RecursionError):
            pass
        raise Problem(
            422, "the cursor is none of this list; give 'next' of a page with the same parameters", "cursor"
        )


def times(values: Sequence[Any]) -> list[str | None]:
    """Times as JSON has them: null where one is not known."""
    return [value if isinstance(value, str) and value.endswith("Z") else None for value in values]


def _by_time(sort: str | None) -> list[str]:
    """The columns of an order in which ages stay as they are between two pages: as times, the other way."""
    if sort is None:
        return []
    parts = [part.strip() for part in sort.split(",")]
    others = {"age": "-refreshed", "+age": "-refreshed", "-age": "refreshed"}
    return [others.get(part.lower(), part) for part in parts]


def _fits(value: Any, kind: str | None) -> bool:
    """Whether a value of a cursor can be sorted among those of a column."""
    if value is None:
        return True
    if kind in NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124
    if kind == YES:
        return isinstance(value, bool)
    if kind == MAP:
        return isinstance(value, dict)
    return isinstance(value, str | list)
