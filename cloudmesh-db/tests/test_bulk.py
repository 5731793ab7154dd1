"""Many records at once, and records that look alike, which go the short way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest

from cloudmesh.db import Database
from cloudmesh.plugin.errors import StoreError


def test_a_generator_of_more_than_a_batch_keeps_its_order(db: Database) -> None:
    ids = db.add_many("vm", ({"n": n, "data": {"even": n % 2 == 0}} for n in range(2500)))
    assert list(ids) == list(range(1, 2501))
    assert [(record.id, record["n"]) for record in db.find("vm")] == [(n + 1, n) for n in range(2500)]
    assert db.count("vm", data_even=True) == 1250
    assert db.add("vm", {"n": -1}) == 2501


def test_no_records_are_no_error(db: Database) -> None:
    assert list(db.add_many("vm", [])) == []
    assert not db.has("vm")


def test_one_that_cannot_be_stored_leaves_nothing_of_the_others(db: Database) -> None:
    db.add("vm", {"n": 0})
    for bad in ({"n": object()}, {"n": {1: 2}}, None, {"n": 10**5000}):
        with pytest.raises(StoreError):
            db.add_many("vm", [*({"n": n, "new": 1} for n in range(1500)), bad])  # type: ignore[list-item]
    assert db.find("vm") == [{"n": 0}]
    assert db.columns("vm") == ["id", "n"]
    assert db.add_many("vm", [{"n": 1}])[0] > 1


def test_an_error_of_the_generator_leaves_nothing(db: Database) -> None:
    def records() -> Iterator[dict[str, int]]:
        for n in range(1500):
            yield {"n": n}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.add_many("vm", records())
    assert db.tables() == []


ODD: list[dict[str, Any]] = [
    {"t": "x", "n": 1, "r": 1.5, "d": {"l": ["a"], "e": {}}},
    {"t": "\ud800", "n": 1, "r": 1.5, "d": {"l": ["a"], "e": {}}},
    {"t": "\0", "n": 2**63, "r": float("inf"), "d": {"l": ['"', "\\"], "e": {}}},
    {"t": "x", "n": -(2**63) - 1, "r": -0.0, "d": {"l": [1, True, None, 1.0], "e": {}}},
    {"t": "x", "n": 1, "r": 1.5, "d": {"l": [["a"], {"$float": "x"}], "e": {"f": 1}}},
    {"t": None, "n": None, "r": None, "d": {"l": [], "e": {}}},
    {"t": "x", "n": True, "r": 2, "d": {"l": ["a", "b", "é"], "e": {}}},
    {"t": "x", "n": 1, "r": 1.5, "d": ["l", "e"]},
    {"t": "x", "n": 1, "r": 1.5, "d": "le"},
    {"t": "x", "n": 1, "r": 1.5, "d": None},
    {"n": 1, "t": "x", "r": 1.5, "d": {"e": {}, "l": ['a","b']}},
    {"t": "x", "n": 1, "r": 1.5, "d": {}},
    {},
]


def test_records_that_are_almost_alike_stay_themselves(db: Database) -> None:
    many = [record for record in ODD for _ in range(3)]
    db.add_many("vm", many)
    for record in many:
        db.add("vm", record)
    for _ in range(3):
        found = db.find("vm")
        assert found == [*many, *many]
        assert [repr(record["n"]) for record in found if "n" in record] == [
            repr(record["n"]) for record in [*many, *many] if "n" in record
        ]
        assert [repr(record.get("r")) for record in found] == [repr(r.get("r")) for r in [*many, *many]]


def test_other_mappings_are_records_too(db: Database) -> None:
    for record in ({"a": {"b": 1}}, OrderedDict(a=OrderedDict(b=1)), MappingProxyType({"a": {"b": 1}})):
        for _ in range(2):
            db.add("vm", record)
        db.add_many("vm", [record, {"a": OrderedDict(b=1)}, {"a": MappingProxyType({"b": 1})}])
    assert db.find("vm") == [{"a": {"b": 1}}] * 15


def test_a_record_that_contains_itself_is_refused_after_one_that_looks_like_it(db: Database) -> None:
    endless: dict[str, Any] = {"a": {"b": 1}}
    db.add("vm", endless)
    db.add("vm", endless)
    endless["a"]["b"] = endless
    for add in (db.add, lambda table, record: db.add_many(table, [record])):
        with pytest.raises(StoreError, match="contains itself"):
            add("vm", endless)
    assert db.count("vm") == 2


def test_a_first_value_after_many_nones(db: Database) -> None:
    records: list[dict[str, Any]] = [{"a": None, "d": {"b": None}}] * 1200
    db.add_many("vm", [*records, {"a": 5, "d": {"b": "x"}}, *records])
    assert db.find("vm", a=5, d_b="x") == [{"a": 5, "d": {"b": "x"}}]
    assert db.count("vm", a=None) == 2400
    assert db.find("vm", id=1) == db.find("vm", id=2401) == [{"a": None, "d": {"b": None}}]


def test_many_shapes_are_stored_all_the_same(db: Database) -> None:
    records = [{f"k{n % 40}": n, "d": {f"l{n % 30}": None}} for n in range(1200)]
    db.add_many("vm", records)
    assert db.find("vm") == records


def test_bulk_inside_of_atomic_is_undone_with_it(db: Database) -> None:
    with pytest.raises(ZeroDivisionError), db.atomic():
        db.add_many("vm", [{"n": 1}, {"n": 2}])
        raise ZeroDivisionError
    assert not db.has("vm")
    with db.atomic():
        first = db.add_many("vm", [{"n": 1}, {"n": 2**70}, {"n": 3}])
        second = db.add("vm", {"n": 2**70})
    assert [record.id for record in db.find("vm")] == [*first, second]
    assert db.find("vm", n=2**70) == [{"n": 2**70}] * 2
