"""Several processes at one store, and processes that are killed."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.db import Database
from cloudmesh.db.care import findings


def is_whole(place: str) -> bool:
    """Whether the database itself, and the check of the store, find nothing wrong."""
    with Database(place) as db:
        return not any(finding.result for finding in findings(db))


def add_many(path: str, writer: int, count: int) -> None:
    """Add records that widen the table at the same time as other writers do, some by the same columns."""
    with Database(path) as db:
        for number in range(count):
            own = {f"writer{writer}": {f"part{number % 20}": number}}
            db.add("vm", {"writer": writer, "number": number, f"shared{number % 15}": number, **own})


@pytest.mark.parametrize(("writers", "count"), [(4, 200), pytest.param(16, 1000, marks=pytest.mark.long)])
def test_processes_lose_nothing_while_they_make_and_widen_a_table(
    children: Any, place: str, writers: int, count: int
) -> None:
    assert children.succeeded(
        [children.start(lambda writer=writer: add_many(place, writer, count)) for writer in range(writers)]
    )
    expected = {
        (writer, number): {
            "writer": writer,
            "number": number,
            f"shared{number % 15}": number,
            f"writer{writer}": {f"part{number % 20}": number},
        }
        for writer in range(writers)
        for number in range(count)
    }
    with Database(place) as db:
        found = db.find("vm")
        columns = db.columns("vm")
    assert len(found) == writers * count
    assert {(record["writer"], record["number"]): record for record in found} == expected
    assert len(columns) == len(set(columns)) == 3 + 15 + 20 * writers
    assert is_whole(place)


def test_many_processes_may_make_the_file_at_once(children: Any, tmp_path: Path) -> None:
    for attempt in range(10):
        path = tmp_path / f"{attempt}.db"
        begin = time.monotonic() + 0.03

        def add(path: Path = path, begin: float = begin) -> None:
            time.sleep(max(0, begin - time.monotonic()))
            with Database(path) as db:
                db.add("vm", {"process": os.getpid()})

        six = [children.start(add) for _ in range(6)]
        assert children.succeeded(six)
        with Database(path) as db:
            assert {record["process"] for record in db.find("vm")} == set(six)


def test_a_reader_sees_whole_records_while_the_table_grows(children: Any, place: str) -> None:
    count = 250

    def grow() -> None:
        with Database(place) as db:
            for number in range(count):
                # Each kind of growth: a new column, one that has only None, and its first true value.
                db.add("vm", {"number": number, f"new{number}": number, f"late{number}": None})
                db.add("vm", {"number": number, f"late{number}": number})

    with Database(place) as db:
        db.add("vm", {"number": 0, "new0": 0, "late0": None})
        child = children.start(grow)
        seen = 0
        while seen < 2 * count:
            found = db.find("vm")[1:]
            seen = len(found)
            for index, record in enumerate(found):
                number = index // 2
                late = {"number": number, f"late{number}": number}
                new = {"number": number, f"new{number}": number, f"late{number}": None}
                assert record == (late if index % 2 else new)
            if found and seen % 2 == 0:
                number = seen // 2 - 1
                wanted = {f"late{number}": number}
                assert db.find("vm", where=wanted) == [{"number": number, **wanted}]
    assert children.succeeded([child])


def test_two_databases_add_the_same_column_and_see_what_the_other_adds(place: str) -> None:
    with Database(place) as one, Database(place) as two:
        one.add("vm", {"a": None})
        assert two.find("vm") == [{"a": None}]
        one.add("vm", {"a": 1, "b": 2})
        two.add("vm", {"a": "text", "b": 3, "c": 4})
        one.add("vm", {"c": "text"})
        expected = [{"a": None}, {"a": 1, "b": 2}, {"a": "text", "b": 3, "c": 4}, {"c": "text"}]
        assert one.find("vm") == two.find("vm") == expected
        assert one.find("vm", a="text") == two.find("vm", a="text") == expected[2:3]
        two.add("other", {"x": 1})
        assert one.has("other") and one.columns("other") == ["id", "x"]
        assert one.tables() == ["vm", "other"]


@pytest.mark.parametrize("value", [True, ["x"], "text", 5])
def test_the_kind_that_another_process_decides_is_seen(place: str, value: object) -> None:
    with Database(place) as one, Database(place) as two, Database(place) as three:
        one.add("vm", {"a": None})
        assert two.find("vm", a=value) == []
        assert three.find("vm") == [{"a": None}]
        one.add("vm", {"a": value})
        assert two.find("vm", a=value) == [{"a": value}]
        late = three.find("vm")[1]["a"]
        assert (type(late), late) == (type(value), value)


def test_two_processes_that_found_the_file_wait_for_each_other(children: Any, path: Path) -> None:
    path.touch()
    reader, writer = os.pipe()

    def look() -> None:
        # Another process that looks at the same new file, which sqlite answers with "locked" at once.
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN")
            other.execute("SELECT * FROM sqlite_master").fetchall()
            os.write(writer, b"x")
            time.sleep(0.2)
            other.execute("ROLLBACK")

    child = children.start(look)
    os.read(reader, 1)
    with Database(path) as db:
        assert db.add("vm", {"a": 1}) == 1
    assert children.succeeded([child])
    os.close(reader)
    os.close(writer)


def test_counters_changed_by_several_processes_lose_no_change(children: Any, place: str) -> None:
    def count() -> None:
        with Database(place) as db:
            for _ in range(50):
                with db.atomic():
                    value = db.find("counter", name="all")[0]["value"]
                    db.upsert("counter", {"name": "all", "value": value + 1}, key=["name"])

    with Database(place) as db:
        db.add("counter", {"name": "all", "value": 0})
    assert children.succeeded([children.start(count) for _ in range(4)])
    with Database(place) as db:
        assert db.find("counter") == [{"name": "all", "value": 200}]


def write_until_killed(path: str, said: int, first: int) -> None:
    """Add pairs in a transaction and single records, saying each number once its adds have returned."""
    with Database(path) as db:
        number = first
        while True:
            with db.atomic():
                db.add("pair", {"number": number, "half": 1, f"column{number % 300}": "x" * 500})
                db.add("pair", {"number": number, "half": 2})
            db.add("single", {"number": number})
            os.write(said, b"%d\n" % number)
            number += 1


@pytest.mark.parametrize(
    "times", [30, pytest.param(80, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.long)]
)
def test_killed_writers_leave_a_whole_file_with_all_that_was_added(
    children: Any, place: str, times: int
) -> None:
    chance = random.Random(times)
    began = time.monotonic()
    with Database(place) as db:
        assert db.tables() == []
    # Signing in takes longer than opening a file, and all the more so on a busy machine.
    longest = 0.06 + 5 * (time.monotonic() - began)
    returned: set[int] = set()
    for attempt in range(times):
        reader, writer = os.pipe()
        child = children.start(
            lambda writer=writer, attempt=attempt: write_until_killed(place, writer, attempt * 100_000)
        )
        os.close(writer)
        time.sleep(chance.uniform(0.001, longest))
        children.kill(child)
        with open(reader, "rb") as stream:  # noqa: PTH123 a descriptor
            returned |= {int(line) for line in stream.read().split(b"\n")[:-1]}
        assert attempt % 10 or is_whole(place)
    assert len(returned) > times
    assert is_whole(place)
    with Database(place) as db:
        halves = [(record["number"], record["half"]) for record in db.find("pair")]
        numbers = [record["number"] for record in db.find("single")]
    assert returned <= set(numbers)
    assert len(numbers) == len(set(numbers))
    pairs = {number for number, _ in halves}
    assert set(numbers) <= pairs
    assert sorted(halves) == sorted((number, half) for number in pairs for half in (1, 2))
