"""flatten and unflatten: names as expected; test_database.py has what is true of any record."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from cloudmesh.db import flatten, unflatten
from cloudmesh.plugin.errors import StoreError

ELEMENT = {"id": 1, "cloud": "chameleon", "name": "vm1", "data": {"image": "ubuntu", "flavor": "small"}}


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


ENDLESS: dict[str, Any] = {}
ENDLESS["self"] = ENDLESS


@pytest.mark.parametrize(
    ("record", "words"),
    [
        *((record, "must be a dict") for record in (None, [], [("a", 1)], "text", 5)),
        *((record, "must be a string") for record in ({1: 2}, {"a": {None: 1}}, {"a": {"b": {("x",): 1}}})),
        (ENDLESS, "contains itself"),
    ],
)
def test_what_is_no_record_is_refused(record: Any, words: str) -> None:
    with pytest.raises(StoreError, match=words):
        flatten(record)
