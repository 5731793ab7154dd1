"""Filters, orders and columns of lists, on rows alone; JSON and tables of rows that are kept by column."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.plugin import Answer, UsageError, output, table
from cloudmesh.plugin.lists.rows import Rows, natural_keys
from cloudmesh.plugin.lists.selection import Selection

KINDS = {
    "ram": "MiB",
    "disk": "GiB",
    "cores": "number",
    "age": "seconds",
    "created": "time",
    "on": "yes or no",
    "ips": "list",
    "tags": "map",
}
COLUMNS = ["cloud", "name", "id", *KINDS]


def row(name: str, **more: Any) -> dict[str, Any]:
    usual = {"cloud": "uc", "name": name, "id": f"i-{name}", "ram": 1024, "disk": 10, "cores": 1, "age": 60.0}
    return {**usual, "created": "2026-11-29T07:30:00Z", "on": True, "ips": [], "tags": {}, **more}


ROWS = [
    row("web10", cloud="tacc", ram=4096, age=7200.0, tags={"role": "web"}),
    row("web2", cores=8, ips=["10.0.0.2", "192.0.2.7"], created="2026-11-30T00:00:00Z"),
    row("db1", ram=512, disk=200, on=False, created="", tags={"role": "db", "x": "1"}),
    row("a,b|c*", cores=None, created="2026-11-28T23:59:59Z"),
]


def chosen(**options: str) -> list[str]:
    given = {f"--{key}": value for key, value in options.items()}
    return [each["name"] for each in Selection(given, COLUMNS, KINDS, ("name", "id")).apply(ROWS)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name=web2", "web2"),
        ("web*", "web10 web2"),
        ("i-db1", "db1"),
        ("name=web[1-3],cores=8", "web2"),
        ("name=web[2-3,10]", "web10 web2"),
        ("name!=web*", "db1 a,b|c*"),
        ("cloud=tacc|x*", "web10"),
        ("cloud=uc , ram < 1G", "db1"),
        ("ram>=4096", "web10"),
        ("ram=4GiB", "web10"),
        ("disk>0.1T", "db1"),
        ("cores>1", "web2"),
        ("cores=", "a,b|c*"),
        ("cores!=", "web10 web2 db1"),
        ("age>1h", "web10"),
        ("age<=1m", "web2 db1 a,b|c*"),
        ("created>2026-11-29", "web2"),
        ("created>=2026-11-29", "web10 web2"),
        ("created<2026-11-29T07:30", "a,b|c*"),
        ("created<=2026-11-29", "web10 a,b|c*"),
        ("created=2026-11-29*", "web10"),
        ("created=", "db1"),
        ("on=no", "db1"),
        ("on=true", "web10 web2 a,b|c*"),
        ("ips=10.0.*", "web2"),
        ("ips!=10.0.*", "web10 db1 a,b|c*"),
        ("ips=", "web10 db1 a,b|c*"),
        ("ips~^192", "web2"),
        ("tags.role=web|db", "web10 db1"),
        ("tags.role!=web", "web2 db1 a,b|c*"),
        ("tags=role=web", "web10"),
        ("name~^web[0-9]$", "web2"),
        ("name~b\\d{1\\,2}$", "web10 web2 db1"),
        ("name>web5", "web10"),
        ("name<web10", "web2 db1 a,b|c*"),
        (r"name=a\,b\|c\*", "a,b|c*"),
        (r"a\,b*", "a,b|c*"),
        ("NAME==db1", "db1"),
    ],
)
def test_a_filter_means(text: str, found: str) -> None:
    assert chosen(filter=text) == found.split()


@pytest.mark.parametrize(
    ("option", "text", "sentence"),
    [
        ("filter", "nme=x", "no column 'nme' for --filter; did you mean 'name'?"),
        ("filter", "state=", "no column 'state'"),
        ("filter", "name=a,,on=no", "a condition between commas is empty"),
        ("filter", "!name=web1", "'!name=web1' in --filter is no condition"),
        ("filter", "=web1", "'=web1' in --filter is no condition"),
        ("filter", "name=web1 and cpus=2", "holds two conditions; a comma joins them"),
        ("filter", "", "a condition between commas is empty"),
        ("filter", "ram>much", "'much' in --filter 'ram>much' is wrong: write a size"),
        ("filter", "age>tomorrow", "write a duration"),
        ("filter", "created>yesterday", "write a time in UTC"),
        ("filter", "created>2026-13-01", "write a time in UTC"),
        ("filter", "created<2026-02-29", "write a time in UTC"),
        ("filter", "created<2026-02-28T24:01", "write a time in UTC"),
        ("filter", "on=maybe", "write yes or no"),
        ("filter", "cores=x", "write a number"),
        ("filter", "ram>1|2", "'|' has no meaning after >"),
        ("filter", "ips>1", "> has no meaning in 'ips>1': the column is a list"),
        ("filter", "name~(", "is not a valid regular expression"),
        ("filter", "name=web[1-3", "a bracket is not closed"),
        ("sort", "name,-nme", "no column 'nme' for --sort"),
        ("sort", "name,", "a column between commas is empty in --sort='name,'"),
        ("columns", "nam", "no column 'nam' for --columns; did you mean 'name'?"),
        ("columns", "z*", "no column 'z*' for --columns"),
    ],
)
def test_what_is_wrong_is_told_before_there_are_rows(option: str, text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as told:
        Selection({f"--{option}": text}, COLUMNS, KINDS)
    assert sentence in str(told.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name", "a,b|c* db1 web2 web10"),
        ("-name", "web10 web2 db1 a,b|c*"),
        ("cores", "web10 db1 web2 a,b|c*"),
        ("-cores,name", "web2 db1 web10 a,b|c*"),
        ("cloud,-ram,-name", "web10 web2 a,b|c* db1"),
        ("-created", "web2 web10 a,b|c* db1"),
        ("tags.role,name", "db1 web10 a,b|c* web2"),
        ("id", "a,b|c* db1 web2 web10"),
    ],
)
def test_an_order_is_by_several_columns_numbers_count_and_nothing_comes_last(text: str, found: str) -> None:
    assert chosen(sort=text) == found.split()


def test_columns_are_those_that_are_named_in_every_format() -> None:
    selection = Selection({"--columns": "id,NAME,tags.role,c*"}, COLUMNS, KINDS)
    answer = output.selected(Answer(ROWS[:1]), selection)
    wanted = {"id": "i-web10", "name": "web10", "tags.role": "web", "cloud": "tacc", "cores": 1}
    assert json.loads(output.render(answer, "json")) == [{**wanted, "created": ROWS[0]["created"]}]
    assert output.render(answer, "csv").splitlines()[0] == "id,name,tags.role,cloud,cores,created"
    assert output.render(answer, "table").split("\n")[2].split()[:3] == ["i-web10", "web10", "web"]
    alone = output.selected(Answer(ROWS), Selection({"--columns": "id", "--output": "names"}, COLUMNS))
    assert output.render(alone, "names").split("\n")[1:3] == ["i-web2", "i-db1"]
    with pytest.raises(UsageError, match="--columns=id,name has no meaning with --output=names"):
        Selection({"--columns": "id,name", "--output": "names"}, COLUMNS)


def test_the_own_id_has_either_name() -> None:
    assert Selection({"--columns": "id"}, ["name", "cloud_id"]).columns == ["cloud_id"]


TEXTS = st.text(st.characters(codec="utf-8"), max_size=4)
VALUES = st.one_of(TEXTS, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.none())
COLUMN = st.one_of(
    VALUES, st.booleans(), st.lists(TEXTS, max_size=3), st.dictionaries(TEXTS, TEXTS, max_size=2)
)


@given(st.lists(st.tuples(VALUES, COLUMN, st.sampled_from(["x", "y%s"]), st.lists(TEXTS)), max_size=6))
def test_rows_by_column_have_the_json_of_their_dicts(values: list[tuple[Any, ...]]) -> None:
    rows = [dict(zip(("a", "%s b", "c", "d"), each, strict=True)) for each in values]
    told = output.render(Answer(Rows.of(rows)), "json")
    assert told == output.render(Answer(rows), "json")
    for form in ("table", "csv"):
        assert output.render(Answer(Rows.of(rows)), form) == output.render(Answer(rows), form)


@given(st.lists(st.from_regex(r"[a-c]{0,2}[0-9]{0,3}[a-c]?[0-9]{0,2}", fullmatch=True)))
def test_natural_order_is_that_of_the_numbers(texts: list[str]) -> None:
    def key(text: str) -> list[Any]:
        # Every second part is a number.
        return [int(part) if place % 2 else part for place, part in enumerate(re.split("([0-9]+)", text))]

    keys = natural_keys(texts)
    made = [texts[place] for place in sorted(range(len(texts)), key=keys.__getitem__)]
    assert [key(text) for text in made] == sorted(map(key, texts))


NAMES = ["uc", "a-rather-long-name-of-a-machine"]
REASON = "the cloud uc refused this since the quota of machines is used up"


@pytest.mark.parametrize(
    ("width", "left", "dropped"),
    [
        (None, ["cloud", "name", "state", "reason", "age"], []),
        (120, ["cloud", "name", "state", "reason", "age"], []),
        (80, ["cloud", "name", "state", "reason", "age"], []),
        (60, ["cloud", "name", "state", "reason"], ["age"]),
        (50, ["cloud", "name", "reason"], ["state", "age"]),
        (10, ["cloud", "name", "reason"], ["state", "age"]),
    ],
)
def test_a_table_fits_its_width_and_keeps_names(
    width: int | None, left: list[str], dropped: list[str]
) -> None:
    columns = ["cloud", "name", "state", "reason", "age"]
    cells = [[NAMES[0]], [NAMES[1]], ["building"], [REASON], ["12 minutes"]]
    text, gone = table.layout(columns, cells, width, fixed=("cloud", "name"), kept=("reason",))
    lines = text.split("\n")
    assert lines[0].split() == left and gone == dropped
    assert " ".join(NAMES) in " ".join(lines[2].split())
    if width and width > 40:
        assert max(map(len, lines)) <= width
    place = lines[0].index("reason")
    told = " ".join(line[place : place + len(REASON)].strip() for line in lines[2:])
    assert REASON in told or "age" in left, "a reason is whole, on several lines"


def test_characters_that_are_two_places_wide_are_counted_so() -> None:
    text, _ = table.layout(["name", "x"], [["日本", "ab"], ["1", "2"]])
    assert [line.rstrip() for line in text.split("\n")[2:]] == ["日本    1", "ab      2"]
