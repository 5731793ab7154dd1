"""Columns of many records at once: the same values as those of the records."""

from __future__ import annotations

from typing import Any

import pytest

from cloudmesh.db import Database
from cloudmesh.plugin.errors import StoreError, UnknownName

RECORDS: list[dict[str, Any]] = [
    {"cloud": "uc", "name": "a", "ips": ["10.0.0.1"], "cores": 1, "on": True, "seen": 0.5},
    {"cloud": "uc", "name": "b", "ips": ["10.0.0.2", 'q"\\'], "cores": 2.5, "on": None, "seen": 1e300},
    {"cloud": "uc", "name": None, "ips": [], "cores": 10**30, "on": False, "seen": 2},
    {"cloud": "tacc", "name": "ä\n", "ips": ["10.0.0.1"], "more": {"x": 1}},
    {"cloud": "tacc", "name": 5, "ips": [["k", b"v"], {"$x": 1}], "cores": 3, "on": True, "seen": 7.0},
    {"cloud": "ünï", "name": "c", "ips": None, "more": {}},
]
COLUMNS = ["name", "ips", "cores", "on", "seen", "cloud", "nothing"]


def by_name(found: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a series, whose order is not said."""
    return sorted(zip(*found.values(), strict=True), key=repr)


@pytest.mark.parametrize("where", [{}, {"cloud": "uc"}, {"cloud": "tacc"}, {"cloud": "ünï"}, {"cloud": "x"}])
def test_a_series_has_the_values_of_the_records(db: Database, where: dict[str, str]) -> None:
    db.add_many("machine", RECORDS)
    for _ in range(2):
        found = db.series("machine", COLUMNS, **where)
        assert list(found) == COLUMNS
        told = [tuple(each.get(name) for name in COLUMNS) for each in db.find("machine", **where)]
        assert by_name(found) == sorted(told, key=repr)


def test_a_series_may_have_the_numbers_of_the_records(db: Database) -> None:
    numbers = db.add_many("machine", RECORDS)
    for where in ({}, {"cloud": "ünï"}):
        found = db.series("machine", ["name", "id"], **where)
        told = [(each["name"], each.id) for each in db.find("machine", **where)]
        assert by_name(found) == sorted(told, key=repr)
    assert set(db.series("machine", ["id"])["id"]) == set(numbers)


def test_many_lists_are_read_at_once_and_stay_apart(db: Database) -> None:
    db.add_many("machine", [{"n": n, "ips": [f"10.0.0.{n}"] * (n % 3)} for n in range(50)])
    found = db.series("machine", ["n", "ips"])
    pairs = dict(zip(found["n"], found["ips"], strict=True))
    assert pairs == {n: [f"10.0.0.{n}"] * (n % 3) for n in range(50)}


def test_a_column_that_another_process_made_is_seen(place: str) -> None:
    with Database(place) as db, Database(place) as other:
        db.add("machine", {"name": "a"})
        assert db.series("machine", ["zone"]) == {"zone": [None]}
        other.add("machine", {"name": "b", "zone": "z"})
        assert sorted(map(str, db.series("machine", ["zone"])["zone"])) == ["None", "z"]


def test_what_is_not_there_or_damaged_is_an_error(db: Database) -> None:
    with pytest.raises(UnknownName):
        db.series("machine", ["name"])
    db.add_many("machine", [{"name": name, "ips": [name]} for name in ("a", "b")])
    with pytest.raises(UnknownName):
        db.series("machine", ["name"], nme="a")
    dialect = db.engine.dialect
    for damage in ("[1", "1], [2", "1, 2"):
        dialect.execute(f"UPDATE machine SET ips = '{damage}' WHERE name = 'a'")
        with pytest.raises(StoreError, match=r"a record of table 'machine' in .* is damaged"):
            db.series("machine", ["name", "ips"])
