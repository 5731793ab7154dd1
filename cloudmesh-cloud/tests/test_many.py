"""Several machines in one call: what each of them gets, and what goes singly."""

from dataclasses import replace

import pytest

from cloudmesh.cloud import State
from cloudmesh.cloud.client.actions import ActionResult, RetrySingly
from cloudmesh.cloud.errors import (
    BadAnswer,
    CloudTimeout,
    Conflict,
    CredentialsError,
    NoCapacity,
    NotFound,
    ProviderDefect,
    QuotaExceeded,
    RateLimited,
    Refused,
    ServerFailure,
    Unreachable,
    Unsupported,
)
from cloudmesh.cloud.model.verbs import find_verb
from cloudmesh.cloud.provider.boot import BootRequest, new_token
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.plugin.errors import ConfigError, StoreError

NAMES = ("vm1", "vm2", "vm3")


@pytest.fixture
def opened(open_cloud, spy):
    """Opens a cloud with settings, and three active machines on it; calls are counted from here."""

    def make(**settings):
        cloud = open_cloud(**{"bulk": 100, **settings})
        machines = [cloud.refresh(cloud.boot(name)) for name in NAMES]
        spy.taken()
        return cloud, machines

    return make


def states(cloud):
    return [machine.state for machine in cloud.machines()]


@pytest.mark.parametrize(("bulk", "calls"), [(100, 1), (2, 2)])
def test_few_calls_for_all_and_each_is_written_down(opened, spy, bulk, calls):
    cloud, machines = opened(bulk=bulk)
    results = cloud.act_many(machines, find_verb("stop"))
    assert spy.taken() == ["act_many"] * calls
    assert [(each.machine.name, each.changed, each.target) for each in results] == [
        (name, True, State.STOPPED) for name in NAMES
    ]
    known = cloud.inventory.known("uc")
    assert {each.machine.state for each in known} == {State.STOPPING}
    assert states(cloud) == [State.STOPPED] * 3


@pytest.mark.parametrize(
    ("before", "verb", "state"),
    [
        (None, "suspend", State.SUSPENDED),
        ("suspend", "resume", State.ACTIVE),
        (None, "pause", State.PAUSED),
        ("pause", "unpause", State.ACTIVE),
        ("stop", "start", State.ACTIVE),
    ],
)
def test_the_other_verbs(opened, spy, before, verb, state):
    cloud, machines = opened()
    if before:
        cloud.act_many(machines, find_verb(before))
        machines = [cloud.refresh(machine) for machine in machines]
        spy.taken()
    cloud.act_many(machines, find_verb(verb))
    assert spy.taken() == ["act_many"]
    assert states(cloud) == [state] * 3


def test_deleted_machines_are_gone(opened):
    cloud, machines = opened()
    assert all(isinstance(each, ActionResult) for each in cloud.act_many(machines, find_verb("delete")))
    assert states(cloud) == []


def test_what_the_known_state_does_not_allow_goes_singly(opened, spy):
    cloud, machines = opened()
    stopped = cloud.act(machines[1], find_verb("stop")).machine
    spy.taken()
    results = cloud.act_many([machines[0], stopped, machines[2]], find_verb("stop"))
    assert [type(each) for each in results] == [ActionResult, RetrySingly, ActionResult]
    assert spy.taken() == ["act_many"]


@pytest.mark.parametrize(
    ("verb", "bulk"),
    [*((verb, 100) for verb in ("rebuild", "resize", "rename", "reboot", "metadata")), ("stop", 1)],
)
def test_verbs_that_no_call_takes_for_several_go_singly(opened, spy, verb, bulk):
    cloud, machines = opened(bulk=bulk)
    assert cloud.act_many(machines, find_verb(verb)) == [RetrySingly()] * 3
    assert (cloud.provider.most(verb), spy.taken()) == (1, [])


def test_a_machine_with_an_address_is_deleted_singly_and_stopped_with_the_others(opened, spy):
    cloud, machines = opened()
    cloud.inventory.keep_address(cloud.provider.create_floating_ip(), machines[1])
    assert all(isinstance(each, ActionResult) for each in cloud.act_many(machines, find_verb("stop")))
    results = cloud.act_many([cloud.refresh(each) for each in machines], find_verb("delete"))
    assert [type(each) for each in results] == [ActionResult, RetrySingly, ActionResult]


def test_one_that_vanished_lets_all_go_singly_and_nothing_is_done(opened):
    cloud, machines = opened()
    cloud.provider.delete(machines[1].cloud_id)
    assert cloud.act_many(machines, find_verb("stop")) == [RetrySingly()] * 3
    assert states(cloud) == [State.ACTIVE] * 2


@pytest.mark.parametrize("kind", [NotFound, Conflict, Unsupported, Refused, NoCapacity, QuotaExceeded])
def test_a_refusal_that_one_machine_may_be_the_reason_of(opened, spy, kind):
    cloud, machines = opened()
    spy.trouble["uc", "act_many"] = kind("no")
    assert cloud.act_many(machines, find_verb("stop")) == [RetrySingly()] * 3


@pytest.mark.parametrize(
    "error",
    [
        *(RateLimited("slowly", 5.0), Unreachable("nobody"), CredentialsError("who"), ConfigError("what")),
        *(ServerFailure("broken"), BadAnswer("x"), CloudTimeout("late", outcome_unknown=True)),
        *(Refused("half done", outcome_unknown=True), NotFound("?", outcome_unknown=True), KeyError("x")),
    ],
)
def test_what_concerns_all_or_is_unsure_is_the_error_of_each(opened, spy, error):
    cloud, machines = opened()
    spy.trouble["uc", "act_many"] = error
    results = cloud.act_many(machines, find_verb("stop"))
    if isinstance(error, KeyError):
        assert [type(each) for each in results] == [ProviderDefect] * 3, "a mistake of the provider"
    else:
        assert results == [error] * 3
    assert spy.taken() == ["act_many"]


def test_an_answer_about_each_machine_is_told_to_each(opened, monkeypatch):
    cloud, machines = opened()
    one, two, _ = (each.cloud_id for each in machines)
    late = CloudTimeout("late", outcome_unknown=True)
    answer = {one: NotFound("gone"), two: late}
    monkeypatch.setattr(type(cloud.provider), "act_many", lambda self, verb, ids: answer)
    first, second, third = cloud.act_many(machines, find_verb("stop"))
    assert (first, second) == (RetrySingly(), late)
    assert isinstance(third, ActionResult)


def test_what_was_done_and_cannot_be_written_down_is_told(opened, monkeypatch):
    cloud, machines = opened()

    def full(machine, asked=None):
        if machine.name == "vm2":
            raise StoreError("the disk is full")

    monkeypatch.setattr(cloud.inventory, "save", full)
    first, second, third = cloud.act_many(machines, find_verb("stop"))
    assert isinstance(first, ActionResult) and isinstance(third, ActionResult)
    assert (
        str(second)
        == "stop was accepted for uc:vm2, but this could not be saved in the store: the disk is full"
    )


def test_a_rule_for_one_machine_refuses_the_call_and_then_that_machine_alone(opened):
    cloud, machines = opened(fail={"verb": "stop", "names": "vm2", "error": "refused"})
    assert cloud.act_many(machines, find_verb("stop")) == [RetrySingly()] * 3
    assert states(cloud) == [State.ACTIVE] * 3
    with pytest.raises(Refused, match="vm2"):
        cloud.act(machines[1], find_verb("stop"))
    assert cloud.act(machines[0], find_verb("stop")).changed


def test_an_answer_that_is_lost_after_the_work_is_unsure_and_the_work_is_done(opened):
    cloud, machines = opened(fail={"verb": "stop", "names": "vm2", "error": "reset", "after": True})
    results = cloud.act_many(machines, find_verb("stop"))
    assert [each.outcome_unknown for each in results] == [True] * 3
    assert states(cloud) == [State.STOPPED] * 3


def test_one_of_them_ends_in_error(opened):
    cloud, machines = opened(fail={"verb": "stop", "names": "vm2", "error": "fault"})
    assert all(isinstance(each, ActionResult) for each in cloud.act_many(machines, find_verb("stop")))
    assert states(cloud) == [State.STOPPED, State.ERROR, State.STOPPED]


def test_chance_decides_once_a_call(tmp_path):
    """With a share of a half, calls about 50 machines go well about as often as calls about one."""
    settings = {"file": str(tmp_path / "w.db"), "boot_seconds": 0, "action_seconds": 0, "bulk": 100}
    with SimulatedProvider("uc", settings) as provider:
        image, flavor = provider.images()[0], provider.flavors()[0]
        ids = [provider.boot(BootRequest(f"vm{number}", image, flavor)).cloud_id for number in range(50)]
    went_well = 0
    for seed in range(20):
        with SimulatedProvider("uc", {**settings, "failure_rate": 0.5, "fault_seed": seed}) as provider:
            verb = "stop" if provider._world.page(0)[0]["state"] == "active" else "start"
            try:
                provider.act_many(verb, ids)
                went_well += 1
            except Unreachable:
                pass
    assert 4 < went_well < 16


@pytest.mark.parametrize("value", [0, -1, True, 2.5, "many", None])
def test_a_wrong_bulk_is_an_error_of_the_configuration(value):
    with pytest.raises(ConfigError, match=r"clouds\.uc\.bulk must be a whole number of 1 or more"):
        SimulatedProvider("uc", {"bulk": value})


@pytest.fixture
def empty(open_cloud, spy):
    """Opens an empty cloud with settings; gives it and requests for three machines."""

    def make(**settings):
        cloud = open_cloud(**{"bulk": 100, **settings})
        first = cloud.boot_request("vm1")
        spy.taken()
        return cloud, [replace(first, name=name, token=new_token()) for name in NAMES]

    return make


def listed(cloud):
    return [machine.name for machine in cloud.machines()]


def test_machines_are_booted_in_one_call_and_written_down(empty, spy):
    cloud, requests = empty()
    made = cloud.boot_many(requests)
    assert spy.taken() == ["boot_many"]
    assert [machine.name for machine in made] == list(NAMES)
    assert sorted(each.machine.name for each in cloud.inventory.known("uc")) == list(NAMES)
    assert listed(cloud) == list(NAMES)
    again = cloud.boot_many(requests, maybe_done=True)
    assert [each.cloud_id for each in again] == [each.cloud_id for each in made]
    assert listed(cloud) == list(NAMES)


@pytest.mark.parametrize(
    "change",
    [
        lambda requests: [replace(requests[0], userdata="x"), *requests[1:]],
        lambda requests: [replace(requests[0], flavor=replace(requests[0].flavor, name="b")), *requests[1:]],
        lambda requests: [replace(each, token="") for each in requests],
        lambda requests: [replace(each, token="same") for each in requests],
        lambda requests: [replace(each, public=True) for each in requests],
        lambda requests: requests * 50,
        lambda requests: [],
    ],
)
def test_what_does_not_fit_into_one_call_is_booted_singly(empty, spy, change):
    cloud, requests = empty()
    changed = change(requests)
    assert cloud.boot_many(changed) == [RetrySingly()] * len(changed)
    assert spy.taken() == []


def test_a_cloud_that_boots_one_at_a_time_is_not_asked_for_more(empty, spy):
    cloud, requests = empty(bulk=1)
    assert cloud.boot_many(requests) == [RetrySingly()] * 3
    assert spy.taken() == []


@pytest.mark.parametrize(
    ("error", "split"),
    [
        *((NoCapacity("full"), True), (QuotaExceeded("no room"), True), (NotFound("image"), True)),
        *(
            (RateLimited("slowly"), False),
            (BadAnswer("?"), False),
            (Conflict("token", outcome_unknown=True), False),
        ),
        *((Unreachable("lost", outcome_unknown=True), False), (CredentialsError("who"), False)),
    ],
)
def test_a_refused_boot_is_asked_singly_and_all_else_is_the_error_of_each(empty, spy, error, split):
    cloud, requests = empty()
    spy.trouble["uc", "boot_many"] = error
    assert cloud.boot_many(requests) == [RetrySingly() if split else error] * 3
    assert cloud.inventory.known("uc") == []


def test_a_quota_for_two_makes_none_in_one_call_and_two_singly(empty):
    cloud, requests = empty(quota={"machines": 2})
    assert cloud.boot_many(requests) == [RetrySingly()] * 3
    assert listed(cloud) == []
    cloud.boot_as(requests[0])
    cloud.boot_as(requests[1])
    with pytest.raises(QuotaExceeded):
        cloud.boot_as(requests[2])


def test_after_a_lost_answer_no_second_set_is_made(empty):
    cloud, requests = empty(
        fail={"verb": "boot", "names": "vm2", "error": "reset", "after": True, "times": 1}
    )
    assert [each.outcome_unknown for each in cloud.boot_many(requests)] == [True] * 3
    assert listed(cloud) == list(NAMES)
    assert cloud.boot_as(requests[1], maybe_done=True).name == "vm2"
    assert [each.name for each in cloud.boot_many(requests, maybe_done=True)] == list(NAMES)
    assert listed(cloud) == list(NAMES)


def test_an_answer_lost_before_the_work_is_made_good(empty):
    cloud, requests = empty(fail={"verb": "boot", "names": "vm1", "error": "reset", "times": 1})
    assert [each.outcome_unknown for each in cloud.boot_many(requests)] == [True] * 3
    assert listed(cloud) == []
    assert [each.name for each in cloud.boot_many(requests, maybe_done=True)] == list(NAMES)


def test_one_of_the_booted_ends_in_error(empty):
    cloud, requests = empty(fail={"verb": "boot", "names": "vm3", "error": "fault"})
    cloud.boot_many(requests)
    assert states(cloud) == [State.ACTIVE, State.ACTIVE, State.ERROR]


def test_each_of_the_booted_has_its_own_result(empty, monkeypatch):
    cloud, requests = empty()
    late, gone = CloudTimeout("no name yet", outcome_unknown=True), NotFound("gone")
    machine = cloud.boot_as(requests[0])
    monkeypatch.setattr(
        type(cloud.provider), "boot_many", lambda self, requests, maybe_done: [machine, late, gone]
    )
    assert cloud.boot_many(requests, maybe_done=True) == [machine, late, RetrySingly()]


def test_a_booted_machine_that_cannot_be_written_down_is_told_with_its_id(empty, monkeypatch):
    cloud, requests = empty()

    def full(machine, asked=None):
        raise StoreError("the disk is full")

    monkeypatch.setattr(cloud.inventory, "save", full)
    for error in cloud.boot_many(requests):
        assert isinstance(error, StoreError) and "sim-00000" in str(error) and "was booted" in str(error)
