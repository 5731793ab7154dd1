"""What is open when a process is forked is the parent's alone, and a file of sqlite is not opened in both."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.db import Database
from cloudmesh.plugin.errors import StoreError


def wait_for(is_so: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20.0
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.01)


def refusal(db: Database) -> str:
    with pytest.raises(StoreError) as refused:
        db.add("t", {"n": 2})
    return str(refused.value)


def test_what_the_parent_has_open_is_refused_in_the_child(db: Database, children: Any) -> None:
    db.add("t", {"n": 1})

    def use() -> list[Any]:
        told = [refusal(db), refusal(db)]
        db.close()
        return told

    with db.atomic():
        db.add("t", {"n": 4})
        # On the connection of the parent the child would be within this transaction.
        inside = children.answer(lambda: [refusal(db)])
    told = [*inside, *children.answer(use)]
    assert len(told) == 3 and all("when this process was forked" in each for each in told)
    db.add("t", {"n": 5})
    assert [row["n"] for row in db.find("t")] == [1, 4, 5]


def test_a_child_opens_its_own_and_what_it_commits_stays(place: str, db: Database, children: Any) -> None:
    """Also if its parent closes the store first, and another program uses it: sqlite would drop its log."""
    db.add("t", {"n": 1})
    reader, writer = os.pipe()

    def use() -> None:
        refusal(db)
        with Database(place) as mine:
            mine.add("t", {"n": 2})
            os.read(reader, 1)
            mine.add("t", {"n": 3})

    child = children.start(use)
    wait_for(lambda: len(db.find("t")) == 2)
    db.close()
    with Database(place) as other:
        other.add("t", {"n": 4})
    os.write(writer, b"x")
    assert children.succeeded([child])
    with Database(place) as after:
        assert [row["n"] for row in after.find("t")] == [1, 2, 4, 3]
        assert after.engine.dialect.check() == []
    for each in (reader, writer):
        os.close(each)


def test_a_file_that_the_parent_is_changing_is_not_opened_in_the_child(tmp_path: Path, children: Any) -> None:
    place = tmp_path / "store.db"
    with Database(place) as db:
        with db.atomic():
            db.add("t", {"n": 1})
            told = children.answer(lambda: refusal(Database(place)))
            assert "was in use when this process was forked" in told and "get_context('spawn')" in told
        db.engine.dialect._is_used = True
        assert "was in use" in children.answer(lambda: refusal(Database(place)))
        db.engine.dialect._is_used = False
        # Another one than the parent had.
        assert children.answer(lambda: Database(tmp_path / "other.db").add("t", {"n": 1})) == 1


def test_one_that_was_not_used_before_and_one_in_memory_are_the_childs_own(place: str, children: Any) -> None:
    unused, memory = Database(place), Database(":memory:")
    memory.add("t", {"n": 1})

    def use() -> list[Any]:
        unused.add("t", {"n": 1})
        memory.add("t", {"n": 2})
        return [len(unused.find("t")), len(memory.find("t"))]

    assert children.answer(use) == [1, 2]
    assert (len(unused.find("t")), len(memory.find("t"))) == (1, 1)
    unused.close()
    memory.close()


@pytest.mark.parametrize("way", ["return", "sys.exit()", "raise SystemExit(3)"])
def test_a_child_that_comes_to_its_end_within_a_transaction_undoes_nothing(tmp_path: Path, way: str) -> None:
    """Sqlite closes with its object, and would change in memory what the parent goes on with."""
    program = f"""
import os, sys
from cloudmesh.db import Database

def work():
    db = Database({str(tmp_path / "store.db")!r})
    db.add("t", {{"n": 1}})
    with db.atomic():
        # So much that sqlite does not keep all of it in memory until the end.
        for number in range(1500):
            db.add("t", {{"n": number, "text": "x" * 4000}})
        child = os.fork()
        if child == 0:
            {way}
        os.waitpid(child, 0)
        for number in range(1500):
            db.add("t", {{"n": number, "text": "y" * 4000}})
    child or os._exit(0)
    print(db.count("t"), db.engine.dialect.check())
    db.close()

try:
    work()
except Exception:
    sys.exit(1)
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert ended.stdout == "3001 []\n", ended
    with Database(tmp_path / "store.db") as db:
        assert db.count("t") == 3001


def test_a_store_that_another_thread_makes_at_that_moment_keeps_no_other_open(
    db: Database, children: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.add("t", {"n": 1})
    half = object.__new__(type(Database(":memory:").engine.dialect))
    monkeypatch.setattr("cloudmesh.db.forked._watched", {half, db.engine.dialect})
    assert "forked" in children.answer(lambda: refusal(db))
