"""Name expressions: what they expand to, and that a slip in one is told at once."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.plugin import UsageError
from cloudmesh.plugin.names import Name, expand, fold


def shown(expression: str | list[str]) -> list[str]:
    return [str(name) for name in expand(expression)]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("web[3,1]", ["web3", "web1"]),
        ("web[9-11,01]", ["web9", "web10", "web11", "web01"]),
        ("r[1-2]n[01-02]", ["r1n01", "r1n02", "r2n01", "r2n02"]),
        ("b,a,b", ["b", "a"]),
        ("uc:web1,aws:web1,web1", ["uc:web1", "aws:web1", "web1"]),
        ("web[1-2]-*", ["web1-*", "web2-*"]),
        ("vm[ab]?", ["vm[ab]?"]),
        ("vm[!a,b]", ["vm[!a,b]"]),
        (["web1", "db[1-2],x"], ["web1", "db1", "db2", "x"]),
        ("[1-2]", ["1", "2"]),
        ("größe*", ["größe*"]),
    ],
)
def test_expansion(expression: str | list[str], names: list[str]) -> None:
    assert shown(expression) == names


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        *((no_name, "no name is given") for no_name in ("", " ", [])),
        *((gap, "between commas is empty") for gap in ("web1,,web2", "web1,", ["web1", ""])),
        *((open_, "unbalanced") for open_ in ("web[1-2", "web1-2]", "web[[1]]")),
        *((f"web[{part}]", "malformed") for part in ("1-", "-5", "", "1,,2", "5/2", "9" * 5000)),
        ("web[5-1]", "runs backwards"),
        ("web[1-9/0]", "step"),
        ("web[01-100]", "different width"),
        (":vm1", "cloud before the colon is empty"),
        ("uc:", "after the colon is empty"),
        ("u*:vm1", "one plain name"),
        *((f"w[1-{last}]", "more than 100,000 names") for last in (100001, 999999999, "60000,70000-130000")),
        *((many, "more than 100,000 names") for many in ("[1-999][1-999]", "a[1-60000],b[1-60000]")),
    ],
)
def test_refusal(expression: str | list[str], part: str) -> None:
    with pytest.raises(UsageError, match=part) as caught:
        expand(expression)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("given", [None, 5, b"vm1", ["vm1", None], [7]])
def test_what_is_no_text_is_no_name(given: Any) -> None:
    with pytest.raises(UsageError, match="a name is a text, and not"):
        expand(given)


def test_100000_names_are_allowed_and_more_cost_no_memory() -> None:
    assert len(expand("web[1-100000]")) == 100_000
    tracemalloc.start()
    with pytest.raises(UsageError):
        expand("web[1-999999999],db[1-50][1-50][1-50]")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_globs_and_plain_names_match() -> None:
    assert [Name(name).is_glob for name in ("web*", "vm[ab]?", "web1")] == [True, True, False]
    for name, met, missed in ("web*", "web1", "Web1"), ("vm[ab]?", "vma1", "vmc1"), ("web1", "web1", "web11"):
        assert Name(name, "uc").matches(met) and not Name(name).matches(missed)


def test_plain_names_do_not_load_clustershell() -> None:
    code = (
        "import sys; from cloudmesh.plugin.names import expand; expand('a,uc:b*')"
        "; sys.exit(any(name.startswith('ClusterShell') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@st.composite
def pieces(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A piece with up to two ranges, and its names by the simplest possible reckoning."""
    text, choices = "", [[""]]
    if draw(st.booleans()):
        cloud = draw(st.from_regex(r"[a-z]{1,3}", fullmatch=True))
        text, choices = f"{cloud}:", [[f"{cloud}:"]]
    for _ in range(draw(st.integers(1, 2))):
        stem = draw(st.from_regex(r"[a-z*?]{1,3}", fullmatch=True))
        first, length, step = draw(st.integers(0, 120)), draw(st.integers(0, 20)), draw(st.integers(1, 5))
        last = first + length
        width = draw(st.sampled_from([0, len(str(last)) + 1]))
        text += f"{stem}[{first:0{width}}-{last:0{width}}/{step}]"
        choices += [[stem], [f"{number:0{width}}" for number in range(first, last + 1, step)]]
    return text, ["".join(parts) for parts in itertools.product(*choices)]


@given(st.lists(pieces(), min_size=1, max_size=3))
def test_expansion_equals_the_model(drawn: list[tuple[str, list[str]]]) -> None:
    expected = list(dict.fromkeys(name for _, names in drawn for name in names))
    assert shown(" ,".join(text for text, _ in drawn)) == expected
    assert shown([text for text, _ in drawn]) == expected


@given(st.text(alphabet="ab[]-,/:019*? ", max_size=12))
def test_any_text_expands_or_is_refused(text: str) -> None:
    try:
        names = expand(text)
    except UsageError:
        return
    assert names
    assert all(name.name for name in names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        ([], []),
        (["web1"], ["web1"]),
        (["web1", "web1"], ["web1"]),
        (["web02", "db", "web01"], ["db", "web[01-02]"]),
        ([f"web{number:02}" for number in range(1, 21)], ["web[01-20]"]),
        (["web1", "web2", "web4"], ["web[1-2,4]"]),
        (["web9", "web10", "web08"], ["web[9,08,10]"]),
        (["web98", "web99", "web100"], ["web[98-100]"]),
        (["r1-n1", "r1-n2", "r2-n1", "r2-n2"], ["r[1-2]-n[1-2]"]),
        (["a.b-1.c", "a.b-2.c"], ["a.b-[1-2].c"]),
        (["10.0.0.1", "10.0.0.2"], ["10.0.0.[1-2]"]),
        (["my vm 1", "my vm 2", "@all1", "a,b1", "vm[1]", "vm*2", "grün1"], None),
        (["alpha", "beta"], ["alpha", "beta"]),
        (["vm" + "1" * 51, "vm" + "2" * 51], None),
    ],
)
def test_folding(names: list[str], folded: list[str] | None) -> None:
    assert fold(names) == (names if folded is None else folded)


def test_a_long_list_is_spread_over_several_expressions() -> None:
    names = [f"web{number:03}" for number in range(0, 200, 2)]
    folded = fold(names, widest=40)
    assert len(folded) > 1
    assert max(map(len, folded)) <= 40
    assert shown(folded) == names


digits = (
    st.integers(0, 12).map(str)
    | st.integers(0, 120).map("{:02}".format)
    | st.integers(0, 9).map("{:03}".format)
)
machine_names = st.lists(
    st.sampled_from(["web", "db", "a.b", "-", ".", "_"]) | digits, min_size=1, max_size=5
).map("".join)


@given(st.lists(machine_names, max_size=60), st.integers(1, 80))
def test_what_was_folded_expands_to_the_same_names(names: list[str], widest: int) -> None:
    folded = fold(names, widest)
    expanded = shown(folded) if folded else []
    assert sorted(expanded) == sorted(set(names))
    assert len(folded) <= len(set(names))


@given(st.lists(st.text(min_size=1), unique=True))
def test_folding_strange_names_loses_none(names: list[str]) -> None:
    folded = fold(names)
    plain = [name for name in names if name in folded]
    rest = [name for piece in folded if piece not in plain for name in shown(piece)]
    assert sorted([*plain, *rest]) == sorted(names)
