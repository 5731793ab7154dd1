"""Whole sections put into a text: the data is what was meant, and every other line stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.config.yaml import insert_text, reader
from cloudmesh.config.yaml.insert_text import Block

HERE = Path("class.yaml")
SECTION = {"type": "t", "credentials": {"OS_PASSWORD": "no", "empty": {}}}
NEW = Block("new", SECTION, "x.yaml")
names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)))
sections = st.recursive(
    st.dictionaries(names, texts, max_size=4), lambda below: st.dictionaries(names, texts | below, max_size=3)
)


def data(text: str) -> object:
    return reader.parse(text, HERE)


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("clouds:\n  a: {x: 1}\n", "clouds:\n  a: {x: 1}\n  # Imported from x.yaml\n  new:\n    type: t\n"),
        ("clouds:\n    a:\n        x: 1", "\n    # Imported from x.yaml\n    new:\n        type: t\n"),
        ("a:\n   b: 1\nclouds:\n", "clouds:\n   # Imported from x.yaml\n   new:\n      type: t\n"),
        ("clouds: {}  # none yet\nz: 1\n", "clouds:  # none yet\n  # Imported from x.yaml\n  new:\n"),
        ("clouds: ~\n", "clouds:\n  # Imported from x.yaml\n  new:\n"),
        ("a: 1\n", "a: 1\nclouds:\n  # Imported from x.yaml\n  new:\n"),
        (
            "clouds: {a: {x: 1}}\n",
            "clouds: {a: {x: 1}, new: {type: t, credentials: {OS_PASSWORD: 'no', empty: {}}}}",
        ),
        ("clouds:\r\n  a: {x: 1}\r\nz: 1\r\n", "  # Imported from x.yaml\r\n  new:\r\n    type: t\r\n"),
        ("clouds:\n  a: {x: 1}\n    # of a\n\n  # of all\nz: 1\n", "  # of all\n  # Imported from x.yaml\n"),
        ("clouds:\n  a: {x: 1}\n# of z\nz: 1\n", "  a: {x: 1}\n  # Imported from x.yaml\n"),
        ("clouds:\n  a:\n    x: |\n      # text\nz: 1\n", "      # text\n  # Imported from x.yaml\n"),
    ],
)
def test_where_a_section_goes(text: str, added: str) -> None:
    changed = insert_text.add(text, "clouds", [NEW])
    assert added in changed
    before = reader.parse(text, HERE)
    assert data(changed) == {**before, "clouds": {**(before.get("clouds") or {}), "new": SECTION}}


def test_a_section_is_replaced_with_its_comment_of_origin() -> None:
    text = "clouds:\n  # mine\n  new: # beside\n    x: 1\n    # inside\n    y: 2 # y\n  # of z\n  z: 1\n"
    changed = insert_text.replace(text, "clouds", NEW)
    assert changed.startswith("clouds:\n  # mine\n  # Imported from x.yaml\n  new:\n    type: t\n")
    assert changed.endswith("\n  # of z\n  z: 1\n")
    again = insert_text.replace(changed, "clouds", Block("new", {"a": "b"}, "y.yaml"))
    assert again == "clouds:\n  # mine\n  # Imported from y.yaml\n  new:\n    a: b\n  # of z\n  z: 1\n"
    flow = insert_text.replace("clouds: {new: {x: 1}, z: 1}\n", "clouds", Block("new", {"a": "b"}, "y"))
    assert flow == "clouds: {new: {a: b}, z: 1}\n"


@given(found=st.dictionaries(names, sections, min_size=1, max_size=3), flow=st.booleans())
def test_any_section_is_read_as_it_was_meant(found: dict[str, dict[str, object]], flow: bool) -> None:
    found.pop("first", None)
    text = "# head\nclouds: {first: {x: 1}}\n" if flow else "# head\nclouds:\n  first:\n    x: 1 # one\n"
    text += "# tail\nz: 1\n"
    blocks = [Block(name, section, "x.yaml") for name, section in found.items()]
    changed = insert_text.add(text, "clouds", blocks)
    assert repr(data(changed)) == repr({"clouds": {"first": {"x": 1}, **found}, "z": 1})
    assert changed.endswith("# tail\nz: 1\n")
    if not flow:
        assert changed.startswith(text[: text.index("# tail")])
    for block in blocks:
        changed = insert_text.replace(changed, "clouds", Block(block.name, {"new": "v"}, "y.yaml"))
    assert data(changed) == {"clouds": {"first": {"x": 1}, **{name: {"new": "v"} for name in found}}, "z": 1}
    if not flow:
        lines = [line for line in changed.split("\n") if line.startswith("  # Imported")]
        assert len(lines) == len(found)
