"""The variables of the shell, read without harming them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudmesh.common.variables import Variables
from cloudmesh.plugin.variables import variable


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(tmp_path))
    return tmp_path / "variables.dat"


@pytest.mark.parametrize("value", ["uc", "007", "yes", "a: b", "ü", "two words", "'"])
def test_what_cmd5_keeps_is_read(file: Path, value: str) -> None:
    Variables()["cloud"] = value
    before = file.read_bytes()
    assert variable("cloud") == value
    assert variable("other") is None
    assert file.read_bytes() == before


def test_missing_file(file: Path) -> None:
    assert variable("cloud") is None
    assert not file.exists()


@pytest.mark.parametrize(
    "content", [b"", b"cloud: 'uc", b"cloud:", b"cloud: ''", b"- a", b"cloud", b"\xff\xfe"]
)
def test_no_value_in_the_file(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert variable("cloud") is None
