"""How many records have each value of a column."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.db import Database, ge, ne
from cloudmesh.plugin.errors import StoreError, UnknownName


def test_the_tasks_of_a_job_by_their_status(db: Database) -> None:
    tasks = [{"job": n % 3, "status": ("done", "failed", "pending")[n % 5 % 3], "n": n} for n in range(300)]
    db.add_many("task", tasks)
    found = db.tally("task", "status", job=1)
    assert found == {"failed": 40, "done": 40, "pending": 20}
    assert list(found) == ["failed", "pending", "done"], "in the order in which they first come"
    assert db.tally("task", "status") == {"done": 120, "failed": 120, "pending": 60}
    assert db.tally("task", "status", job=7) == {}
    assert db.tally("task", "job", {"status": "done"}, n=ge(150)) == {0: 20, 1: 20, 2: 20}
    assert db.tally("task", "id", n=5) == {6: 1}


def test_what_is_equal_to_a_condition_is_one_value(db: Database) -> None:
    for value in (2, "2", 2.0, None, "x", 2**70, b"x", float("nan"), date(2026, 1, 1), "", 2, float("nan")):
        db.add("vm", {"a": value, "late": None})
    db.add("vm", {"other": None})
    found = db.tally("vm", "a")
    nan = found.pop(next(key for key in found if key != key))  # noqa: PLR0124
    assert (nan, list(found.items())) == (
        2,
        [(2, 3), ("2", 1), (None, 2), ("x", 1), (2**70, 1), (b"x", 1), (date(2026, 1, 1), 1), ("", 1)],
    )
    for value, number in found.items():
        assert db.count("vm", a=value) == number
    assert db.tally("vm", "late") == db.tally("vm", "other") == {None: 13}
    assert db.tally("vm", "a", a=ne("x"), late=None)[2] == 3


def test_truth_and_numbers_are_told_apart_or_refused(db: Database) -> None:
    for value in (True, False, True):
        db.add("vm", {"up": value, "tags": ["x"], "data": {"x": 1}})
    found = db.tally("vm", "up")
    assert found == {True: 2, False: 1} and all(type(key) is bool for key in found)
    db.add("vm", {"up": 1})
    with pytest.raises(StoreError, match="numbers beside True"):
        db.tally("vm", "up")
    with pytest.raises(StoreError, match="lists or dicts"):
        db.tally("vm", "tags")
    assert db.tally("vm", "data_x") == {1: 3, None: 1}


def test_names_that_do_not_exist(db: Database) -> None:
    with pytest.raises(UnknownName, match="table"):
        db.tally("vm", "a")
    db.add("vm", {"a": 1})
    for words in ({}, {"b": 1}):
        with pytest.raises(UnknownName, match="column"):
            db.tally("vm", "c" if not words else "a", words)


cells = st.sampled_from([1, 2, 2.0, 0.5, "a", "b", "\ud800", None, 2**64, -0.0, b"", {"x": 1}, {}])


@settings(max_examples=60)
@given(values=st.lists(cells, max_size=8), others=st.sampled_from([None, 5, "x"]))
def test_each_number_is_that_of_count(values: list[Any], others: Any) -> None:
    with Database(":memory:") as db:
        records = [{"v": value, "other": others} for value in values]
        db.add_many("vm", [{"v": 1}, *records, {}])
        try:
            found = db.tally("vm", "v")
        except StoreError:
            assert {} in values
            return
        assert sum(found.values()) == len(values) + 2
        for value, number in found.items():
            assert number == db.count("vm", v=value)


def test_ten_thousand_tasks_are_added_and_counted_in_little_memory(new_place: Callable[[], str]) -> None:
    def tasks() -> Iterator[dict[str, Any]]:
        for n in range(10_000):
            yield {
                "job": 1,
                "cloud": "uc",
                "name": f"web{n:05}",
                "verb": "start",
                "status": "pending",
                "why": "",
            }

    with Database(new_place()) as db:
        db.add_many("task", list(tasks())[:3])
        tracemalloc.start()
        try:
            ids = db.add_many("task", tasks())
            added = tracemalloc.get_traced_memory()[1]
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            assert db.tally("task", "status", job=1) == {"pending": 10_003}
            counted = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
        assert len(ids) == 10_000
    assert added < 4_000_000, "some thousand at a time: all of them are 10 MB"
    assert counted < 200_000


def test_a_search_by_an_indexed_column_reads_no_others(tmp_path: Path) -> None:
    with Database(tmp_path / "x.db") as db:
        db.add_many("task", ({"job": n // 10, "status": "done", "n": n} for n in range(10_000)))
        db.index("task", "job")
        db.index("task", "job", "status")
        connection = db.engine.dialect.connection  # type: ignore[attr-defined]
        steps = 0

        def step() -> int:
            nonlocal steps
            steps += 1
            return 0

        # Called each ten instructions of sqlite's machine; 10,000 rows are some hundred thousand.
        connection.set_progress_handler(step, 10)
        assert len(db.find("task", job=777)) == 10
        assert db.tally("task", "status", job=777) == {"done": 10}
        assert db.count("task", job=777, status="done") == 10
        assert steps < 200
