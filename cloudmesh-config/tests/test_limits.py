"""What is no configuration at all, and what would explode: one sentence, in bounded time and memory."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudmesh.config.check.findings import check
from cloudmesh.config.editing import edit
from cloudmesh.config.yaml import config_file, limits, positions, reader
from cloudmesh.plugin.errors import ConfigError

Write = Callable[..., Path]
SECRET = "hunter2"

LISTS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)
)
MERGED = "a0: &a0 {k: v}\n" + "".join(
    f"a{level}: &a{level}\n  <<: [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)
)
EXPLOSIONS = {
    "lists": (LISTS, 6),
    "lists for the pure parser": (LISTS + "z: [https://host]\n", 6),
    "a duplicate key beside": (LISTS + "a11: 1\na11: *a10\n", 6),
    "merged sections": (MERGED, 11),
    "pairs": (LISTS + "z: !!pairs [k: *a11]\n", 6),
    "an alias in itself": (f"a: &a\n  b: {SECRET}\n  c: *a\n", 3),
    "a merge of itself": ("x: 1\na: &a\n  <<: *a\n", 3),
    "brackets": ("a: " + "[" * 100_000, 1),
    "closed brackets": ("a: 1\nb: " + "[" * 100 + "]" * 100 + "\n", 2),
    "braces": ("{a: " * 100_000, 1),
    "dashes": ("a:\n  " + "- " * 100_000 + "x\n", 2),
    "questions": ("? " * 100_000, 1),
    "sections": ("".join(" " * level + "a:\n" for level in range(2000)), 65),
    "sections behind aliases": (
        "a0: &a0 [[[[[[[[[[x]]]]]]]]]]\n"
        + "".join(f"a{n}: &a{n} [[[[[[[[[[*a{n - 1}]]]]]]]]]]\n" for n in range(1, 9)),
        7,
    ),
}


@pytest.mark.parametrize(("text", "line"), EXPLOSIONS.values(), ids=EXPLOSIONS)
def test_what_explodes_is_refused_at_its_line_and_at_once(write: Write, text: str, line: int) -> None:
    path = write(text)
    began = time.monotonic()
    for call in (
        lambda: reader.load(path),
        lambda: edit.set_value(path, "x.y", "z"),
        lambda: positions.compose(text, path) and reader.parse(text, path),
    ):
        with pytest.raises(ConfigError) as caught:
            call()
        assert str(caught.value).startswith(f"{path}:{line}: ")
    assert [(finding.level, finding.line) for finding in check(path)] == [("error", line)]
    assert time.monotonic() - began < 5
    assert path.read_text() == text


def test_aliases_in_measure_are_expanded(write: Write) -> None:
    few = LISTS[: LISTS.index("a4:")]
    assert len(reader.load(write(few))["a3"]) == 9
    assert len(reader.load(write("a: &a [[x, y]]\nb: [*a, *a]\n"))["b"]) == 2
    assert limits.MOST_COPIES > 10_000


def test_deep_but_not_too_deep(write: Write) -> None:
    levels = limits.MOST_LEVELS - 1
    assert reader.load(write("a: " + "[" * levels + "]" * levels + "\n"))


def test_a_repeated_anchor_prints_no_line_of_the_file(write: Write, recwarn: pytest.WarningsRecorder) -> None:
    path = write(f"a: &x {SECRET}\nb: &x {SECRET}\nc: *x\nd: [https://h]\n")
    assert reader.load(path)["c"] == SECRET
    edit.set_value(path, "e", "[&a 1, &a 2]")
    assert check(path)
    assert not recwarn.list


def test_a_large_file_is_refused_before_it_is_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("a: 1\n")
    os.truncate(path, 100 * 2**20)
    monkeypatch.setattr(reader, "parse", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(ConfigError, match=r"100\.0 MiB, and a configuration has at most 4;"):
        reader.load(path)


def test_a_file_of_the_largest_size_is_read(write: Write) -> None:
    comment = "#" * 99 + "\n"
    text = "a: 1\n" + comment * ((config_file.LARGEST - 5) // 100)
    assert reader.load(write(text)) == {"a": 1}


SPECIAL = {
    "a directory": (lambda path: path.mkdir(), "this is a directory"),
    "a pipe": (lambda path: os.mkfifo(path, 0o600), "a device, pipe or socket, not a regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "a device, pipe or socket, not a regular file"),
    "a dangling link": (lambda path: path.symlink_to("nowhere"), "this is a broken symbolic link"),
    "links in a circle": (lambda path: path.symlink_to(path), "symbolic links form a loop"),
    "nothing": (
        lambda _: None,
        "there is no such file; create one with 'cms config init' (simulated), 'cms cloud add'",
    ),
}


@pytest.mark.parametrize(("make", "sentence"), SPECIAL.values(), ids=SPECIAL)
def test_what_is_no_file(home: Path, make: Callable[[Path], None], sentence: str) -> None:
    path = home / "class.yaml"
    make(path)
    for call in (lambda: reader.load(path), lambda: edit.set_value(path, "a", "b")):
        with pytest.raises(ConfigError) as caught:
            call()
        assert str(caught.value).startswith(f"{path}: ")
        assert sentence in str(caught.value)
    (finding,) = check(path)
    assert sentence in str(finding)
    assert "chmod" not in str(finding)


def test_a_file_in_place_of_a_directory(home: Path) -> None:
    (home / "file").write_text("")
    with pytest.raises(ConfigError, match="a part of this path is a file"):
        reader.load(home / "file" / "class.yaml")


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\ufeff", "\uffff", "\r"])
def test_a_sign_that_no_text_has_is_told_by_its_line(write: Write, sign: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"class\.yaml:2: there is a control character \(U\+{ord(sign):04X}\)"
    ):
        reader.load(write(f"a: 1\nb: x{sign}y\n"))


FAULTS = {
    "second colon": (f"a: 1\nb: {SECRET}: x\n", 2, "second colon in one value (column 11)"),
    "open quote": (f'a: 1\nb: "{SECRET}\nc: 2\n', 2, "a quote is opened here and never closed (column 4)"),
    "open bracket": (f"a: [{SECRET},\nb: 2\nc: 3\n", 1, "a bracket or brace is opened here and not closed"),
    "open brace": (f"a: {{x: {SECRET}\nb: 2\n", 1, "a bracket or brace is opened here and not closed"),
    "bracket first": (f"a: ]{SECRET}\n", 1, "a value begins with ]"),
    "after a quote": (
        f'a: "x" {SECRET}\n',
        1,
        "there is unexpected text after the end of a value (column 8)",
    ),
    "backslash": (f'a: "c:\\{SECRET}"\n', 1, "a backslash in double quotes begins an unknown escape"),
    "few digits": ('a: "\\xg"\n', 1, "a backslash in double quotes begins an unknown escape"),
    "half a character": ('a: "\\ud800"\n', 1, "a backslash in double quotes begins an unknown escape"),
    "tab": (f"a:\n\tb: {SECRET}\n", 2, "a tab is used where only spaces are allowed"),
    "at": (f"a: @{SECRET}\n", 1, "a value begins with @"),
    "star": (f"a: *{SECRET}\n", 1, "a value begins with * (an alias)"),
    "ampersand": (f"a: & {SECRET}\n", 1, "a value begins with &"),
    "tag": (f"a: !{SECRET} x\n", 1, "a value begins with ! (a tag)"),
    "bar": (f"a: |{SECRET}\n", 1, "a value begins with |"),
    "dedent": (f"a:\n    b: 1\n  c: {SECRET}\n", 3, "does not belong to the section or list above it"),
    "indent": (f"a: 1\n  c: {SECRET}\n", 2, "read as part of the value above it"),
    "no blank": (f"a:\n  b:{SECRET}\n  c: 1\n", 3, "read as part of the value above it"),
    "no colon": (f"a: 1\n{SECRET}\nb: 2\n", 2, "this line has no colon"),
    "no colon after a text": (f"a: |\n  x\n{SECRET}", 3, "this line has no colon"),
    "ampersand at the end": ("a: &\n", 1, "a value begins with &"),
    "indent after a quoted key": (
        f'x:\n  "a": 1\n  b: 2\n c: {SECRET}\n',
        4,
        "does not belong to the section",
    ),
    "long key": ("a" * 2000 + ": 1\n", 1, "a key is longer than 1024 characters"),
    "item among keys": ("a: 1\n- x\n", 2, "does not belong to the section or list above it"),
    "key among items": ("a:\n  - x\n  b: 1\n", 3, "does not belong to the section or list above it"),
    "list on the line": ("a: - x\n", 1, "a value begins with -"),
    "duplicate": (f"a: 1\nb: 2\na: {SECRET}\n", 3, "the same key already"),
    "duplicate beside a merge": (f"x: &x {{k: 1}}\ny:\n  <<: *x\n  b: 1\n  b: {SECRET}\n", 5, "same key"),
    "merge of a text": (f"a:\n  <<: {SECRET}\n", 2, "<< merges something that is not a section"),
    "two documents": (f"a: 1\n---\nb: {SECRET}\n", 2, "a second document begins"),
    "directive": ("%YAML x\n---\na: 1\n", 1, "begins with %, but is not a directive of YAML 1"),
    "other YAML": ("%YAML 2.0\n---\na: 1\n", 1, "begins with %, but is not a directive of YAML 1"),
    "ini": ("[default]\na = 1\n", 2, "does not belong to the section or list above it"),
    "list as key": (f"? [a, {SECRET}]\n: c\n", 1, "a list or a section is used as a key"),
    "template": (f"a: {{{{ {SECRET} }}}}\n", 1, "a list or a section is used as a key"),
    "date": ("a: 1\nb: 2001-99-99\n", 2, "invalid date, number or tag"),
    "number": ("a: 1\nb: " + "9" * 5000 + "\n", 2, "invalid date, number or tag"),
    "bool": (f"a: !!bool {SECRET}\n", 1, "invalid date, number or tag"),
    "set": (f"a: !!set {{{SECRET}}}\n", 1, "a value begins with ! (a tag)"),
    "pairs": (f"a: !!pairs [OS_PASSWORD: {SECRET}]\n", 1, "a value begins with ! (a tag)"),
    "other kind": (
        f"a: !!map {SECRET}\n",
        1,
        "a value begins with ! (a tag) that has no meaning here or promises",
    ),
    "list": (f"- {SECRET}\n", 1, "this file is a list, not a section"),
    "no blanks at all": (f"a:{SECRET}\n", 1, "this file is one single value, not a section"),
    "text": (f"{SECRET}\n", 1, "this file is one single value, not a section"),
    "python object": (f"a: 1\nb: !!python/name:{SECRET} x\n", 2, "a value begins with ! (a tag)"),
    "no number": (f"a: !!int {SECRET}\n", 1, "invalid date, number or tag"),
}


@pytest.mark.parametrize(("text", "line", "sentence"), FAULTS.values(), ids=FAULTS)
def test_each_fault_has_its_line_and_its_sentence(write: Write, text: str, line: int, sentence: str) -> None:
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        reader.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: ")
    assert sentence in message
    assert message.count("; ") == 1
    assert "\n" not in message
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    # A duplicate key is not the end: the rest is looked at too.
    findings = check(path)
    assert len(findings) == 1 or "same key" in sentence
    assert ("error", line) in [(finding.level, finding.line) for finding in findings]
