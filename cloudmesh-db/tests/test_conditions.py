"""Conditions and orders: what Python says of the values, whatever SQL holds of them, on both databases."""

from __future__ import annotations

import fnmatch
import math
import operator
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.db import Database, desc, eq, ge, glob, gt, in_, le, lt, ne
from cloudmesh.plugin.errors import StoreError, UnknownName

ORDERS = {gt: operator.gt, ge: operator.ge, lt: operator.lt, le: operator.le}
NUMBERS = st.sampled_from(
    [
        *(0, 1, 5, 5.0, 2.5, -0.0, 2**53, 2**53 + 1, float(2**53), 2**63, -(2**63), -(2**63) - 1, 2**63 - 1),
        *(10**400, -(10**400), math.inf, -math.inf, math.nan, 1e300, 5e-324),
    ]
)
TEXTS = st.sampled_from(
    ["", "a", "ab", "B", "é", "web1", "web[1]", "w*", "\0", "\ud800", "\ud7ff", "\U0010ffff"]
)
EAST = timezone(timedelta(hours=5))
MOMENTS = st.sampled_from(
    [
        date(2026, 1, 2),
        datetime(2026, 1, 2),
        datetime(2026, 1, 2, 5, tzinfo=EAST),
        datetime(2026, 1, 2, tzinfo=timezone.utc),
        datetime(2026, 1, 2, 1, tzinfo=timezone.utc),
    ]
)
VALUES = NUMBERS | TEXTS | MOMENTS | st.sampled_from([None, True, False, b"", b"a", [], [1], {}])
ORDERED = NUMBERS | TEXTS | MOMENTS | st.sampled_from([b"", b"a"])


def kind(value: Any) -> str:
    """Which values can be put in order with each other, written down another way."""
    name = type(value).__name__
    if name == "datetime":
        return "aware" if value.tzinfo else "naive"
    return "number" if name in ("int", "float") else name


def compares(one: Any, sign: Callable[[Any, Any], bool], other: Any) -> bool:
    return kind(one) == kind(other) and sign(one, other)


def found(db: Database, **where: Any) -> list[int]:
    """The numbers of the records found, after all ways to ask have agreed."""
    numbers = [record.id for record in db.find("vm", **where)]
    assert db.count("vm", **where) == len(numbers)
    half = db.find("vm", **where, limit=1)
    assert [record.id for record in half] == numbers[:1]
    return numbers


@settings(max_examples=100)
@given(st.lists(VALUES, min_size=1, max_size=6), ORDERED, ORDERED)
def test_an_order_is_that_of_python(
    new_place: Callable[[], str], values: list[Any], wanted: Any, other: Any
) -> None:
    with Database(new_place()) as db:
        ids = {number: value for value in values for number in [db.add("vm", {"a": value, "b": 1})]}
        for make, sign in ORDERS.items():
            expected = [number for number, value in ids.items() if compares(value, sign, wanted)]
            assert found(db, a=make(wanted)) == expected
            both = [number for number in expected if compares(ids[number], operator.gt, other)]
            assert found(db, a=make(wanted) & gt(other)) == both
        either = [
            number
            for number, value in ids.items()
            if compares(value, operator.gt, wanted) or compares(value, operator.lt, other)
        ]
        assert found(db, a=gt(wanted) | lt(other)) == either


@settings(max_examples=100)
@given(st.lists(VALUES, min_size=1, max_size=6), st.lists(VALUES, max_size=4))
def test_in_and_ne_are_made_of_equal(
    new_place: Callable[[], str], values: list[Any], wanted: list[Any]
) -> None:
    with Database(new_place()) as db:
        everything = set(db.add_many("vm", [{"a": value, "b": 1} for value in values]))
        equal = {number for value in wanted for number in found(db, a=value)}
        assert set(found(db, a=in_(wanted))) == equal
        for value in wanted[:1]:
            assert set(found(db, a=ne(value))) == everything - set(found(db, a=eq(value)))
        if equal and wanted:
            assert db.update("vm", {"b": 2}, a=in_(wanted)) == len(equal)
            assert {record.id for record in db.find("vm", b=2)} == equal
            assert db.delete("vm", a=in_(wanted)) == len(equal)
            assert {record.id for record in db.find("vm")} == everything - equal


@settings(max_examples=60)
@given(
    st.lists(VALUES, min_size=1, max_size=6),
    st.sampled_from(["*", "w*", "web?", "web[[]1]", "[!a]*", "é", "a*b"]),
)
def test_a_pattern_is_that_of_the_shell(
    new_place: Callable[[], str], values: list[Any], pattern: str
) -> None:
    with Database(new_place()) as db:
        ids = db.add_many("vm", [{"a": value} for value in values])
        expected = [
            number
            for number, value in zip(ids, values, strict=True)
            if isinstance(value, str) and fnmatch.fnmatchcase(value, pattern)
        ]
        assert found(db, a=glob(pattern)) == expected


RANKS = ["bool", "number", "str", "bytes", "date", "naive", "aware"]


def rank(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return 1, (1, 0)
    name = kind(value)
    return RANKS.index(name), (0, value) if name == "number" else value


@settings(max_examples=80)
@given(st.lists(VALUES.filter(lambda value: not isinstance(value, (list, dict))), min_size=1, max_size=7))
def test_records_come_in_order_with_nothing_last(new_place: Callable[[], str], values: list[Any]) -> None:
    with Database(new_place()) as db:
        ids = db.add_many("vm", [{"a": value} for value in values])
        some = [(rank(value), number) for number, value in zip(ids, values, strict=True) if value is not None]
        none = [number for number, value in zip(ids, values, strict=True) if value is None]
        up = [number for _, number in sorted(some, key=lambda pair: pair[0])]
        down = [number for _, number in sorted(some, key=lambda pair: pair[0], reverse=True)]
        for limit in (None, 2, 0):
            assert [record.id for record in db.find("vm", order="a", limit=limit)] == [*up, *none][:limit]
            assert [record.id for record in db.find("vm", order=desc("a"), limit=limit)] == [*down, *none][
                :limit
            ]


def test_several_columns_order_one_after_the_other(db: Database) -> None:
    for cloud, name in (("uc", "b"), ("tacc", "a"), ("uc", "a"), ("tacc", "b")):
        db.add("vm", {"cloud": cloud, "data": {"name": name}})
    rows = db.rows("vm", order=["cloud", desc("data_name")])
    assert [(row["cloud"], row["data_name"]) for row in rows] == [
        ("tacc", "b"),
        ("tacc", "a"),
        ("uc", "b"),
        ("uc", "a"),
    ]
    assert [row["id"] for row in db.rows("vm", order=desc("id"), limit=2)] == [4, 3]
    assert [record.id for record in db.find("vm", cloud="uc", order="data_name", limit=1)] == [3]
    assert [record.id for record in db.find("vm", cloud="uc", data_name="b")] == [1]
    assert [record.id for record in db.find("vm", where={"cloud": "tacc"}, data_name="a")] == [2]


def test_ids_compare_as_numbers(db: Database) -> None:
    db.add_many("vm", [{"n": n} for n in range(5)])
    assert found(db, id=gt(3)) == [4, 5]
    assert found(db, id=ge(1.5) & lt(4)) == [2, 3]
    assert found(db, id=in_([1, 9, "2", True])) == [1]
    assert found(db, id=ne(1)) == [2, 3, 4, 5]
    assert found(db, id=lt(10**400)) == [1, 2, 3, 4, 5]
    assert found(db, id=gt("a")) == found(db, id=glob("*")) == []
    for none in (True, "1", 1.5, None, 2**63, 0, -1):
        assert found(db, id=none) == []
    assert db.delete("vm", id=in_([1, 2])) == 2


def test_more_values_than_a_statement_can_hold(db: Database) -> None:
    db.add_many("vm", [{"n": n} for n in range(10)])
    assert found(db, n=in_(range(5, 31_000))) == [6, 7, 8, 9, 10]


@pytest.mark.parametrize("make", [gt, ge, lt, le])
@pytest.mark.parametrize("value", [None, True, [1], {}, object()])
def test_what_has_no_order_is_refused(make: Callable[[Any], Any], value: Any) -> None:
    with pytest.raises(StoreError, match="needs a number"):
        make(value)


def test_wrong_conditions_and_orders_are_told(db: Database) -> None:
    db.add("vm", {"name": "a"})
    for limit in (-1, True, "5", 1.5):
        with pytest.raises(StoreError, match="limit"):
            db.find("vm", limit=limit)  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="did you mean 'name'"):
        db.find("vm", order=desc("nam"))
    with pytest.raises(StoreError, match="list of values"):
        in_("uc")
    with pytest.raises(StoreError, match="type object"):
        db.find("vm", name=object())


def test_a_column_that_saw_only_none(db: Database) -> None:
    db.add_many("vm", [{"a": None, "b": {"c": None}}, {"b": {"c": None}}])
    assert db.find("vm") == [{"a": None, "b": {"c": None}}, {"b": {"c": None}}]
    assert found(db, a=None) == [1, 2]
    assert found(db, a=ne(None)) == found(db, a=gt(1)) == found(db, a=glob("*")) == found(db, b_c="x") == []
    assert [record.id for record in db.find("vm", order="a", limit=1)] == [1]
