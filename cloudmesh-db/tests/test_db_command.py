"""``cms db`` through the real program, and what the README tells of it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import cloudmesh.db
from cloudmesh.db import Database
from cloudmesh.db.command.db import _SUBCOMMANDS

CMS = Path(sys.executable).with_name("cms")
README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_readme_tells_of_every_function_and_command() -> None:
    functions = [name for name in cloudmesh.db.__all__ if name.islower()]
    assert [name for name in functions if not re.search(rf"\b{name}\b", README)] == []
    assert [word for word in _SUBCOMMANDS if f"cms db {word}" not in README] == []


def fill(place: str | Path) -> None:
    with Database(place) as db:
        db.add("machine", {"name": "vm1", "cpus": 4, "up": True, "data": {"tags": ["a"]}, "note": None})
        db.add("machine", {"name": "vm2", "cpus": "4", "up": "true", "data": {"tags": []}})
        db.add("machine", {"name": "4", "cpus": 4.5, "up": False, "note": "a=b c"})
        db.add("job", {"verb": "start"})


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The home of a user with a store in the file."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    fill(home / "cloudmesh.db")
    return home


@pytest.fixture
def team(postgresql: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user whose configuration names the database of a team."""
    url = postgresql.new_place()
    fill(url)
    monkeypatch.setenv("STORE_URL", url)
    configure(tmp_path, "${STORE_URL}")
    return tmp_path


def configure(home: Path, database: str) -> None:
    config = home / "class.yaml"
    config.touch(mode=0o600)
    config.write_text(f"database: {database}\nclouds: {{}}\n")


def cms(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "HOME": str(home), "CLOUDMESH_CONFIG_DIR": str(home)}
    return subprocess.run([CMS, "db", *words], env=env, capture_output=True, text=True, check=False)


def names(home: Path, *words: str) -> list[str]:
    result = cms(home, *words, "--output=names")
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.split()


def test_tables_with_their_numbers(store: Path) -> None:
    result = cms(store, "tables", "--output=json")
    assert json.loads(result.stdout) == [
        {"table": "machine", "rows": 3, "columns": 6},
        {"table": "job", "rows": 1, "columns": 2},
    ]


def test_list_gives_flat_data(store: Path) -> None:
    rows = json.loads(cms(store, "list", "machine", "--output=json").stdout)
    assert rows[0] == {"id": 1, "name": "vm1", "cpus": 4, "up": True, "data_tags": ["a"], "note": None}
    assert [row["id"] for row in rows] == [1, 2, 3]
    assert names(store, "list", "job") == ["1"]


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        (["cpus=4"], ["vm1", "vm2"]),
        (["cpus=4.5"], ["4"]),
        (["name=4"], ["4"]),
        (["id=2"], ["vm2"]),
        (["up=true"], ["vm1", "vm2"]),
        (["up=true", "cpus=4", "name=vm1"], ["vm1"]),
        (["note=none"], ["vm1", "vm2"]),
        (["note=a=b c"], ["4"]),
        (["name=vm"], []),
        (["cpus>=4.5"], ["4"]),
        (["cpus>3", "cpus<4.5"], ["vm1"]),
        (["cpus!=4"], ["4"]),
        (["name~vm*"], ["vm1", "vm2"]),
        (["name>vm1"], ["vm2"]),
        (["id<=2", "name!=vm1"], ["vm2"]),
    ],
)
def test_find_compares_as_a_shell_user_expects(store: Path, conditions: list[str], found: list[str]) -> None:
    assert names(store, "find", "machine", *conditions) == found


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["columns", "machin"], "'machine'"),
        (["list", "machin"], "'machine'"),
        (["find", "machine", "cpu=4"], "'cpus'"),
        (["find", "machine", "cpus"], "KEY=VALUE"),
        (["find", "machine", "cpus=4", "cpus=5"], "two values"),
        (["list", "machine", "--limit=many"], "--limit=20"),
        (["list", "machine", "--order=cpu"], "'cpus'"),
        (["delete", "machine", "cpu=4"], "'cpus'"),
        (["export", "machine", "--output=yaml"], "--output=json"),
    ],
)
def test_wrong_words_end_with_two_and_the_right_one(store: Path, words: list[str], hint: str) -> None:
    result = cms(store, *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert hint in result.stderr


def test_columns_tell_the_keys_and_the_kind(store: Path) -> None:
    rows = json.loads(cms(store, "columns", "machine", "--output=json").stdout)
    assert rows[0] == {"column": "id", "path": None, "kind": "integer"}
    assert {"column": "data_tags", "path": ["data", "tags"], "kind": "json"} in rows
    assert names(store, "columns", "machine") == ["id", "name", "cpus", "up", "data_tags", "note"]


def test_order_and_limit(store: Path) -> None:
    assert names(store, "list", "machine", "--order=-name") == ["vm2", "vm1", "4"]
    assert names(store, "list", "machine", "--order=up,-id", "--limit=2") == ["4", "vm1"]
    assert names(store, "find", "machine", "name~vm*", "--order=-id", "--limit=1") == ["vm2"]
    assert names(store, "list", "machine", "--limit=0") == []


def test_delete_says_how_many_and_leaves_the_others(store: Path) -> None:
    result = cms(store, "delete", "machine", "name~vm*", "cpus=4")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "2 records of table machine deleted\n"
    assert names(store, "list", "machine") == ["4"]
    assert "0 records" in cms(store, "delete", "machine", "name=vm1").stderr
    assert cms(store, "delete", "machine").returncode == 2
    assert names(store, "list", "machine") == ["4"]


def test_an_export_is_what_was_stored(store: Path) -> None:
    result = cms(store, "export", "machine")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout) == [
        {"name": "vm1", "cpus": 4, "up": True, "data": {"tags": ["a"]}, "note": None},
        {"name": "vm2", "cpus": "4", "up": "true", "data": {"tags": []}},
        {"name": "4", "cpus": 4.5, "up": False, "note": "a=b c"},
    ]
    lines = cms(store, "export", "machine", "--output=csv").stdout.splitlines()
    assert lines[0] == "id,name,cpus,up,data_tags,note"
    assert lines[2] == "2,vm2,4,true,[],"


def test_a_backup_is_a_store_of_its_own(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "backup.db"
    result = cms(store, "backup", str(path))
    assert result.returncode == 0
    assert "4 records" in result.stderr and str(path) in result.stderr
    with Database(path) as db:
        assert db.count("machine") == 3
    left = tmp_path / ".second.db.5f3a.tmp"
    left.write_text("half a store")
    second = cms(store, "backup", str(tmp_path / "second.db"))
    assert f"removed {left}, left by an interrupted backup" in second.stderr and not left.exists()
    again = cms(store, "backup", str(path))
    assert (again.returncode, "already" in again.stderr) == (2, True)


def test_check_of_a_whole_store(store: Path) -> None:
    result = cms(store, "check", "--output=json")
    assert (result.returncode, result.stderr) == (0, "")
    assert [row["result"] for row in json.loads(result.stdout)] == ["ok"] * 3


def test_check_of_a_damaged_store_ends_with_one(tmp_path: Path) -> None:
    with Database(tmp_path / "cloudmesh.db") as db:
        db.add("machine", {"tags": ["a"]})
    with closing(sqlite3.connect(tmp_path / "cloudmesh.db")) as connection, connection:
        connection.execute("UPDATE machine SET tags = '['")
    result = cms(tmp_path, "check", "--output=json")
    assert result.returncode == 1
    assert "damaged" in json.loads(result.stdout)[1]["result"]
    assert "backup" in result.stderr


def test_the_store_of_a_team_is_used_alike(team: Path) -> None:
    assert names(team, "tables") == ["machine", "job"]
    assert names(team, "find", "machine", "cpus>=4", "name~vm*", "--order=-id") == ["vm1"]
    assert names(team, "columns", "job") == ["id", "verb"]
    assert "1 record " in cms(team, "delete", "machine", "name=vm1").stderr
    assert json.loads(cms(team, "export", "job").stdout) == [{"verb": "start"}]
    assert cms(team, "backup", str(team / "copy.db")).returncode == 0
    assert cms(team, "check").returncode == 0
    assert not (team / "cloudmesh.db").exists()
    with Database(team / "copy.db") as db:
        assert db.count("machine") == 2


def test_no_password_is_shown(postgresql: Any, tmp_path: Path) -> None:
    configure(tmp_path, postgresql.url(password="hunter2secret"))
    result = cms(tmp_path, "tables")
    assert (result.returncode, result.stdout) == (3, "")
    assert "password authentication failed" in result.stderr
    configure(tmp_path, "mysql://u:hunter2secret@127.0.0.1/x")
    wrong = cms(tmp_path, "tables")
    assert (wrong.returncode, wrong.stdout) == (3, "")
    assert "class.yaml:1" in wrong.stderr
    assert "hunter2secret" not in result.stderr + wrong.stderr


def test_looking_at_no_store_makes_none(tmp_path: Path) -> None:
    result = cms(tmp_path, "tables", "--output=json")
    assert (result.returncode, json.loads(result.stdout)) == (0, [])
    assert cms(tmp_path, "list", "machine").returncode == 2
    assert not (tmp_path / "cloudmesh.db").exists()


def test_a_store_that_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "cloudmesh.db").write_text("no database " * 100)
    result = cms(tmp_path, "tables")
    assert (result.returncode, result.stdout) == (1, "")
    (kept,) = tmp_path.glob("cloudmesh.db.damaged-*")
    assert str(kept) in result.stderr
    assert kept.read_text() == "no database " * 100
    assert cms(tmp_path, "tables").returncode == 0
