"""Many records at once: the same as one after the other, and all or none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.db import Database
from cloudmesh.plugin.errors import StoreError, UnknownName

KEY = ["cloud", "name"]


# Few values, so that keys meet, and kinds and widths of columns change on the way.
words = st.sampled_from(["a", "b", "A", "", "é", "\0", "\ud800", "%s"])
numbers = st.sampled_from([0, 1, 2, True, False, 1.0, -0.0, 0.5, float("nan"), 2**63, 2**70, -(2**63)])
scalars = words | numbers | st.none() | st.sampled_from([b"", b"x"])
lists = st.lists(scalars | st.lists(words, max_size=2), max_size=2)
inner = st.dictionaries(st.sampled_from(["x", "y", "id"]), scalars | lists, max_size=2)
values = scalars | lists | inner | st.builds(lambda value: {"deep": value}, inner)
names = st.sampled_from(["cloud", "name", "own", "data", "data_x", "id", "_json"])
# Most have keys of texts, as those of machines are; some of anything, and some none.
usual = st.fixed_dictionaries({"cloud": st.sampled_from("ab"), "name": st.sampled_from("xyz")})
odd = st.dictionaries(names, values, max_size=4)
records = st.builds(lambda one, other: {**one, **other}, usual, st.just({}) | odd) | odd
keys = st.sampled_from(
    [KEY, ["name"], "name", ["own"], ["data_x"], [], ["id"], ["name", "name"], ["nothing"]]
)


def content(database: Database, table: str) -> Any:
    """All that can be seen of a table; nan is not equal to itself, and 1 is equal to True."""
    if not database.has(table):
        return None
    return database.columns(table), [repr(dict(record)) for record in database.find(table)]


def places(database: Database, table: str, ids: list[int]) -> list[int]:
    """Which of the records have these ids; in PostgreSQL what is undone uses numbers up."""
    order = [record.id for record in database.find(table)]
    return [order.index(id) for id in ids]


def outcome(work: Callable[[list[Any]], Any], some: list[Any]) -> Any:
    try:
        return work(some)
    except StoreError as error:
        return str(error)


@settings(max_examples=60)
@given(
    before=st.lists(records, max_size=3), many=st.lists(st.lists(records, max_size=6), max_size=3), key=keys
)
def test_upsert_many_is_a_loop_of_upserts(
    emptied: Callable[[], Database], before: list[Any], many: list[list[Any]], key: Any
) -> None:
    with emptied() as db:
        for table in ("loop", "many"):
            db.add_many(table, before)

        def loop(some: list[Any]) -> list[int]:
            with db.atomic():
                return [db.upsert("loop", record, key=key) for record in some]

        for some in many:
            expected = outcome(loop, some)
            found = outcome(lambda some: db.upsert_many("many", iter(some), key=key), some)
            if isinstance(expected, str):
                assert found == expected.replace("'loop'", "'many'")
            elif some:
                assert places(db, "many", found) == places(db, "loop", expected)
            assert content(db, "many") == content(db, "loop")


@settings(max_examples=60)
@given(
    before=st.lists(records, max_size=5),
    many=st.lists(st.lists(st.tuples(st.integers(-1, 6), odd), max_size=6), max_size=3),
)
def test_update_many_is_a_loop_of_updates(
    emptied: Callable[[], Database], before: list[Any], many: list[list[Any]]
) -> None:
    with emptied() as db:
        for table in ("loop", "many"):
            db.add_many(table, [{"first": 1}, *before])

        def loop(some: list[Any]) -> int:
            with db.atomic():
                return sum(db.update("loop", without_id(values), id=id) for id, values in some)

        def at_once(some: list[Any]) -> int:
            return db.update_many("many", ({**values, "id": id} for id, values in some))

        for some in many:
            assert outcome(at_once, some) == outcome(loop, some)
            assert content(db, "many") == content(db, "loop")


def without_id(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "id"}


def test_more_than_a_batch_from_a_generator(db: Database) -> None:
    def machines(state: str) -> Iterator[dict[str, Any]]:
        for n in range(2500):
            yield {"cloud": "uc", "name": f"vm{n % 2200}", "state": state, "n": n, "tags": [str(n)]}

    ids = db.upsert_many("vm", machines("new"), key=KEY)
    assert ids == [*range(1, 2201), *range(1, 301)]
    assert db.upsert_many("vm", machines("old"), key=KEY) == ids
    assert db.count("vm", state="old") == db.count("vm") == 2200
    assert db.find("vm", name="vm7")[0]["n"] == 2207
    changes = ({"id": id, "state": f"s{id}", "data": {"x": id}} for id in [*range(1, 2201), 1, 9999])
    assert db.update_many("vm", changes) == 2201
    found = db.find("vm")
    assert [record["state"] for record in found] == [f"s{n}" for n in range(1, 2201)]
    assert found[-1] == {
        "cloud": "uc", "name": "vm2199", "state": "s2200", "n": 2199, "tags": ["2199"], "data": {"x": 2200}
    }  # fmt: skip


def test_no_records_are_no_error(db: Database) -> None:
    assert list(db.add_many("vm", [])) == []
    assert db.upsert_many("vm", [], key=KEY) == []
    assert db.update_many("vm", []) == 0
    assert not db.has("vm")


def test_one_that_cannot_be_stored_leaves_nothing_of_the_others(db: Database) -> None:
    db.add("vm", {"cloud": "uc", "name": "vm0", "n": 0})
    good = [{"cloud": "uc", "name": f"vm{n}", "n": n, "new": 1} for n in range(1200)]
    for bad in ({"cloud": "uc", "name": "x", "n": object()}, {"n": {1: 2}}, None, 5, {"n": 10**5000}):
        with pytest.raises(StoreError):
            db.add_many("vm", [*good, bad])  # type: ignore[list-item]
    for bad in ({"cloud": "uc"}, {"cloud": "uc", "name": "x", "n": object()}, None, 5):
        with pytest.raises(StoreError):
            db.upsert_many("vm", [*good, bad], key=KEY)  # type: ignore[list-item]
    for bad in ({"id": 1, "n": object()}, {"n": 5}, {"id": "1"}, {"id": True}, {"id": None}, None):
        with pytest.raises(StoreError):
            db.update_many("vm", [{"id": 1, "n": 7, "new": 1}, bad])  # type: ignore[list-item]
    assert db.find("vm") == [{"cloud": "uc", "name": "vm0", "n": 0}]
    assert db.columns("vm") == ["id", "cloud", "name", "n"]
    assert db.upsert_many("vm", good, key=KEY)[0] == 1


def test_several_records_with_the_key_are_told(db: Database) -> None:
    twice = {"cloud": "uc", "name": "x"}
    db.add_many("vm", [twice] * 2)
    for upsert in (db.upsert_many, lambda table, records, key: db.upsert(table, records[1], key)):
        with pytest.raises(StoreError, match="2 records of table 'vm' have the same cloud, name"):
            upsert("vm", [{"cloud": "uc", "name": "y"}, twice], key=KEY)
    db.upsert("vm", {"cloud": "uc", "name": "y"}, key=KEY)
    assert db.count("vm") == 3


def test_updates_of_a_table_that_is_not_there(db: Database) -> None:
    with pytest.raises(UnknownName):
        db.update_many("vm", [{"id": 1, "a": 1}])


def test_they_are_undone_with_the_block_around_them(db: Database) -> None:
    db.upsert_many("vm", [{"name": "a", "n": 1}], key="name")
    with pytest.raises(ZeroDivisionError), db.atomic():
        db.upsert_many("vm", [{"name": "a", "n": 2, "x": 1}, {"name": "b"}], key="name")
        db.update_many("vm", [{"id": 1, "n": 3, "y": 1}])
        db.add_many("other", [{"n": 1}, {"n": 2}])
        raise ZeroDivisionError
    assert (db.tables(), db.find("vm")) == (["vm"], [{"name": "a", "n": 1}])
    assert db.columns("vm") == ["id", "name", "n"]
    with db.atomic():
        ids = db.upsert_many("vm", [{"name": "a", "n": 2, "x": 1}, {"name": "\ud800"}], key="name")
        db.update_many("vm", [{"id": ids[1], "x": 2**70}])
        added = [*db.add_many("vm", [{"n": 1}, {"n": 2**70}]), db.add("vm", {"n": 2**70})]
    found = db.find("vm")
    assert found[:2] == [{"name": "a", "n": 2, "x": 1}, {"name": "\ud800", "x": 2**70}]
    assert [record.id for record in found[2:]] == added
    assert db.find("vm", n=2**70) == [{"n": 2**70}] * 2


def test_columns_that_another_added_are_replaced_and_merged(place: str) -> None:
    with Database(place) as one, Database(place) as two:
        one.add("vm", {"name": "a", "n": 1, "late": None})
        assert two.upsert("vm", {"name": "b"}, key="name") == 2
        changes: list[Callable[[Database], Any]] = [
            lambda db: db.upsert("vm", {"name": "a", "n": 5}, key="name"),
            lambda db: db.upsert_many("vm", [{"name": "a", "n": 5}], key="name"),
        ]
        for number, change in enumerate(changes):
            one.upsert("vm", {"name": "a", f"new{number}": {"x": 1}, "late": number or None}, key="name")
            change(two)
            assert one.find("vm", name="a") == [{"name": "a", "n": 5}]
        merges: list[Callable[[Database, str], Any]] = [
            lambda db, column: db.update("vm", {column: 7}, id=1),
            lambda db, column: db.update_many("vm", [{"id": 1, column: 7}]),
        ]
        for number, merge in enumerate(merges):
            column = f"part{number}"
            two.update("vm", {column: 1}, id=2)
            one.update("vm", {column: {"x": {"y": 1}}}, id=1)
            merge(two, column)
            assert one.find("vm", id=1)[0][column] == two.find("vm", id=1)[0][column] == 7


def test_the_statements_do_not_grow_with_the_records(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [{"cloud": "uc", "name": f"vm{n}", "n": n, "tags": []} for n in range(1000)]
    db.upsert_many("vm", records[:3], key=KEY)
    dialect = db.engine.dialect
    counted: list[str] = []
    for name in ("execute", "executemany", "find_ids", "insert_many"):
        plain = getattr(dialect, name)
        monkeypatch.setattr(
            dialect, name, lambda *args, name=name, plain=plain: (counted.append(name), plain(*args))[1]
        )
    for work in (
        lambda: db.upsert_many("vm", records, key=KEY),
        lambda: db.upsert_many("vm", records, key=KEY),
        lambda: db.update_many("vm", [{"id": n + 1, "n": -n, "x": n} for n in range(1000)]),
    ):
        counted.clear()
        work()
        assert len(counted) < 20
    assert counted.count("executemany") >= 1
    assert db.find("vm", name="vm999") == [{"cloud": "uc", "name": "vm999", "n": -999, "tags": [], "x": 999}]


def test_a_generator_of_more_than_a_batch_keeps_its_order(db: Database) -> None:
    ids = db.add_many("vm", ({"n": n, "data": {"even": n % 2 == 0}} for n in range(2500)))
    assert list(ids) == list(range(1, 2501))
    assert [(record.id, record["n"]) for record in db.find("vm")] == [(n + 1, n) for n in range(2500)]
    assert db.count("vm", data_even=True) == 1250
    assert db.add("vm", {"n": -1}) == 2501


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
