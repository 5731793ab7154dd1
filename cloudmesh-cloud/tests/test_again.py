"""What an earlier call may have done is done once, or it is said that nobody knows."""

import pytest

from cloudmesh.cloud.conformance import faults
from cloudmesh.cloud.errors import BadAnswer, CloudError, Conflict, NotFound, Unreachable
from cloudmesh.cloud.model.copies import Snapshot
from cloudmesh.cloud.model.networks import SecurityRule
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.model.verbs import VERBS
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.plugin.errors import UnknownName, UsageError

# How a machine comes into the state from which each verb is called.
BEFORE = {**faults.BEFORE, "unlock": "lock"}
ASKED = {
    "rebuild": "tiny-linux",
    "resize": "small",
    "resize_unconfirmed": "small",
    **dict.fromkeys(("snapshot", "restore", "delete_snapshot"), "before"),
    "clone": "vm2",
    "rename": "other",
    "metadata": {"a": "b", "old": None},
}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGEga2V5IG9mIHRoZSBjb25mb3JtYW5jZSBzdWl0ZSEh me"
HARMFUL = ("reboot", "hard_reboot", "rebuild", "revert_resize", "restore")
# Seconds that booting and actions take, on a clock that stands still until it is told.
SLOW = 5


@pytest.fixture
def cloud(open_cloud, clock):
    """Loses the answers of all verbs; ``begin`` tells whether after the work, or before."""

    def begin(verb, after, error="reset"):
        rule = {"verb": verb, "error": error, "after": after, "times": 1}
        return open_cloud(fail=rule, boot_seconds=SLOW, action_seconds=SLOW)

    return begin


def ready(cloud, clock, verb):
    """A machine in the state that the verb is called in."""
    machine = cloud.boot("vm1", metadata={"old": "x"})
    clock.forward(SLOW)
    if verb in BEFORE:
        before = VERBS[BEFORE[verb]]
        cloud.act(cloud.refresh(machine), before, cloud.argument(before, ASKED.get(before.name)))
        clock.forward(SLOW)
    return cloud.refresh(machine)


def lose(cloud, machine, verb, argument):
    with pytest.raises(CloudError) as caught:
        cloud.act(machine, verb, argument)
    assert caught.value.outcome_unknown


def so(cloud, machine, verb):
    """Whether the verb has come true."""
    if verb.endswith("snapshot"):
        return [each.name for each in cloud.snapshots(machine)] == ["before"] * (verb == "snapshot")
    if VERBS[verb].locks is not None:
        return machine.locked is VERBS[verb].locks
    if verb == "confirm_resize":
        return (machine.state, machine.flavor) == (State.ACTIVE, "small")
    own = {"resize": machine.flavor, "resize_unconfirmed": machine.flavor, "rename": machine.name}
    if verb == "metadata":
        return machine.metadata == {"a": "b"}
    return own[verb] == ASKED[verb] if verb in own else machine.state is VERBS[verb].target


@pytest.mark.parametrize("error", ["reset", "timeout", "server", "malformed"])
@pytest.mark.parametrize("waited", [0, SLOW])
@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("name", sorted(set(VERBS) - set(HARMFUL) - {"delete", "clone"}))
def test_a_verb_is_done_once(cloud, clock, spy, name, after, waited, error):
    verb, cloud = VERBS[name], cloud(name, after, error)
    machine = ready(cloud, clock, name)
    argument = cloud.argument(verb, ASKED.get(name))
    lose(cloud, machine, verb, argument)
    clock.forward(waited)
    spy.taken()
    done = cloud.act(machine, verb, argument, maybe_done=True)
    called = spy.taken()
    # One that is resizing may wait to be confirmed, so that one call is made again.
    confirms = name.startswith("resize") and after and not waited
    assert done.changed is (not after or confirms)
    assert called[0] == "machine" and called.count(name) <= (not after)
    clock.forward(SLOW)
    assert so(cloud, cloud.refresh(done.machine), name)


@pytest.mark.parametrize("error", ["reset", "timeout", "server", "malformed"])
@pytest.mark.parametrize("waited", [0, SLOW])
@pytest.mark.parametrize("after", [True, False])
def test_a_machine_is_cloned_once(cloud, clock, spy, after, waited, error):
    cloud, verb = cloud("clone", after, error), VERBS["clone"]
    machine = ready(cloud, clock, "clone")
    argument = cloud.argument(verb, "vm2")
    lose(cloud, machine, verb, argument)
    clock.forward(waited)
    spy.taken()
    done = cloud.act(machine, verb, argument, maybe_done=True)
    assert (done.changed, done.machine.name, done.target) == (True, "vm2", State.ACTIVE)
    assert spy.taken().count("clone") == (not after)
    assert sorted(each.name for each in cloud.machines()) == ["vm1", "vm2"]
    assert cloud.inventory.find(done.machine), "it has a record of its own"


def test_a_clone_is_found_though_what_it_was_made_from_is_gone(cloud, clock):
    cloud, verb = cloud("clone", after=True), VERBS["clone"]
    machine = ready(cloud, clock, "clone")
    argument = cloud.argument(verb, "vm2")
    lose(cloud, machine, verb, argument)
    cloud.act(machine, VERBS["delete"])
    clock.forward(SLOW)
    assert cloud.act(machine, verb, argument, maybe_done=True).machine.name == "vm2"


def test_a_snapshot_that_was_there_before_is_not_taken_for_the_one_that_was_asked_for(cloud, clock, spy):
    """The process was killed before the cloud was asked: nothing but the time tells that apart."""
    cloud, verb = cloud("start", after=False), VERBS["snapshot"]
    machine = ready(cloud, clock, "snapshot")
    cloud.act(machine, verb, cloud.argument(verb, "before"))
    clock.forward(60)
    argument = cloud.argument(verb, "before")
    for maybe_done in (False, True):
        with pytest.raises(Conflict, match="uc:vm1 already has a snapshot before; use") as caught:
            cloud.act(machine, verb, argument, maybe_done=maybe_done)
        assert not caught.value.outcome_unknown
    clock.forward(60)
    assert cloud.act(machine, verb, cloud.argument(verb, "later"), maybe_done=True).changed


def test_of_a_snapshot_without_a_time_it_is_not_guessed_who_took_it(cloud, clock, monkeypatch):
    cloud, verb = cloud("start", after=False), VERBS["snapshot"]
    machine = ready(cloud, clock, "snapshot")
    argument = cloud.argument(verb, "before")
    cloud.act(machine, verb, argument)
    monkeypatch.setattr(SimulatedProvider, "snapshots", lambda self, cloud_id: [Snapshot("before")])
    with pytest.raises(Conflict, match="outcome unknown") as caught:
        cloud.act(machine, verb, argument, maybe_done=True)
    assert caught.value.outcome_unknown


@pytest.mark.parametrize("name", ["restore", "delete_snapshot"])
def test_what_needs_a_snapshot_names_the_nearest(cloud, clock, spy, name):
    cloud, verb = cloud("start", after=False), VERBS[name]
    machine = ready(cloud, clock, "snapshot")
    with pytest.raises(UsageError, match="uc:vm1 has no snapshots"):
        cloud.act(machine, verb, cloud.argument(verb, "before"))
    cloud.act(machine, VERBS["snapshot"], cloud.argument(VERBS["snapshot"], "before"))
    for act in (cloud.act, cloud.foresee):
        with pytest.raises(UnknownName, match="no snapshot 'befor' of uc:vm1; did you mean 'before'"):
            act(machine, verb, cloud.argument(verb, "befor"))
    assert name not in spy.taken()
    assert cloud.inventory.find(machine), "the machine is not taken for gone"


@pytest.mark.parametrize("name", HARMFUL)
def test_what_does_harm_when_done_twice_is_not_repeated(cloud, clock, spy, name):
    verb, cloud = VERBS[name], cloud(name, after=True)
    machine = ready(cloud, clock, name)
    argument = cloud.argument(verb, ASKED.get(name))
    lose(cloud, machine, verb, argument)
    done = cloud.act(machine, verb, argument, maybe_done=True)
    assert (done.changed, done.machine.state, done.target) == (False, verb.passing, State.ACTIVE)
    clock.forward(SLOW)
    with pytest.raises(Conflict, match=f"{verb.words} of uc:vm1.*outcome unknown.*not repeated") as caught:
        cloud.act(machine, verb, argument, maybe_done=True)
    assert caught.value.outcome_unknown and cloud.refresh(machine).state is State.ACTIVE


@pytest.mark.parametrize("name", ["rebuild", "resize"])
def test_a_stopped_machine_is_led_back_though_its_state_does_not_tell_any_more(cloud, clock, name):
    verb, cloud = VERBS[name], cloud(name, after=True)
    running = ready(cloud, clock, name)
    stopping = cloud.act(running, VERBS["stop"]).machine
    clock.forward(SLOW)
    machine, argument = cloud.refresh(stopping), cloud.argument(verb, ASKED[name])
    lose(cloud, machine, verb, argument)
    done = cloud.act(machine, verb, argument, maybe_done=True)
    assert (done.machine.state, done.target) == (verb.passing, State.STOPPED)
    clock.forward(SLOW)
    assert cloud.refresh(machine).state is State.STOPPED


@pytest.mark.parametrize("name", HARMFUL)
def test_whether_it_was_done_is_not_guessed(cloud, clock, name):
    verb, cloud = VERBS[name], cloud(name, after=False)
    machine = ready(cloud, clock, name)
    argument = cloud.argument(verb, ASKED.get(name))
    lose(cloud, machine, verb, argument)
    with pytest.raises(Conflict, match="outcome unknown"):
        cloud.act(machine, verb, argument, maybe_done=True)


@pytest.mark.parametrize("waited", [0, SLOW])
@pytest.mark.parametrize("after", [True, False])
def test_a_machine_is_deleted_once(cloud, clock, spy, after, waited):
    cloud, verb = cloud("delete", after), VERBS["delete"]
    machine = ready(cloud, clock, "delete")
    lose(cloud, machine, verb, None)
    clock.forward(waited)
    spy.taken()
    done = cloud.act(machine, verb, maybe_done=True)
    assert done.changed is (not after) and done.target is State.DELETED
    # One that is not found must not be listed either.
    is_gone = after and waited > 0
    assert spy.taken() == ["machine", *["machines"] * is_gone, *["delete"] * (not after)]
    clock.forward(SLOW)
    assert cloud.machines() == []


def test_another_machine_of_the_name_is_neither_deleted_nor_meant(cloud, clock):
    """The call whose answer was lost was about the one that is gone."""
    cloud, verb = cloud("delete", after=True), VERBS["delete"]
    machine = ready(cloud, clock, "delete")
    lose(cloud, machine, verb, None)
    clock.forward(SLOW)
    other = cloud.boot("vm1")
    clock.forward(SLOW)
    assert cloud.act(machine, verb, maybe_done=True).machine.cloud_id == machine.cloud_id
    with pytest.raises(NotFound):
        cloud.act(machine, VERBS["stop"], maybe_done=True)
    assert cloud.refresh(other).state is State.ACTIVE


@pytest.mark.parametrize("error", ["malformed", "reset", "server", "timeout"])
@pytest.mark.parametrize("name", sorted({"start", "stop", "reboot", "delete", "suspend"}))
def test_a_lost_answer_is_looked_for_before_python_is_told(cloud, clock, spy, name, error):
    cloud = cloud(name, after=True, error=error)
    machine = ready(cloud, clock, name)
    spy.taken()
    assert cloud.machine("vm1", name).state is VERBS[name].passing
    assert spy.taken() == [name, "machine"], "it is not done twice"
    assert machine.cloud_id in {each.cloud_id for each in cloud.machines()}


@pytest.mark.parametrize(("name", "calls"), [("stop", 2), ("reboot", 1)])
def test_what_was_not_done_is_done_unless_that_may_do_harm(cloud, clock, spy, name, calls):
    cloud = cloud(name, after=False)
    ready(cloud, clock, name)
    spy.taken()
    if calls == 2:
        assert cloud.machine("vm1", name).state is State.STOPPING
    else:
        with pytest.raises(Conflict, match="reboot of uc:vm1: outcome unknown") as caught:
            cloud.machine("vm1", name)
        assert caught.value.outcome_unknown
    assert spy.taken().count(name) == calls


def test_what_cannot_be_looked_up_is_told_as_unknown(cloud, clock, spy):
    cloud = cloud("stop", after=True)
    ready(cloud, clock, "stop")
    spy.trouble["uc", "machine"] = Unreachable("it is down")
    with pytest.raises(Unreachable, match="outcome unknown: it is down") as caught:
        cloud.machine("vm1", "stop")
    assert caught.value.outcome_unknown


CHANGES = {
    "add_key": lambda cloud: cloud.add_key("me", KEY),
    "delete_key": lambda cloud: cloud.delete_key("old"),
    "create_security_group": lambda cloud: cloud.create_security_group("web", "x"),
    "delete_security_group": lambda cloud: cloud.delete_security_group("old"),
    "add_rule": lambda cloud: cloud.add_rule("old", SecurityRule("ingress", "tcp", 22, 22)),
    "remove_rule": lambda cloud: cloud.remove_rule("old", SecurityRule("egress", "any")),
    "create_floating_ip": lambda cloud: cloud.create_floating_ip(),
    "delete_floating_ip": lambda cloud: cloud.delete_floating_ip("203.0.113.1"),
    "attach_floating_ip": lambda cloud: cloud.attach_floating_ip("203.0.113.1", cloud.find("vm1")),
    "detach_floating_ip": lambda cloud: cloud.detach_floating_ip("203.0.113.2"),
}


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("name", CHANGES)
def test_of_a_change_beside_machines_it_is_looked_up_too(open_cloud, name, after):
    cloud = open_cloud(fail={"verb": name, "error": "malformed", "after": after})
    provider = SimulatedProvider("uc", {**cloud.provider.settings, "fail": []})
    with provider:
        machine = cloud.boot("vm1")
        provider.add_key("old", KEY)
        provider.create_security_group("old")
        provider.create_floating_ip()
        provider.attach_floating_ip(provider.create_floating_ip().cloud_id, machine.cloud_id)
    if after:
        CHANGES[name](cloud)
        return
    with pytest.raises(BadAnswer) as caught:
        CHANGES[name](cloud)
    assert caught.value.outcome_unknown
