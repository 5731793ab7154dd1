"""Records that look like earlier ones become rows without a walk through each.

Machines of a cloud have the same keys and, at each key, the same type of value. What such a record becomes
is worked out once, as a plan, and the next one only has to be seen to be alike: its keys are compared and
the types of its values looked up, both of which Python does in C. A record that is not alike goes the long
way through ``Table.cells``, which alone decides what a row is; a plan only repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from operator import itemgetter
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

from cloudmesh.db.flat import KeyPath
from cloudmesh.db.values import is_plain, list_json

if TYPE_CHECKING:
    from cloudmesh.db.schema import Table

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
# Records of very many shapes are better off without plans.
_MOST = 500


class Plan(NamedTuple):
    """How records of one shape become rows.

    Attributes:
        columns: the columns of the row, ``_json`` last.
        take: picks the values of the row out of all slots.
        floats, lists: the slots that must be looked at, or made a text.
        nulls: what ``_json`` is.
    """

    columns: tuple[str, ...]
    take: Callable[[list[Any]], tuple[Any, ...]]
    floats: tuple[int, ...]
    lists: tuple[int, ...]
    nulls: str | None


class Structure:
    """The keys of a record and of the dicts in it. A slot is a value's place in the order of their levels."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.keys = list(record)
        self.paths: list[KeyPath] = [(key,) for key in record]
        self.inner: list[tuple[int, list[str]]] = []
        self.plans: dict[tuple[type, ...], Plan | None] = {}
        values = list(record.values())
        for slot, value in enumerate(values):
            # The list grows while it is walked through.
            if type(value) is dict and value:
                self.inner.append((slot, list(value)))
                self.paths += [(*self.paths[slot], key) for key in value]
                values += value.values()

    def slots(self, record: dict[str, Any]) -> list[Any] | None:
        """All values of a record that has this structure; None for any other record."""
        if [*record] != self.keys:
            return None
        values = [*record.values()]
        try:
            for slot, keys in self.inner:
                inner = values[slot]
                if [*inner] != keys:
                    return None
                values += inner.values()
        except (TypeError, AttributeError):
            # In place of a dict there is something else.
            return None
        return values

    def plan(self, table: Table, types: tuple[type, ...]) -> Plan | None:
        """How a record with values of these types becomes a row; None if it must go the long way."""
        inner = {slot for slot, _ in self.inner}
        taken: dict[str, int] = {}
        nulls: list[str] = []
        for slot, (path, kind) in enumerate(zip(self.paths, types, strict=True)):
            if slot in inner:
                if kind is not dict:
                    return None
                continue
            column = table.by_path.get(path)
            if column is None:
                return None
            if kind is NoneType:
                nulls.append(f"{json.dumps(column.name)}:null")
            elif _NATIVE.get(kind) == column.kind:
                taken[column.name] = slot
            else:
                return None
        return Plan(
            columns=(*taken, "_json"),
            # With a second one it gives a tuple in any case.
            take=itemgetter(*taken.values(), len(types)) if taken else lambda slots: (slots[-1],),
            floats=tuple(slot for slot in taken.values() if types[slot] is float),
            lists=tuple(slot for slot in taken.values() if types[slot] in (list, dict)),
            nulls=f"{{{','.join(nulls)}}}" if nulls else None,
        )


class Shapes:
    """The shapes of the records of a table as its columns are now."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._last: Structure | None = None
        self._known: dict[tuple[Any, ...], Structure] = {}
        self._plans = 0

    def row(self, record: Mapping[str, Any]) -> tuple[Plan, tuple[Any, ...]] | None:
        """The row of a record, and how it was made; None if the record must go the long way."""
        structure = self._last
        slots = structure.slots(record) if structure and isinstance(record, dict) else None
        if structure is None or slots is None:
            structure, slots = self._look_up(record)
            if structure is None or slots is None:
                return None
        types = tuple(map(type, slots))
        plan = structure.plans.get(types) or self._new_plan(structure, types)
        if plan is None:
            return None
        for slot in plan.floats:
            number = slots[slot]
            if not (number > 0 or number < 0 or is_plain(number)):
                return None
        for slot in plan.lists:
            value = slots[slot]
            if value and type(value) is dict:
                return None
            slots[slot] = list_json(value)
        slots.append(plan.nulls)
        return plan, plan.take(slots)

    def _new_plan(self, structure: Structure, types: tuple[type, ...]) -> Plan | None:
        if types in structure.plans or self._plans >= _MOST:
            return None
        self._plans += 1
        plan = structure.plans[types] = structure.plan(self._table, types)
        return plan

    def _look_up(self, record: Mapping[str, Any]) -> tuple[Structure | None, list[Any] | None]:
        if not isinstance(record, dict):
            return None, None
        structure = self._structure(record)
        if structure is None:
            return None, None
        self._last = structure
        return structure, structure.slots(record)

    def _structure(self, record: dict[str, Any]) -> Structure | None:
        try:
            keys = _all_keys(record)
        except RecursionError:
            return None
        found = self._known.get(keys)
        if found is None and len(self._known) < _MOST:
            found = self._known[keys] = Structure(record)
        return found


def _all_keys(record: dict[str, Any]) -> tuple[Any, ...]:
    """The keys of a record and of all dicts in it, such that no two structures have the same."""
    inner = tuple((key, _all_keys(value)) for key, value in record.items() if type(value) is dict and value)
    return (*record, None, *inner)
