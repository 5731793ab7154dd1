"""``cms db`` through the real program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloudmesh.db import Database

CMS = Path(sys.executable).with_name("cms")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "cloudmesh.db"
    with Database(path) as db:
        db.add("machine", {"name": "vm1", "cpus": 4, "up": True, "data": {"tags": ["a"]}, "note": None})
        db.add("machine", {"name": "vm2", "cpus": "4", "up": "true", "data": {"tags": []}})
        db.add("machine", {"name": "4", "cpus": 4.5, "up": False, "note": "a=b c"})
        db.add("job", {"verb": "start"})
    return path


def cms(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "HOME": str(home), "CLOUDMESH_CONFIG_DIR": str(home)}
    return subprocess.run([CMS, "db", *words], env=env, capture_output=True, text=True, check=False)


def names(home: Path, *words: str) -> list[str]:
    result = cms(home, *words, "--output=names")
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.split()


def test_tables_with_their_numbers(store: Path) -> None:
    result = cms(store.parent, "tables", "--output=json")
    assert json.loads(result.stdout) == [
        {"table": "machine", "rows": 3, "columns": 6},
        {"table": "job", "rows": 1, "columns": 2},
    ]


def test_list_gives_flat_data(store: Path) -> None:
    rows = json.loads(cms(store.parent, "list", "machine", "--output=json").stdout)
    assert rows[0] == {"id": 1, "name": "vm1", "cpus": 4, "up": True, "data_tags": ["a"], "note": None}
    assert [row["id"] for row in rows] == [1, 2, 3]
    assert names(store.parent, "list", "job") == ["1"]


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
    ],
)
def test_find_compares_as_a_shell_user_expects(store: Path, conditions: list[str], found: list[str]) -> None:
    assert names(store.parent, "find", "machine", *conditions) == found


@pytest.mark.parametrize(
    ("words", "hint"),
    [
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
    result = cms(store.parent, *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert hint in result.stderr


def test_looking_at_no_store_makes_none(tmp_path: Path) -> None:
    result = cms(tmp_path, "tables", "--output=json")
    assert (result.returncode, json.loads(result.stdout)) == (0, [])
    assert cms(tmp_path, "list", "machine").returncode == 2
    assert not (tmp_path / "cloudmesh.db").exists()


def test_a_store_that_cannot_be_read_ends_with_one(tmp_path: Path) -> None:
    (tmp_path / "cloudmesh.db").write_text("no database " * 100)
    result = cms(tmp_path, "tables")
    assert (result.returncode, result.stdout) == (1, "")
    assert str(tmp_path / "cloudmesh.db") in result.stderr
