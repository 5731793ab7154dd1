"""``cms vm`` in one process: dry runs, the question before a delete, and exit codes."""

import io
import json
import re
import sys

import pytest

from cloudmesh.cloud.errors import Refused, Unreachable
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.plugin.names import expand
from cloudmesh.vm.cli.question import confirm

ACTIONS = ("start", "stop", "suspend", "resume", "reboot", "delete")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def rows(cms, line):
    code, out, _ = cms(f"{line} --output=json")
    return code, json.loads(out)


@pytest.fixture
def two(boot):
    """Machines web1 on a and web2 on b."""
    boot("web1", "a")
    boot("web2", "b")


@pytest.mark.parametrize("action", ACTIONS)
def test_a_dry_run_does_nothing_and_says_what_would_be(two, spy, cms, action):
    code, found = rows(cms, f"{action} web[1-2] --dryrun")
    assert code == 0
    would = "already" if action in ("start", "resume") else f"would {action}"
    asked = [("a", "machine", "web1"), ("b", "machine", "web2")] if would == "already" else []
    assert sorted(spy.taken()) == asked, "a cloud is asked before it is said that there is nothing to do"
    assert [(row["result"], row["state"]) for row in found] == [(would, "active")] * 2


def test_a_dry_run_of_a_glob_only_lists(two, spy, cms):
    assert cms("delete 'web*' --dryrun")[0] == 0
    assert {method for _, method, _ in spy.taken()} == {"machines"}


def test_a_dry_run_tells_what_would_fail_and_why(two, spy, cms):
    cms("stop web1 --wait")
    spy.taken()
    _, found = rows(cms, "suspend web1,web2,no1 --dryrun")
    assert [(row["name"], row["result"]) for row in found] == [
        ("web1", "would fail"),
        ("web2", "would suspend"),
        ("no1", "would fail"),
    ]
    assert "cannot suspend a:web1 while it is stopped" in found[0]["reason"]
    assert "there is no machine 'no1'" in found[2]["reason"]
    assert "suspend" not in {method for _, method, _ in spy.taken()}
    assert "dry run" in cms("suspend web1 --dryrun")[2]


def test_deleting_without_a_terminal_is_refused(boot, spy, cms, monkeypatch):
    boot("web[1-2]", "a")
    monkeypatch.setattr(sys, "stdin", io.StringIO("2\n"))
    code, out, err = cms("delete web[1-2] --cloud=a")
    assert (code, out) == (
        2,
        "",
    ) and "refusing to delete 2 machines: no terminal to confirm at; use --yes" in err
    assert spy.taken() == []


@pytest.mark.parametrize(("typed", "code"), [("2", 0), (" 2 ", 0), ("y", 1), ("3", 1), (" ", 1), ("", 1)])
def test_deleting_several_at_a_terminal_needs_their_number(boot, spy, cms, monkeypatch, typed, code):
    boot("web[1-2]", "a")
    monkeypatch.setattr(sys, "stdin", Terminal(typed and f"{typed}\n"))
    assert cms("delete web[1-2] --cloud=a")[0] == code
    deleted = [name for _, method, name in spy.taken() if method == "delete"]
    assert sorted(deleted) == (["web1", "web2"] if code == 0 else [])


def test_deleting_with_yes_asks_nobody(two, spy, cms, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, found = rows(cms, "delete --all --yes --wait")
    assert (code, [row["state"] for row in found]) == (0, ["deleted", "deleted"])


def machines_of(*names, cloud="uc"):
    return [MachineRecord(cloud, each.name, each.name, State.ACTIVE) for each in expand(names)]


@pytest.mark.parametrize(
    ("machines", "question"),
    [
        (machines_of("web[01-20]"), "Delete 20 machines web[01-20] on uc? Type 20 to confirm: "),
        (machines_of("web1"), "Delete 1 machine web1 on uc? [y/N] "),
        (
            [*machines_of("web[1-3]", "db1"), *machines_of("web1", cloud="tacc")],
            "Delete 5 machines web[1-3],db1 on uc, web1 on tacc? Type 5 to confirm: ",
        ),
    ],
)
def test_the_question_shows_folded_names_and_clouds(monkeypatch, capsys, machines, question):
    monkeypatch.setattr(sys, "stdin", Terminal(f"{len(machines) if len(machines) > 1 else 'y'}\n"))
    confirm("delete", machines)
    assert capsys.readouterr() == ("", question)


def test_a_long_question_counts_what_it_hides(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Terminal("900\n"))
    names = [first + second for first in "abcdefghij" for second in "klmnopqrs"]
    confirm("rebuild", [each for n in range(10) for each in machines_of(*names, cloud=f"c{n}")])
    asked = capsys.readouterr().err
    assert asked.startswith("Rebuild 900 machines ak,al,") and len(asked) < 700
    shown = len(re.findall(r"\b[a-j][k-s]\b", asked))
    hidden = sum(int(count) for count in re.findall(r"and (\d+) more on", asked))
    assert shown > 20 and shown + hidden == 900
    assert asked.endswith("more on 2 other clouds, erasing the disks? Type 900 to confirm: ")


def test_machines_of_one_name_are_told_apart_by_their_ids(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Terminal("3\n"))
    twins = [MachineRecord("uc", "web1", number, State.ACTIVE) for number in ("i-1", "i-2")]
    confirm("delete", [*twins, *machines_of("db1")], {"uc:web1"})
    assert "db1,web1 (i-1),web1 (i-2) on uc?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "names"), [("y", "web[1-12]"), ("11", "web[1-12]"), ("1", "web1"), ("", "web1")]
)
def test_without_the_right_answer_nothing_is_deleted(monkeypatch, answer, names):
    monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n"))
    with pytest.raises(CloudmeshError, match="nothing was deleted: not confirmed"):
        confirm("delete", machines_of(names))


def test_without_a_terminal_nothing_is_asked_and_deleted(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(
        UsageError, match="refusing to delete 1 machine: no terminal to confirm at; use --yes"
    ):
        confirm("delete", machines_of("web1"))
    confirm("delete", [])


def test_a_name_cannot_drive_the_terminal_that_the_question_stands_on(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    confirm("delete", [MachineRecord("a", "x\x1b[2J\n[y/N]", "1", State.ACTIVE)])
    assert r"x\x1b[2J\n[y/N] on a?" in capsys.readouterr().err


@pytest.mark.parametrize("action", ACTIONS)
def test_no_name_never_means_all(boot, spy, cms, action):
    boot("web1", "a")
    for words in ("--yes --dryrun", "--yes", "--yes ''", "--all --cloud= --yes"):
        assert cms(f"{action} {words}")[0] == 2
    assert spy.taken() == []


def test_the_exit_codes(boot, spy, cms):
    boot("web[1-2]", "a")
    boot("db1", "b")
    assert cms("stop web1")[0] == 0
    assert cms("stop no1")[0] == 2
    assert cms("stop web1 --timeout=never")[0] == 2
    assert cms("stop c:web1")[0] == 3
    spy.trouble["a", "stop"] = Refused("not on Sundays")
    code, found = rows(cms, "stop web2,db1")
    told = [(row["name"], row["result"], row["reason"]) for row in found]
    assert (code, told) == (1, [("web2", "failed", "not on Sundays"), ("db1", "done", "")])
    spy.trouble["a", "machines"] = Unreachable("a is away")
    assert cms("list --refresh")[0] == 4
    assert cms("stop --all --cloud=a")[0] == 4
    spy.trouble["a", "stop"] = KeyboardInterrupt()
    code, out, err = cms("stop web[1-2]")
    assert (code, "interrupted" in out, "interrupted: every request" in err) == (130, True, True)


def test_info_of_a_cloud_that_is_away_is_what_was_known(boot, spy, cms):
    boot("web1", "a")
    assert "web1" in cms("info web1 --cloud=a")[1]
    spy.trouble["a", "machine"] = Unreachable("a is away")
    code, out, err = cms("info web1 --cloud=a")
    assert code == 4
    assert "web1" in out
    assert "a is away; the record shown is cached, 0s old" in err


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "x", ""])
def test_a_timeout_is_a_number_of_seconds(boot, spy, cms, text):
    boot("web1", "a")
    assert cms(f"stop web1 --timeout={text}")[0] == 2
    assert spy.taken() == []


def test_a_dry_run_asks_before_it_says_that_a_verb_fails(two, behind, cms):
    behind("a", "stop", "web1")
    code, found = rows(cms, "start web1 --dryrun")
    assert (code, found[0]["result"], found[0]["state"]) == (0, "would start", "stopped")


@pytest.mark.parametrize("line", ["stop web1,a:db1", "delete web1,a:db1 --yes"])
def test_a_name_in_doubt_is_told_in_its_row_and_the_others_are_done(boot, spy, cms, line):
    boot("web1,db1", "a")
    spy.trouble["b", "machines"] = Unreachable("b is away")
    code, found = rows(cms, f"{line} --dryrun")
    assert (code, [row["name"] for row in found]) == (1, ["db1", "web1"])
    code, found = rows(cms, line)
    assert (code, [(row["cloud"], row["name"], row["result"]) for row in found]) == (
        1,
        [("a", "db1", "done"), ("", "web1", "failed")],
    )
    assert "web1 is on a, but may also be on b" in found[1]["reason"]
    assert "web1" not in {name for _, _, name in spy.taken()}
    code, _, err = cms(line.replace(",a:db1", ""))
    assert (code, "web1 is on a, but may also be on b" in err) == (4, True)


def test_only_what_is_meant_for_certain_is_to_be_confirmed(boot, spy, cms, monkeypatch):
    boot("web1,db1", "a")
    boot("web1", "b")
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    code, _, err = cms("delete web1,db1")
    assert code == 1
    assert "Delete 1 machine db1 on a?" in err
    assert [name for _, method, name in spy.taken() if method == "delete"] == ["db1"]
    assert cms("delete web1")[0] == 2
