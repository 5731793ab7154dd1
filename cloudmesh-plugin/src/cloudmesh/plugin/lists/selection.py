"""``Selection``: what ``--filter``, ``--sort`` and ``--columns`` say, checked before a list is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloudmesh.plugin.errors import UsageError, suggest
from cloudmesh.plugin.lists.rows import Rows, Values, natural_keys
from cloudmesh.plugin.lists.values import MAP, NUMBERS, TEXT, TIME, YES

if TYPE_CHECKING:
    from cloudmesh.plugin.lists.filters import Condition

# Formats without columns; that of names has one.
_WITHOUT = ("ansible", "ssh-config")
# Lists differ in how they call the cloud's own id.
_SAME = {"id": "cloud_id", "cloud_id": "id"}
_SORTED_AS_THEY_ARE = frozenset({*NUMBERS, YES, TIME})


class Selection:
    """Which rows of a list are shown, in which order, with which columns.

    Attributes:
        columns: the columns that ``--columns`` names, in that order; None for the usual ones.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        known: Iterable[str],
        kinds: Mapping[str, str] | None = None,
        bare: Sequence[str] = ("name",),
    ) -> None:
        """Read the options of a command, of which none may be there.

        Args:
            known: all columns that the list can have.
            kinds: the kinds of columns that are no texts, see ``lists.values``.
            bare: the columns that a value of ``--filter`` without a column is looked for in.

        Raises:
            UsageError: there is no such column, or the filter or the order is malformed.
        """
        self._known = list(known)
        self._kinds = kinds or {}
        self.columns: list[str] | None = None
        self._conditions: list[Condition] = []
        self._order: list[tuple[str, bool]] = []
        chosen = options.get("--columns")
        if chosen is not None:
            self.columns = self._chosen(chosen)
        if (text := options.get("--filter")) is not None:
            from cloudmesh.plugin.lists import filters  # few calls have one

            self._conditions = filters.parse(text, lambda name: self._column(name, "--filter"), bare)
        if (text := options.get("--sort")) is not None:
            self._order = [self._by(each) for each in _parts(text, "--sort")]
        form = options.get("--output")
        if self.columns and (form in _WITHOUT or (form == "names" and len(self.columns) > 1)):
            more = "" if form in _WITHOUT else ", which prints one column"
            raise UsageError(f"--columns={chosen} has no meaning with --output={form}{more}")

    @property
    def needed(self) -> list[str]:
        """The columns that filter and order look at."""
        looked_at = (name for each in self._conditions for name in each.columns)
        return list(dict.fromkeys([*looked_at, *(name for name, _ in self._order)]))

    def apply(self, rows: Sequence[Mapping[str, Any]]) -> Rows:
        """The rows that are meant, in their order, with all columns."""
        found = Rows.of(rows, self._known)
        wanted = dict.fromkeys([*self.needed, *(self.columns or ())])
        if keys := [name for name in wanted if name not in found.names]:
            found = _with_keys(found, keys)
        if self._conditions:
            from cloudmesh.plugin.lists import filters

            found = found.take(filters.places(found, self._conditions))
        for name, descending in reversed(self._order):
            found = found.take(self._places(found.values(name), self._kinds.get(name, TEXT), descending))
        return found

    def _places(self, values: Values, kind: str, descending: bool) -> list[int]:
        """The places of the values in order; those that are empty come last."""
        there = [
            place for place, value in enumerate(values) if value is not None and value not in ("", [], {})
        ]
        empty = [place for place, value in enumerate(values) if value is None or value in ("", [], {})]
        if kind in _SORTED_AS_THEY_ARE:
            keys: Mapping[int, Any] = {place: values[place] for place in there}
        else:
            keys = dict(zip(there, natural_keys([_text(values[place]) for place in there]), strict=True))
        there.sort(key=keys.__getitem__, reverse=descending)
        return there + empty

    def _chosen(self, text: str) -> list[str]:
        """The columns of ``--columns``, in which globs are allowed."""
        names: dict[str, None] = {}
        for part in _parts(text, "--columns"):
            if any(sign in part for sign in "*?["):
                from fnmatch import fnmatchcase

                found = [name for name in self._known if fnmatchcase(name, part)]
                names |= dict.fromkeys(found or [self._column(part, "--columns")[0]])
            else:
                names[self._column(part, "--columns")[0]] = None
        return list(names)

    def _by(self, part: str) -> tuple[str, bool]:
        """A column of ``--sort``, and whether the greatest comes first."""
        descending = part.startswith("-")
        return self._column(part.removeprefix("-").removeprefix("+"), "--sort")[0], descending

    def _column(self, name: str, option: str) -> tuple[str, str]:
        """The true name of a column, and its kind. Raises UsageError."""
        if name in self._known:
            return name, self._kinds.get(name, TEXT)
        for other in (name.lower(), _SAME.get(name.lower())):
            if other in self._known:
                return other, self._kinds.get(other, TEXT)
        above, dot, key = name.partition(".")
        if dot and key and self._kinds.get(above) == MAP:
            return name, TEXT
        raise UsageError(f"there is no column {name!r} for {option}; {suggest(name, self._known, 20)}")


def _parts(text: str, option: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.removeprefix("-") for part in parts):
        raise UsageError(f"a column between commas is empty in {option}={text!r}")
    return parts


def _with_keys(rows: Rows, names: Sequence[str]) -> Rows:
    """The rows with columns such as ``metadata.role``: what a map has for that key."""
    columns: dict[str, Any] = {name: rows.values(name) for name in rows.names}
    for name in names:
        above, _, key = name.partition(".")
        columns[name] = (
            [(value or {}).get(key) for value in rows.values(above)]
            if above in columns
            else [None] * len(rows)
        )
    return Rows(columns, len(rows))


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else str(value)
