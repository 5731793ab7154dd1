"""The first configuration: what it says, and who can read it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from cloudmesh.config import Config
from cloudmesh.config.check import provider_rules
from cloudmesh.config.editing import edit, starter
from cloudmesh.plugin.errors import ConfigError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_holds_one_simulated_cloud_as_default_and_active(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "class.yaml"
    starter.write(path)
    config = Config.load(path)
    assert config.default_clouds() == config.active_clouds() == ["local"]
    assert list(config.clouds) == ["local"]
    assert "runs no real machine" in path.read_text()
    assert config.cloud("local")["type"] == "simulated"
    assert config.get("clouds.local.default") == {"flavor": "small", "image": "debian-12"}
    assert (config.get("version"), config.get("clouds.local.host")) == (5.0, "localhost")
    assert [mode(p) for p in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]
    assert [entry.name for entry in path.parent.iterdir()] == ["class.yaml"]


def test_each_commented_setting_is_yaml_that_fits_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "new" / "class.yaml"
    starter.write(path)
    text = re.sub(r"^    # (\w+: )", r"    \1", path.read_text(), flags=re.MULTILINE)
    text = re.sub(r"^  # (uc:|  )", r"  \1", text, flags=re.MULTILINE)
    path.write_text(text)
    config = Config.load(path)
    expected = {
        "boot_seconds": 1.0,
        "action_seconds": 0.3,
        "latency_seconds": 0.0,
        "failure_rate": 0.0,
        "fault_seed": 0,
        "fail": {"verb": "start", "names": "web[01-03]"},
    }
    assert expected.items() <= config.cloud("local").items()
    assert config.cloud("uc")["type"] == "openstack"
    assert config.get("clouds.uc.credentials.OS_PASSWORD") == "TBD"
    assert config.get("clouds.uc.default.flavor") == "m1.small"


def test_with_qemu_there_is_a_second_cloud_and_the_default_stays_simulated(tmp_path: Path) -> None:
    path = tmp_path / "new" / "class.yaml"
    starter.write(path, starter.text_with_qemu())
    config = Config.load(path)
    assert (config.default_clouds(), config.active_clouds()) == (["local"], ["local", "qemu"])
    assert list(config.clouds) == ["local", "qemu"]
    assert config.cloud("qemu")["type"] == "qemu"
    assert config.get("clouds.qemu.default") == {"flavor": "small", "image": "debian-12"}
    assert set(starter.TEXT.splitlines()) < set(starter.text_with_qemu().splitlines())


@pytest.mark.parametrize(("program", "provider"), [(True, False), (False, True), (True, True)])
def test_qemu_is_offered_where_both_the_program_and_the_package_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: bool, provider: bool
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if program:
        (tmp_path / "qemu-system-x86_64").touch(0o755)
    monkeypatch.setattr(provider_rules, "installed", lambda: {"qemu": None} if provider else {})
    assert starter.has_qemu() == (program and provider)


def test_its_comments_survive_a_change(tmp_path: Path) -> None:
    path = tmp_path / "new" / "class.yaml"
    starter.write(path)
    edit.set_value(path, "clouds.local.boot_seconds", "0.5")
    assert path.read_text() == starter.TEXT.replace("debian-12\n", "debian-12\n    boot_seconds: 0.5\n")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    directory = tmp_path / "new"
    directory.mkdir()
    for name in ("file", "directory", "link"):
        path = directory / name
        {"file": path.touch, "directory": path.mkdir, "link": lambda: path.symlink_to("nowhere")}[name]()  # noqa: B023
        with pytest.raises(ConfigError, match=f"{path} already exists"):
            starter.write(path)
    assert (directory / "file").read_text() == ""
    assert not (directory / "nowhere").exists()


def test_a_file_that_appears_in_the_meantime_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "class.yaml"
    path.parent.mkdir()
    path.write_text("theirs")
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    with pytest.raises(ConfigError, match="already exists"):
        starter.write(path)
    assert path.read_text() == "theirs"
    assert [entry.name for entry in path.parent.iterdir()] == ["class.yaml"]


@pytest.mark.parametrize(("is_home", "expected"), [(False, 0o700), (True, 0o755)])
def test_an_open_directory_is_closed_but_for_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_home: bool, expected: int
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path if is_home else tmp_path / "home"))
    tmp_path.chmod(0o755)
    starter.write(tmp_path / "class.yaml")
    assert mode(tmp_path) == expected


def test_a_shared_directory_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "shared"
    directory.mkdir()
    directory.chmod(0o1777)
    with pytest.raises(ConfigError, match="CLOUDMESH_CONFIG_DIR"):
        starter.write(directory / "class.yaml")
    assert (mode(directory), list(directory.iterdir())) == (0o1777, [])


def test_a_directory_of_someone_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "theirs"
    directory.mkdir(mode=0o755)
    monkeypatch.setattr(os, "geteuid", lambda: directory.stat().st_uid + 1)
    with pytest.raises(ConfigError, match="not your own"):
        starter.write(directory / "class.yaml")
    assert list(directory.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    blocked.chmod(0o644)
    for path in (blocked / "class.yaml", blocked / "deep" / "class.yaml"):
        with pytest.raises(ConfigError, match="could not be made private"):
            starter.write(path)
    assert mode(blocked) == 0o644
