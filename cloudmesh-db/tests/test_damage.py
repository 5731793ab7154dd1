"""A damaged file is set aside under a name that is told, and nothing of it is lost."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cloudmesh.db import Database
from cloudmesh.plugin.errors import StoreError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with some records."""
    path = tmp_path / "x.db"
    with Database(path) as db:
        db.add_many("vm", [{"n": number, "text": "x" * 50} for number in range(500)])
    return path


def damage(path: Path, start: int) -> bytes:
    """Overwrite the file from some byte on; what it is then."""
    content = bytearray(path.read_bytes())
    content[start:] = b"\xff" * (len(content) - start)
    path.write_bytes(content)
    return bytes(content)


def aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.damaged-*"))


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(path: Path) -> None:
    before = damage(path, 3 * 4096)
    with Database(path) as db, pytest.raises(StoreError, match="damaged and was set aside as") as error:
        db.find("vm")
    (kept,) = aside(path)
    assert str(kept) in str(error.value)
    assert kept.read_bytes() == before
    with Database(path) as db:
        assert db.tables() == []
        assert db.add("vm", {"n": 1}) == 1
    assert kept.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_second_one_takes_no_name_away(path: Path) -> None:
    for number in range(3):
        before = damage(path, 3 * 4096)
        with Database(path) as db, pytest.raises(StoreError, match="set aside"):
            db.find("vm")
        assert len(aside(path)) == number + 1
        assert any(kept.read_bytes() == before for kept in aside(path))
        with Database(path) as db:
            db.add_many("vm", [{"n": n, "text": str(number) * 50} for n in range(500)])


def test_the_log_beside_the_file_goes_with_it(path: Path) -> None:
    log = path.with_name("x.db-wal")
    with Database(path) as db:
        db.add("vm", {"n": -1})
        assert log.exists()
        kept_log = log.read_bytes()
        damaged = bytearray(path.read_bytes())
    damaged[100:] = b"\xff" * (len(damaged) - 100)
    path.write_bytes(damaged)
    log.write_bytes(kept_log)
    with Database(path, own=True) as db, pytest.raises(StoreError, match="set aside"):
        db.find("vm")
        db.count("vm")
    kept = [each for each in aside(path) if not each.name.endswith(("-wal", "-shm"))]
    assert len(kept) == 1
    assert not log.exists()


def test_what_is_no_store_is_set_aside_only_in_the_place_of_the_own_store(tmp_path: Path) -> None:
    path = tmp_path / "thesis.txt"
    path.write_text("three years of work " * 100)
    with Database(path) as db, pytest.raises(StoreError, match="is not a database of cloudmesh"):
        db.tables()
    assert path.exists() and not aside(path)
    with Database(path, own=True) as db, pytest.raises(StoreError, match="set aside"):
        db.tables()
    (kept,) = aside(path)
    assert kept.read_text() == "three years of work " * 100


def test_the_damaged_database_of_another_program_stays(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE theirs (a)")
        connection.executemany("INSERT INTO theirs VALUES (?)", [("x" * 50,)] * 500)
    damage(path, 100)
    with Database(path) as db, pytest.raises(StoreError, match="is not a database of cloudmesh"):
        db.tables()
    assert path.exists() and not aside(path)


def test_another_program_that_has_the_damaged_file_open_does_not_lose_the_new_one(path: Path) -> None:
    with Database(path) as one, Database(path) as two:
        assert one.tables() == two.tables() == ["vm"]
        damage(path, 3 * 4096)
        with pytest.raises(StoreError, match="damaged and was set aside"):
            one.find("vm")
        with Database(path) as three:
            three.add("vm", {"n": 1})
        with pytest.raises(StoreError, match="another program has set it aside"):
            two.find("vm")
        assert two.find("vm") == one.find("vm") == [{"n": 1}]
    assert len([kept for kept in aside(path) if not kept.name.endswith(("-wal", "-shm"))]) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_file_that_cannot_be_set_aside_is_told(path: Path) -> None:
    damage(path, 3 * 4096)
    path.parent.chmod(0o500)
    try:
        with Database(path) as db, pytest.raises(StoreError, match="move it away"):
            db.find("vm")
    finally:
        path.parent.chmod(0o700)
    assert path.exists()
