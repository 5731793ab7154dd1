"""Database: the same dict out, conditions that compare as they should, all or nothing."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from datetime import date, datetime, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.db import Database, Record, flatten, unflatten
from cloudmesh.plugin.errors import StoreError, UnknownName

ELEMENT = {"id": 1, "cloud": "chameleon", "name": "vm1", "data": {"image": "ubuntu", "flavor": "small"}}
HOSTILE = ["a b", 'a"b', "a'b;", "x); DROP TABLE vm; --", "select", "é", "rowid", "[x]", "?", ":x", "%", "  "]
ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=5)
KEYS = (
    st.sampled_from(["a", "b", "a_b", "A", "a_b_2", "id", "ID", "own_id", "_json", "", "_", "É", "$float"])
    | st.sampled_from(['q"', "\0", "é"])
    | ANY_TEXT
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**63), 2**63 - 1, 2**53 + 1, 2**70, 10**400, 5, 5.0, -0.0, 1, 1.0, 1e300])
    | st.floats()
    | ANY_TEXT
    | st.sampled_from(["012", "5", "5.0", "true", "null", "", "[]", "nan", " 1"])
    | st.binary(max_size=4)
    | st.datetimes(timezones=st.none() | st.just(timezone.utc))
    | st.dates()
)
LEAVES = SCALARS | st.recursive(
    st.lists(SCALARS, max_size=2),
    lambda inner: st.lists(inner | st.dictionaries(KEYS, inner | SCALARS, max_size=2), max_size=2),
    max_leaves=4,
)
RECORDS = st.dictionaries(
    KEYS,
    st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=5),
    max_size=5,
)


def exact(value: Any) -> Any:
    """A value in which True differs from 1, 5 from 5.0 and 0.0 from -0.0, and nan is nan."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return type(value), repr(value) if isinstance(value, float) else value


@given(RECORDS)
def test_flat_columns_have_names_of_their_own_and_lose_nothing(record: dict[str, Any]) -> None:
    flat = flatten(record)
    assert repr(unflatten(flat)) == repr(unflatten(dict(flat), flat.paths)) == repr(record)
    # Letter case alone makes no difference, and some names are reserved.
    folded = {bytes(column, "utf-8").lower() for column in flat}
    assert len(folded) == len(flat)
    assert not folded & {b"id", b"_json", b""}


@settings(max_examples=50)
@given(st.lists(RECORDS, min_size=1, max_size=5))
def test_the_same_dicts_come_out(new_place: Callable[[], str], records: list[dict[str, Any]]) -> None:
    place = new_place()
    with Database(place) as writer:
        # Twice, since what looks like an earlier record goes another way.
        ids = [*(writer.add("vm", record) for record in records), *writer.add_many("vm", records)]
    with Database(place) as reader:
        for _ in range(2):
            found = reader.find("vm")
            assert [exact(dict(record)) for record in found] == [exact(record) for record in records] * 2
            assert [record.id for record in found] == ids
        assert [list(row) for row in reader.rows("vm")] == [reader.columns("vm")] * len(records) * 2


@settings(max_examples=60)
@given(RECORDS, RECORDS)
def test_upsert_leaves_nothing_of_the_old_record(
    new_place: Callable[[], str], old: dict[str, Any], new: dict[str, Any]
) -> None:
    with Database(new_place()) as db:
        number = db.upsert("vm", {**old, "key": 1}, key=["key"])
        other = db.add("vm", {**old, "key": 2})
        assert db.upsert("vm", {**new, "key": 1}, key=["key"]) == number
        assert exact(dict(db.find("vm", id=number)[0])) == exact({**new, "key": 1})
        assert exact(dict(db.find("vm", id=other)[0])) == exact({**old, "key": 2})


def merged(record: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """What update promises, written down another way."""
    result = dict(record)
    for key, value in values.items():
        old = result.get(key)
        if isinstance(value, dict) and value:
            result[key] = merged(old if isinstance(old, dict) else {}, value)
        else:
            result[key] = value
    return result


@settings(max_examples=100)
@given(RECORDS, RECORDS)
def test_update_merges_dicts_and_replaces_leaves(
    new_place: Callable[[], str], record: dict[str, Any], values: dict[str, Any]
) -> None:
    with Database(new_place()) as db:
        db.add("vm", record)
        other = db.add("vm", record)
        assert db.update("vm", values, id=1) == 1
        assert exact(dict(db.find("vm", id=1)[0])) == exact(merged(record, values))
        assert exact(dict(db.find("vm", id=other)[0])) == exact(record)


def equal(one: Any, other: Any) -> bool:
    """What a condition promises, written down another way."""
    if one is None or other is None:
        return one is other
    if isinstance(one, bool) or isinstance(other, bool):
        return type(one) is type(other) and one == other
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


@settings(max_examples=150)
@given(
    st.lists(st.fixed_dictionaries({}, optional={"a": SCALARS, "b": SCALARS}), min_size=1, max_size=8),
    SCALARS,
)
def test_conditions_find_what_is_equal_and_nothing_else(
    new_place: Callable[[], str], records: list[dict[str, Any]], more: Any
) -> None:
    with Database(new_place()) as db:
        for record in [{"a": None, "b": None}, *records]:
            db.add("vm", record)
        for wanted in [more, None, *(record.get("a") for record in records)]:
            expected = [number for number, record in enumerate(records, 2) if equal(record.get("a"), wanted)]
            assert [found.id for found in db.find("vm", a=wanted) if found.id > 1] == expected
            assert db.count("vm", a=wanted) == len(expected) + (wanted is None)


def test_numbers_that_a_column_cannot_hold_compare_exactly(db: Database) -> None:
    numbers = [0.5, 2**53, 2**53 + 1, float(2**53), 2**70, 2**70 + 1, 10**400, math.inf, math.nan]
    for table, first in (("real", 1.5), ("integer", 1)):
        db.add(table, {"n": first})
        for number in numbers:
            db.add(table, {"n": number})
        for number in numbers:
            expected = [other for other in numbers if equal(other, number)]
            assert [exact(record["n"]) for record in db.find(table, n=number)] == [exact(n) for n in expected]


@pytest.mark.parametrize(
    "value",
    [
        [{"$float": "nan"}],
        [{"$dict": {"$bytes": "eA=="}}, {"a": {"$date": 1}}],
        [{"$": 1, "b": 2}, {"$tuple": []}],
        [("a", [b"x", ("b",)])],
        ("a", "b"),
    ],
)
def test_lists_that_look_like_the_files_own_notes(db: Database, value: Any) -> None:
    db.add("vm", {"x": value})
    db.add("vm", {"x": 1, "y": 1})
    db.add("vm", {"x": 1, "y": value})
    assert db.find("vm", x=value) == [{"x": value}]
    assert db.find("vm", y=value) == [{"x": 1, "y": value}]


def test_a_database_in_memory_is_nowhere_else_and_gone_when_it_is_closed() -> None:
    with Database(":memory:") as one, Database(":memory:") as two:
        one.add_many("vm", [ELEMENT, {"name": "vm2"}])
        assert one.find("vm", order="name", limit=1) == [ELEMENT]
        assert two.tables() == []
    with Database(":memory:") as three:
        assert three.tables() == []


def test_the_example_of_the_first_design(db: Database) -> None:
    sql = Database.generate(ELEMENT)
    connection = sqlite3.connect(":memory:")
    connection.execute(sql)
    columns = connection.execute("SELECT name, type, pk FROM pragma_table_info('element')").fetchall()
    connection.close()
    assert columns == [
        ("id", "INTEGER", 1),
        ("own_id", "INTEGER", 0),
        ("cloud", "TEXT", 0),
        ("name", "TEXT", 0),
        ("data_image", "TEXT", 0),
        ("data_flavor", "TEXT", 0),
        ("_json", "TEXT", 0),
    ]
    assert db.add("element", ELEMENT) == 1
    assert db.find("element", data_image="ubuntu") == [ELEMENT]
    assert db.columns("element") == ["id", "own_id", "cloud", "name", "data_image", "data_flavor"]


def test_generate_has_a_type_for_each_kind_of_value() -> None:
    record = {"t": "x", "i": 1, "r": 1.5, "y": True, "b": b"x", "l": [1], "n": None, "d": date(2026, 1, 1)}
    sql = Database.generate(record, "kinds")
    types = {"t": "TEXT", "i": "INTEGER", "r": "REAL", "y": "INTEGER", "b": "BLOB", "l": "TEXT", "n": "BLOB"}
    for column, kind in {**types, "d": "TEXT"}.items():
        assert f'    "{column}" {kind},\n' in sql


def test_ids_grow_and_are_not_used_again(db: Database) -> None:
    assert [db.add("vm", {"n": n}) for n in range(3)] == [1, 2, 3]
    assert db.delete("vm", id=3) == 1
    assert db.add("vm", {"n": 3}) == 4
    record = db.find("vm", id=4)[0]
    assert isinstance(record, Record)
    assert (record.id, record) == (4, {"n": 3})


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_only_names(db: Database, name: str) -> None:
    db.add("vm", {"safe": 1})
    db.add(name, {name: name, "nested": {name: [name]}})
    assert db.find(name, where={name: name}) == [{name: name, "nested": {name: [name]}}]
    assert db.update(name, {name: 5}, where={name: name}) == 1
    assert db.rows(name, where={name: 5})[0][name] == 5
    assert db.delete(name, where={name: 5}) == 1
    assert db.tables() == ["vm", name]
    assert db.find("vm") == [{"safe": 1}]


@pytest.mark.parametrize(
    "name", ["", "_columns", "_x", "sqlite_master", "SQLite_x", "a\0b", "\ud800", None, 5]
)
def test_names_that_no_table_can_have(db: Database, name: Any) -> None:
    with pytest.raises(StoreError):
        db.add(name, {"a": 1})
    with pytest.raises(StoreError):
        Database.generate({"a": 1}, name)
    assert db.tables() == []


def test_tables_that_differ_in_case_alone_are_refused(db: Database) -> None:
    db.add("vm", {"a": 1})
    with pytest.raises(StoreError, match="letter case"):
        db.add("VM", {"a": 1})


def test_nothing_is_changed_when_nothing_was_said(db: Database) -> None:
    db.add("vm", {"a": 1})
    deletes = (lambda: db.delete("vm"), lambda: db.delete("vm", where={}))
    for change in (*deletes, lambda: db.update("vm", {"a": 2})):
        with pytest.raises(StoreError, match="condition"):
            change()
    assert db.find("vm") == [{"a": 1}]


def test_unknown_names_show_the_nearest(db: Database) -> None:
    db.add("machine", {"cloud": "uc"})
    with pytest.raises(UnknownName, match="did you mean 'machine'"):
        db.find("machin")
    for ask in (db.find, db.rows, db.count, db.delete):
        with pytest.raises(UnknownName, match="did you mean 'cloud'"):
            ask("machine", cloudd="uc")
    with pytest.raises(UnknownName, match="did you mean 'cloud'"):
        db.update("machine", {"new": 1}, cloudd="uc")
    assert db.columns("machine") == ["id", "cloud"]
    with pytest.raises(UnknownName):
        db.update("nothing", {"a": 1}, id=1)
    assert not db.has("nothing")


@pytest.mark.parametrize("word", ["order", "limit", "where"])
def test_columns_named_like_arguments_are_found_by_a_mapping(db: Database, word: str) -> None:
    db.add("vm", {word: "1"})
    assert db.find("vm", where={word: "1"}) == [{word: "1"}]


def test_upsert_adds_then_replaces(db: Database) -> None:
    first = db.upsert("vm", {"cloud": "uc", "name": "vm1", "state": "active"}, key=["cloud", "name"])
    db.upsert("vm", {"cloud": "tacc", "name": "vm1", "state": "active"}, key=["cloud", "name"])
    assert db.upsert("vm", {"cloud": "uc", "name": "vm1"}, key=["cloud", "name"]) == first
    assert db.find("vm", cloud="uc") == [{"cloud": "uc", "name": "vm1"}]
    assert db.upsert("vm", {"name": "vm2"}, key="name") == 3


def test_upsert_needs_a_key_that_names_one_record(db: Database) -> None:
    db.add("vm", {"name": "vm1"})
    db.add("vm", {"name": "vm1"})
    for record, key in (
        ({"name": "vm1"}, ["cloud"]),
        ({"name": "vm1"}, []),
        ({"name": "vm1", "x": 1}, ["name"]),
    ):
        with pytest.raises(StoreError):
            db.upsert("vm", record, key=key)
    assert db.find("vm") == [{"name": "vm1"}] * 2


@pytest.mark.parametrize(
    "bad",
    [[], *({"x": each} for each in (object(), [{1: 2}], {1, 2}, 10**5000, [object()], bytearray(), ENDLESS))],
)
def test_what_cannot_be_stored_stores_nothing(db: Database, bad: Any) -> None:
    with pytest.raises(StoreError):
        db.add("new", bad)
    db.add("vm", {"a": 1})
    for change in (lambda: db.add("vm", bad), lambda: db.update("vm", bad, a=1)):
        with pytest.raises(StoreError):
            change()
    assert db.tables() == ["vm"]
    assert db.columns("vm") == ["id", "a"]
    assert db.find("vm") == [{"a": 1}]
    db.add("vm", {"x": 5})
    assert db.find("vm", x=5) == [{"x": 5}]


def test_more_columns_than_the_database_has_store_nothing(db: Database) -> None:
    limit = 1998 if "postgresql" not in db.place else 1598
    most = dict.fromkeys((f"k{n}" for n in range(limit)), True)
    db.add("wide", most)
    assert db.find("wide") == [most]
    for table in ("wide", "wider"):
        with pytest.raises(StoreError, match=str(limit)):
            db.add(table, {**most, "more": 1})
    assert db.tables() == ["wide"]
    assert len(db.columns("wide")) == limit + 1
    assert db.count("wide") == 1


def test_atomic_undoes_all_when_the_block_raises(db: Database) -> None:
    db.add("vm", {"a": 1, "late": None})
    with pytest.raises(ZeroDivisionError), db.atomic():
        db.add("vm", {"a": 2, "new": 1, "late": 5})
        db.add("other", {"a": 1})
        db.update("vm", {"a": 3}, a=1)
        raise ZeroDivisionError
    assert (db.tables(), db.columns("vm")) == (["vm"], ["id", "a", "late"])
    assert db.find("vm") == [{"a": 1, "late": None}]
    # What was undone can be made again at once, and otherwise.
    db.add("vm", {"late": True, "new": "text"})
    db.add("other", {"a": "text"})
    assert db.find("vm", late=True, new="text") == [{"late": True, "new": "text"}]
    assert db.find("other", a="text") == [{"a": "text"}]


def test_an_inner_atomic_undoes_itself_alone(db: Database) -> None:
    with db.atomic():
        db.add("vm", {"a": 1})
        with pytest.raises(ZeroDivisionError), db.atomic():
            db.add("vm", {"b": 2})
            raise ZeroDivisionError
        with db.atomic():
            db.add("vm", {"c": 3})
        assert db.find("vm") == [{"a": 1}, {"c": 3}]
    assert db.find("vm") == [{"a": 1}, {"c": 3}]
    assert db.columns("vm") == ["id", "a", "c"]


def test_a_closed_database_says_so(db: Database) -> None:
    db.add("vm", {"a": 1})
    db.close()
    with pytest.raises(StoreError, match="closed"):
        db.find("vm")


def test_rows_are_flat_with_every_column(db: Database) -> None:
    db.add("vm", {"name": "vm1", "data": {"tags": ["a"], "up": True}})
    db.add("vm", {"name": 5, "when": datetime(2026, 1, 2)})
    assert db.rows("vm") == [
        {"id": 1, "name": "vm1", "data_tags": ["a"], "data_up": True, "when": None},
        {"id": 2, "name": 5, "data_tags": None, "data_up": None, "when": datetime(2026, 1, 2)},
    ]
