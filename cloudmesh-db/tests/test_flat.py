"""flatten and unflatten: names as expected, and nothing lost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timezone
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.db import flatten, unflatten
from cloudmesh.plugin.errors import StoreError

KEYS = st.sampled_from(
    ["a", "b", "a_b", "A", "a_b_2", "id", "ID", "own_id", "_json", "", "_", "é", "É", "\0"]
) | st.text(max_size=3)
# nan is equal to itself as long as it is the same object, which it stays.
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**70, -(2**63) - 1, math.nan, math.inf, -0.0])
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=3)
    | st.datetimes(timezones=st.none() | st.just(timezone.utc))
    | st.dates()
)
LEAVES = SCALARS | st.lists(SCALARS | st.dictionaries(KEYS, SCALARS, max_size=2), max_size=3)
RECORDS = st.dictionaries(
    KEYS, st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=4)), max_size=6
)

ELEMENT = {"id": 1, "cloud": "chameleon", "name": "vm1", "data": {"image": "ubuntu", "flavor": "small"}}


@given(RECORDS)
def test_unflatten_gives_back_what_was_flattened(record: dict[str, Any]) -> None:
    flat = flatten(record)
    assert unflatten(flat) == record
    assert repr(unflatten(flat)) == repr(record)
    assert unflatten(dict(flat), flat.paths) == record


@given(RECORDS)
def test_columns_differ_in_more_than_letter_case_and_are_not_reserved(record: dict[str, Any]) -> None:
    columns = list(flatten(record))
    folded = {bytes(column, "utf-8").lower() for column in columns}
    assert len(folded) == len(columns)
    assert not folded & {b"id", b"_json", b""}


def test_names_are_joined_in_the_order_of_the_record() -> None:
    assert list(flatten(ELEMENT)) == ["own_id", "cloud", "name", "data_image", "data_flavor"]


@pytest.mark.parametrize(
    ("record", "columns"),
    [
        ({"a": {"b": 1}, "a_b": 2}, {"a_b": 1, "a_b_2": 2}),
        ({"a_b": 2, "a": {"b": 1}}, {"a_b": 2, "a_b_2": 1}),
        ({"a_b_2": 0, "a_b": 1, "a": {"b": 2}}, {"a_b_2": 0, "a_b": 1, "a_b_3": 2}),
        ({"Name": 1, "name": 2, "NAME": 3}, {"Name": 1, "name_2": 2, "NAME_3": 3}),
        ({"é": 1, "É": 2}, {"é": 1, "É": 2}),
        ({"id": 1, "own_id": 2, "ID": 3}, {"own_id": 1, "own_id_2": 2, "own_ID_3": 3}),
        ({"data": {"id": 1}}, {"data_id": 1}),
        ({"": 1, "_json": 2}, {"_": 1, "own__json": 2}),
        ({"a": {}, "b": [], "c": [{"d": {}}]}, {"a": {}, "b": [], "c": [{"d": {}}]}),
        ({}, {}),
        ({"\0": 1, "\ud800": 2}, {"?": 1, "?_2": 2}),
    ],
)
def test_a_clash_gets_the_documented_name(record: dict[str, Any], columns: dict[str, Any]) -> None:
    assert list(flatten(record).items()) == list(columns.items())


def test_unflatten_without_paths_splits_at_each_underscore() -> None:
    assert unflatten({"name": "vm1", "data_image": "ubuntu", "data_flavor": "small"}) == {
        "name": "vm1",
        "data": {"image": "ubuntu", "flavor": "small"},
    }


@pytest.mark.parametrize("flat", [{"a": 1, "a_b": 2}, {"a_b": 2, "a": 1}])
def test_unflatten_refuses_two_values_at_one_place(flat: dict[str, int]) -> None:
    with pytest.raises(StoreError, match="two columns"):
        unflatten(flat)


def test_any_mapping_is_a_record() -> None:
    record: Mapping[str, Any] = MappingProxyType({"a": MappingProxyType({"b": 1}), "c": MappingProxyType({})})
    assert dict(flatten(record)) == {"a_b": 1, "c": {}}


@pytest.mark.parametrize("record", [None, [], [("a", 1)], "text", 5])
def test_what_is_no_mapping_is_refused(record: Any) -> None:
    with pytest.raises(StoreError, match="must be a dict"):
        flatten(record)


@pytest.mark.parametrize("record", [{1: 2}, {"a": {None: 1}}, {"a": {"b": {("x",): 1}}}])
def test_a_key_that_is_no_string_is_refused(record: Any) -> None:
    with pytest.raises(StoreError, match="must be a string"):
        flatten(record)


def test_a_record_that_contains_itself_is_refused() -> None:
    record: dict[str, Any] = {}
    record["self"] = record
    with pytest.raises(StoreError, match="contains itself"):
        flatten(record)
