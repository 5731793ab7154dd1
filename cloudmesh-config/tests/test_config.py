"""The clouds of a configuration: which there are, which are active, which are the default."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.config import Config
from cloudmesh.config.yaml import keys
from cloudmesh.plugin.errors import ConfigError, UnknownName, UsageError

Write = Callable[..., Path]
CLOUDS = (
    "clouds:\n  uc: {type: a, host: h, list: [x, {y: 1}], my.key: 2}\n  tacc: {type: b}\n  aws: {type: c}\n"
)
NO_NAMES = ("5", "{a: b}", "[uc, 5]", "[[uc]]", "true")


def config(write: Write, head: str = "") -> Config:
    return Config.load(write(head + CLOUDS))


def test_load_takes_the_users_own_file_by_default(write: Write, home: Path) -> None:
    write(CLOUDS)
    assert Config.load().path == home / "class.yaml"


def test_a_file_that_is_read_again_gives_data_of_its_own(write: Write) -> None:
    text = "clouds: {uc: {type: a, day: 2026-01-02}}\n"
    path = write(text)
    expected = Config.load(path).data
    for _ in range(4):
        found = Config.load(path).data
        assert found == expected
        found["clouds"]["uc"]["type"] = found["clouds"]["new"] = "changed"
    write(text.replace("type: a", "type: b"))
    assert Config.load(path).clouds["uc"]["type"] == "b"
    write(text + "clouds: {}\n")
    with pytest.raises(ConfigError):
        Config.load(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError):
        Config.load(path)


def test_another_file_is_named_by_the_environment(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(CLOUDS)
    other.chmod(0o600)
    monkeypatch.setenv("CLOUDMESH_CONFIG", str(other))
    assert list(Config.load().clouds) == ["uc", "tacc", "aws"]


def test_an_unknown_cloud_names_the_nearest(write: Write) -> None:
    with pytest.raises(UnknownName, match=r"no cloud 'tac'; did you mean 'tacc'\?"):
        config(write).cloud("tac")


def test_no_clouds_is_an_empty_dict(write: Write) -> None:
    for text in ("version: 5.0\n", "clouds:\n", "clouds: {}\n"):
        assert Config.load(write(text)).clouds == {}


ALL = ["uc", "tacc", "aws"]


@pytest.mark.parametrize(
    ("head", "default", "active"),
    [
        ("", [], ALL),
        *((f"cloudmesh: {{default: {uc}}}\n", ["uc"], ALL) for uc in ("uc", "' uc '", "[uc]", "['uc ', uc]")),
        ("cloudmesh: {default: [aws, uc], active: [aws, tacc, uc]}\n", ["aws", "uc"], ["aws", "tacc", "uc"]),
        ("cloudmesh: {active: []}\n", [], []),
    ],
)
def test_the_default_and_the_active_clouds(write: Write, head: str, default: list, active: list) -> None:
    loaded = config(write, head)
    assert (loaded.default_clouds(), loaded.active_clouds()) == (default, active)
    assert list(loaded.clouds) == ALL


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("cloudmesh: {default: [uc, ucc]}\n", "'ucc'"),
        ("cloudmesh: {default: uc, active: [uc, tac]}\n", "'tac'"),
        ("cloudmesh: {default: [uc], active: [tacc]}\n", "cms cloud activate uc"),
        *((f"cloudmesh: {{default: {value}}}\n", r"cloudmesh\.default must be") for value in NO_NAMES),
    ],
)
def test_a_list_of_clouds_is_never_shortened(write: Write, head: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(write, head).default_clouds()


def test_the_sample_names_its_unknown_cloud_and_the_known_ones(write: Write, sample: str) -> None:
    path = write(sample)
    for ask in (Config.load(path).default_clouds, Config.load(path).active_clouds):
        with pytest.raises(ConfigError, match=r"'chameleon'.* known: uc, tacc") as caught:
            ask()
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        *(
            ("[uc, 'chameleon ', uc]", ["uc", "chameleon"]),
            ("moon", ["moon"]),
            ("[]", []),
            ("", None),
            ("~", None),
        )
    ],
)
def test_what_is_written_is_told_unknown_names_included(
    write: Write, text: str, names: list[str] | None
) -> None:
    loaded = config(write, f"cloudmesh:\n  active: {text}\n")
    assert loaded.written("active") == names
    assert loaded.written("default") is None


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("cloudmesh: foo\n", "cloudmesh must be a section"),
        ("cloudmesh: [active]\n", "cloudmesh must be a section"),
        *((f"cloudmesh: {{active: {value}}}\n", r"cloudmesh\.active must be the name") for value in NO_NAMES),
    ],
)
def test_what_is_written_in_a_wrong_shape_is_an_error(write: Write, head: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(write, head).written("active")


def test_one_cloud_and_whether_it_is_active(write: Write) -> None:
    loaded = config(write, "cloudmesh: {active: [tacc]}\n")
    assert loaded.cloud("tacc") == {"type": "b"}
    loaded.require_active("tacc")
    with pytest.raises(ConfigError, match="not active"):
        loaded.require_active("uc")
    with pytest.raises(UnknownName):
        loaded.require_active("nosuch")


def test_get_follows_dots_numbers_and_quotes(write: Write) -> None:
    loaded = config(write)
    assert loaded.get("clouds.uc.host") == "h"
    assert loaded.get("clouds.uc.list.1.y") == 1
    assert loaded.get('clouds.uc."my.key"') == 2
    assert loaded.get("clouds.tacc") == {"type": "b"}


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("clouds.uc.hst", r"no key 'hst' under clouds\.uc in .*did you mean 'host'"),
        ("cloud", "no key 'cloud' at the top in .*did you mean 'clouds'"),
        ("clouds.uc.list.2", r"no key '2' under clouds\.uc\.list.*known: 0, 1"),
        ("clouds.uc.list.-1", "no key '-1'"),
        ("clouds.uc.host.x", r"no key 'x' under clouds\.uc\.host.*none is known"),
        ("clouds.uc.my.key", "no key 'my'.*known:.*\"my.key\""),
    ],
)
def test_get_names_the_part_that_is_missing(write: Write, key: str, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        config(write).get(key)


@pytest.mark.parametrize("key", ["", ".", "a.", ".a", "a..b", '"a', 'a"b', '"a"b'])
def test_a_malformed_key_is_a_usage_error(key: str) -> None:
    with pytest.raises(UsageError):
        keys.split(key)


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_joined_parts_split_into_the_same_parts(parts: list[str]) -> None:
    assert keys.split(keys.join(parts)) == parts


@given(st.lists(st.text(), min_size=1, max_size=3), st.text())
def test_an_assignment_splits_at_its_own_sign(parts: list[str], value: str) -> None:
    assert keys.split_assignment(f"{keys.join(parts)}={value}") == (keys.join(parts), value)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), TREES, min_size=1, max_size=4))
def test_each_flat_key_leads_back_to_its_value(data: dict[str, object]) -> None:
    rows = list(keys.flatten(data))
    assert [keys.find(data, keys.join(parts), "FILE") for parts, _ in rows] == [value for _, value in rows]
    assert [row[0][0] for row in rows] == sorted((row[0][0] for row in rows), key=list(data).index)


def test_the_repr_of_a_config_shows_no_value(write: Write) -> None:
    assert "hunter2" not in repr(Config.load(write("OS_PASSWORD: hunter2\n")))


def test_importing_the_package_brings_no_yaml_reader() -> None:
    code = "import sys, cloudmesh.config; sys.exit('ruamel.yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(ImportError):
        from cloudmesh.config import Nothing  # noqa: F401
