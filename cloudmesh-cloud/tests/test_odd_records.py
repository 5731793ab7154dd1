"""What a cloud tells in a way that cannot be is left out and named; what works in states that are apart."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from cloudmesh.cloud.cli.lists import list_catalog
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import Conflict, IncompleteListing, OddRecord
from cloudmesh.cloud.model.records import LeftOut, State
from cloudmesh.cloud.model.verbs import VERBS
from cloudmesh.cloud.provider.boot import new_token
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.plugin.errors import UnknownName


def read(item):
    if item["name"] == "odd":
        raise OddRecord("its address 'x' is not an IP address")
    return int(item["size"])


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ({"name": "odd", "id": "7"}, "machine odd (7) is skipped: its address 'x' is not an IP address"),
        ({"name": "a", "id": 7}, "machine a is skipped: 'size' is missing"),
        (
            {"name": "a", "id": "7", "size": "geheim"},
            "machine a (7) is skipped: it has an unexpected form",
        ),
        (None, "machine without a name is skipped: it has an unexpected form"),
        (SimpleNamespace(name="b", id="8"), "machine b (8) is skipped: it has an unexpected form"),
    ],
)
def test_one_odd_record_does_not_hide_the_others(item, told):
    provider = SimulatedProvider("uc", {"file": "unused"})
    good = {"name": "good", "id": "1", "size": "3"}
    assert list(provider.readable("machines", [good, item, good], read)) == [3, 3]
    (left,) = provider.left_out
    assert str(left).startswith(told) and "geheim" not in str(left)


@pytest.fixture
def odd(open_cloud):
    """Three machines that are known; the cloud tells of vm2 in a way that cannot be."""
    cloud = open_cloud(fail={"verb": "machines", "names": "vm2", "error": "odd"})
    for name in ("vm1", "vm2", "vm3"):
        cloud.boot(name)
    return cloud


def known(cloud):
    return {each.machine.name: each.machine.state for each in cloud.inventory.known("uc")}


def test_an_odd_machine_is_named_and_stays_known_while_the_others_are_shown(odd):
    with pytest.raises(IncompleteListing, match=r"cloud uc: machine vm2 is skipped: its add") as caught:
        odd.reconcile()
    assert (caught.value.exit_code, caught.value.outcome_unknown) == (4, False)
    assert known(odd) == {"vm1": State.ACTIVE, "vm2": State.BUILDING, "vm3": State.ACTIVE}
    odd.provider.delete(odd.find("vm3").cloud_id)
    assert [each.name for each in odd.machines()] == ["vm1"]
    assert [(each.name, each.kind) for each in odd.left_out] == [("vm2", "machines")]
    assert set(known(odd)) == {"vm1", "vm2"}, "what was left out has not vanished"
    assert [each.machine.name for each in odd.vanished()] == ["vm3"]


def test_an_odd_machine_keeps_no_other_from_being_found(odd):
    odd.inventory.forget(odd.find("vm1"))
    assert odd.machine("vm1", "stop").state is State.STOPPING
    with pytest.raises(UnknownName):
        odd.find("vm9")
    odd.inventory.forget(odd.find("vm2"))
    with pytest.raises(OddRecord, match="machine vm2 is skipped"):
        odd.find("vm2")


@pytest.mark.parametrize(
    ("left", "stays"),
    [({"cloud_id": "sim-000001"}, {"vm1"}), ({"name": "vm2"}, {"vm2"}), ({}, {"vm1", "vm2"})],
)
def test_what_was_left_out_is_told_by_its_id_else_by_its_name(open_cloud, monkeypatch, left, stays):
    cloud = open_cloud()
    for name in ("vm1", "vm2"):
        cloud.refresh(cloud.boot(name))

    def machines(self):
        self.left_out.append(LeftOut("uc", "machines", "it is odd", **left))
        return []

    monkeypatch.setattr(SimulatedProvider, "machines", machines)
    assert cloud.machines() == [] and set(known(cloud)) == stays


@pytest.mark.parametrize(
    ("state", "possible"),
    [
        ("hibernated", "start, delete"),
        ("halted", "start, stop, resize, resize --no-confirm, delete"),
        ("resized", "resize, confirm-resize, revert-resize, delete"),
        ("rescued", "delete; the cloud's own tools can end the rescue"),
        *((f"shelved{more}", "unshelve, delete") for more in ("", "_offloaded")),
    ],
)
def test_a_state_that_is_apart_allows_the_verbs_that_work_in_it(open_cloud, state, possible):
    cloud = open_cloud(fail={"verb": "boot", "error": "fault", "state": state})
    machine = cloud.refresh(cloud.boot("vm1"))
    assert machine.state == state and machine.fault == ""
    told = f"cannot suspend uc:vm1 while it is {state}; possible now: {possible}$"
    with pytest.raises(Conflict, match=told):
        cloud.act(machine, VERBS["suspend"])
    if "start" in possible:
        assert cloud.machine("vm1", "start").state is State.STARTING
    assert cloud.machine("vm1", "delete").state is State.DELETING


def test_a_size_that_waits_to_be_confirmed_is_not_taken_for_another(open_cloud):
    cloud = open_cloud(fail={"verb": "resize", "error": "fault", "state": "resized", "times": 1})
    machine, verb = cloud.refresh(cloud.boot("vm1")), VERBS["resize"]
    small, large = cloud.flavor("small"), cloud.flavor("large")
    machine = cloud.refresh(cloud.act(machine, verb, small).machine)
    assert (machine.state, machine.flavor) == (State.RESIZED, "small")
    with pytest.raises(Conflict, match="uc:vm1 was resized to small, and this has to be confirmed"):
        cloud.act(machine, verb, large)
    assert cloud.act(machine, verb, small).changed
    assert (cloud.refresh(machine).state, cloud.refresh(machine).flavor) == (State.ACTIVE, "small")


def test_a_boot_that_may_have_made_the_odd_machine_makes_no_second_one(odd):
    """As on a cloud that keeps no tokens, where a machine is known by its name."""
    request = replace(odd.boot_request("vm2"), token=new_token())
    with pytest.raises(OddRecord, match="unknown whether vm2 was booted on cloud uc: machine vm2"):
        Provider.find_booted(odd.provider, request)
    assert Provider.find_booted(odd.provider, replace(request, name="vm9")) is None
    assert [each.name for each in odd.actions.machines.all_there()] == ["vm1", "vm3", "vm2"]


def test_a_list_from_the_store_tells_what_its_listing_left_out(configure, monkeypatch):
    def images(self):
        return list(self.readable("images", [{"name": "odd", "id": "7"}], read))

    config = configure({"uc": {}, "tacc": {}})
    with Cloud("uc", config) as cloud:
        known = cloud.images()
    with monkeypatch.context() as patch:
        patch.setattr(SimulatedProvider, "images", images)
        answers = [list_catalog(config, ["uc", "tacc"], "image"), list_catalog(config, ["tacc"], "image")]
    for answer in answers:
        assert answer.exit_code == 4 and answer.notes[0].startswith(
            "error: tacc: cloud tacc: image odd (7) is"
        )
    assert len(answers[0].rows) == len(known)
    assert list_catalog(config, ["tacc"], "image", refresh=True).exit_code == 0
