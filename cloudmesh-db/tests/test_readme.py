"""The README of the package tells of all that there is; its example is run by tests/test_examples.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cloudmesh.db
from cloudmesh.db.command.db import _SUBCOMMANDS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in cloudmesh.db.__all__ if name.islower()])
def test_every_function_is_told_of(name: str) -> None:
    assert re.search(rf"\b{name}\b", README)


@pytest.mark.parametrize("word", _SUBCOMMANDS)
def test_every_command_is_told_of(word: str) -> None:
    assert f"cms db {word}" in README
