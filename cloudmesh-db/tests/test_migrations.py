"""Files of older formats are brought up to date, all or nothing, whichever process comes first."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.db import Database, gt
from cloudmesh.db.dialects import sqlite

# A store as the format 1 wrote it; never to be changed.
FORMAT_1 = """
CREATE TABLE _columns (
    tab TEXT NOT NULL, col TEXT NOT NULL, path TEXT, kind TEXT NOT NULL, PRIMARY KEY (tab, col)
);
CREATE TABLE "v ""m" (
    id INTEGER PRIMARY KEY AUTOINCREMENT, "n" INTEGER, "data_tags" TEXT, "late" BLOB, _json TEXT, "r" REAL
);
INSERT INTO _columns VALUES ('v "m', 'id', NULL, 'integer'), ('v "m', 'n', '["n"]', 'integer'),
    ('v "m', 'data_tags', '["data", "tags"]', 'json'), ('v "m', 'late', '["late"]', ''),
    ('v "m', 'r', '["r"]', 'real');
INSERT INTO "v ""m" VALUES (1, 1, '["a"]', NULL, '{"late":null}', 0.5),
    (2, 2.5, NULL, NULL, '{"n":2.5}', NULL),
    (5, 1180591620717411303424.0, NULL, NULL, '{"n":1180591620717411303424}', -0.0),
    (7, 3, NULL, NULL, '{"n":3.0}', NULL);
CREATE INDEX "_index [""v \\""m"", ""n""]" ON "v ""m" ("n");
PRAGMA user_version=1;
"""
RECORDS: list[dict[str, Any]] = [
    {"n": 1, "data": {"tags": ["a"]}, "late": None, "r": 0.5},
    {"n": 2.5},
    {"n": 2**70, "r": -0.0},
    {"n": 3.0},
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of format 1."""
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(FORMAT_1)
    return path


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_the_first_format_is_read_and_goes_on(path: Path) -> None:
    with Database(path) as db:
        found = db.find('v "m')
        assert found == RECORDS
        assert [record.id for record in found] == [1, 2, 5, 7]
        assert db.find('v "m', n=2.5) == [{"n": 2.5}]
        assert db.find('v "m', n=2**70) == [RECORDS[2]]
        assert [record.id for record in db.find('v "m', n=gt(2))] == [2, 5, 7]
        assert db.add('v "m', {"late": "now", "n": 2.5}) == 8
        assert db.find('v "m', late="now") == [{"late": "now", "n": 2.5}]
        assert db.find('v "m', n=2.5) == [{"n": 2.5}, {"late": "now", "n": 2.5}]
    assert version(path) == sqlite.FORMAT


def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM _columns")
        raise ZeroDivisionError

    monkeypatch.setattr(sqlite, "_UPGRADES", {1: fail})
    with Database(path) as db, pytest.raises(ZeroDivisionError):
        db.tables()
    monkeypatch.undo()
    assert version(path) == 1
    with Database(path) as db:
        assert db.find('v "m') == RECORDS


def test_steps_follow_each_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def to_3(connection: sqlite3.Connection) -> None:
        connection.execute('UPDATE "v ""m" SET r = 9.5')

    monkeypatch.setattr(sqlite, "FORMAT", 3)
    monkeypatch.setattr(sqlite, "_UPGRADES", {**sqlite._UPGRADES, 2: to_3})
    with Database(path) as db:
        assert db.count('v "m', r=9.5) == 4
    assert version(path) == 3


def test_many_processes_migrate_once(children: Any, path: Path) -> None:
    def work(number: int) -> None:
        with Database(path) as db:
            db.add('v "m', {"n": 100 + number})

    assert children.succeeded([children.start(lambda number=number: work(number)) for number in range(8)])
    with Database(path) as db:
        assert db.find('v "m')[:4] == RECORDS
        assert sorted(record["n"] for record in db.find('v "m')[4:]) == list(range(100, 108))
