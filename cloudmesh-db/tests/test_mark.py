"""The mark of a store: it differs once anything was written, and stays while nothing is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.db import Database

WRITES: dict[str, Callable[[Database], Any]] = {
    "add": lambda db: db.add("vm", {"name": "b"}),
    "add many": lambda db: db.add_many("vm", [{"name": "b"}, {"name": "c"}]),
    "update": lambda db: db.update("vm", {"state": "error"}, name="a"),
    "upsert": lambda db: db.upsert("vm", {"name": "a", "state": "error"}, key=["name"]),
    "delete": lambda db: db.delete("vm", name="a"),
    "a new table": lambda db: db.add("other", {}),
    "a new column": lambda db: db.add("vm", {"new": None}),
}


@pytest.fixture
def two(place: str) -> Any:
    """Two users of one store that holds a machine."""
    with Database(place) as one, Database(place) as other:
        one.add("vm", {"name": "a", "state": "active"})
        yield one, other


@pytest.mark.parametrize("what", WRITES)
def test_a_write_changes_the_mark_of_everybody(two: Any, what: str) -> None:
    one, other = two
    marks = one.mark(), other.mark()
    WRITES[what](other)
    assert one.mark() != marks[0] and other.mark() != marks[1]


def test_reading_changes_no_mark(two: Any) -> None:
    one, other = two
    marks = one.mark(), other.mark()
    for each in two:
        each.find("vm", name="a")
        each.series("vm", ["name"])
        assert each.count("vm") == 1 and each.has("vm") and not each.has("other")
    assert (one.mark(), other.mark()) == marks


def test_what_is_not_committed_yet_counts_when_it_is(two: Any) -> None:
    one, other = two
    with other.atomic():
        other.add("vm", {"name": "b"})
        during = one.mark()
        assert one.count("vm") == 1
    assert one.mark() != during and one.count("vm") == 2


@settings(max_examples=25)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(sorted(WRITES)), st.booleans()), max_size=8))
def test_equal_marks_mean_equal_content(emptied: Any, writes: list[tuple[bool, str, bool]]) -> None:
    with emptied() as one, emptied() as other:
        one.add("vm", {"name": "a", "state": "active"})
        seen: dict[Any, str] = {}
        for by_other, what, fails in writes:
            try:
                with (other if by_other else one).atomic() as db:
                    WRITES[what](db)
                    if fails:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                pass
            mark = one.mark()
            content = repr({table: one.find(table) for table in one.tables()})
            assert seen.setdefault(mark, content) == content


def test_a_file_that_is_not_there_is_not_made(path: Path) -> None:
    with Database(path) as db, Database(path) as other:
        mark = db.mark()
        assert mark == db.mark() and not path.exists()
        other.add("vm", {"name": "a"})
        assert db.mark() != mark and db.count("vm") == 1


def test_a_file_that_takes_the_place_is_opened(path: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    for place, count in ((path, 1), (backup, 2)):
        with Database(place) as db:
            db.add_many("vm", [{"name": "a"}] * count)
        with closing(sqlite3.connect(place)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with Database(path) as db:
        mark = db.mark()
        assert db.count("vm") == 1
        backup.rename(path)
        assert db.mark() != mark and db.count("vm") == 2


def test_after_a_restart_of_the_server_the_mark_is_another(
    url: str, end_sessions: Callable[[], None]
) -> None:
    from cloudmesh.plugin.errors import StoreError

    with Database(url) as db:
        db.add("vm", {"name": "a"})
        mark = db.mark()
        end_sessions()
        with pytest.raises(StoreError):
            db.mark()
        assert db.mark() != mark
