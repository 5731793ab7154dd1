"""Rows in every format: valid whatever the data, and harmless to a terminal."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import decimal
import enum
import io
import json
import math
import re
import uuid
from collections import OrderedDict, namedtuple
from pathlib import Path
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from cloudmesh.plugin import Answer, CloudmeshError, UsageError, output
from cloudmesh.plugin.plain import harmless


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Disk:
    size: float
    tags: set[str]


Point = namedtuple("Point", "x y")


class Unprintable:
    def __str__(self) -> str:
        raise TypeError("as some errors of libraries do")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ODD = st.recursive(
    st.none()
    | st.floats()
    | st.integers()
    | st.text(st.characters(codec=None))
    | st.binary()
    | st.datetimes()
    | st.decimals()
    | st.uuids()
    | st.sampled_from([Colour.RED, Level.HIGH, Path("/a"), Unprintable(), object, b"\xff"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(
            st.none() | st.floats() | st.text() | st.binary() | st.integers(), inner, max_size=3
        )
    ),
    max_leaves=8,
)
ROWS = st.lists(st.dictionaries(st.text(), PLAIN, max_size=4), max_size=4)
ODD_ROWS = st.lists(st.dictionaries(st.text(st.characters(codec=None)), ODD, max_size=4), max_size=4)


def strict(text: str) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text.encode("utf-8"), parse_constant=refuse)


def test_unknown_format_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'jsn'; did you mean 'json'\? known: table, json"):
        output.render(Answer(), "jsn")
    for form in output.FORMATS:
        output.render(Answer(), form)


@given(ROWS)
def test_json_is_exactly_the_rows(rows: list[dict[str, Any]]) -> None:
    text = output.render(Answer(rows, columns=["x"], formats={"x": lambda _: "never"}), "json")
    assert strict(text) == rows
    assert [list(row) for row in strict(text)] == [list(row) for row in rows]


@given(ODD_ROWS)
def test_json_is_valid_whatever_the_data(rows: list[dict[str, Any]]) -> None:
    assert len(strict(output.render(Answer(rows), "json"))) == len(rows)


def test_json_of_unusual_values() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    row = {
        "nan": math.nan,
        "inf": -math.inf,
        "bytes": b"a\xff",
        "when": datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.timezone.utc),
        "day": datetime.date(2026, 1, 2),
        "path": Path("/tmp/x"),
        "set": {"b", "a"},
        "enum": [Colour.RED, Level.HIGH],
        "disk": Disk(math.nan, {"x"}),
        "point": Point(1, 2),
        "tuple": (1, OrderedDict(z=1, a=2)),
        "keys": {1: "a", "1": "b", None: "c", (1, 2): "d", Colour.RED: "e"},
        "uuid": uuid.UUID(int=1),
        "decimal": decimal.Decimal("1.5"),
        "snan": decimal.Decimal("sNaN"),
        "surrogate": "a\ud800",
        "cycle": cycle,
        "unprintable": Unprintable(),
        "control": "\x7f\x9b",
        "huge": 16**5000,
    }
    text = output.render(Answer([row]), "json")
    assert "\x7f" not in text
    assert "\x9b" not in text
    assert strict(text) == [
        {
            "nan": None,
            "inf": None,
            "bytes": "a\\xff",
            "when": "2026-01-02T03:04:00+00:00",
            "day": "2026-01-02",
            "path": "/tmp/x",
            "set": ["a", "b"],
            "enum": ["red", 3],
            "disk": {"size": None, "tags": ["x"]},
            "point": {"x": 1, "y": 2},
            "tuple": [1, {"z": 1, "a": 2}],
            "keys": {"1": "a", "str:1": "b", "None": "c", "[1, 2]": "d", "red": "e"},
            "uuid": "00000000-0000-0000-0000-000000000001",
            "decimal": 1.5,
            "snan": None,
            "surrogate": "a\\ud800",
            "cycle": ["..."],
            "unprintable": "<Unprintable>",
            "control": "\x7f\x9b",
            "huge": "0x1" + "0" * 5000,
        }
    ]


@settings(max_examples=50)
@given(ROWS)
def test_yaml_round_trips_through_every_reader(rows: list[dict[str, Any]]) -> None:
    text = output.render(Answer(rows), "yaml")
    for found in (YAML(typ="safe", pure=True).load(text), pyyaml.safe_load(text)):
        assert found == rows
        assert [list(row) for row in found] == [list(row) for row in rows]


@settings(max_examples=50)
@given(ODD_ROWS)
def test_yaml_is_valid_whatever_the_data(rows: list[dict[str, Any]]) -> None:
    assert len(pyyaml.safe_load(output.render(Answer(rows), "yaml"))) == len(rows)


@pytest.mark.parametrize(
    "word", ["yes", "NO", "~", "null", "007", "1e5", "12:30", "2026-01-02", "", " a", "=", "<<"]
)
def test_yaml_keeps_texts_that_look_like_something_else(word: str) -> None:
    text = output.render(Answer([{"a": word}]), "yaml")
    assert pyyaml.safe_load(text) == [{"a": word}]


def test_json_and_yaml_are_laid_out_for_people() -> None:
    rows = [{"name": "wüb1", "tags": ["a", "b"]}]
    assert output.render(Answer(rows), "yaml") == '- name: "wüb1"\n  tags:\n  - a\n  - b'
    shown = '[\n  {\n    "name": "wüb1",\n    "tags": [\n      "a",\n      "b"\n    ]\n  }\n]'
    assert output.render(Answer(rows), "json") == shown
    assert output.render(Answer(), "json") == "[]"


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2)))
def test_csv_round_trips_but_for_what_would_act(cells: list[tuple[str, str]]) -> None:
    rows = [{"a": first, "b": second} for first, second in cells]
    text = output.render(Answer(rows, columns=["b", "a"]), "csv")
    found = list(csv.reader(io.StringIO(text + "\n", newline="")))
    assert [row[0].removeprefix("'") for row in found[1:]] == [
        harmless(row["b"]).removeprefix("'") for row in rows
    ]
    assert len(found) == len(rows) + 1


HARMFUL = "\x1b\x00\r\u202e\u200b\u2066\ufeff\x9b"


@pytest.mark.parametrize("form", output.FORMATS)
def test_no_format_holds_what_acts_on_a_terminal_or_turns_a_text(form: str) -> None:
    row = {"name": f"a{HARMFUL}b", f"k{HARMFUL}": [f"{HARMFUL}"]}
    text = output.render(Answer([row]), form)
    assert not set(HARMFUL) & set(text)
    if form in ("json", "yaml"):
        assert pyyaml.safe_load(text) == [row], "and it is read back as it was"


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "-"])
def test_csv_has_no_cell_that_a_spreadsheet_computes(value: str) -> None:
    rows = list(csv.reader(output.render(Answer([{value: value, "n": -5}]), "csv").splitlines()))
    assert all(cell.startswith(("'", "n", "-5")) for row in rows for cell in row)
    assert output.render(Answer([{"a": -5, "b": "-5", "c": "-1e-5", "d": -1.5}]), "csv").endswith(
        "\n-5,-5,-1e-5,-1.5"
    )


def test_csv_of_nested_and_missing_values() -> None:
    rows = [{"a": {"x": [1, None]}, "b": True}, {"c": 1.5}]
    assert output.render(Answer(rows), "csv") == 'a,b,c\n"{""x"":[1,null]}",true,\n,,1.5'
    assert output.render(Answer(columns=["a", "b"]), "csv") == "a,b"
    assert output.render(Answer(), "csv") == ""


def test_names_are_one_a_line() -> None:
    rows = [{"id": 1, "name": "web1"}, {"id": 2, "name": "we\nb\x1b[2J"}, {"id": 3}]
    assert output.render(Answer(rows), "names") == "web1\nwe\\nb\\x1b[2J"
    assert output.render(Answer(rows, names="id"), "names") == "1\n2\n3"
    assert output.render(Answer(), "names") == output.render(Answer([{"name": None}]), "names") == ""
    with pytest.raises(UsageError, match="no 'name' to print"):
        output.render(Answer([{"id": 1}]), "names")


def test_table() -> None:
    rows = [
        {
            "name": "007",
            "size": "1e5",
            "up": True,
            "age": 180.0,
            "tags": ["a", 1],
            "more": {"b": 1, "a": None},
        },
        {"name": "web1", "up": False, "age": None, "note": "late"},
    ]
    answer = Answer(rows, formats={"age": lambda seconds: f"{seconds / 60:.0f}m"})
    lines = output.render(answer, "table").splitlines()
    assert lines[0].split() == ["name", "size", "up", "age", "tags", "more", "note"]
    assert lines[2].split("  ")[0] == "007"
    assert lines[2].split() == ["007", "1e5", "yes", "3m", "a,", "1", '{"b":1,"a":null}']
    assert lines[3].split() == ["web1", "no", "late"]


def test_table_takes_the_columns_of_the_answer() -> None:
    lines = output.render(Answer([{"a": 1, "b": 2}], columns=["b", "x"]), "table").splitlines()
    assert (lines[0].split(), lines[2]) == (["b", "x"], "2")
    assert output.render(Answer(columns=["name", "state"]), "table").split()[:2] == ["name", "state"]
    assert output.render(Answer(), "table") == ""


@given(ODD_ROWS)
def test_table_keeps_one_line_a_row_and_the_terminal_safe(rows: list[dict[str, Any]]) -> None:
    rows = [{"name": "x", **row} for row in rows]
    text = output.render(Answer(rows, formats={"name": "\x1b]0;{}\x07".format}), "table")
    assert len(text.split("\n")) == (len(rows) + 2 if rows else 1)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    text.encode("utf-8")


def test_write_ends_the_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    output.write("a")
    output.write("b\n")
    assert capsys.readouterr().out == "a\nb\n"


def test_write_escapes_what_the_encoding_cannot_show(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    output.write("ü and \ud800")
    assert stream.buffer.getvalue() == b"\\xfc and \\ud800\n"  # type: ignore[attr-defined]


class Broken(io.StringIO):
    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def flush(self) -> None:
        raise self.error


def test_write_lets_a_broken_pipe_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Broken(BrokenPipeError()))
    with pytest.raises(BrokenPipeError):
        output.write("a")


def test_write_tells_of_a_full_disk() -> None:
    with Path("/dev/full").open("w") as full, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", full)
        with pytest.raises(CloudmeshError, match="cannot be written: no space left on device"):
            output.write("a")
        # What could not be written is dropped, so that closing (or exit) does not fail over it again.
        full.flush()


def test_write_without_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(CloudmeshError, match="stdout is closed"):
        output.write("a")


def test_a_record_is_an_object_in_json_and_yaml_and_a_line_a_key_elsewhere():
    record = {"name": "vm1", "addresses": ["198.18.0.1"]}
    shown = {form: output.render(Answer(record=record), form) for form in output.FORMATS}
    assert json.loads(shown["json"]) == record
    assert YAML(typ="safe").load(shown["yaml"]) == record
    assert shown["csv"].splitlines() == ["key,value", "name,vm1", 'addresses,"[""198.18.0.1""]"']
    assert shown["table"].splitlines()[2:] == ["name       vm1", "addresses  198.18.0.1"]
    assert shown["names"] == "vm1"
