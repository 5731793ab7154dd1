"""The variables of the shell, read without harming them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given as whatever

from cloudmesh.common.strdb import YamlDB
from cloudmesh.common.variables import Variables
from cloudmesh.plugin.errors import ConfigError
from cloudmesh.plugin.variables import _simple as simple_values
from cloudmesh.plugin.variables import given, guard, values, variable

ODD = ["uc", "on", "No", "null", "1", "1e3", "a.b", "a/b", "x-y", "nan", "y", "'", ""]
WORDS = st.sampled_from(ODD) | st.text("abnoyeNYtrufls019._-/:'~ ", max_size=6)
PAIRS = st.lists(st.tuples(WORDS, WORDS), min_size=1)


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


@whatever(
    PAIRS.map(lambda found: yaml.safe_dump(dict(found), sort_keys=False))
    | PAIRS.map(lambda found: "".join(f"{key}: {value}\n" for key, value in found))
)
def test_what_is_read_without_a_yaml_reader_is_what_one_reads(text: str) -> None:
    found = simple_values(text)
    if found is not None:
        loaded = yaml.safe_load(text)
        assert found == loaded and all(isinstance(value, str) for value in loaded.values())


def test_most_files_need_no_yaml_reader() -> None:
    assert simple_values("cloud: uc\ndryrun: 'off'\nm: '1'\n") == {"cloud": "uc", "dryrun": "off", "m": "1"}


def test_missing_file(file: Path) -> None:
    assert variable("cloud") is None
    assert not file.exists()


@pytest.mark.parametrize("content", [b"{}", b"cloud:", b"cloud: ''"])
def test_no_value_in_the_file(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert variable("cloud") is None


@pytest.mark.parametrize("content", [b"", b"cloud: 'uc", b"- a", b"cloud", b"\xff\xfe"])
def test_a_half_written_file_is_not_taken_for_no_variable(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"variables\.dat, is damaged"):
        variable("cloud")


def test_a_file_that_is_being_written_is_waited_for(file: Path) -> None:
    file.write_bytes(b"")
    threading.Timer(0.2, file.write_bytes, [b"cloud: uc\n"]).start()
    assert variable("cloud") == "uc"


@pytest.mark.parametrize("settled", [False, True])
def test_a_file_that_is_written_again_is_read_again(file: Path, settled: bool) -> None:
    for number in range(20):
        file.write_text(f"cloud: uc{number:02}\n")
        if settled:
            os.utime(file, (1, 1))
        assert [variable("cloud"), variable("cloud")] == [f"uc{number:02}"] * 2
        assert values().pop("cloud"), "what is given away is a copy"


def test_variables_of_a_script_lie_over_the_kept_ones(file: Path) -> None:
    file.write_text("cloud: uc\nkept: x\n")
    with given({"cloud": "tacc", "n": "1"}):
        with given({"n": "2", "kept": ""}):
            assert (values(), variable("kept")) == ({"cloud": "tacc", "n": "2", "kept": ""}, None)
        assert values() == {"cloud": "tacc", "n": "1", "kept": "x"}
    assert values() == {"cloud": "uc", "kept": "x"}


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(YamlDB, "flush", YamlDB.flush)
    guard()


def test_reading_with_the_class_of_cmd5_writes_nothing(file: Path, guarded: None) -> None:
    Variables()["cloud"] = "uc"
    before = file.stat()
    assert Variables()["cloud"] == "uc"
    after = file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    Variables()["cloud"] = "tacc"
    assert (variable("cloud"), Variables()["cloud"]) == ("tacc", "tacc")
    assert [each.name for each in file.parent.iterdir()] == ["variables.dat"]


def test_what_two_processes_set_at_the_same_time_is_kept_of_both(file: Path, guarded: None) -> None:
    one, other = Variables(), Variables()
    one["cloud"] = "uc"
    other["key"] = "mine"
    other["cloud"] = "tacc"
    one["image"] = "debian-12"
    assert values() == {"cloud": "tacc", "key": "mine", "image": "debian-12"}
    del other["cloud"]
    one["key"] = "yours"
    assert values() == {"key": "yours", "image": "debian-12"}


def test_an_empty_file_of_another_process_is_left_alone(file: Path, guarded: None) -> None:
    file.write_bytes(b"")
    Variables()
    assert file.read_bytes() == b""
