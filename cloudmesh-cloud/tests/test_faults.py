"""Faults on request: they come where they are asked for, the same for each seed, and nowhere else."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.cloud import errors
from cloudmesh.cloud.model.records import Flavor, Image, State
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.plugin.errors import ConfigError

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGEga2V5IG9mIHRoZSBjb25mb3JtYW5jZSBzdWl0ZSEh me"
# After these nobody can know whether the work was done.
LOST = ("timeout", "reset", "server", "malformed")


def boot(cloud, name):
    image = Image(cloud.name, "debian-12", "image-debian-12")
    return cloud.boot(BootRequest(name, image, Flavor(cloud.name, "tiny", "flavor-tiny")))


def fails(call, *args):
    try:
        answer = call(*args)
        if isinstance(answer, Iterator):
            list(answer)
    except (errors.CloudError, ConfigError):
        return True
    return False


def key_faults(cloud, wanted):
    found = {}
    for name in wanted:
        try:
            cloud.delete_key(name)
        except errors.Unreachable:
            found.setdefault(name, []).append(True)
        except errors.CloudError:
            found.setdefault(name, []).append(False)
    return found


def test_one_seed_gives_one_sequence_and_another_seed_another(provider):
    wanted = [f"vm{number}" for number in range(10)] * 5
    one = key_faults(provider("one", failure_rate=0.5, fault_seed=7), wanted)
    same = key_faults(provider("same", failure_rate=0.5, fault_seed=7), wanted)
    other = key_faults(provider("other", failure_rate=0.5, fault_seed=8), wanted)
    assert one == same
    assert one != other
    assert any(len(set(each)) > 1 for each in one.values()), "a machine fails now and then"
    share = sum(map(sum, one.values())) / len(wanted)
    assert 0.2 < share < 0.8
    assert len({tuple(each) for each in one.values()}) > 1, "each machine has a sequence of its own"


def test_the_share_of_failures_is_the_rate(provider):
    wanted = [f"vm{number}" for number in range(200)]
    for rate in (0.1, 0.7):
        found = key_faults(provider(f"rate{rate}", failure_rate=rate), wanted)
        assert abs(sum(map(sum, found.values())) / len(wanted) - rate) < 0.1


@settings(max_examples=8, deadline=None)
@given(order=st.permutations([f"vm{number}" for number in range(4)] * 3))
def test_the_faults_of_a_machine_do_not_depend_on_the_calls_for_others(order, tmp_path_factory):
    def run(wanted):
        file = tmp_path_factory.mktemp("world") / "sim.db"
        with SimulatedProvider("sim", {"file": str(file), "failure_rate": 0.5, "fault_seed": 3}) as cloud:
            return key_faults(cloud, wanted)

    assert run(order) == run(sorted(order))


@pytest.mark.parametrize(("rate", "failed"), [(0, False), (1, True)])
def test_a_rate_of_zero_never_fails_and_of_one_always(provider, rate, failed):
    cloud = provider(failure_rate=rate)
    assert [fails(cloud.machines) for _ in range(20)] == [failed] * 20


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("unreachable", errors.Unreachable),
        ("refused", errors.Refused),
        ("conflict", errors.Conflict),
        ("quota", errors.QuotaExceeded),
        ("capacity", errors.NoCapacity),
        ("rate", errors.RateLimited),
        ("tls", errors.TlsFailure),
        ("timeout", errors.CloudTimeout),
        ("reset", errors.Unreachable),
        ("server", errors.ServerFailure),
        ("malformed", errors.BadAnswer),
        ("credentials", errors.CredentialsError),
    ],
)
def test_each_kind_of_fault_is_its_error_and_says_it_was_asked_for(provider, kind, error):
    cloud = provider(fail={"verb": "boot", "names": "vm1", "error": kind})
    with pytest.raises(error, match=r"cloud sim: boot vm1 failed: .* \(simulated fault") as caught:
        boot(cloud, "vm1")
    assert type(caught.value) is error
    assert caught.value.outcome_unknown is (kind in LOST)
    assert list(cloud.machines()) == []


@pytest.mark.parametrize("kind", LOST)
def test_an_answer_is_lost_after_the_work_was_done(provider, kind):
    rules = [
        {"verb": verb, "error": kind, "after": True} for verb in ("boot", "metadata", "add_key", "delete")
    ]
    cloud = provider(boot_seconds=0, fail=rules)
    with pytest.raises(errors.CloudError) as caught:
        boot(cloud, "vm1")
    assert caught.value.outcome_unknown
    (machine,) = cloud.machines()
    with pytest.raises(errors.CloudError):
        cloud.set_metadata(machine.cloud_id, {"a": "b"})
    assert cloud.machine(machine.cloud_id).metadata == {"a": "b"}
    with pytest.raises(errors.CloudError):
        cloud.add_key("k", PUBLIC_KEY)
    assert [each.name for each in cloud.key_pairs()] == ["k"]
    with pytest.raises(errors.CloudError):
        cloud.delete(machine.cloud_id)
    assert cloud.machine(machine.cloud_id).state is State.DELETING


def test_what_is_refused_is_refused_though_its_answer_were_to_be_lost(provider):
    cloud = provider(fail={"verb": "delete", "error": "reset", "after": True})
    with pytest.raises(errors.NotFound):
        cloud.delete("sim-000001")


def test_a_rule_is_for_its_verb_alone(provider):
    cloud = provider(boot_seconds=0, fail={"verb": "stop"})
    machine = boot(cloud, "vm1")
    assert fails(cloud.stop, machine.cloud_id)
    assert cloud.machine(machine.cloud_id).state is State.ACTIVE
    assert not fails(cloud.suspend, machine.cloud_id)


@pytest.mark.parametrize(
    ("rule", "hit", "spared"),
    [
        ("web[02-03]", ["web02", "web03"], ["web01", "web2", "db02"]),
        ("web*", ["web", "web9"], ["db1"]),
        ("web1,db?", ["web1", "db7"], ["web2", "db10"]),
        (["web1", "db1"], ["web1", "db1"], ["web2"]),
        ("*", ["anything"], []),
    ],
)
def test_a_rule_is_for_its_names_alone(provider, rule, hit, spared):
    cloud = provider(fail={"verb": "boot", "names": rule})
    assert [name for name in [*hit, *spared] if fails(boot, cloud, name)] == hit


def test_a_rule_with_times_fails_so_often_for_each_machine_over_all_connections(provider):
    cloud = provider(fail={"verb": "delete_key", "times": 2})
    order = ["a", "b", "a", "a", "b", "b", "b"]
    assert key_faults(cloud, order) == {"a": [True, True, False], "b": [True, True, False, False]}
    first, second = (provider(fail={"verb": "machines", "times": 2}) for _ in range(2))
    assert [fails(cloud.machines) for cloud in (first, second, first, second)] == [True, True, False, False]


def test_of_several_rules_the_first_that_applies_counts(provider):
    rules = [{"verb": "boot", "names": "db*", "error": "quota"}, {"verb": "boot", "error": "refused"}]
    cloud = provider(fail=rules)
    with pytest.raises(errors.QuotaExceeded):
        boot(cloud, "db1")
    with pytest.raises(errors.Refused) as caught:
        boot(cloud, "web1")
    assert type(caught.value) is errors.Refused


def test_a_boot_or_a_verb_with_a_fault_ends_in_error_in_its_time(provider, clock):
    rules = [{"verb": "boot", "names": "bad", "error": "fault"}, {"verb": "suspend", "error": "fault"}]
    cloud = provider(boot_seconds=5, action_seconds=1, fail=rules)
    bad, good = boot(cloud, "bad"), boot(cloud, "good")
    assert (bad.state, good.state) == (State.BUILDING, State.BUILDING)
    clock.forward(5)
    bad, good = cloud.machines()
    assert (bad.state, good.state) == (State.ERROR, State.ACTIVE)
    assert "simulated fault" in bad.fault
    assert good.fault == ""
    cloud.suspend(good.cloud_id)
    assert cloud.machine(good.cloud_id).state is State.SUSPENDING
    clock.forward(1)
    assert cloud.machine(good.cloud_id).state is State.ERROR


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("boot_seconds", -1, "is not a duration; use 10s, 5m, 1h, or a number of seconds"),
        ("boot_seconds", "soon", "is not a duration"),
        ("action_seconds", float("nan"), "is not a duration"),
        ("latency_seconds", float("inf"), "is not a duration"),
        ("latency_seconds", True, "is not a duration"),
        ("failure_rate", "1s", "must be a number of 0 or more"),
        ("failure_rate", 1.5, "must be from 0 to 1"),
        ("fault_seed", "x", "must be a whole number"),
        ("fault_seed", 1.5, "must be a whole number"),
        ("fail", "boot", "must be {verb: ..., names: ...} or a list of these"),
        ("fail", ["boot"], "must be {verb: ..., names: ...} or a list of these"),
        ("fail", {"vreb": "boot"}, "has an unknown key 'vreb' (did you mean 'verb'?"),
        ("fail", {1: "boot"}, "has an unknown key 1"),
        ("fail", {"verb": "strat"}, "has an unknown verb 'strat' (did you mean 'start'?"),
        ("fail", {"verb": ["start"]}, "has an unknown verb ['start']"),
        ("fail", {"error": "quotas"}, "has an unknown error 'quotas' (did you mean 'quota'?"),
        ("fail", {"names": "web[1-"}, "has names that cannot be used"),
        ("fail", {"names": ""}, "has names that cannot be used"),
        ("fail", {"times": -1}, "needs a whole number of 0 or more as times"),
        ("fail", {"times": "2"}, "needs a whole number of 0 or more as times"),
        ("fail", {"after": "yes", "error": "reset"}, "takes 'after: true' with timeout, reset, server"),
        ("fail", {"after": True, "error": "quota"}, "takes 'after: true' with timeout, reset, server"),
        ("fail", {"after": True}, "takes 'after: true' with timeout, reset, server"),
        ("fail", {"times": True}, "needs a whole number of 0 or more as times"),
        ("quota", 5, "must be a section with lines such as 'machines: 10'"),
        ("quota", {"machine": 1}, "has an unknown key 'machine' (did you mean 'machines'?"),
        ("quota", {"machines": -1}, "needs a whole number of 0 or more as machines"),
        ("quota", {"machines": "ten"}, "needs a whole number of 0 or more as machines"),
        ("quota", {"ram": True}, "needs a whole number of 0 or more as ram"),
        ("file", 7, "must be the path of a file"),
        ("file", "~nobody-of-this-name/x.db", "begins with the home of an unknown user"),
    ],
)
def test_a_bad_setting_is_one_sentence_that_says_where(home, key, value, words):
    with pytest.raises(ConfigError) as caught:
        SimulatedProvider("uc", {key: value})
    message = str(caught.value)
    assert message.startswith(f"clouds.uc.{key} {words}")
    command = "config edit" if key in ("fail", "quota") else f"config set clouds.uc.{key}=VALUE"
    assert message.endswith(f"cms {command}")
    assert "\n" not in message


def test_without_settings_the_file_is_among_the_machines_of_the_home(home):
    with SimulatedProvider("uc", {}) as cloud:
        assert str(home / "machines" / "simulated-uc.db") in cloud.check()
    assert (home / "machines" / "simulated-uc.db").exists()
