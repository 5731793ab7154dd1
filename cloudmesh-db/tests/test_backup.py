"""Backups are whole, complete files, and a check tells damage by its place."""

from __future__ import annotations

import itertools
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.db import Database
from cloudmesh.db.care import backup, copy, findings
from cloudmesh.plugin.errors import StoreError, UsageError

RECORDS: dict[str, list[dict[str, Any]]] = {
    "vm": [{"n": 1, "d": {"t": ["a"]}, "late": None}, {"n": "x"}, {"n": 2**70, "Name": 1, "name": b"\0"}],
    'odd "name"': [{"id": 5, "": {"x_y": 1}, "_x_y": 2}],
}


@pytest.fixture
def db(place: str) -> Iterator[Database]:
    with Database(place) as database:
        for table, records in RECORDS.items():
            database.add_many(table, records)
        database.delete("vm", n="x")
        yield database


def content(db: Database) -> dict[str, list[tuple[int, dict[str, Any]]]]:
    return {table: [(record.id, dict(record)) for record in db.find(table)] for table in db.tables()}


def test_a_backup_is_the_same_store_in_a_file(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "backup.db"
    tmp_path.chmod(0o777)
    assert backup(db, path) == 3
    tmp_path.chmod(0o700)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["backup.db"]
    with Database(path) as copied:
        assert content(copied) == content(db)
        assert copied.add("vm", {"n": 9}) > 3
        assert not any(finding.result for finding in findings(copied))


def test_a_backup_takes_nobodys_place(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "backup.db"
    path.write_text("mine")
    with pytest.raises(UsageError, match="already"):
        backup(db, path)
    assert path.read_text() == "mine"
    with pytest.raises(StoreError, match="cannot be written"):
        backup(db, tmp_path / "no" / "such" / "backup.db")
    with Database(tmp_path / "nothing.db") as nothing, pytest.raises(StoreError, match="no store"):
        backup(nothing, tmp_path / "other.db")
    assert [each.name for each in tmp_path.iterdir()] == ["backup.db"]


def test_a_backup_while_others_write_is_of_one_moment(children: Any, place: str, tmp_path: Path) -> None:
    with Database(place) as db:
        db.add_many("pair", [{"n": 0, "half": half} for half in (1, 2)])

    def write() -> None:
        with Database(place) as writer:
            for n in range(1, 150):
                with writer.atomic():
                    writer.add("pair", {"n": n, "half": 1, f"c{n}": 1})
                    writer.add("pair", {"n": n, "half": 2})

    child = children.start(write)
    with Database(place) as db:
        for number in range(5):
            path = tmp_path / f"{number}.db"
            backup(db, path)
            with Database(path) as copied:
                halves = sorted((record["n"], record["half"]) for record in copied.find("pair"))
            assert halves == [(n, half) for n in range(len(halves) // 2) for half in (1, 2)]
    assert children.succeeded([child])


@pytest.mark.parametrize("named", [False, True])
def test_a_killed_backup_leaves_nothing_or_the_whole(
    children: Any, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    if named:
        # As on a file system that knows no files without a name.
        monkeypatch.delattr(os, "O_TMPFILE")
    with Database(place) as db:
        db.add_many("vm", [{"n": n, "text": "x" * 1000} for n in range(2000)])

    def work() -> None:
        with Database(place) as mine:
            for number in itertools.count():
                backup(mine, tmp_path / f"{number}.db")

    chance = random.Random(7)
    for _ in range(8):
        child = children.start(work)
        time.sleep(chance.uniform(0.05, 0.3))
        children.kill(child)
        for each in tmp_path.glob("*.db"):
            with Database(each) as made:
                assert made.count("vm") == 2000
        assert named or not any(each.stat().st_size for each in tmp_path.glob("*.tmp"))
        for each in tmp_path.iterdir():
            each.unlink()


def test_a_store_can_move_to_another_database_and_go_on(
    db: Database, new_place: Callable[[], str], tmp_path: Path
) -> None:
    with Database(new_place()) as target:
        assert copy(db, target) == 3
        assert content(target) == content(db)
        assert target.columns("vm") == db.columns("vm")
        assert target.add("vm", {"n": 9}) > 3
        with pytest.raises(StoreError, match="not empty"):
            copy(db, target)


def test_a_whole_store_has_no_findings(db: Database) -> None:
    assert [(each.part, each.records, each.result) for each in findings(db)] == [
        ("storage", None, ""),
        ("vm", 2, ""),
        ('odd "name"', 1, ""),
    ]


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("UPDATE vm SET _json = '{'", "damaged"),
        ("UPDATE vm SET _json = '[]'", "damaged"),
        ("UPDATE vm SET d_t = '['", "damaged"),
        ("UPDATE vm SET _json = '{\"nowhere\":1}'", "damaged"),
        ("ALTER TABLE vm DROP COLUMN d_t", "d_t"),
        ("INSERT INTO _columns (tab, col, path, kind) VALUES ('vm', 'gone', '[\"gone\"]', 'text')", "gone"),
    ],
)
def test_what_is_wrong_is_found_in_its_table(path: Path, ask: Any, harm: str, words: str) -> None:
    with Database(path) as db:
        db.add_many("vm", RECORDS["vm"])
        db.add("other", {"a": 1})
    ask(path, harm)
    with Database(path) as db:
        results = {finding.part: finding.result for finding in findings(db)}
    assert words in results["vm"]
    assert results["other"] == ""


def test_a_page_that_is_wrong_is_found(path: Path) -> None:
    with Database(path) as db:
        db.add_many("vm", [{"n": n, "t": "x" * 100} for n in range(200)])
        db.index("vm", "n")
        assert db.count("vm") == 200
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, '\"n\")', '\"t\")') WHERE type = 'index'"
        )
    with Database(path) as db:
        first = next(iter(findings(db)))
    assert first.part == "storage"
    assert "index" in first.result
