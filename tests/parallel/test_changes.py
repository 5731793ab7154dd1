"""Waiting on a large project: only what has changed is told again, whatever the clock of the cloud shows."""

import threading
import time

import pytest

from cloudmesh.cloud import Cloud
from cloudmesh.cloud.errors import NotFound
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.providers.openstack import changes as changes_since
from cloudmesh.vm.waiting import polled

pytestmark = pytest.mark.slow
LISTING = "GET /compute/v2.1/servers/detail"


def listings(fleet):
    return [each for each in fleet.stacks["a"].calls() if each["kind"] == LISTING]


def changes(fleet):
    """For each listing whether it was one of changes."""
    return ["changes-since" in each["query"] for each in listings(fleet)]


@pytest.fixture
def project(make_fleet):
    """A cloud with 700 machines, on which others are built within so many seconds."""

    def make(seconds=2.5, **settings):
        fleet = make_fleet(1)
        fleet.tell(build=seconds, action=seconds, **settings)
        fleet.add(700)
        return fleet

    return make


def boot(fleet, names="b[1-5]", **more):
    with fleet.machines(names) as machines:
        return machines.boot(wait=True, **more)


@pytest.mark.parametrize("dates", [True, False])
@pytest.mark.parametrize("clock", [-86400.0, 0.0, 86400.0])
def test_only_the_first_look_tells_of_all_machines(project, clock, dates):
    fleet = project(clock=clock, dates=dates)
    assert boot(fleet).exit_code == 0
    changed = [each["servers"] for each in listings(fleet) if "changes-since" in each["query"]]
    assert set(changed) == {5}
    assert changes(fleet)[-len(changed) :] == [True] * len(changed), "all looks but the first one"
    with fleet.machines("b[1-5]") as machines:
        assert [each.state for each in machines.select().machines] == [State.ACTIVE] * 5


def test_a_machine_that_changes_without_a_date_is_found_by_the_next_listing_of_all(project, monkeypatch):
    monkeypatch.setattr(polled, "_WHOLE_EVERY", 4.0)
    monkeypatch.setattr(changes_since, "OVERLAP", 0.0)
    fleet = project(seconds=5, undated=True)
    assert boot(fleet).exit_code == 0
    kinds = changes(fleet)
    assert any(kinds) and not kinds[-1]


@pytest.mark.parametrize("purges", [False, True])
def test_machines_that_are_deleted_are_gone_also_where_nobody_tells_of_them(project, monkeypatch, purges):
    monkeypatch.setattr(polled, "_WHOLE_EVERY", 4.0)
    fleet = project(purges=purges)
    with fleet.machines("a[001-005]") as machines:
        assert machines.delete(wait=True).exit_code == 0
    assert any(changes(fleet))
    with Cloud("a") as cloud:
        known = {each.machine.name for each in cloud.inventory.known("a")}
        assert not known & {"a001", "a005"} and "a006" in known
        assert cloud.vanished() == [], "nobody is told of what was deleted from here"


def test_a_deletion_ends_when_the_cloud_does_not_find_the_machine_any_more(project):
    fleet = project(seconds=1, leaving=4.0)
    with fleet.machines("a[001-009]") as machines:
        result = machines.delete(wait=True)
    assert result.exit_code == 0
    assert min(each.seconds for each in result) > 4, "told as DELETED is not gone"
    with Cloud("a") as cloud:
        assert "a001" not in {each.name for each in cloud.machines()}


def test_machines_that_somebody_else_deletes_are_given_up_at_once(project):
    fleet = project(seconds=300)

    def end():
        while not any(changes(fleet)):
            time.sleep(0.1)
        fleet.stacks["a"].put("DELETED")

    threading.Thread(target=end).start()
    result = boot(fleet, timeout=200)
    assert {type(each.error) for each in result} == {NotFound}
    assert changes(fleet)[-2:] in ([True, False], [False, False])


def test_a_cloud_that_refuses_to_tell_of_changes_is_listed_as_ever(project):
    fleet = project(changes=False)
    assert boot(fleet).exit_code == 0
    kinds = changes(fleet)
    assert kinds.count(True) == 1
    assert kinds[-1] is False


def test_the_second_time_it_is_looked_when_machines_are_expected(project):
    fleet = project(seconds=4)
    assert boot(fleet, "b1").exit_code == 0
    with Cloud("a") as cloud:
        (kept,) = cloud.inventory.database.find("waited", cloud="a", verb="boot")
    assert kept["seconds"] > 1
    fleet.stacks["a"].forget()
    assert boot(fleet, "b2").exit_code == 0
    second = changes(fleet).index(True)
    before, after = listings(fleet)[second - 1 : second + 1]
    assert after["began"] - before["ended"] > 1, "where without a memory it is a fifth of it"


def test_one_machine_is_asked_for_by_the_same_memory(project):
    fleet = project(seconds=3)
    for name in ("b1", "b2"):
        fleet.stacks["a"].forget()
        with Cloud("a") as cloud:
            assert cloud.boot(name, wait=True).state is State.ACTIVE
    calls = [each for each in fleet.stacks["a"].calls() if each["kind"] == "GET /compute/v2.1/servers/*"]
    assert calls[1]["began"] - calls[0]["ended"] > 1
