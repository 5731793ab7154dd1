"""Waiting on clouds that tell what has changed: no end is missed, and none is seen late."""

import itertools
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.cloud.errors import CloudTimeout, Conflict, NotFound, Unreachable
from cloudmesh.cloud.model.awaited import came_back
from cloudmesh.cloud.model.records import LeftOut, MachineRecord, State
from cloudmesh.vm.model.outcome import Status
from cloudmesh.vm.waiting.poller import PollResult
from cloudmesh.vm.waiting.waiter import Waiter

S = State
# Longer than the longest time between two listings of all machines: every 30 seconds, by ticks of 5.
PATIENCE = 35.0


class Nova:
    """Stands for session and poller: one cloud, whose machine has a history.

    Each change is a time, a state (None: deleted) and whether it is told as one. Time passes only while
    somebody waits.
    """

    config = property(lambda self: SimpleNamespace(wait_timeout=lambda cloud: None))

    def __init__(self, history, tells=True, takes=0.0, trouble=()):
        self.now = 0.0
        self.history = history
        self.tells = tells
        self.takes = takes
        # What goes wrong with a look, by its number.
        self.trouble = dict(trouble)
        self.looks = []
        self._answer = None

    def unresolved(self, clouds):
        return {}

    def within(self, deadline):
        return nullcontext()

    def ask_all(self, clouds, ask):
        return {}

    def declared(self, cloud):
        return SimpleNamespace(settling=0.0)

    def state(self, moment):
        return [state for when, state, _ in self.history if when <= moment][-1]

    def ask(self, cloud, whole):
        assert self._answer is None, "it has not answered yet"
        # After a look that failed there is no time from which it could go on.
        last = self.trouble.get(len(self.looks) - 1)
        whole = whole or not self.tells or bool(last and isinstance(last.listed, BaseException))
        before = self.looks[-1][0] if self.looks else 0.0
        shown = self.trouble.get(len(self.looks)) or self.shown(whole, before)
        self.looks.append((self.now, whole))
        takes = self.takes(whole) if callable(self.takes) else self.takes
        self._answer = self.now + takes, shown

    def shown(self, whole, before):
        state = self.state(self.now)
        if whole:
            return PollResult("a", [vm(state)] if state else [])
        told = any(before < when <= self.now and tells for when, _, tells in self.history)
        return PollResult("a", [vm(state or S.DELETED)] if told else [], whole=False)

    def next(self, seconds):
        if self._answer is None or self._answer[0] > self.now + seconds:
            self.now += seconds
            return None
        (self.now, shown), self._answer = self._answer, None
        return shown

    def wake(self):
        pass

    def close(self):
        pass

    def wait(self, wanted, timeout=100.0, known=S.BUILDING, **more):
        waiter = Waiter(self, wanted, timeout, clock=lambda: self.now, poller=self)
        for name, value in more.items():
            setattr(waiter, name, value)
        (outcome,) = waiter.wait([vm(known)])
        return outcome

    @property
    def kinds(self):
        return [whole for _, whole in self.looks]


def vm(state, **more):
    return MachineRecord("a", "vm1", "id-vm1", state, **more)


STATES = st.sampled_from([S.BUILDING, S.STARTING, S.STOPPING, S.ACTIVE, S.STOPPED, S.ERROR, S.DELETING, None])
CHANGES = st.lists(st.tuples(st.floats(0.01, 90), STATES, st.just(True)), max_size=6)


def as_clouds_are(changes):
    """Changes in the order of time; what has vanished does not come back."""
    ordered = sorted(changes, key=lambda change: change[0])
    end = next((place for place, (_, state, _) in enumerate(ordered, 1) if state is None), len(ordered))
    return ordered[:end]


@settings(deadline=None)
@given(CHANGES, st.sampled_from([S.ACTIVE, S.STOPPED, S.DELETED, S.ERROR]), st.sampled_from([0.0, 0.3, 4.0]))
def test_where_each_change_is_told_the_end_is_as_with_whole_listings(changes, wanted, takes):
    history = [(0.0, S.BUILDING, True), *as_clouds_are(changes)]
    scene, before = Nova(history, takes=takes), Nova(history, tells=False, takes=takes)
    outcome, usual = scene.wait(wanted), before.wait(wanted)
    vanished = isinstance(usual.error, NotFound)
    assert (outcome.status, outcome.state, str(outcome.error)) == (
        usual.status,
        usual.state,
        str(usual.error),
    )
    # That a machine has vanished is made sure of at once.
    assert len(before.looks) <= len(scene.looks) <= len(before.looks) + vanished
    assert outcome.seconds == pytest.approx(usual.seconds + (len(scene.looks) - len(before.looks)) * takes)


@settings(deadline=None)
@given(st.floats(0.01, 120), st.sampled_from([S.ACTIVE, S.ERROR, S.STOPPED, None]), st.booleans())
def test_what_is_not_told_is_found_out_by_the_next_listing_of_all(when, state, deleting):
    wanted = S.DELETED if deleting else S.ACTIVE
    history = [(0.0, S.DELETING if deleting else S.BUILDING, True), (when, state, False)]
    scene, before = Nova(history), Nova(history, tells=False)
    outcome, usual = scene.wait(wanted, 400), before.wait(wanted, 400)
    assert (outcome.status, str(outcome.error)) == (usual.status, str(usual.error))
    assert usual.seconds <= outcome.seconds <= usual.seconds + PATIENCE


@pytest.mark.parametrize("takes", [0.0, 0.4, 6.0])
@pytest.mark.parametrize("timeout", [3.0, 47.0, 100.0])
def test_the_first_look_and_the_last_one_show_all_machines_and_so_does_one_in_thirty_seconds(takes, timeout):
    scene = Nova([(0.0, S.BUILDING, True)], takes=takes)
    outcome = scene.wait(S.ACTIVE, timeout)
    assert isinstance(outcome.error, CloudTimeout)
    assert scene.kinds[0] and scene.kinds[-1]
    wholes = [moment for moment, whole in scene.looks if whole]
    assert all(later - before <= PATIENCE + takes for before, later in itertools.pairwise(wholes))
    assert len(wholes) < len(scene.looks) or timeout < 15


def test_looks_at_changes_are_quicker_and_no_more_often():
    scene, before = Nova([(0.0, S.BUILDING, True)]), Nova([(0.0, S.BUILDING, True)], tells=False, takes=4.0)
    scene.takes = lambda whole: 4.0 if whole else 0.1
    for each in (scene, before):
        assert isinstance(each.wait(S.ACTIVE, 100).error, CloudTimeout)
    # The last one is begun so early that all machines can be shown in time.
    assert len(scene.looks) == len(before.looks)
    assert [moment for moment, _ in scene.looks[:-1]] == pytest.approx(
        [each for each, _ in before.looks[:-1]]
    )


def test_a_change_that_nobody_told_is_seen_at_the_timeout():
    scene = Nova([(0.0, S.BUILDING, True), (11.0, S.ACTIVE, False)])
    outcome = scene.wait(S.ACTIVE, 20)
    assert (outcome.status, outcome.seconds) == (Status.DONE, pytest.approx(20, abs=0.01))


@pytest.mark.parametrize("tells", [True, False])
def test_a_machine_that_is_told_to_be_gone_is_looked_for_once_more(tells):
    scene = Nova([(0.0, S.BUILDING, True), (3.0, None, tells)])
    outcome = scene.wait(S.ACTIVE)
    assert isinstance(outcome.error, NotFound)
    assert scene.kinds[-1]
    assert (outcome.seconds < 5) is tells


def test_one_that_was_to_be_deleted_and_is_told_to_be_gone_is_believed():
    scene = Nova([(0.0, S.DELETING, True), (3.0, None, True)])
    assert scene.wait(S.DELETED, known=S.DELETING).succeeded
    assert not scene.kinds[-1]


def test_a_machine_at_rest_is_watched_by_whole_listings_until_it_is_given_up():
    scene = Nova([(0.0, S.STARTING, True), (3.0, S.STOPPED, True)])
    outcome = scene.wait(S.ACTIVE, known=S.STARTING)
    assert isinstance(outcome.error, Conflict)
    assert not all(scene.kinds)
    assert all(whole for moment, whole in scene.looks if moment > 7)


def test_a_machine_that_is_not_shown_yet_is_looked_for_among_all():
    scene = Nova([(0.0, None, True), (6.0, S.BUILDING, False), (25.0, S.ACTIVE, True)])
    outcome = scene.wait(S.ACTIVE)
    assert outcome.succeeded and outcome.seconds < 31
    assert all(whole for moment, whole in scene.looks if moment < 6)
    assert not scene.kinds[-1]


def test_after_trouble_all_machines_are_listed():
    scene = Nova([(0.0, S.BUILDING, True)], trouble=[(5, PollResult("a", Unreachable("away")))])
    assert isinstance(scene.wait(S.ACTIVE, 20).error, CloudTimeout)
    assert scene.kinds[:7] == [True, *[False] * 5, True]


def test_an_odd_record_among_the_changes_may_be_any_machine():
    odd = PollResult("a", [], [LeftOut("a", "machines", "its name is not a text")], whole=False)
    scene = Nova([(0.0, S.BUILDING, True), (20.0, S.ACTIVE, True)], trouble=[(4, odd)])
    assert scene.wait(S.ACTIVE).succeeded
    assert scene.kinds[3:7] == [False, False, True, False]


def test_only_what_clouds_date_is_waited_for_by_changes():
    history = [(0.0, S.REBOOTING, True), (20.0, S.ACTIVE, True)]
    scene = Nova(history)
    assert scene.wait(S.ACTIVE, known=S.REBOOTING, condition=came_back).succeeded
    assert not all(scene.kinds)
    scene = Nova(history)
    assert not scene.wait(S.ACTIVE, 40, condition=lambda machine: bool(machine.public_ips)).succeeded
    assert all(scene.kinds), "an address may come without a new date"


class Afterwards:
    """A machine that is not ready for so many seconds after it was in its state."""

    def __init__(self, scene, seconds):
        self.scene, self.seconds, self.began = scene, seconds, None

    def begin(self, machine):
        self.began = self.scene.now if self.began is None else self.began

    def ended(self, machine):
        return self.began is not None and self.scene.now >= self.began + self.seconds

    def doing(self, machine):
        return ""


def test_the_addresses_of_a_machine_that_is_to_be_ready_are_not_missed():
    scene = Nova([(0.0, S.BUILDING, True), (20.0, S.ACTIVE, True)])
    assert scene.wait(S.ACTIVE, 200, afterwards=Afterwards(scene, 120)).succeeded
    came = next(moment for moment, _ in scene.looks if moment >= 20)
    assert all(whole for moment, whole in scene.looks if came < moment < came + 60)
    assert not all(whole for moment, whole in scene.looks if moment > came + 66)
