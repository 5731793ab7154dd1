"""Changing one key: the new text, character by character; and a list of names while others do the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudmesh.config.editing import edit
from cloudmesh.config.yaml import reader
from cloudmesh.plugin.errors import ConfigError, UnknownName, UsageError

Write = Callable[..., Path]


def after(path: Path, key: str, value: str) -> str:
    edit.set_value(path, key, value)
    return path.read_bytes().decode()


def test_one_value_of_the_sample_changes_one_line(write: Write, sample: str) -> None:
    path = write(sample)
    changed = after(path, "clouds.tacc.default.flavor", "m1.tiny")
    head, _, tail = sample.rpartition("flavor: m1.small")
    assert changed == f"{head}flavor: m1.tiny{tail}"


@pytest.mark.parametrize(
    ("old", "given", "new"),
    [
        ("a: x  # c", "w", "a: w  # c"),
        ("a:   x", "w", "a:   w"),
        ("a: 'x'", "w", "a: 'w'"),
        ('a: "x" # c', "w", 'a: "w" # c'),
        ("a: x", "5.10", "a: '5.10'"),
        ("a: x", "no", "a: 'no'"),
        ("a: x", "0123", "a: '0123'"),
        ("a: x", "[b, c]", "a: '[b, c]'"),
        ("a: x", "", "a: ''"),
        ("a: x", " y ", "a: ' y '"),
        ("a: x", "b: c # d", "a: 'b: c # d'"),
        ("a: x", "it's", "a: 'it''s'"),
        ("a: x", "1\n2\t", r'a: "1\n2\t"'),
        ("a: x", "https://h:5000/v3", "a: https://h:5000/v3"),
        ("a: x", "Zoë Müller", "a: Zoë Müller"),
        ("a: 5", "6", "a: 6"),
        ("a: 5", "5.10", "a: 5.10"),
        ("a: 5", "0x1F", "a: 0x1F"),
        ("a: 5", "true", "a: true"),
        ("a: 5", "~", "a: ~"),
        ("a: 5", "no", "a: 'no'"),
        ("a: 5", "five # 5", "a: 'five # 5'"),
        ("a: 5", "6 # 6", "a: '6 # 6'"),
        ("a: 5", '"6"', 'a: "6"'),
        ("a: 5", "{b: c}", "a: '{b: c}'"),
        ("a: 5", "[b, 6, '7']", "a: [b, 6, '7']"),
        ("a: 5", "[b", "a: '[b'"),
        ("a: 5", "*x", "a: '*x'"),
        ("a: 5", "!!int 7", "a: '!!int 7'"),
        ("a: 5", "2001-99-99", "a: '2001-99-99'"),
        ("a:", "x", "a: x"),
        ("a: # c", "x", "a: x # c"),
        ("a: ~  # c", "x", "a: x  # c"),
        ("a: null", "7", "a: 7"),
        ("a: !!str 5", "6", "a: !!str '6'"),
        ("a: &anchor x", "w", "a: &anchor w"),
        ("a: [x, y]  # c", "[w, z]", "a: [w, z]  # c"),
        ("a: [x, y]", "z", "a: z"),
        ("a: |  # c\n  x\n  y", "z", "a: z  # c"),
        ("a: x\n  y", "z", "a: z"),
        ("OS_PASSWORD: 5", "6", "OS_PASSWORD: '6'"),
        ("OS_PASSWORD:", "no", "OS_PASSWORD: 'no'"),
        ("? a\n: x", "w", "? a\n: w"),
        ("'a': x", "w", "'a': w"),
    ],
)
def test_what_a_value_becomes(write: Write, old: str, given: str, new: str) -> None:
    key = "OS_PASSWORD" if old.startswith("OS") else "a"
    path = write(f"# top\n{old}\n\n# tail\nb: 1\n")
    assert after(path, key, given) == f"# top\n{new}\n\n# tail\nb: 1\n"


@pytest.mark.parametrize(
    ("old", "key", "new"),
    [
        ("a:\n  b: x  # c\n\n# next\nd: 1\n", "a.m", "a:\n  b: x  # c\n  m: v\n\n# next\nd: 1\n"),
        (
            "a:\n  b:\n    c:\n    - x # y\n\n  # next\n  d: 1\n",
            "a.b.m",
            "a:\n  b:\n    c:\n    - x # y\n    m: v\n\n  # next\n  d: 1\n",
        ),
        ("a:\n  b: |\n    x\n\n# c\nd: 1\n", "a.m", "a:\n  b: |\n    x\n  m: v\n\n# c\nd: 1\n"),
        ("x: &x 1\na:\n  b: *x\n\nd: 1\n", "a.m", "x: &x 1\na:\n  b: *x\n  m: v\n\nd: 1\n"),
        ("a:\n  b:\n\nd: 1\n", "a.m", "a:\n  b:\n  m: v\n\nd: 1\n"),
        ("a: {b: 1}  # c\n", "a.m", "a: {b: 1, m: v}  # c\n"),
        ("a: {b: 1, }\n", "a.m", "a: {b: 1, m: v }\n"),
        ("a: {\n  b: 1  # c\n}\n", "a.m", "a: {\n  b: 1, m: v  # c\n}\n"),
        ("a: {}\n", "a.q.m", "a: {q: {m: v}}\n"),
        ("a: {b: }\n", "a.b.m", "a: {b: {m: v} }\n"),
        ("a:   # c\nd: 1\n", "a.q.m", "a:   # c\n  q:\n    m: v\nd: 1\n"),
        ("a: ~\nd: 1\n", "a.m", "a:\n  m: v\nd: 1\n"),
        ("a:\n    b:\n        c: 1\n", "m.q.o", "a:\n    b:\n        c: 1\nm:\n    q:\n        o: v\n"),
        ("a: 1", "m", "a: 1\nm: v"),
        ("---\na: 1\n...\n", "m", "---\na: 1\nm: v\n...\n"),
        ("{}\n", "m", "{m: v}\n"),
        ("a: 1\n# end\n", "m", "a: 1\nm: v\n# end\n"),
        ("a:\n  b: 1\n  # d: 2\n\n  # e: 3\n# end\n", "m", "a:\n  b: 1\n  # d: 2\n\n  # e: 3\nm: v\n# end\n"),
        ("a:\n  b:\n    c: 1\n    # d: 2\n  # e\n", "a.m", "a:\n  b:\n    c: 1\n    # d: 2\n  m: v\n  # e\n"),
        ("a:\n- b: 1\n- b: 2\n", "a.0.m", "a:\n- b: 1\n  m: v\n- b: 2\n"),
        ("a: 1\n", '"x.y".no', "a: 1\nx.y:\n  'no': v\n"),
        ("b: &x {k: 1}\nc:\n  <<: *x\n  z: 1\n", "c.k", "b: &x {k: 1}\nc:\n  <<: *x\n  z: 1\n  k: v\n"),
        ("a:\r\n  b: 1\r\n\r\nd: 1\r\n", "a.m", "a:\r\n  b: 1\r\n  m: v\r\n\r\nd: 1\r\n"),
        ("\ufeffa: 1\n", "m", "\ufeffa: 1\nm: v\n"),
        ("a: 1\t\n  \t # c\n", "m", "a: 1\t\nm: v\n    # c\n"),
        ("5: x\ntrue: y\n", "5", "5: v\ntrue: y\n"),
        ("5: x\ntrue: y\n", "true", "5: x\ntrue: v\n"),
    ],
)
def test_where_a_new_key_goes(write: Write, old: str, key: str, new: str) -> None:
    assert after(write(old), key, "v") == new


LIST = "a:\n  l:\n  # one\n  - x  # first\n  - 'y'\n  # three\n  - z\n# next\nb: 1\n"


@pytest.mark.parametrize(
    ("names", "new"),
    [
        (["x", "y", "z"], LIST),
        (["x", "y", "z", "w"], LIST.replace("- z\n", "- z\n  - w\n")),
        (["w", "x", "y", "z"], LIST.replace("# one\n", "# one\n  - w\n")),
        (["y", "x"], "a:\n  l:\n  # one\n  # three\n  - 'y'\n  - x  # first\n# next\nb: 1\n"),
        (["no"], "a:\n  l:\n  # one\n  # three\n  - 'no'\n# next\nb: 1\n"),
        ([], "a:\n  l: []\n  # one\n  # three\n# next\nb: 1\n"),
    ],
)
def test_a_list_on_lines_keeps_the_lines_of_what_stays(write: Write, names: list[str], new: str) -> None:
    path = write(LIST)
    edit.set_list(path, "a.l", names)
    assert path.read_text() == new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cloudmesh:\n  active: [x]  # c\n", "cloudmesh:\n  active: [uc, tacc]  # c\n"),
        ("cloudmesh:\n  active: x\n", "cloudmesh:\n  active: [uc, tacc]\n"),
        ("cloudmesh:\n  active:\n", "cloudmesh:\n  active: [uc, tacc]\n"),
        ("version: 5.0\n", "version: 5.0\ncloudmesh:\n  active: [uc, tacc]\n"),
        ("cloudmesh:\n  active:\n    - x", "cloudmesh:\n  active:\n    - uc\n    - tacc"),
    ],
)
def test_a_list_of_clouds_is_set_whatever_was_there(write: Write, old: str, new: str) -> None:
    path = write(old)
    edit.set_list(path, "cloudmesh.active", ["uc", "tacc"])
    assert path.read_text() == new


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        ("a", ConfigError, "'a' is a section; set one of its keys: b, l, e"),
        ("a.e", ConfigError, "'e' is a section"),
        ("a.m", ConfigError, "'m' is a section"),
        ("a.b.c", ConfigError, "'b' is a single value"),
        ("a.l.2", UnknownName, "no item '2'.*known: 0, 1"),
        ("a.l.x.y", UnknownName, "no item 'x'"),
        ("a..b", UsageError, "invalid key"),
        ("shared.k", ConfigError, "without touching other lines"),
        ("alias.k", ConfigError, "without touching other lines"),
        ("twin", ConfigError, "without touching other lines"),
    ],
)
def test_what_would_harm_the_file_is_refused(
    write: Write, key: str, error: type[Exception], message: str
) -> None:
    text = (
        "a:\n  b: hunter2\n  l: [1, 2]\n  e: {}\n  m: [{x: 1}]\n"
        "shared: &x {k: 1}\nalias: *x\ntwin: &t 5\nother: *t\n"
    )
    path = write(text)
    before = path.stat()
    with pytest.raises(error, match=message) as caught:
        edit.set_value(path, key, "secret-value")
    assert "hunter2" not in str(caught.value)
    assert "secret-value" not in str(caught.value)
    assert path.read_text() == text
    assert path.stat().st_ino == before.st_ino


def test_a_change_to_what_is_there_already_writes_nothing(write: Write) -> None:
    path = write("a: x\n")
    before = path.stat()
    edit.set_value(path, "a", "x")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_text_that_is_no_utf8_is_refused(write: Write) -> None:
    path = write("a: x\n")
    with pytest.raises(UsageError, match="UTF-8"):
        edit.set_value(path, "a", "\udcff")
    with pytest.raises(UsageError, match="UTF-8"):
        edit.set_value(path, "\udcff", "b")
    assert path.read_text() == "a: x\n"


def test_a_missing_file_leaves_no_trace(home: Path) -> None:
    with pytest.raises(ConfigError, match="cms config init"):
        edit.set_value(home / "class.yaml", "a", "y")
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "old"),
    [
        ("cloudmesh:\n  active: [x, 'y ', x]  # c\n", ["x", "y"]),
        ("cloudmesh:\n  active: x\n", ["x"]),
        ("cloudmesh:\n  active: []\n", []),
        ("cloudmesh:\n  active:\n", None),
        ("version: 5.0\n", None),
    ],
)
def test_the_change_gets_what_is_there_and_gives_what_will_be(
    write: Write, text: str, old: list[str] | None
) -> None:
    path = write(text)
    seen: list[list[str] | None] = []

    def change(names: list[str] | None) -> list[str]:
        seen.append(names)
        return [*(names or []), "new"]

    assert edit.change_list(path, "cloudmesh.active", change) == [*(old or []), "new"]
    assert seen == [old]
    assert reader.load(path)["cloudmesh"]["active"] == [*(old or []), "new"]


@pytest.mark.parametrize("value", ["5", "[x, 5]", "{x: 1}", "[[x]]"])
def test_what_is_no_list_of_names_is_refused_and_left(write: Write, value: str) -> None:
    text = f"cloudmesh:\n  active: {value}\n"
    path = write(text)
    with pytest.raises(ConfigError, match=r"cloudmesh\.active must be a name or a list of names"):
        edit.change_list(path, "cloudmesh.active", lambda names: names or [])
    assert path.read_text() == text


def test_a_change_that_raises_leaves_the_file_and_the_lock(write: Write) -> None:
    text = "cloudmesh:\n  active: [x]\n"
    path = write(text)

    def change(names: list[str] | None) -> list[str]:
        raise ConfigError("not so")

    with pytest.raises(ConfigError, match="not so"):
        edit.change_list(path, "cloudmesh.active", change)
    assert path.read_text() == text
    assert edit.change_list(path, "cloudmesh.active", lambda _: ["y"]) == ["y"]


def test_processes_that_add_and_remove_at_once_lose_nothing(write: Write) -> None:
    path = write("# top\ncloudmesh:\n  active: []  # c\n")

    def work(process: int) -> None:
        for number in range(10):
            name = f"p{process}n{number}"
            edit.change_list(path, "cloudmesh.active", lambda names, name=name: [*(names or []), name])
            if number % 2:
                edit.change_list(
                    path,
                    "cloudmesh.active",
                    lambda names, name=name: [each for each in names or [] if each != name],
                )

    children = [_start(work, process) for process in range(6)]
    assert {os.waitpid(child, 0)[1] for child in children} == {0}
    expected = {f"p{process}n{number}" for process in range(6) for number in range(0, 10, 2)}
    active = reader.load(path)["cloudmesh"]["active"]
    assert len(active) == len(expected) and set(active) == expected
    assert path.read_text().startswith("# top\n") and path.read_text().endswith("# c\n")


def _start(work: Callable[[int], None], process: int) -> int:
    """Run the work in a child process, which ends with 0 only if it raises nothing."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(process)
            code = 0
        finally:
            os._exit(code)
    return child
