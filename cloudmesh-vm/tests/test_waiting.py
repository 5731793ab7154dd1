"""Waiting, with clouds that play a script and a clock that passes only while somebody sleeps."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.cloud.errors import (
    CloudTimeout,
    Conflict,
    NotFound,
    ProviderDefect,
    RateLimited,
    Refused,
    Unreachable,
)
from cloudmesh.cloud.model import Machine, State
from cloudmesh.plugin.errors import CredentialsError, Interrupted
from cloudmesh.vm.outcome import Status
from cloudmesh.vm.waiting import Waiter

S = State


class Scene:
    """Stands for a session: each cloud plays its listings one after another, the last one for ever.

    A listing is a list of machines or an error to raise.
    """

    def __init__(self, **clouds):
        self.now = 0.0
        self.listings = []
        self.slept = []
        self._scripts = {name: list(script) for name, script in clouds.items()}

    def cloud(self, name):
        scene = self

        class Playing:
            def machines(self):
                scene.listings.append((round(scene.now, 3), name))
                script = scene._scripts[name]
                shown = script.pop(0) if len(script) > 1 else script[0]
                if isinstance(shown, BaseException):
                    raise shown
                return shown

        return Playing()

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def wait(self, machines, state, timeout=60.0):
        waiter = Waiter(self, state, timeout, clock=lambda: self.now, sleep=self.sleep)
        return waiter.wait(machines)


def vm(name="vm1", state=S.BUILDING, cloud="a", **more):
    return Machine(cloud, name, f"id-{name}", state, **more)


def script(*states):
    """Listings in which vm1 has these states; None stands for not listed, an error for itself."""
    return [
        state if isinstance(state, BaseException) else [vm(state=state)] if state else [] for state in states
    ]


def test_what_is_there_already_needs_one_listing_and_no_sleep():
    scene = Scene(a=script(S.ACTIVE))
    (outcome,) = scene.wait([vm()], S.ACTIVE)
    assert (outcome.status, outcome.state, outcome.verb) == (Status.DONE, S.ACTIVE, "wait")
    assert (scene.listings, scene.slept) == ([(0.0, "a")], [])


def test_it_waits_until_the_state_is_reached():
    scene = Scene(a=script(S.BUILDING, S.BUILDING, S.ACTIVE))
    (outcome,) = scene.wait([vm()], S.ACTIVE)
    assert outcome.succeeded
    assert len(scene.listings) == 3
    assert outcome.seconds == pytest.approx(sum(scene.slept))


def test_nobody_to_wait_for_asks_nobody():
    scene = Scene()
    assert scene.wait([], S.ACTIVE).exit_code == 0
    assert scene.listings == []


@pytest.mark.parametrize("timeout", [0.05, 1, 30])
def test_at_the_timeout_it_looks_a_last_time_and_says_what_it_saw(timeout):
    scene = Scene(a=script(S.BUILDING))
    (outcome,) = scene.wait([vm()], S.ACTIVE, timeout)
    assert outcome.status is Status.FAILED
    assert isinstance(outcome.error, CloudTimeout)
    assert str(outcome.error) == f"it is still building after {timeout} seconds"
    assert scene.now == pytest.approx(timeout)
    assert scene.listings[-1][0] == pytest.approx(timeout, abs=0.001)


def test_the_ticks_grow_and_stay_short_enough():
    scene = Scene(a=script(S.BUILDING))
    scene.wait([vm()], S.ACTIVE, 100)
    ticks = scene.slept[:-1]
    assert ticks == sorted(ticks)
    assert ticks[0] <= 0.5
    assert 2 <= ticks[-1] <= 10


def test_each_tick_lists_each_cloud_once_however_many_machines_wait():
    many = [vm(f"vm{number}", cloud=cloud) for number in range(50) for cloud in ("a", "b")]
    shown = {cloud: [each for each in many if each.cloud == cloud] for cloud in ("a", "b")}
    active = {cloud: [replace(each, state=S.ACTIVE) for each in shown[cloud]] for cloud in ("a", "b")}
    scene = Scene(a=[shown["a"], active["a"]], b=[shown["b"], shown["b"], shown["b"], active["b"]])
    result = scene.wait(many, S.ACTIVE)
    assert result.exit_code == 0
    assert [outcome.name for outcome in result] == [each.name for each in many]
    assert [cloud for _, cloud in scene.listings] == ["a", "b", "a", "b", "b", "b"]


def test_a_machine_in_state_error_fails_at_once_with_what_the_cloud_says():
    scene = Scene(a=[[vm(state=S.ERROR, fault="no host was found")]])
    (outcome,) = scene.wait([vm()], S.ACTIVE)
    assert isinstance(outcome.error, Conflict)
    assert str(outcome.error) == "it ended in state error: no host was found"
    assert scene.slept == []


def test_error_and_unknown_can_be_waited_for():
    assert Scene(a=script(S.BUILDING, S.ERROR)).wait([vm()], S.ERROR).exit_code == 0
    assert Scene(a=script(S.UNKNOWN, S.UNKNOWN, S.ACTIVE)).wait([vm()], S.ACTIVE).exit_code == 0


def test_a_machine_that_vanished_fails_at_once():
    scene = Scene(a=script(S.BUILDING, None))
    (outcome,) = scene.wait([vm()], S.ACTIVE)
    assert isinstance(outcome.error, NotFound)
    assert str(outcome.error) == "it is no longer on cloud a"
    assert len(scene.slept) == 1


@pytest.mark.parametrize("shown", [(S.DELETING, None), (None,), (S.ACTIVE, S.DELETING, S.DELETED)])
def test_a_deleted_machine_is_gone_or_shown_as_deleted(shown):
    (outcome,) = Scene(a=script(*shown)).wait([vm(state=S.DELETING)], S.DELETED)
    assert (outcome.status, outcome.state) == (Status.DONE, S.DELETED)


@pytest.mark.parametrize("state", [S.DELETING, S.DELETED])
def test_a_machine_that_is_being_deleted_will_not_come_back(state):
    scene = Scene(a=script(state))
    (outcome,) = scene.wait([vm()], S.ACTIVE)
    assert str(outcome.error) == f"it is {state}"
    assert scene.slept == []


@pytest.mark.parametrize("rest", [S.STOPPED, S.SUSPENDED, S.PAUSED])
def test_a_machine_at_rest_is_given_a_moment_and_then_up(rest):
    scene = Scene(a=script(rest))
    (outcome,) = scene.wait([vm()], S.ACTIVE, timeout=600)
    assert isinstance(outcome.error, Conflict)
    assert str(outcome.error) == f"it is {rest}, and nothing is bringing it to active"
    assert 10 <= scene.now < 20


def test_a_cloud_that_shows_the_old_state_for_a_moment_is_believed_later():
    scene = Scene(a=script(*[S.STOPPED] * 6, S.STARTING, *[S.STOPPED] * 3, S.ACTIVE))
    assert scene.wait([vm()], S.ACTIVE, timeout=600).exit_code == 0
    assert scene.now > 10, "longer than it may rest, were it not for the moment of starting"


def test_a_running_machine_may_stop_by_itself_at_any_time():
    scene = Scene(a=script(*[S.ACTIVE] * 15, S.STOPPED))
    assert scene.wait([vm(state=S.ACTIVE)], S.STOPPED, timeout=600).exit_code == 0
    assert scene.now > 30


@pytest.mark.parametrize("error", [Unreachable("away"), RateLimited("slower"), CloudTimeout("late")])
def test_a_listing_that_fails_for_a_moment_is_tried_again(error):
    scene = Scene(a=script(error, S.BUILDING, error, S.ACTIVE))
    assert scene.wait([vm()], S.ACTIVE).exit_code == 0


def test_a_listing_that_fails_to_the_end_is_told_at_the_timeout():
    (outcome,) = Scene(a=script(S.BUILDING, Unreachable("away"))).wait([vm()], S.ACTIVE, 5)
    assert str(outcome.error) == "it is still building after 5 seconds; the last listing failed: away"


def test_trouble_that_is_over_is_not_told():
    (outcome,) = Scene(a=script(Unreachable("away"), S.BUILDING)).wait([vm()], S.ACTIVE, 5)
    assert str(outcome.error) == "it is still building after 5 seconds"


@pytest.mark.parametrize("error", [Refused("never"), CredentialsError("who are you"), ProviderDefect("bug")])
def test_a_listing_that_cannot_work_fails_its_cloud_at_once_and_no_other(error):
    scene = Scene(a=script(error), b=[[vm("vm2", cloud="b")], [vm("vm2", S.ACTIVE, "b")]])
    first, second = scene.wait([vm(), vm("vm2", cloud="b")], S.ACTIVE)
    assert first.status is Status.FAILED
    assert first.seconds == 0
    assert second.status is Status.DONE
    assert [cloud for _, cloud in scene.listings] == ["a", "b", "b"]


def test_ctrl_c_tells_who_was_there_and_who_was_waited_for():
    both = [vm("vm1", S.ACTIVE), vm("vm2", S.BUILDING)]
    scene = Scene(a=[both, KeyboardInterrupt()])
    result = scene.wait([vm("vm1"), vm("vm2")], S.ACTIVE)
    assert [each.status for each in result] == [Status.DONE, Status.INTERRUPTED]
    assert isinstance(result[1].error, Interrupted)
    assert str(result[1].error) == "interrupted while it was building"
    assert result.exit_code == 130


@settings(deadline=None)
@given(st.lists(st.sampled_from([*State, None]), min_size=1, max_size=30), st.sampled_from(State))
def test_whatever_a_cloud_shows_the_wait_ends_with_the_truth(shown, wanted):
    scene = Scene(a=script(*shown))
    (outcome,) = scene.wait([vm()], wanted, timeout=30)
    assert scene.now <= 30.001
    seen = shown[: len(scene.listings)]
    if outcome.succeeded:
        assert seen[-1] is wanted or (wanted is S.DELETED and seen[-1] is None)
        assert outcome.state is wanted
    else:
        assert wanted not in seen[:-1]
        assert str(outcome.error)


def test_a_broken_machine_that_is_deleted_may_show_its_error_for_a_moment():
    scene = Scene(a=script(S.ERROR, S.ERROR, None))
    assert scene.wait([vm(state=S.DELETING)], S.DELETED).exit_code == 0
    scene = Scene(a=script(S.ERROR))
    assert scene.wait([vm(state=S.DELETING)], S.DELETED, timeout=600).exit_code == 1
    assert scene.now < 20


def test_a_machine_at_rest_that_nobody_has_set_going_fails_at_once():
    scene = Scene(a=script(S.STOPPED))
    (outcome,) = scene.wait([vm(state=S.STOPPED)], S.ACTIVE, timeout=600)
    assert str(outcome.error) == "it is stopped, and nothing is bringing it to active"
    assert scene.now == 0


def test_no_machine_is_built_twice():
    scene = Scene(a=script(S.ACTIVE))
    (outcome,) = scene.wait([vm(state=S.ACTIVE)], S.BUILDING, timeout=600)
    assert str(outcome.error) == "it is active, and a machine is built only once"
    assert scene.now == 0
