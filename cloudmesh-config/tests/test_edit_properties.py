"""Sequences of changes on documents of many shapes: nothing but the wanted value moves."""

from __future__ import annotations

import copy
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.config.editing import edit, encryption
from cloudmesh.config.secrets import age
from cloudmesh.config.yaml import keys, reader
from cloudmesh.config.yaml.keys import follow, join, leaves
from cloudmesh.plugin.errors import ConfigError

# How a value is written, and what it is.
SCALARS = [
    ("plain", "plain"),
    ("two words", "two words"),
    ("'single ''quoted'", "single 'quoted"),
    ('"double \\t quoted"', "double \t quoted"),
    ("5", 5),
    ("5.10", 5.1),
    ("true", True),
    ("~", None),
    ("", None),
    ("null", None),
    ("[x, 'y',  z ]", ["x", "y", "z"]),
    ("[]", []),
    ("{p: 1,  q: {r: s}}", {"p": 1, "q": {"r": "s"}}),
]


@dataclass
class Document:
    """A document under construction: its lines, and the data they stand for."""

    lines: list[str] = field(default_factory=list)
    number: int = 0

    def unique(self, start: str) -> str:
        """A word that is nowhere else in the document, so that no two lines are alike."""
        self.number += 1
        return f"{start}{self.number}"


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    document = Document(["---"] if draw(st.booleans()) else [])
    data = _section(draw, document, 0, 0)
    newline = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    # Without a line end, the block text in the last line would be another text.
    ends = "  more # text" in document.lines[-1] or draw(st.booleans())
    text = newline.join(document.lines) + (newline if ends else "")
    return text, data


def _section(draw: st.DrawFn, document: Document, column: int, depth: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(draw(st.integers(1, 4))):
        for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
            document.lines.append(draw(st.sampled_from(["", f"{' ' * column}{document.unique('# c')}"])))
        name = document.unique("k")
        data[name] = _entry(draw, document, f"{' ' * column}{name}:", column, depth)
    return data


def _entry(draw: st.DrawFn, document: Document, head: str, column: int, depth: int) -> Any:
    tail = f"  {document.unique('# c')}" if draw(st.booleans()) else ""
    kind = draw(st.sampled_from(["scalar", "scalar", "list", "block", "section" if depth < 3 else "scalar"]))
    if kind == "scalar":
        written, value = draw(st.sampled_from(SCALARS))
        document.lines.append(f"{head} {written}".rstrip() + tail)
        return copy.deepcopy(value)
    if kind == "block":
        word = document.unique("# text")
        document.lines += [f"{head} |{tail}", f"{' ' * column}  {word}", f"{' ' * column}  more {word}"]
        return f"{word}\nmore {word}\n"
    document.lines.append(head + tail)
    if kind == "section":
        return _section(draw, document, column + draw(st.sampled_from([1, 2, 4])), depth + 1)
    dash = " " * (column + draw(st.sampled_from([0, 2])))
    items = [document.unique("x") for _ in range(draw(st.integers(1, 3)))]
    document.lines += [f"{dash}- {item}" for item in items]
    return items


def _sections(data: Any, parts: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(data, dict):
        return []
    return [parts, *(p for key, value in data.items() for p in _sections(value, (*parts, key)))]


def _settable(data: dict[str, Any]) -> list[tuple[str, ...]]:
    return [parts for parts, value in keys.flatten(data) if not isinstance(value, dict)]


def _set(data: Any, parts: tuple[str, ...], value: Any) -> None:
    for part in parts[:-1]:
        if data.get(part) is None:
            data[part] = {}
        data = data[part]
    data[parts[-1]] = value


def _lines_of(old: Any) -> int:
    """How many lines a value may take in these documents, with that of its key."""
    if isinstance(old, list):
        return 1 + len(old)
    return 3 if isinstance(old, str) and "\n" in old else 1


def _comments(text: str) -> list[str]:
    return re.findall(r"# c\d+", text)


def _changed_lines(before: str, after: str) -> int:
    """How many lines are no longer there; those that are, blank ones too, are in the same order."""
    old, new = before.splitlines(), after.splitlines()
    kept = [line for line in old if line in new]
    assert kept == [line for line in new if line in old]
    return len(old) - len(kept)


@settings(max_examples=60, deadline=None)
@given(documents(), st.data())
def test_changes_touch_nothing_else(document: tuple[str, dict[str, Any]], choose: st.DataObject) -> None:
    text, data = document
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "class.yaml"
        path.write_text(text, newline="")
        path.chmod(0o600)
        assert repr(reader.load(path)) == repr(data)
        for number in range(choose.draw(st.integers(1, 4), label="changes")):
            _change(path, data, choose, number)


def _given(number: int) -> list[tuple[str, Any]]:
    """What a user gives in change ``number``, and what it means where no text stood before."""
    lists = [f"[a{number}, 'b{number}']", f"[https://h{number}]"]
    return [
        ("w", "w"),
        ("7", 7),
        ("no", "no"),
        ("true", True),
        ("a: b", "a: b"),
        (lists[0], [f"a{number}", f"b{number}"]),
        (lists[1], [f"https://h{number}"]),
    ]


def _change(path: Path, data: dict[str, Any], choose: st.DataObject, number: int) -> None:
    new = tuple(
        choose.draw(
            st.sampled_from([("new",), ("deep", f"new{number}"), ("5", f"no{number}")]), label="new key"
        )
    )
    section = choose.draw(st.sampled_from(_sections(data)), label="section")
    fresh = (*section, f"{new[0]}{number}", *new[1:])
    parts = choose.draw(st.sampled_from([*_settable(data), fresh]), label="key")
    given_text, value = choose.draw(st.sampled_from(_given(number)), label="value")
    old = keys.follow(data, list(parts))
    before = path.read_bytes().decode()

    edit.set_value(path, keys.join(parts), given_text)

    after = path.read_bytes().decode()
    _set(data, parts, given_text if isinstance(old, str) else value)
    assert repr(reader.load(path)) == repr(data)
    assert _comments(after) == _comments(before)
    assert ("\r\n" in after) == ("\r\n" in before) or before.count("\n") == 0
    assert _changed_lines(before, after) <= _lines_of(old)


@settings(max_examples=80, deadline=None)
@given(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    st.sampled_from(["a", "'a'", '"a"', "|\n  a"]),
)
def test_any_text_is_kept_to_the_character(value: str, old: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "class.yaml"
        path.write_text(f"x: [one]\nk: {old}\ny: 2\n")
        path.chmod(0o600)
        edit.set_value(path, "k", value)
        assert reader.load(path) == {"x": ["one"], "k": value, "y": 2}
        edit.set_list(path, "x", [value, "b"])
        assert reader.load(path) == {"x": [value, "b"], "k": value, "y": 2}


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=12).filter(lambda name: name != "b"))
def test_any_key_can_be_made(name: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "class.yaml"
        path.write_text("a:\n  b: 1\n")
        path.chmod(0o600)
        edit.set_value(path, keys.join(["a", name, name]), "v")
        assert reader.load(path) == {"a": {"b": 1, name: {name: "v"}}}


NOISE = ("", "", "\t", " \t", "\t # c", " #\tc", "  ", "\n\t", "\n  \t", "\n\n", "\n\t# c", "\n# c")
ENTRIES = (
    *(
        "a: x",
        "b: 'q'",
        'c: "d"',
        "e:",
        "f: [1,{n}two]",
        "g: {{h: i}}",
        "i: ~",
        "n:\tw",
        "? p\n: q",
        "r: !!str 5",
    ),
    *(
        "j: |\n  text{n}\n  more",
        "k: >-\n  fold\n  ed",
        "l: |+\n  text\n\n",
        "m:{n}\n  n: o{n}\n  p: q",
        "'z': &x v",
    ),
    *(
        "s:\n- t{n}\n- u",
        "v: w\n  cont{n}",
        "tokens:\n  - t1\n  - t2 # c",
        "x: [\n  1,{n}\n  2\n ]",
        'y: "z\n  z"',
    ),
    *(
        "OS_PASSWORD: pw",
        "u:\n  api_token: tt{n}\n  v: {{OS_PASSWORD: zz}}",
        "aa: {{\n  b: 1,{n}\n  pin: '1'\n}}",
    ),
)
HEADS = ("", "", "---\n", "---\t\n", "--- # c\n", "%YAML 1.2\n---\n", "\t\n", "\ufeff")
TAILS = ("\n", "", "\n\n", "\n\t", "\n  ", "\n...\n", "\n... # c", "\n...\t\n")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(ENTRIES), st.sampled_from(NOISE)), min_size=1, unique_by=lambda e: e[0]
    ),
    st.tuples(*map(st.sampled_from, (NOISE, HEADS, TAILS, ("\n", "\r\n")))),
    st.data(),
)
def test_what_can_be_read_can_be_changed_and_encrypted(
    keys: dict[str, Path], entries: list[tuple[str, str]], around: tuple[str, ...], choose: st.DataObject
) -> None:
    noise, head, tail, newline = around
    text = head + "\n".join(entry.format(n=noise) + after for entry, after in entries) + tail
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "class.yaml"
        path.write_text(text, newline=newline)
        path.chmod(0o600)
        try:
            data = reader.load(path)
        except ConfigError:
            return
        places = [parts for parts, value in leaves(data) if value is None or isinstance(value, str)]
        parts = choose.draw(st.sampled_from([*places, ("new",), ("m", "new")]))
        value = choose.draw(st.sampled_from(["w", "no"]))
        if parts[:1] != ("m",) or "m" in data:
            edit.set_value(path, join(parts), value)
            assert follow(reader.load(path), parts) == value
        encryption.encrypt(path, [str(keys["ed25519"])])
        assert not any(age.is_plain_secret(parts, value) for parts, value in leaves(reader.load(path)))
