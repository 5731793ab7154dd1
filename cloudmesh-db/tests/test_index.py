"""The index that upsert makes on its key: used, made once, and harmless."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.db import Database

KEY = ["cloud", "name"]


@pytest.fixture
def indexes(path: Path, ask: Any) -> Callable[[], list[str]]:
    """The names of the indexes that are in the file when it is called."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql > ''"
    return lambda: [name for (name,) in ask(path, sql)]


def test_the_record_of_a_key_is_searched_by_the_index(path: Path, ask: Any, indexes: Any) -> None:
    with Database(path) as db:
        db.upsert("vm", {"cloud": "uc", "name": "a"}, key=KEY)
        told: list[str] = []
        db.engine.dialect.connection.set_trace_callback(told.append)  # type: ignore[attr-defined]
        db.upsert("vm", {"cloud": "uc", "name": "b"}, key=[*reversed(KEY)])
    select, *others = [each for each in told if each.startswith("SELECT *") or "INDEX" in each]
    assert others == [], "the index is looked after once"
    assert indexes() == ['_index ["vm", "cloud", "name"]']
    plan = " ".join(str(row[-1]) for row in ask(path, f"EXPLAIN QUERY PLAN {select}"))
    assert 'USING INDEX _index ["vm", "cloud", "name"] (cloud=? AND name=?)' in plan
    assert "SCAN" not in plan and "TEMP B-TREE" not in plan


def test_each_key_has_its_own_index_whatever_the_names(path: Path, indexes: Any) -> None:
    keys = [["a", "b_c"], ["a_b", "c"], ["a"], ['q"x'], ["a b"]]
    record = {"a": 1, "b_c": 2, "a_b": 3, "c": 4, 'q"x': 5, "a b": 6}
    with Database(path) as db:
        for key in keys:
            db.upsert('t"1', record, key=key)
        assert db.find('t"1') == [record]
        assert db.tables() == ['t"1']
    assert len(indexes()) == len(keys)


def test_an_index_that_was_undone_is_made_again(path: Path, indexes: Any) -> None:
    with Database(path) as db:
        db.add("vm", {"cloud": "uc", "name": "a"})
        with pytest.raises(RuntimeError), db.atomic():
            db.upsert("vm", {"cloud": "uc", "name": "b"}, key=KEY)
            raise RuntimeError
        assert indexes() == []
        db.upsert("vm", {"cloud": "uc", "name": "b"}, key=KEY)
        assert len(indexes()) == 1
        assert db.count("vm") == 2


@pytest.mark.parametrize("values", [["x", 5, "5", None, True, 2**70], [[1], {}, "x", 1.5]])
def test_values_of_any_type_are_found_again(path: Path, values: list[Any]) -> None:
    with Database(path) as db:
        for attempt in range(2):
            for value in values:
                db.upsert("vm", {"key": value, "attempt": attempt}, key=["key"])
        assert [record["key"] for record in db.find("vm")] == values
        assert db.count("vm", attempt=1) == len(values)


def test_processes_that_upsert_the_same_keys_at_once_make_each_record_once(
    children: Any, path: Path, ask: Any, indexes: Any
) -> None:
    def work(process: int) -> None:
        with Database(path) as db:
            for number in range(60):
                record = {"cloud": "uc", "name": f"vm{number}", f"seen{process}": number}
                db.upsert("vm", record, key=KEY)

    assert children.succeeded([children.start(lambda process=process: work(process)) for process in range(5)])
    with Database(path) as db:
        names = [record["name"] for record in db.find("vm")]
    assert len(names) == 60 and set(names) == {f"vm{number}" for number in range(60)}
    assert len(indexes()) == 1
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
