"""What is booted where, and everything that keeps it from being booted."""

import pytest

from cloudmesh.cloud.errors import Conflict, CredentialsError, QuotaExceeded, Refused, Unreachable
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.plugin.errors import ConfigError, UnknownName, UsageError
from cloudmesh.vm import Machines
from cloudmesh.vm.queries import known_machines


def boot_of(names, cloud=None, **things):
    with Machines(names, cloud) as machines:
        return machines.boot(**things)


def told(result):
    return [(each.cloud, each.name, each.status.value) for each in result]


def booted(spy):
    return [(cloud, name) for cloud, method, name in spy.taken() if method == "boot"]


def test_machines_are_booted_on_the_cloud_that_is_named(config, spy):
    result = boot_of("web[01-02]", "a", image="rocky-9", flavor="small", wait=True, timeout=5)
    assert told(result) == [("a", "web01", "done"), ("a", "web02", "done")]
    assert {(each.machine.image, each.machine.flavor, each.state.value) for each in result} == {
        ("rocky-9", "small", "active")
    }


@pytest.mark.parametrize("boot_seconds", [0, 60])
def test_why_no_address_can_be_attached_is_told_before_the_call_is_given_up(configure, boot_seconds):
    rule = {"verb": "attach_floating_ip", "error": "conflict"}
    config = configure({"a": {"boot_seconds": boot_seconds, "fail": rule}})
    with Machines("vm1", "a", call_timeout=2.0) as machines:
        (outcome,) = machines.boot(public=True)
    assert outcome.status.value == "failed" and isinstance(outcome.error, Conflict)
    assert "is running, but has no public address: not attached after" in str(outcome.error)
    with SimulatedProvider("a", config.cloud("a")) as provider:
        assert provider.floating_ips() == [], "it is given back"


def test_a_machine_that_is_renamed_while_it_boots_is_still_the_one_that_was_asked_for(config, spy):
    def rename(_):
        with SimulatedProvider("a", config.cloud("a")) as provider:
            for each in provider.machines():
                provider.rename(each.cloud_id, "other")

    with Machines("web1", "a") as machines:
        spy.trouble["a", "machine"] = spy.trouble["a", "machines"] = rename
        (outcome,) = machines.boot(wait=True, timeout=5)
    assert (outcome.name, outcome.status.value, outcome.machine.name) == ("web1", "done", "other")


@pytest.mark.parametrize(
    ("names", "cloud", "where"),
    [
        ("web1", "a,b", ["a:web1", "b:web1"]),
        ("b:web1,a:db1,b:web1", None, ["b:web1", "a:db1"]),
        ("web1", None, ["b:web1"]),
    ],
)
def test_where_machines_are_booted(configure, spy, names, cloud, where):
    configure({"a": {}, "b": {}}, default="b")
    assert [each.machine.qualified_name for each in boot_of(names, cloud).succeeded] == where


def test_several_defaults_are_no_choice(config, spy):
    with pytest.raises(
        UsageError, match=r"a, b are all default clouds; choose where to boot with --cloud=NAME"
    ):
        boot_of("web1")
    assert spy.taken() == []


def test_what_costs_the_cloud_is_asked_once_and_not_for_each_machine(config, spy):
    boot_of("web[1-9]", "a")
    calls = spy.taken()
    assert len([method for _, method, _ in calls if method == "boot"]) == 9
    assert len(calls) == 9 + 3


@pytest.mark.parametrize(
    "name", ["web*", "web?", "we b", "-web", "web-", "_web", ".web", "wéb", "a" * 64, "a/b"]
)
def test_what_cannot_be_a_name_is_refused_before_anything_is_booted(config, spy, name):
    with pytest.raises(UsageError, match="cannot be the name of a machine"):
        boot_of(["good", name], "a")
    assert spy.taken() == []


def test_what_can_be_a_name(config, spy):
    names = ["a", "9", "Web-1", "web_1", "web.example.org", "a" * 63]
    assert told(boot_of(names, "a")) == [("a", name, "done") for name in names]


@pytest.mark.parametrize(("name", "error"), [("x:web1", UnknownName), ("c:web1", ConfigError)])
def test_a_cloud_that_cannot_be_used_boots_nothing(config, spy, name, error):
    with pytest.raises(error):
        boot_of(f"a:web0,{name}")
    assert booted(spy) == []


def test_a_name_that_the_cloud_has_fails_and_the_others_are_booted(boot, spy, behind):
    boot("web2", "a")
    result = boot_of("web[1-3]", "a")
    assert told(result) == [("a", "web1", "done"), ("a", "web2", "failed"), ("a", "web3", "done")]
    assert "cloud a already has a machine web2; use another name" in str(result[1].error)
    assert sorted(booted(spy)) == [("a", "web1"), ("a", "web3")]


def test_a_name_of_a_machine_that_has_vanished_is_free(boot, spy, behind):
    boot("web1", "a")
    behind("a", "delete", "web1")
    assert told(boot_of("web1", "a")) == [("a", "web1", "done")]


def test_a_name_of_a_machine_that_the_cloud_shows_as_deleted_is_free(config, monkeypatch, spy):
    """Some clouds list a machine for an hour after its end."""
    gone = MachineRecord("a", "web1", "old", State.DELETED)
    with Machines("web1", "a") as machines:
        monkeypatch.setattr(type(machines.session.cloud("a").provider), "machines", lambda provider: [gone])
        assert told(machines.boot()) == [("a", "web1", "done")]


@pytest.mark.parametrize("error", [QuotaExceeded("no room"), Refused("not on Sundays")])
def test_one_machine_that_is_refused_does_not_stop_the_others(config, spy, error):
    spy.refuse("a", "boot", "web2", error)
    result = boot_of("web[1-3]", "a")
    assert [each.error for each in result] == [None, error, None]
    with Inventory() as inventory:
        assert sorted(each.machine.name for each in inventory.known("a")) == ["web1", "web3"]


@pytest.mark.parametrize("error", [Unreachable("a is away"), CredentialsError("a: who are you")])
@pytest.mark.parametrize("method", ["images", "machines"])
def test_one_cloud_that_does_not_answer_does_not_stop_the_other(config, spy, method, error):
    spy.trouble["a", method] = error
    result = boot_of("web[1-2]", "a,b")
    assert [(cloud, status) for cloud, _, status in told(result)] == [("a", "failed"), ("b", "done")] * 2
    assert [each.error for each in result.failed] == [error] * 2
    assert result.exit_code == 1
    with pytest.raises(type(error)):
        boot_of("web3", "a")


@pytest.mark.parametrize("clouds", ["a,b", "b,a"])
def test_an_image_that_one_of_two_clouds_has_not_boots_nothing(config, spy, monkeypatch, clouds):
    images = SimulatedProvider.images

    def unequal(self):
        return [image for image in images(self) if self.name == "a" or image.name != "rocky-9"]

    with Machines("web1", clouds) as machines:
        monkeypatch.setattr(type(machines.session.cloud("a").provider), "images", unequal)
        with pytest.raises(UnknownName, match="there is no image 'rocky-9' on cloud b"):
            machines.boot(image="rocky-9")
        assert booted(spy) == []
        assert machines.boot(image="debian-12").exit_code == 0


def test_what_a_listing_leaves_out_is_neither_gone_nor_free_to_be_booted_again(configure):
    rule = {"verb": "machines", "names": "odd", "error": "odd"}
    config = configure({"a": {"action_seconds": 60, "fail": rule}})
    boot_of("odd,web1", "a")
    with Machines("odd", "a") as machines:
        (outcome,) = machines.delete(wait=True, timeout=1)
    assert outcome.status.value == "failed"
    assert "it is still deleting after 1 second; the last listing failed: machine odd" in str(outcome.error)
    with Inventory() as inventory:
        assert {each.machine.name for each in inventory.known("a")} == {"odd", "web1"}
        told = known_machines(config, inventory, (), "a", refresh=False)
    assert "machine odd is skipped" in str(told.errors["a"]) and len(told.rows) == 2, "also from the store"
    (again,) = boot_of("odd", "a")
    assert again.status.value == "failed"
    with SimulatedProvider("a", {**config.cloud("a"), "fail": []}) as provider:
        assert len(list(provider.machines())) == 2


def test_what_has_vanished_is_deleted_though_a_listing_leaves_another_one_out(configure):
    rule = {"verb": "machines", "names": "odd", "error": "odd"}
    config = configure({"a": {"fail": rule}})
    boot_of("odd,web1", "a")
    with SimulatedProvider("a", {**config.cloud("a"), "fail": []}) as provider:
        (web1,) = [each for each in provider.machines() if each.name == "web1"]
        provider.delete(web1.cloud_id)
    with Machines("web1", "a") as machines:
        assert [each.status.value for each in machines.delete()] == ["already"]
