"""The file of a database: who may read it, what is refused, what a full disk leaves behind."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.db import Database, locks
from cloudmesh.plugin.errors import StoreError, UnknownName


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_can_read_what_is_made(tmp_path: Path, no_umask: None) -> None:
    path = tmp_path / "new" / "deeper" / "x.db"
    with Database(path) as db:
        db.add("vm", {"a": 1})
        modes = {file.name: mode(file) for file in path.parent.iterdir()}
    assert modes == {"x.db": 0o600, "x.db-wal": 0o600, "x.db-shm": 0o600}
    assert (mode(path.parent), mode(path.parent.parent)) == (0o700, 0o700)


def test_an_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with Database(tmp_path / "x.db") as db:
        db.add("vm", {"a": 1})
    assert mode(tmp_path) == 0o750


def test_looking_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.db"
    with Database(path) as db:
        assert db.tables() == []
        assert not db.has("vm")
        for look in (db.find, db.rows, db.count, db.columns, lambda name: db.delete(name, id=1)):
            with pytest.raises(UnknownName):
                look("vm")
        with pytest.raises(UnknownName):
            db.update("vm", {"a": 1}, id=1)
    assert list(tmp_path.iterdir()) == []


def test_the_file_uses_the_write_ahead_log_and_says_its_format(path: Path, ask: Any) -> None:
    with Database(path) as db:
        db.add("vm", {"a": {"b": 1}, "a_b": "x"})
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]
    assert ask(path, "PRAGMA user_version") == [(2,)]
    assert ask(path, "SELECT * FROM _columns") == [
        ("vm", "id", None, "integer"),
        ("vm", "a_b", '["a", "b"]', "integer"),
        ("vm", "a_b_2", '["a_b"]', "text"),
    ]
    assert ask(path, "SELECT * FROM vm") == [(1, 1, "x", None)]


def test_what_a_column_cannot_hold_is_json_in_its_row(path: Path, ask: Any) -> None:
    with Database(path) as db:
        db.add("vm", {"n": 1, "tags": ["a"], "up": True})
        db.add("vm", {"n": "012", "tags": None, "up": 1})
        db.add("vm", {"n": 2.0, "tags": b"x"})
    assert ask(path, "SELECT * FROM vm") == [
        (1, 1, '["a"]', 1, None),
        (2, None, None, None, '{"n":"012","tags":null,"up":1}'),
        (3, 2, '{"$bytes":"eA=="}', None, '{"n":2.0}'),
    ]


def test_the_first_value_that_is_not_none_decides_the_kind(path: Path, ask: Any) -> None:
    with Database(path) as db:
        db.add("vm", {"late": None})
        assert ask(path, "SELECT kind FROM _columns WHERE col = 'late'") == [("",)]
        db.add("vm", {"late": True})
        assert ask(path, "SELECT kind FROM _columns WHERE col = 'late'") == [("boolean",)]
    assert ask(path, "SELECT * FROM vm") == [(1, None, '{"late":null}'), (2, 1, None)]


def test_a_newer_format_is_refused_untouched(path: Path, ask: Any) -> None:
    ask(path, "PRAGMA user_version=3")
    before = path.read_bytes()
    with Database(path) as db, pytest.raises(StoreError, match=r"x\.db has the format 3 of a newer"):
        db.add("vm", {"a": 1})
    assert path.read_bytes() == before


def test_the_database_of_another_program_is_refused(path: Path, ask: Any) -> None:
    ask(path, "CREATE TABLE theirs (a)")
    with Database(path) as db, pytest.raises(StoreError, match=r"x\.db belongs to another program"):
        db.add("vm", {"a": 1})
    assert ask(path, "SELECT group_concat(name) FROM sqlite_master") == [("theirs",)]


def test_a_file_that_is_no_database_is_refused_untouched(path: Path) -> None:
    path.write_text("no database " * 100)
    for use in (lambda db: db.add("vm", {"a": 1}), lambda db: db.tables(), lambda db: db.find("vm")):
        with Database(path) as db, pytest.raises(StoreError, match=r"x\.db is not a database"):
            use(db)
    assert path.read_text() == "no database " * 100


@pytest.mark.parametrize("damage", ["UPDATE vm SET _json = '{'", "UPDATE vm SET tags = '['"])
def test_a_damaged_row_is_an_error(path: Path, ask: Any, damage: str) -> None:
    with Database(path) as db:
        db.add("vm", {"tags": ["a"]})
    ask(path, damage)
    with Database(path) as db, pytest.raises(StoreError, match="damaged"):
        db.find("vm")


def test_a_directory_in_place_of_the_file_or_a_file_in_place_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "x.db"):
        with Database(path) as db, pytest.raises(StoreError, match=str(path)):
            db.add("vm", {"a": 1})


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_directory_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with Database(tmp_path / "x.db") as db, pytest.raises(StoreError, match=r"x\.db"):
        db.add("vm", {"a": 1})


def test_a_store_in_use_for_too_long(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "BUSY_SECONDS", 0.1)
    with Database(place) as db, Database(place) as other:
        db.add("vm", {"a": 1})
        with db.atomic():
            db.add("vm", {"a": 2})
            assert other.find("vm") == [{"a": 1}]
            with pytest.raises(StoreError, match="was in use by another program"), other.atomic():
                other.add("vm", {"a": 3})
        assert other.add("vm", {"a": 3}) == 3


def fill(path: Path, limit: int) -> dict[str, Any]:
    """Write until the file may not grow, and then some more in one transaction."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    added = 0
    with Database(path) as db:
        try:
            while True:
                db.add("vm", {"n": added, "text": "x" * 1000, f"column{added // 10}": 1})
                added += 1
        except StoreError as error:
            first = str(error)
        try:
            with db.atomic():
                for number in range(1000):
                    db.add("bulk", {"n": number, "text": "x" * 1000})
        except StoreError as error:
            second = str(error)
        return {"added": added, "messages": [first, second], "found": len(db.find("vm"))}


@pytest.mark.parametrize("limit", [100_000, 262_144, 1_000_000])
def test_a_full_disk_is_an_error_that_leaves_nothing_half_written(
    children: Any, path: Path, ask: Any, limit: int
) -> None:
    outcome = children.answer(lambda: fill(path, limit))
    assert outcome["added"] > 1
    assert outcome["found"] == outcome["added"]
    for message in outcome["messages"]:
        assert str(path) in message
        assert "disk" in message
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    with Database(path) as db:
        assert [record["n"] for record in db.find("vm")] == list(range(outcome["added"]))
        assert db.tables() == ["vm"]
        db.add("vm", {"n": -1, "again": "x"})


def test_the_package_is_light_until_it_is_used() -> None:
    script = (
        "import sys, cloudmesh.db, cloudmesh.db.command.db; heavy = {'sqlite3', 'cloudmesh.db.database'};"
        "print(heavy & set(sys.modules)); cloudmesh.db.Database(':memory:').tables();"
        "print(heavy <= set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["set()", "True"]
