"""Locked machines are spared and named; shelved and resized ones are led on by the verbs that work."""

import io
import json
import sys

import pytest

from cloudmesh.cloud.errors import Conflict, Locked
from cloudmesh.cloud.model.awaited import AwaitedMachine, came_back
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.vm import Machine, Machines

SPARED = "2 machines are locked and were spared: a:web[1,3]; unlock first: cms vm unlock 'a:web[1,3]'"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def rows(cms, line):
    code, out, err = cms(f"{line} --output=json")
    return code, {row["name"]: row for row in json.loads(out)}, err


@pytest.fixture
def four(boot, cms, spy):
    """Machines web1 to web4 on a, of which web1 and web3 are locked."""
    boot("web[1-4]", "a")
    assert cms("lock web1,web3 --cloud=a")[0] == 0
    spy.taken()


def test_delete_names_what_it_spared_and_deletes_the_others(four, cms, spy):
    code, found, err = rows(cms, "delete 'web*' --cloud=a --yes --wait")
    assert (code, SPARED in err) == (1, True)
    assert {name: (row["result"], row["state"]) for name, row in found.items()} == {
        **dict.fromkeys(("web1", "web3"), ("failed", "active")),
        **dict.fromkeys(("web2", "web4"), ("done", "deleted")),
    }
    assert (
        "cannot delete a:web1: it is locked; unlock it first: cms vm unlock a:web1" in found["web1"]["reason"]
    )
    assert sorted(spy.called("delete")) == ["web2", "web4"], "a locked one is not even asked for"
    assert cms("unlock web1,web3 --cloud=a")[0] == 0 and cms("delete --all --cloud=a --yes")[0] == 0


def test_a_dry_run_tells_of_them_too(four, cms, spy):
    code, found, err = rows(cms, "delete 'web*' --cloud=a --dryrun")
    assert (code, found["web1"]["result"], found["web2"]["result"]) == (1, "would fail", "would delete")
    assert SPARED.replace("were", "would be") in err and not spy.called("delete")
    assert rows(cms, "lock web1,web2 --cloud=a --dryrun")[1]["web1"]["reason"] == "it is locked"


@pytest.mark.parametrize("unlocks", [False, True])
def test_the_question_counts_only_those_that_will_be_deleted(four, cms, spy, behind, monkeypatch, unlocks):
    terminal = Terminal("2\n")
    if unlocks:
        # Between the question and the answer.
        terminal.readline = lambda *_: behind("a", "unlock", "web1") or "2\n"
    monkeypatch.setattr(sys, "stdin", terminal)
    code, _, err = cms("delete web[1-4] --cloud=a")
    assert (code, "Delete 2 machines web[2,4] on a?" in err, SPARED in err) == (1, True, True)
    assert sorted(spy.called("delete")) == ["web2", "web4"]


def test_one_that_was_unlocked_elsewhere_is_deleted(four, cms, spy, behind, monkeypatch):
    behind("a", "unlock", "web1")
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert cms("delete web1 --cloud=a")[0] == 0
    assert spy.called("delete") == ["web1"]


@pytest.mark.parametrize("bulk", [1, 100])
def test_a_lock_that_the_store_does_not_know_is_told_by_the_cloud(configure, cms, bulk):
    config = configure({"a": {"bulk": bulk}})
    with Machines("web[1-3]", "a") as machines:
        machines.boot(wait=True).raise_for_failures()
    with SimulatedProvider("a", config.cloud("a")) as provider:
        provider.lock(next(each.cloud_id for each in provider.machines() if each.name == "web2"))
    code, found, err = rows(cms, "delete web[1-3] --cloud=a --yes --wait")
    assert (code, [found[f"web{number}"]["result"] for number in (1, 2, 3)]) == (
        1,
        ["done", "failed", "done"],
    )
    assert "1 machine is locked and was spared: a:web2; unlock first: cms vm unlock a:web2" in err
    assert rows(cms, "list --columns=name,locked --filter=locked=yes")[1] == {
        "web2": {"name": "web2", "locked": True}
    }


def test_a_lock_forbids_other_verbs_as_the_cloud_has_it(four, cms):
    code, found, err = rows(cms, "stop web[1-2] --cloud=a")
    assert (code, found["web2"]["result"], "spared" in err) == (1, "done", False)
    assert "cannot stop a:web1: it is locked" in found["web1"]["reason"]


def test_a_resize_waits_to_be_confirmed_or_reverted(boot, cms):
    boot("web[1-2]", "a")
    with Machines("web[1-2]", "a") as machines:
        machines.resize("medium", no_confirm=True, wait=True).raise_for_failures()
    with Machine("web1", "a") as machine:
        assert (machine.info().state, machine.info().flavor) == ("resized", "medium")
        assert machine.confirm_resize(wait=True).flavor == "medium"
        assert machine.confirm_resize().state == "active", "there is nothing left to confirm"
        with pytest.raises(Conflict, match="cannot revert-resize a:web1 while it is active"):
            machine.revert_resize()
    assert "possible now: resize, confirm-resize, revert-resize, delete" in cms("stop web2 --cloud=a")[1]
    code, found, _ = rows(cms, "revert-resize web2 --cloud=a --wait")
    assert (code, found["web2"]["action"], found["web2"]["state"]) == (0, "revert-resize", "active")
    assert rows(cms, "list web2 --cloud=a")[1]["web2"]["flavor"] == "tiny"


def test_what_was_stopped_before_a_resize_is_stopped_after_it_and_that_is_no_failure(boot, cms):
    boot("web1", "a")
    for line in ("stop web1", "resize web1 --flavor=large --no-confirm", "confirm-resize web1"):
        code, found, _ = rows(cms, f"{line} --cloud=a --wait --timeout=5")
        assert (code, found["web1"]["reason"]) == (0, "")
    assert found["web1"]["state"] == "stopped"


def seen(state, fault=""):
    return MachineRecord("a", "web1", "1", state, fault=fault)


@pytest.mark.parametrize(
    ("shown", "ends"),
    [
        ([State.SHELVING, State.SHELVED], True),
        ([State.SHELVING, State.SHELVED_OFFLOADED], True),
        ([State.ACTIVE, State.SHELVING], False),
        ([State.SHELVING, State.ACTIVE, State.ACTIVE], "it is active, and does not change to shelved"),
        ([State.SHELVING, State.ERROR], "it went to state error: no room"),
    ],
)
def test_shelving_is_over_when_it_is_shelved_and_a_failure_when_it_comes_back(shown, ends):
    waiting = AwaitedMachine(seen(State.SHELVING), State.SHELVED, was_set_going=True)
    reached = []
    try:
        for number, state in enumerate(shown):
            fault = "no room" if state is State.ERROR else ""
            reached.append(waiting.has_reached(seen(state, fault), number * 11.0))
    except Conflict as error:
        assert str(error) == ends
    else:
        assert reached[-1] is ends


def test_others_may_still_shelve_a_machine_that_is_only_waited_for():
    waiting = AwaitedMachine(seen(State.ACTIVE), State.SHELVED, was_set_going=False)
    assert [waiting.has_reached(seen(State.ACTIVE), seconds) for seconds in (0.0, 60.0)] == [False, False]


@pytest.mark.parametrize(("state", "ends"), [("resized", False), ("stopped", True), ("active", True)])
def test_what_leads_back_to_where_it_was_may_be_stopped_or_active(state, ends):
    assert came_back(seen(State(state))) is ends
    assert came_back(seen(State.ERROR, "why")) == "it went to state error: why"
    assert "deleted" in came_back(seen(State.DELETED))


def test_a_lock_is_an_error_of_its_own_for_python(four):
    with Machine("web1", "a") as machine:
        with pytest.raises(Locked, match="unlock it first"):
            machine.delete()
        assert machine.unlock().locked is False and machine.info().locked is False
        assert machine.lock().locked is True
