"""Several machines in one call of EC2, on moto: how many calls it takes, and what each machine is told."""

import pytest

from cloudmesh.cloud import errors
from cloudmesh.cloud.model.records import Flavor, State
from cloudmesh.cloud.provider.boot import BootRequest

pytestmark = pytest.mark.slow

CHANGED = (
    "<{0}Response><instancesSet><item><instanceId>{1}</instanceId><previousState><name>{2}</name>"
    "</previousState></item></instancesSet></{0}Response>"
)


@pytest.fixture
def machines(provider, gate, arrive):
    flavor, image = Flavor("aws", "t3.nano", "t3.nano"), provider.images()[0]
    booted = [provider.boot(BootRequest(f"vm{number}", image, flavor)) for number in range(3)]
    arrive(provider, State.ACTIVE, *booted)
    gate.taken()
    return booted


@pytest.mark.parametrize(
    ("verb", "calls", "state"),
    [
        ("stop", {"StopInstances": 1}, State.STOPPED),
        ("reboot", {"DescribeInstances": 1, "RebootInstances": 1}, State.ACTIVE),
    ],
)
def test_one_call_is_about_all(provider, machines, gate, arrive, verb, calls, state):
    assert provider.act_many(verb, [each.cloud_id for each in machines]) == {}
    assert gate.taken() == calls
    sent = gate.sent[-1][2]
    assert [sent[f"InstanceId.{number}"] for number in (1, 2, 3)] == [each.cloud_id for each in machines]
    arrive(provider, state, *machines)


def test_started_again_and_deleted(provider, machines, gate, arrive, await_that):
    ids = [each.cloud_id for each in machines]
    provider.act_many("stop", ids)
    arrive(provider, State.STOPPED, *machines)
    provider.act_many("start", ids)
    arrive(provider, State.ACTIVE, *machines)
    provider.act_many("delete", ids)
    asked = {"StopInstances", "StartInstances", "TerminateInstances"}
    assert {each for each in gate.taken() if not each.startswith("Describe")} == asked
    await_that(lambda: list(provider.machines()) == [])


def test_a_hundred_in_one_call_and_no_hibernating(make_provider):
    assert set(make_provider(hibernate=True).bulk) == {"boot", "start", "stop", "reboot", "delete"}
    assert set(make_provider().bulk.values()) == {100}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InvalidInstanceID.NotFound", errors.NotFound),
        ("OperationNotPermitted", errors.Conflict),
        ("RequestLimitExceeded", errors.RateLimited),
    ],
)
def test_a_refusal_is_sure(provider, gate, code, kind):
    gate.refuse("StartInstances", code)
    with pytest.raises(kind, match="start 2 machines") as caught:
        provider.act_many("start", ["i-1", "i-2"])
    assert not caught.value.outcome_unknown


def test_a_lost_answer_is_unsure(provider, machines, gate, arrive):
    gate.lose("StopInstances")
    with pytest.raises(errors.Unreachable) as caught:
        provider.act_many("stop", [each.cloud_id for each in machines])
    assert caught.value.outcome_unknown
    arrive(provider, State.STOPPED, *machines)


def test_a_wrong_id_refuses_all(provider, machines, gate):
    good, *_ = machines
    with pytest.raises(errors.NotFound):
        provider.act_many("stop", [good.cloud_id, "i-0123456789abcdef0"])
    assert provider.machine(good.cloud_id).state is State.ACTIVE


@pytest.mark.parametrize("verb", ["start", "delete"])
def test_one_that_was_deleted_before_is_not_found(provider, gate, verb):
    action = {"start": "StartInstances", "delete": "TerminateInstances"}[verb]
    gate.answers[action] = [(200, CHANGED.format(action, "i-1", "terminated"))]
    told = provider.act_many(verb, ["i-1"])
    assert isinstance(told["i-1"], errors.NotFound) and "was deleted before" in str(told["i-1"])


def test_one_of_which_the_answer_says_nothing_is_unsure(provider, gate):
    gate.answers["StopInstances"] = [(200, CHANGED.format("StopInstances", "i-1", "running"))]
    told = provider.act_many("stop", ["i-1", "i-2"])
    assert list(told) == ["i-2"]
    assert isinstance(told["i-2"], errors.BadAnswer) and told["i-2"].outcome_unknown


def test_a_deleted_one_is_not_rebooted_and_the_others_are(provider, machines, gate):
    gone, *alive = machines
    provider.delete(gone.cloud_id)
    gate.taken()
    told = provider.act_many("reboot", [each.cloud_id for each in machines])
    assert list(told) == [gone.cloud_id] and isinstance(told[gone.cloud_id], errors.NotFound)
    assert gate.taken() == {"DescribeInstances": 1, "RebootInstances": 1}
    assert [gate.sent[-1][2].get(f"InstanceId.{number}") for number in (1, 2, 3)] == [
        *(each.cloud_id for each in alive),
        None,
    ]
