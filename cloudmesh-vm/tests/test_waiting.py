"""Waiting, with clouds that play a script and a clock that passes only while somebody sleeps."""

import itertools
import signal
import threading
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import (
    BadAnswer,
    CloudTimeout,
    Conflict,
    Gone,
    NotFound,
    OutOfService,
    ProviderDefect,
    RateLimited,
    Refused,
    ServerFailure,
    TlsFailure,
    Unreachable,
)
from cloudmesh.cloud.fanout.query import CloudProgress
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.plugin.durations import span_text
from cloudmesh.plugin.errors import ConfigError, CredentialsError, Interrupted
from cloudmesh.vm.machines import Machines
from cloudmesh.vm.model.outcome import Status
from cloudmesh.vm.waiting.poller import PollResult
from cloudmesh.vm.waiting.waiter import Waiter

S = State


class Scene:
    """Stands for session and poller: each cloud plays its listings one after another, the last one for ever.

    A listing is a list of machines, an error, or how many seconds the cloud takes for the next one. Time
    passes only while somebody waits for an answer.
    """

    config = property(lambda self: SimpleNamespace(wait_timeout=self.patience.get))
    slowest_to_show = 0.0
    booted = False

    def __init__(self, **clouds):
        self.now = 0.0
        # By cloud, its wait_timeout.
        self.patience = {}
        self.listings = []
        self.closed = False
        # Why machines vanished, by their ids, as their clouds tell when they are asked.
        self.reasons = {}
        self._scripts = {name: list(script) for name, script in clouds.items()}
        self._under_way = []

    def unresolved(self, clouds):
        return {}

    def within(self, deadline):
        return nullcontext()

    def ask_all(self, clouds, ask):
        return dict.fromkeys(clouds, self.reasons)

    def declared(self, cloud):
        return SimpleNamespace(settling=self.slowest_to_show)

    def ask(self, cloud, whole):
        assert all(name != cloud for _, name, _ in self._under_way), "it has not answered yet"
        self.listings.append((round(self.now, 3), cloud))
        script, takes = self._scripts[cloud], 0.0
        if isinstance(script[0], int | float):
            takes = script.pop(0)
        shown = script.pop(0) if len(script) > 1 else script[0]
        self._under_way.append((self.now + takes, cloud, shown))

    def next(self, seconds):
        assert seconds >= 0
        first = min(self._under_way, key=lambda each: each[0], default=None)
        if first is None or first[0] > self.now + seconds:
            self.now += seconds
            return None
        self._under_way.remove(first)
        self.now = max(self.now, first[0])
        if isinstance(first[2], KeyboardInterrupt):
            raise first[2]
        return PollResult(*first[1:])

    def wake(self):
        pass

    def close(self):
        self.closed = True

    def wait(self, machines, state, timeout=60.0, watch=None, states=None, condition=None):
        more = {"clock": lambda: self.now, "poller": self, "booted": self.booted, "condition": condition}
        waiter = Waiter(self, state, timeout, watch, **more)
        result = waiter.wait(machines, states)
        assert self.closed
        return result

    def times(self, cloud="a"):
        return [seconds for seconds, name in self.listings if name == cloud]


def vm(name="vm1", state=S.BUILDING, cloud="a", **more):
    return MachineRecord(cloud, name, f"id-{name}", state, **more)


def script(*states):
    """Listings in which vm1 has these states; None stands for not listed, an error for itself."""
    return [
        state if isinstance(state, BaseException) else [vm(state=state)] if state else [] for state in states
    ]


@pytest.mark.parametrize(
    ("known", "shown", "wanted"),
    [
        (S.BUILDING, [S.ACTIVE], S.ACTIVE),
        (S.BUILDING, [S.BUILDING, S.BUILDING, S.ACTIVE], S.ACTIVE),
        (S.BUILDING, [S.BUILDING, S.ERROR], S.ERROR),
        (S.BUILDING, [S.UNKNOWN, S.UNKNOWN, S.ACTIVE], S.ACTIVE),
        (S.DELETING, [S.DELETING, None], S.DELETED),
        (S.DELETING, [None], S.DELETED),
        (S.DELETING, [S.ACTIVE, S.DELETING, S.DELETED], S.DELETED),
        # The error of a broken machine that is deleted may be shown for a moment.
        (S.DELETING, [S.ERROR, S.ERROR, None], S.DELETED),
        *[
            (S.BUILDING, [error, S.BUILDING, error, S.ACTIVE], S.ACTIVE)
            for error in (
                *(Unreachable("away"), RateLimited("slower"), CloudTimeout("late"), BadAnswer("half")),
                ServerFailure("500"),
            )
        ],
    ],
)
def test_it_waits_until_the_state_is_reached(known, shown, wanted):
    scene = Scene(a=script(*shown))
    (outcome,) = scene.wait([vm(state=known)], wanted)
    assert (outcome.status, outcome.state, outcome.verb) == (Status.DONE, wanted, "wait")
    assert len(scene.listings) == len(shown)
    assert outcome.seconds == pytest.approx(scene.now) == pytest.approx(scene.times()[-1], abs=0.001)
    assert scene.times()[0] == 0


@pytest.mark.parametrize("timeout", [0.05, 1, 30])
def test_at_the_timeout_it_looks_a_last_time_and_says_what_it_saw(timeout):
    scene = Scene(a=script(S.BUILDING))
    (outcome,) = scene.wait([vm()], S.ACTIVE, timeout)
    assert outcome.status is Status.FAILED
    assert isinstance(outcome.error, CloudTimeout)
    assert str(outcome.error) == f"it is still building after {span_text(timeout)}"
    assert scene.now == pytest.approx(timeout)
    assert scene.listings[-1][0] == pytest.approx(timeout, abs=0.001)


def test_the_ticks_grow_and_stay_short_enough():
    scene = Scene(a=script(S.BUILDING))
    scene.wait([vm()], S.ACTIVE, 100)
    times = scene.times()
    ticks = [round(later - before, 2) for before, later in itertools.pairwise(times[:-1])]
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
    assert (len(scene.times("a")), len(scene.times("b"))) == (2, 4)


BROKEN = vm(state=S.ERROR, fault="no host was found")


@pytest.mark.parametrize(
    ("known", "shown", "wanted", "error", "sentence"),
    [
        (S.BUILDING, [[BROKEN]], S.ACTIVE, Conflict, "it went to state error: no host was found"),
        (S.BUILDING, script(S.DELETING), S.ACTIVE, Conflict, "it is deleting"),
        (S.BUILDING, script(S.DELETED), S.ACTIVE, Conflict, "it is deleted"),
        (
            S.BUILDING,
            [[vm(state=S.DELETED, fault="no volume")]],
            S.ACTIVE,
            Conflict,
            "it is deleted: no volume",
        ),
        (S.STOPPED, script(None), S.ACTIVE, NotFound, "it no longer exists on cloud a"),
        (
            S.STOPPED,
            script(S.STOPPED),
            S.ACTIVE,
            Conflict,
            "it is stopped, and does not change to active",
        ),
        (
            S.ACTIVE,
            script(S.ACTIVE),
            S.BUILDING,
            Conflict,
            "it is active, and cannot return to state building",
        ),
    ],
)
def test_a_machine_that_cannot_come_there_fails_at_the_first_listing(known, shown, wanted, error, sentence):
    scene = Scene(a=shown)
    (outcome,) = scene.wait([vm(state=known)], wanted, timeout=600)
    assert isinstance(outcome.error, error)
    assert str(outcome.error) == sentence
    assert (scene.now, len(scene.listings)) == (0, 1)


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (script(S.BUILDING, Unreachable("away")), "; the last listing failed: away"),
        (script(Unreachable("away"), S.BUILDING), ""),
    ],
)
def test_a_listing_that_fails_to_the_end_is_told_at_the_timeout(shown, reason):
    (outcome,) = Scene(a=shown).wait([vm()], S.ACTIVE, 5)
    assert str(outcome.error) == f"it is still building after 5 seconds{reason}"


@pytest.mark.parametrize("known", [True, False])
def test_a_machine_that_its_cloud_lists_no_more_fails_with_the_reason_if_the_cloud_knows_it(known):
    scene = Scene(a=script(S.BUILDING, None))
    scene.reasons = {"id-vm1": Gone("deleted by the cloud: no volume")} if known else {}
    (outcome,) = scene.wait([vm()], S.ACTIVE)
    assert str(outcome.error) == (
        "deleted by the cloud: no volume" if known else "it no longer exists on cloud a"
    )


@pytest.mark.parametrize(("state", "booted"), [(S.BUILDING, False), (S.ACTIVE, True)])
def test_a_new_machine_may_be_shown_a_moment_later(state, booted):
    scene = Scene(a=script(None, None, S.BUILDING, S.ACTIVE))
    scene.booted = booted
    (outcome,) = scene.wait([vm(state=state)], S.ACTIVE)
    assert (outcome.status, outcome.state) == (Status.DONE, S.ACTIVE)
    scene = Scene(a=script(None, S.BUILDING, None))
    scene.booted = booted
    (outcome,) = scene.wait([vm(state=state)], S.ACTIVE)
    assert isinstance(outcome.error, NotFound)
    assert len(scene.listings) == 3, "once it was shown it does not come back"


@pytest.mark.parametrize("settling", [0.0, 25.0])
def test_a_new_machine_that_is_never_shown_fails_as_soon_as_its_cloud_should_show_it(settling):
    scene = Scene(a=script(None))
    scene.slowest_to_show = settling
    (outcome,) = scene.wait([vm()], S.ACTIVE, 600)
    assert isinstance(outcome.error, NotFound)
    assert max(10, settling) <= scene.now < max(10, settling) + 6


@pytest.mark.parametrize("rest", [S.STOPPED, S.SUSPENDED, S.PAUSED])
def test_a_machine_at_rest_is_given_a_moment_and_then_up(rest):
    scene = Scene(a=script(rest))
    (outcome,) = scene.wait([vm()], S.ACTIVE, timeout=600)
    assert isinstance(outcome.error, Conflict)
    assert str(outcome.error) == f"it is {rest}, and does not change to active"
    assert 10 <= scene.now < 20


def test_a_cloud_that_shows_the_old_state_for_a_moment_is_believed_later():
    scene = Scene(a=script(*[S.STOPPED] * 6, S.STARTING, *[S.STOPPED] * 3, S.ACTIVE))
    assert scene.wait([vm()], S.ACTIVE, timeout=600).exit_code == 0
    assert scene.now > 10, "longer than it may rest, were it not for the moment of starting"


def test_a_running_machine_may_stop_by_itself_at_any_time():
    scene = Scene(a=script(*[S.ACTIVE] * 15, S.STOPPED))
    assert scene.wait([vm(state=S.ACTIVE)], S.STOPPED, timeout=600).exit_code == 0
    assert scene.now > 30


@pytest.mark.parametrize(
    "error",
    [Refused("never"), CredentialsError("who are you"), ProviderDefect("bug"), TlsFailure("someone else")],
)
def test_a_listing_that_cannot_work_fails_its_cloud_at_once_and_no_other(error):
    scene = Scene(a=script(error), b=[[vm("vm2", cloud="b")], [vm("vm2", S.ACTIVE, "b")]])
    first, second = scene.wait([vm(), vm("vm2", cloud="b")], S.ACTIVE)
    assert first.status is Status.FAILED
    assert first.seconds == 0
    assert second.status is Status.DONE
    assert (len(scene.times("a")), len(scene.times("b"))) == (1, 2)


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
        assert (wanted is S.DELETED and seen[-1] is None) or seen[-1].counts_as(wanted)
        assert outcome.state.counts_as(wanted)
    else:
        assert wanted not in seen[:-1]
        assert str(outcome.error)


def test_a_broken_machine_that_is_deleted_may_show_its_error_only_for_a_moment():
    scene = Scene(a=script(S.ERROR))
    assert scene.wait([vm(state=S.DELETING)], S.DELETED, timeout=600).exit_code == 1
    assert scene.now < 20


def test_each_machine_may_be_waited_for_in_a_state_of_its_own():
    shown = [vm("vm1", S.ACTIVE), vm("vm2", S.STOPPED)]
    result = Scene(a=[shown]).wait([vm("vm1"), vm("vm2", S.STOPPING)], S.ACTIVE, states=[S.ACTIVE, S.STOPPED])
    assert result.exit_code == 0


@pytest.mark.parametrize(("last", "reason"), [("10.0.0.1", None), ("", "it has no address and never will")])
def test_another_condition_than_a_state_may_be_waited_for(last, reason):
    shown = [[vm(state=S.ACTIVE)], [vm(state=S.ACTIVE, public_ips=(last,))]]

    def has_address(machine):
        return bool(machine.public_ips[0]) or reason if machine.public_ips else False

    (outcome,) = Scene(a=shown).wait([vm()], S.ACTIVE, condition=has_address)
    assert (str(outcome.error) if outcome.error else None) == reason
    assert len(outcome.machine.public_ips) == 1


def test_a_slow_cloud_holds_no_other_back():
    both = [vm(), vm("vm2", cloud="b")]
    scene = Scene(a=[50, *script(S.ACTIVE)], b=[[both[1]], [both[1]], [replace(both[1], state=S.ACTIVE)]])
    slow, quick = scene.wait(both, S.ACTIVE)
    assert (slow.status, slow.seconds) == (Status.DONE, 50)
    assert (quick.status, quick.seconds) == (Status.DONE, pytest.approx(0.5))
    assert (len(scene.times("a")), len(scene.times("b"))) == (1, 3)


def test_a_cloud_that_hangs_is_not_asked_again_and_ends_at_the_timeout():
    both = [vm(), vm("vm2", cloud="b")]
    scene = Scene(a=[10**9, *script(S.ACTIVE)], b=[[replace(both[1], state=S.ACTIVE)]])
    hanging, other = scene.wait(both, S.ACTIVE, 30)
    assert other.succeeded
    assert (
        str(hanging.error) == "it is still building after 30 seconds; cloud a has not answered for 30 seconds"
    )
    assert len(scene.times("a")) == 1
    assert scene.now == 30


def test_a_cloud_is_left_in_peace_for_as_long_as_it_takes_to_answer():
    scene = Scene(a=[step for _ in range(9) for step in (8, [vm()])] + script(S.ACTIVE))
    assert scene.wait([vm()], S.ACTIVE, 600).exit_code == 0
    assert all(later - before >= 16 for before, later in itertools.pairwise(scene.times()))


def test_a_last_listing_is_not_begun_when_it_cannot_be_answered_in_time():
    scene = Scene(a=[step for _ in range(9) for step in (8, [vm()])])
    scene.wait([vm()], S.ACTIVE, 20)
    assert scene.times() == [0, 8], "at 16 it would be too late"
    scene = Scene(a=[step for _ in range(9) for step in (2, [vm()])])
    scene.wait([vm()], S.ACTIVE, 20)
    assert scene.times()[-1] == 16, "so early that its answer is in time"


@pytest.mark.parametrize("kind", [RateLimited, OutOfService])
def test_a_cloud_that_says_when_to_come_again_is_heard(kind):
    error = kind("slower")
    error.retry_after = 20.0
    scene = Scene(a=script(error, S.ACTIVE))
    assert scene.wait([vm()], S.ACTIVE).exit_code == 0
    assert scene.times() == [0, 20]


def test_the_watch_is_told_how_far_each_cloud_has_come():
    told = []
    both = [vm(), vm("vm2", S.ACTIVE), vm("vm3", cloud="b")]
    scene = Scene(
        a=[both[:2], [replace(both[0], state=S.ERROR), both[1]]], b=[[replace(both[2], state=S.ACTIVE)]]
    )
    scene.wait(both, S.ACTIVE, watch=lambda what, tallies: told.append((what, tallies)))
    assert {what for what, _ in told} == {"wait"}
    told = [(what, [each._replace(left=0) for each in clouds]) for what, clouds in told]
    assert told[0][1] == [CloudProgress("a", 2, 0, 0, 2), CloudProgress("b", 1, 0, 0, 1)]
    assert told[-1][1] == [CloudProgress("a", 2, 1, 1, 0), CloudProgress("b", 1, 1, 0, 0)]


def test_what_nobody_foresaw_is_not_hidden_in_a_thread():
    with pytest.raises(ZeroDivisionError):
        Scene(a=[ZeroDivisionError()]).wait([vm()], S.ACTIVE)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 20), st.sampled_from([*State, None])), min_size=1, max_size=20),
    st.floats(0.01, 60),
)
def test_whatever_a_cloud_takes_the_wait_ends_in_time_with_few_listings(steps, timeout):
    listings = [each for takes, state in steps for each in (takes, script(state)[0])]
    scene = Scene(a=listings)
    scene.wait([vm()], S.ACTIVE, timeout)
    assert scene.now <= timeout + 0.001
    ticks = [later - before for before, later in itertools.pairwise(scene.times())]
    assert all(tick >= 0.19 for tick in ticks[:-2])


class Clouds:
    """Real threads and a real session, with clouds that hang until they are told to answer."""

    def __init__(self, monkeypatch, config):
        self.config = config
        self.free = threading.Event()
        self.hanging = threading.Event()
        clouds = self

        class Cloud:
            left_out = ()

            def __init__(self, name, config):
                self.name = name

            def __enter__(self):
                return self

            def __exit__(self, *_):
                pass

            def machines(self):
                clouds.hanging.set()
                clouds.free.wait(60)
                return [vm(state=S.ACTIVE)]

        monkeypatch.setattr("cloudmesh.vm.waiting.poller.Cloud", Cloud)

    def unresolved(self, clouds):
        return {}


@pytest.fixture
def hung(monkeypatch):
    clouds = Clouds(monkeypatch, None)
    yield clouds
    clouds.free.set()


def test_the_timeout_is_kept_while_a_cloud_hangs(hung):
    (outcome,) = Waiter(hung, S.ACTIVE, 0.3).wait([vm()])
    assert isinstance(outcome.error, CloudTimeout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_answered_at_once_while_a_cloud_hangs(hung, number):
    def interrupt():
        hung.hanging.wait(60)
        signal.pthread_kill(threading.main_thread().ident, number)

    threading.Thread(target=interrupt).start()
    result = Waiter(hung, S.ACTIVE, 60).wait([vm()])
    assert (result[0].status, result.exit_code) == (Status.INTERRUPTED, 130)
    assert not hung.free.is_set()


def test_the_threads_end_with_the_waiting(hung):
    hung.free.set()
    before = set(threading.enumerate())
    assert Waiter(hung, S.ACTIVE, 60).wait([vm()]).exit_code == 0
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()


def test_a_cloud_without_its_secret_fails_alone(hung):
    hung.unresolved = lambda clouds: {"b": ConfigError("its password is missing")}
    hung.free.set()
    first, second = Waiter(hung, S.ACTIVE, 60).wait([vm(), vm("vm2", cloud="b")])
    assert first.succeeded
    assert str(second.error) == "its password is missing"


def test_no_more_listings_than_ticks(boot, spy):
    boot("web[1-3]", "a")
    boot("db[1-3]", "b")
    with Machines("web[1-3],db[1-3]", ["a", "b"]) as machines:
        spy.taken()
        assert machines.wait("active").exit_code == 0
    assert sorted(spy.taken()) == [("a", "machines", ""), ("b", "machines", "")]


def test_each_cloud_is_waited_for_as_long_as_its_site_needs():
    building = [vm(cloud="b")]
    scene = Scene(a=script(S.BUILDING), b=[*[building] * 60, [vm(cloud="b", state=S.ACTIVE)]], c=[[]])
    scene.patience = {"a": 20.0, "b": 1200.0}
    told = []
    late, arrived = scene.wait(
        [vm(), *building], S.ACTIVE, timeout=None, watch=lambda _, clouds: told.append((scene.now, *clouds))
    )
    assert str(late.error) == "it is still building after 20 seconds"
    assert arrived.succeeded and 200 < scene.now < 1200
    assert max(scene.times("a")) <= 20, "nobody asks any more"
    assert {each.left for seconds, each, _ in told if seconds == 0} == {20.0}
    assert {round(seconds + each.left) for seconds, _, each in told[:-1]} == {1200}


def test_without_a_word_of_the_site_ten_minutes_are_waited():
    scene = Scene(a=script(S.BUILDING))
    (late,) = scene.wait([vm()], S.ACTIVE, timeout=None)
    assert str(late.error) == "it is still building after 10 minutes" and scene.now == 600


def test_the_patience_of_a_cloud_is_configured_and_an_option_goes_before_it(configure, cms):
    slow = {"boot_seconds": 60, "wait_timeout": "0.2s"}
    configure({"a": slow})
    code, shown, _ = cms("boot vm1 --wait")
    assert code == 1 and "it is still building after 0.2 seconds" in shown
    assert "after 0.1 seconds" in cms("wait vm1 --state=active --timeout=0.1")[1]
    with Cloud("a") as cloud, pytest.raises(CloudTimeout, match="still building after 0.2 seconds"):
        cloud.boot("vm2", wait=True)
    configure({"a": {**slow, "wait_timeout": "soon"}})
    code, _, told = cms("boot vm3 --wait")
    assert code == 3 and "clouds.a.wait_timeout must be a duration" in told
    assert "vm3" not in cms("list --refresh")[1], "nothing was done"
