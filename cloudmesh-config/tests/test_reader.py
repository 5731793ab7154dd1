"""The reader: the order of the file, and what it refuses, with which sentence."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.config.check.findings import check
from cloudmesh.config.yaml import reader
from cloudmesh.plugin.errors import ConfigError

Write = Callable[..., Path]


def test_the_sample_loads_as_it_stands_in_its_order(write: Write, sample: str) -> None:
    data = reader.load(write(sample))
    assert list(data) == ["version", "profile", "cloudmesh", "clouds"]
    assert list(data["clouds"]) == ["uc", "tacc"]
    assert list(data["clouds"]["uc"]) == [*("name", "host", "type", "version", "credentials", "default")]
    assert list(data["clouds"]["tacc"]["credentials"])[:3] == ["OS_AUTH_URL", "OS_PASSWORD", "OS_TENANT_NAME"]
    assert data["version"] == 5.0
    assert data["cloudmesh"] == {"default": ["chameleon"], "active": ["chameleon"]}


def test_many_keys_keep_any_order(write: Write) -> None:
    names = [f"k{number * 7919 % 1000}" for number in range(1000)]
    assert list(reader.load(write("".join(f"{name}: 1\n" for name in names)))) == names


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602, 0o644, 0o666, 0o660])
def test_a_file_that_others_can_read_or_write_is_refused(write: Write, mode: int) -> None:
    path = write("a: 1\n", mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {path}") as caught:
        reader.load(path)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_ones_own_is_read(write: Write, mode: int) -> None:
    assert reader.load(write("a: 1\n", mode)) == {"a": 1}


def test_the_mode_of_a_symlinks_target_counts(write: Write, home: Path) -> None:
    target = write("a: 1\n", 0o644)
    link = home / "link.yaml"
    link.symlink_to(target)
    with pytest.raises(ConfigError, match="chmod 600"):
        reader.load(link)
    target.chmod(0o600)
    assert reader.load(link) == {"a": 1}


@pytest.mark.parametrize("mode", [0o777, 0o733, 0o702])
def test_a_directory_that_anybody_may_write_is_refused(write: Write, home: Path, mode: int) -> None:
    path = write("clouds: {uc: {type: x}}\n")
    link = home.with_name("link.yaml")
    link.symlink_to(path)
    home.chmod(mode)
    for place in (path, link):
        with pytest.raises(
            ConfigError, match=rf"{place}: any user can replace .*mode {mode:04o}.*chmod o-w {home}"
        ):
            reader.load(place)
    assert any("any user can replace" in str(each) and each.level == "error" for each in check(path))
    home.chmod(0o1777)
    assert reader.load(path)
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
        with pytest.raises(ConfigError, match=r"belongs to another user \(uid 12345\)"):
            reader.load(path)


def test_the_mending_line_can_be_pasted(home: Path) -> None:
    path = home / "my class.yaml"
    path.write_text("a: 1\n")
    path.chmod(0o644)
    with pytest.raises(ConfigError) as caught:
        reader.load(path)
    line = str(caught.value).partition("fix it with: ")[2]
    assert os.system(line) == 0
    assert reader.load(path) == {"a": 1}


def test_an_unreadable_file_is_one_sentence(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("a: 1\n")

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ConfigError, match="permission denied"):
        reader.load(path)


def test_a_loop_of_symlinks_is_one_sentence(home: Path) -> None:
    (home / "a").symlink_to(home / "b")
    (home / "b").symlink_to(home / "a")
    with pytest.raises(ConfigError, match="form a loop"):
        reader.load(home / "a")


@pytest.mark.parametrize("content", [b"a: \xff\xfe\n", b"\x89PNG\r\n\x1a\n\x00", "a: ä\n".encode("utf-16")])
def test_binary_files_are_refused(write: Write, content: bytes) -> None:
    with pytest.raises(ConfigError, match="UTF-8|control character"):
        reader.load(write(content))


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "null\n"])
def test_an_empty_file_is_refused(write: Write, text: str) -> None:
    path = write(text)
    with pytest.raises(ConfigError, match="is empty"):
        reader.load(path)
    assert [(finding.level, finding.line) for finding in check(path)] == [("error", 1)]


def test_what_an_anchor_shares_is_not_shared_in_the_data(write: Write) -> None:
    data = reader.load(write("a: &x {k: 1}\nb: *x\nc:\n  <<: *x\n  z: 2\n"))
    data["a"]["k"] = 9
    assert data["b"] == {"k": 1}
    assert data["c"] == {"k": 1, "z": 2}


def test_what_only_the_slower_parser_knows_is_read(write: Write) -> None:
    assert reader.load(write("a: [https://h/v3]\nb: {c: x:5}\n")) == {
        "a": ["https://h/v3"],
        "b": {"c": "x:5"},
    }


def test_a_byte_order_mark_and_windows_line_ends_are_read(write: Write) -> None:
    assert reader.load(write(b"\xef\xbb\xbfa: 1\r\nb: x\r\n")) == {"a": 1, "b": "x"}


@given(st.binary(max_size=60) | st.text(alphabet="ab:-[]{}&*!|>'\"#%@`, \n\t?0~<=", max_size=40))
def test_any_content_is_read_or_refused(content: str | bytes) -> None:
    text = content if isinstance(content, str) else content.decode("latin-1")
    try:
        assert isinstance(reader.parse(text, Path("class.yaml")), dict)
    except ConfigError as error:
        assert "\n" not in str(error)
