"""What the README of the package shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cloudmesh.db
from cloudmesh.db import Database
from cloudmesh.db.command.db import _SUBCOMMANDS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_example_runs_and_leaves_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert example
    monkeypatch.chdir(tmp_path)
    exec(example[1], {})
    assert capsys.readouterr().out.startswith('CREATE TABLE "element"')
    with Database("example.db") as db:
        assert [record["name"] for record in db.find("vm")] == ["vm1", "vm2", "vm3"]
        assert db.find("vm", data_flavor="large")[0]["data"] == {
            "image": "ubuntu",
            "flavor": "large",
            "ip": "10.0.0.1",
        }


@pytest.mark.parametrize("name", [name for name in cloudmesh.db.__all__ if name.islower()])
def test_every_function_is_told_of(name: str) -> None:
    assert re.search(rf"\b{name}\b", README)


@pytest.mark.parametrize("word", _SUBCOMMANDS)
def test_every_command_is_told_of(word: str) -> None:
    assert f"cms db {word}" in README
