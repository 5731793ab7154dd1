"""What changes nothing is asked for again after an error that may pass; nothing else ever is."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.cloud import errors as kinds
from cloudmesh.cloud.cli import checking
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.client.connection import Connection, RetryingReader
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import VERBS
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.provider.retry import ONCE, READS, ReadRetry

PASSING = [
    kinds.Unreachable("nobody listens"),
    kinds.Unreachable("it broke off", outcome_unknown=True),
    kinds.CloudTimeout("late"),
    kinds.BadAnswer("half"),
    kinds.RateLimited("slowly"),
    kinds.ServerFailure("oops"),
]
LASTING = [
    kinds.CredentialsError("who are you"),
    kinds.EndpointError("no such region"),
    kinds.TlsFailure("not the cloud"),
    kinds.NotFound("gone"),
    kinds.Unsupported("cannot"),
    kinds.QuotaExceeded("full"),
    kinds.ProviderDefect("odd"),
]
CALLS = {
    "machines": lambda cloud: cloud.machines(),
    "machine": lambda cloud: cloud.refresh(MachineRecord("uc", "vm1", "sim-000001", State.ACTIVE)),
    "check": lambda cloud: cloud.check(),
    "images": lambda cloud: cloud.images(),
    "flavors": lambda cloud: cloud.flavors(),
    "key_pairs": lambda cloud: cloud.key_pairs(),
    "quotas": lambda cloud: cloud.quotas(),
    "networks": lambda cloud: cloud.networks(),
    "security_groups": lambda cloud: cloud.security_groups(),
    "floating_ips": lambda cloud: cloud.floating_ips(),
}


class Time:
    """Passes only by sleeping."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def patience(self, **more):
        return ReadRetry(sleep=self.sleep, clock=lambda: self.now, **more)


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def uc(configure, spy, time):
    with Cloud("uc", configure({"uc": {}})) as cloud:
        cloud.boot("vm1")
        cloud.read_retry = time.patience()
        spy.taken()
        yield cloud


def failing(monkeypatch, cloud, method, *errors):
    """The method fails with these first; what is called of it is counted."""
    left, original, calls = list(errors), getattr(type(cloud.provider), method), []

    def call(self, *words):
        calls.append(method)
        if left:
            raise left.pop(0)
        return original(self, *words)

    monkeypatch.setattr(type(cloud.provider), method, call)
    return calls


@pytest.mark.parametrize("name", CALLS)
def test_a_read_is_tried_again_until_it_goes_well(uc, monkeypatch, time, name):
    expected = CALLS[name](uc)
    calls = failing(monkeypatch, uc, name, *PASSING[:4])
    assert CALLS[name](uc) == expected
    assert len(calls) == 5 and len(time.slept) == 4
    assert all(0 <= each <= most for each, most in zip(time.slept, (0.3, 0.6, 1.2, 2.4), strict=True))


@pytest.mark.parametrize("error", PASSING, ids=str)
def test_the_last_error_is_told_as_it_is(uc, monkeypatch, error):
    calls = failing(monkeypatch, uc, "images", *[kinds.Unreachable("first")] * 4, error)
    with pytest.raises(type(error)) as caught:
        uc.images()
    assert caught.value is error and len(calls) == 5
    assert not caught.value.outcome_unknown, "nothing was to be done"


@pytest.mark.parametrize("error", LASTING, ids=str)
def test_what_does_not_pass_is_told_at_once(uc, monkeypatch, time, error):
    calls = failing(monkeypatch, uc, "machines", error)
    with pytest.raises(type(error)):
        uc.machines()
    assert len(calls) == 1 and time.slept == []


@pytest.mark.parametrize("name", sorted(VERBS))
def test_no_verb_is_ever_called_twice(uc, monkeypatch, name):
    verb = VERBS[name]
    calls = failing(monkeypatch, uc, verb.call, *[kinds.Unreachable("nobody listens")] * 9)
    with pytest.raises(kinds.Unreachable):
        getattr(uc.connection.calls, verb.call)("sim-000001")
    assert len(calls) == 1


def test_all_that_is_asked_for_again_is_known_to_change_nothing():
    """Whoever adds a method to the interface must say on which side it is."""
    changes = {
        *(verb.call for verb in VERBS.values()),
        *("act", "boot", "act_many", "boot_many", "add_key", "delete_key", "add_image", "delete_image"),
        *("create_security_group", "delete_security_group", "add_rule", "remove_rule"),
        *("create_floating_ip", "delete_floating_ip", "attach_floating_ip", "detach_floating_ip"),
        *("create_lease", "extend_lease", "delete_lease"),
    }
    # None of these asks the cloud for anything.
    neither = {"set_up", "open", "close", "most", "readable", "twin", "wants_address"}
    neither |= {"has_token", "sign_in_with"}
    methods = {
        name for name, _ in inspect.getmembers(Provider, inspect.isfunction) if not name.startswith("_")
    }
    assert methods >= READS and not READS & changes
    assert methods - READS - changes - neither == set()


def test_the_cloud_says_when_to_come_again(uc, monkeypatch, time):
    failing(monkeypatch, uc, "images", kinds.RateLimited("slowly", 17.0), kinds.RateLimited("slowly", 30.0))
    assert uc.images()
    assert [int(each) for each in time.slept] == [17, 30]


def test_nobody_waits_longer_than_a_minute_because_the_cloud_says_so(uc, monkeypatch, time):
    calls = failing(monkeypatch, uc, "images", *[kinds.RateLimited("slowly", 25.0)] * 5)
    with pytest.raises(kinds.RateLimited):
        uc.images()
    assert len(calls) == 3 and time.now < 60
    monkeypatch.undo()
    uc.read_retry = time.patience()
    calls = failing(monkeypatch, uc, "images", kinds.RateLimited("slowly", 3600.0))
    with pytest.raises(kinds.RateLimited):
        uc.images()
    assert len(calls) == 1


@pytest.mark.parametrize(("seconds", "asked"), [(10.0, 2), (60.0, 1)])
def test_a_cloud_that_takes_its_time_to_fail_is_not_asked_for_long(uc, monkeypatch, time, seconds, asked):
    """Ten seconds until a connection is given up, and a minute until an answer is."""
    calls = []

    def late(self):
        time.now += seconds
        calls.append(seconds)
        raise kinds.CloudTimeout("late")

    monkeypatch.setattr(type(uc.provider), "images", late)
    with pytest.raises(kinds.CloudTimeout):
        uc.images()
    assert len(calls) == asked


@given(failures=st.lists(st.sampled_from(PASSING + LASTING), max_size=8), attempts=st.integers(1, 6))
def test_the_first_good_answer_or_lasting_error_ends_it(failures, attempts):
    left, calls = list(failures), []

    def call():
        calls.append(1)
        if left:
            raise left.pop(0)
        return "well"

    time = Time()
    expected = next((number for number, each in enumerate(failures, 1) if each in LASTING), len(failures) + 1)
    try:
        assert time.patience(attempts=attempts).call(call) == "well"
        assert len(calls) == len(failures) + 1 <= attempts
    except kinds.CLOUD_ERRORS as error:
        assert error is failures[len(calls) - 1]
    assert len(calls) == min(expected, attempts) and len(time.slept) == len(calls) - 1
    assert time.now <= 20


def test_ctrl_c_is_no_error_to_try_again_after(uc, monkeypatch):
    calls = failing(monkeypatch, uc, "machines", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        uc.machines()
    assert len(calls) == 1


class Pages:
    """A provider whose listing breaks off after so many machines, each time it is asked."""

    def __init__(self, many, breaks):
        self.many = many
        self.breaks = list(breaks)
        self.asked = 0

    def machines(self):
        self.asked += 1
        after = self.breaks.pop(0) if self.breaks else self.many
        for number in range(self.many):
            if number == after:
                raise kinds.Unreachable("it broke off")
            yield MachineRecord("uc", f"vm{number}", f"id{number}", State.ACTIVE)


@given(many=st.integers(0, 12), breaks=st.lists(st.integers(0, 11), max_size=4))
def test_a_listing_that_breaks_off_is_begun_again_and_tells_each_machine_once(many, breaks):
    provider = Pages(many, breaks)
    listed = list(RetryingReader(provider, Time().patience()).machines())
    assert [each.cloud_id for each in listed] == [f"id{number}" for number in range(many)]


def test_a_listing_that_always_breaks_off_is_an_error_and_no_short_list():
    provider, listed = Pages(10, [4] * 20), []
    with pytest.raises(kinds.Unreachable):
        for machine in RetryingReader(provider, Time().patience()).machines():
            listed.append(machine)
    assert len(listed) == 4 and provider.asked == 5


def test_a_listing_that_nobody_reads_to_its_end_is_left():
    provider = Pages(10, [])
    listing = RetryingReader(provider, Time().patience()).machines()
    assert next(listing).cloud_id == "id0"
    listing.close()
    assert list(listing) == [] and provider.asked == 1


def test_a_broken_listing_is_written_down_whole(uc, monkeypatch):
    for number in range(2, 6):
        uc.boot(f"vm{number}")
    original, asked = type(uc.provider).machines, []

    def breaking(self):
        asked.append(1)
        for number, machine in enumerate(original(self)):
            if len(asked) < 3 and number == 2:
                raise kinds.Unreachable("it broke off")
            yield machine

    monkeypatch.setattr(type(uc.provider), "machines", breaking)
    assert len(uc.machines()) == len(uc.inventory.known("uc")) == 5 and len(asked) == 3


def test_a_boot_whose_answer_is_lost_is_looked_for_with_patience(uc, monkeypatch):
    calls = failing(monkeypatch, uc, "find_booted", *PASSING[:3])
    boots = failing(monkeypatch, uc, "boot", kinds.Unreachable("it broke off", outcome_unknown=True))
    uc.boot("vm2")
    assert len(calls) == 4 and len(boots) == 2


def test_who_wants_to_know_how_it_is_now_is_told_at_once(uc, monkeypatch, time):
    calls = failing(monkeypatch, uc, "machines", *PASSING)
    uc.read_retry = ONCE
    with pytest.raises(kinds.Unreachable):
        uc.machines()
    assert len(calls) == 1 and time.slept == []


def test_a_check_asks_once(configure, spy, monkeypatch):
    config = configure({"uc": {}})
    monkeypatch.setattr(Connection, "read_retry", Time().patience())
    spy.trouble["uc", "check"] = kinds.Unreachable("nobody listens")
    answer = checking.check_clouds(config, ["uc"])
    assert answer.exit_code == 4 and spy.taken() == ["check"]
