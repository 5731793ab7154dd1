"""The table of an action: machines that fared alike share a row, and what failed stands at the end."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.cloud.errors import Refused
from cloudmesh.plugin.names import expand
from cloudmesh.vm.cli.report import fold_rows


def row(name, result="done", reason="", seconds=1.0, cloud="a", state="active"):
    return {
        **{"cloud": cloud, "name": name, "action": "start", "result": result, "state": state},
        **{"seconds": seconds, "reason": reason},
    }


def folded(*rows, ids=()):
    return [(each["name"], each["result"], each["seconds"], each["reason"]) for each in fold_rows(rows, ids)]


def test_each_expression_has_the_longest_time_of_its_own_machines():
    assert folded(row("web1", seconds=1), row("db1", seconds=5), row("web2", seconds=2)) == [
        ("web[1-2]", "done", 2, ""),
        ("db1", "done", 5, ""),
    ]


@pytest.mark.parametrize(
    "other",
    [{"cloud": "b"}, {"result": "already"}, {"state": "stopped"}, {"result": "failed", "reason": "x"}],
)
def test_what_differs_stays_apart(other):
    assert [each[0] for each in folded(row("web1"), row("web2", **other))] == ["web1", "web2"]


def test_what_failed_is_last():
    rows = [row("x1", "failed", "no"), row("x2"), row("x3", "not started"), row("x4", "already")]
    assert [each[1] for each in folded(*rows)] == ["done", "already", "not started", "failed"]


def test_a_reason_that_differs_only_by_the_own_name_and_id_is_one():
    rows = [
        row(f"web{n}", "failed", f"cannot stop a:web{n} (i-0{n}), for web{n}.lab is not web{n}.")
        for n in (1, 2)
    ]
    assert folded(*rows, ids=["i-01", "i-02"]) == [
        (f"web{n}", "failed", 1.0, rows[n - 1]["reason"]) for n in (1, 2)
    ]
    rows = [row(f"web{n}", "failed", f"cannot stop a:web{n} (i-0{n}).") for n in (1, 2)]
    assert folded(*rows, ids=["i-01", "i-02"]) == [("web[1-2]", "failed", 1.0, "cannot stop a:NAME (ID).")]


@pytest.mark.parametrize("names", [("1", "2"), ("stopped", "gone"), ("web1",)])
def test_a_name_that_could_be_any_word_is_left_in_the_reason(names):
    rows = [row(name, "failed", f"{name} is not 5") for name in names]
    assert [each[3] for each in folded(*rows)] == [f"{name} is not 5" for name in names]


names = st.text("ab1230-", min_size=1, max_size=6)
rows_of_all_kinds = st.lists(
    st.builds(
        row, names, st.sampled_from(["done", "failed"]), st.sampled_from(["", "busy"]), st.floats(0, 9)
    ),
    max_size=40,
)


@given(rows_of_all_kinds)
def test_no_machine_is_lost(rows):
    shown = [
        (name.name, each["result"], each["reason"])
        for each in fold_rows(rows)
        for name in expand(each["name"])
    ]
    assert sorted(shown) == sorted((each["name"], each["result"], each["reason"]) for each in rows)


def test_the_table_folds_and_data_does_not(boot, spy, cms):
    boot("web[01-22]", "a")

    spy.refuse("a", "stop", "web07", Refused("a:web07 is needed"))
    _, table, told = cms("stop web[01-22] --cloud=a")
    done, failed = table.splitlines()[2:]
    assert done.split()[:4] == ["a", "web[01-06,08-22]", "stop", "done"]
    assert failed.split()[:4] == ["a", "web07", "stop", "failed"]
    assert failed.endswith("a:web07 is needed")
    assert "22 machines in " in told
    assert told.rstrip().endswith(" s: 21 done, 1 failed")
    rows = json.loads(cms("start web[01-22] --cloud=a --output=json")[1])
    assert [each["name"] for each in rows] == [f"web{number:02}" for number in range(1, 23)]
    assert len(cms("stop web[01-22] --cloud=a --output=csv")[1].splitlines()) == 23
    _, table, told = cms("stop web[01-03] --cloud=a --dryrun")
    assert "web[01-03]" in table, "a dry run folds too"
    assert "machines in" not in told, "few machines are not counted"
