"""Several machines made by one call of RunInstances, on moto: all of them, each with its name, and once."""

from __future__ import annotations

import base64
from collections import Counter

import pytest

from cloudmesh.cloud import errors
from cloudmesh.cloud.model.records import Flavor, MachineRecord
from cloudmesh.cloud.provider.boot import TOKEN_KEY, BootRequest, new_token

pytestmark = pytest.mark.slow

NAMES = [f"web{number}" for number in range(1, 5)]


@pytest.fixture
def requests_for(provider, gate):
    """Requests alike but for names, tokens and what is given by name."""
    flavor, image = Flavor("aws", "t3.nano", "t3.nano"), provider.images()[0]
    gate.taken()

    def make(names=NAMES, own=None, **more):
        return [
            BootRequest(name, image, flavor, token=new_token(), metadata=(own or {}).get(name, {}), **more)
            for name in names
        ]

    return make


@pytest.fixture
def lose_boot(provider, requests_for, gate):
    """Boots machines by a call whose answer is lost; gives its requests."""

    def lose(**more):
        gate.lose("RunInstances")
        wanted = requests_for(**more)
        with pytest.raises(errors.Unreachable) as caught:
            provider.boot_many(wanted)
        assert caught.value.outcome_unknown
        return wanted

    return lose


def names(provider):
    return sorted(machine.name for machine in provider.machines())


def tags(provider):
    """All keys of tags that are on machines."""
    answer = provider.query.send("DescribeTags")
    return Counter(each["key"] for each in answer["tagSet"]) if answer.get("tagSet") else Counter()


def test_one_call_makes_them_and_one_each_names_them(provider, requests_for, gate):
    made = provider.boot_many(requests_for())
    assert gate.taken() == {"RunInstances": 1, "CreateTags": 4, "DeleteTags": 1}
    assert [machine.name for machine in made] == NAMES == names(provider)
    assert tags(provider) == {"Name": 4, TOKEN_KEY: 4}
    assert all(machine.metadata == {} for machine in provider.machines())


def test_what_is_sent(provider, requests_for, gate):
    own = {name: {"all": "x", "name": name} for name in NAMES}
    provider.boot_many(requests_for(own=own, userdata="#cloud-config\npassword: hush", public=True))
    method, path, sent = next(each for each in gate.sent if each[2]["Action"] == "RunInstances")
    assert method == "POST" and "UserData" not in path
    assert base64.b64decode(sent["UserData"]) == b"#cloud-config\npassword: hush"
    assert (sent["MinCount"], sent["MaxCount"]) == ("4", "4")
    assert len(sent["ClientToken"]) == 64
    assert sent["TagSpecification.1.Tag.1.Key"] == "all"
    assert "Name" not in [value for key, value in sent.items() if key.endswith(".Key")]
    assert {each.name: each.metadata for each in provider.machines()} == own


def test_a_hundred_have_tokens_that_fit_into_tags(provider, requests_for, gate):
    many = [f"n{number}" for number in range(100)]
    made = provider.boot_many(requests_for(many))
    assert [machine.name for machine in made] == many
    sent = next(each[2] for each in gate.sent if each[2]["Action"] == "RunInstances")
    written = [value for key, value in sent.items() if key.endswith(".Value")]
    assert len(written) <= 50 and all(len(value) <= 256 for value in written)


def test_a_lost_answer_is_asked_for_again_and_makes_no_more(provider, lose_boot):
    wanted = lose_boot()
    made = provider.boot_many(wanted, maybe_done=True)
    assert [machine.name for machine in made] == NAMES == names(provider)
    assert tags(provider) == {"Name": 4, TOKEN_KEY: 4}


def test_a_lost_answer_of_a_call_that_never_arrived(provider, requests_for):
    assert [machine.name for machine in provider.boot_many(requests_for(), maybe_done=True)] == NAMES


def test_after_a_lost_answer_each_is_found_alone_and_named(provider, lose_boot):
    """As after a kill: whoever goes on knows nothing of the group."""
    wanted = lose_boot(own={"web2": {"a": "b"}})
    found = {each.name: provider.find_booted(each) for each in reversed(wanted)}
    assert {name: machine.name for name, machine in found.items()} == {name: name for name in NAMES}
    assert len({machine.cloud_id for machine in found.values()}) == 4
    assert names(provider) == NAMES
    assert {each.name: each.metadata for each in provider.machines()}["web2"] == {"a": "b"}


def test_a_token_of_another_group_finds_nothing(provider, requests_for, lose_boot):
    lose_boot()
    (other,) = requests_for(["other"])
    assert provider.find_booted(other) is None


def test_too_many_calls_end_the_naming_and_nothing_is_lost(provider, requests_for, gate):
    gate.refuse("CreateTags", "RequestLimitExceeded", status=503)
    wanted = requests_for()
    made = provider.boot_many(wanted)
    assert gate.taken()["CreateTags"] == 1
    assert [type(each) for each in made] == [errors.RateLimited] * 4
    assert all(each.outcome_unknown for each in made)
    ids = {machine.cloud_id for machine in provider.machines()}
    assert len(ids) == 4
    for error, request in zip(made, wanted, strict=True):
        assert str(error).startswith(f"{request.name} was booted on cloud aws as i-")
        assert any(cloud_id in str(error) for cloud_id in ids)
    assert [each.name for each in provider.boot_many(wanted, maybe_done=True)] == NAMES == names(provider)


def test_one_that_is_not_known_yet_is_named_later(provider, requests_for, gate):
    gate.refuse("CreateTags", "InvalidInstanceID.NotFound")
    wanted = requests_for()
    first, *others = provider.boot_many(wanted)
    assert isinstance(first, errors.CloudTimeout) and first.outcome_unknown and errors.is_transient(first)
    assert [machine.name for machine in others] == NAMES[1:]
    assert provider.find_booted(wanted[0]).name == "web1"
    assert names(provider) == NAMES


def test_one_that_must_be_there_and_is_not_shown_is_not_made_twice(provider, lose_boot, gate):
    wanted = lose_boot()
    # Of four machines EC2 shows the first.
    answer = provider.query.send("DescribeInstances")
    first = answer["reservationSet"][0]["instancesSet"][0]
    shown = (
        "<Response><reservationSet><item><instancesSet><item>"
        f"<instanceId>{first['instanceId']}</instanceId><amiLaunchIndex>0</amiLaunchIndex>"
        "<instanceState><name>running</name></instanceState><tagSet><item>"
        f"<key>{TOKEN_KEY}s-1</key><value>{' '.join(each.token for each in wanted)}</value>"
        "</item></tagSet></item></instancesSet></item></reservationSet></Response>"
    )
    nothing = "<Response><reservationSet/></Response>"
    gate.answers["DescribeInstances"] = [(200, nothing), (200, nothing), (200, shown)]
    with pytest.raises(errors.CloudTimeout, match="web3 .* not shown") as caught:
        provider.find_booted(wanted[2])
    assert caught.value.outcome_unknown
    gate.answers["DescribeInstances"] = [(200, nothing), (200, shown)]
    made = provider.boot_many(wanted, maybe_done=True)
    assert isinstance(made[0], MachineRecord)
    assert [type(each) for each in made[1:]] == [errors.CloudTimeout] * 3
    assert gate.taken()["RunInstances"] == 1


def test_a_group_of_which_only_a_part_is_shown_is_not_made_twice(provider, lose_boot, gate):
    """However often and in whatever company its machines are asked for."""
    wanted = lose_boot()
    made = provider.query.send("DescribeInstances")["reservationSet"][0]["instancesSet"]
    first, *others = [each["instanceId"] for each in sorted(made, key=lambda each: each["amiLaunchIndex"])]
    gate.hidden.update(others)
    for _ in range(2):
        shown, *missing = provider.boot_many(wanted, maybe_done=True)
        assert shown.cloud_id == first
        assert [type(each) for each in missing] == [errors.CloudTimeout] * 3
    assert [type(each) for each in provider.boot_many(wanted[2:], maybe_done=True)] == [
        errors.CloudTimeout
    ] * 2
    with pytest.raises(errors.CloudTimeout):
        provider.find_booted(wanted[1])
    gate.hidden.clear()
    assert [each.cloud_id for each in provider.boot_many(wanted, maybe_done=True)] == [first, *others]
    assert gate.taken()["RunInstances"] == 1
    assert names(provider) == NAMES
    assert tags(provider) == {"Name": 4, TOKEN_KEY: 4}


def test_what_was_deleted_meanwhile_is_told(provider, requests_for):
    wanted = requests_for()
    made = provider.boot_many(wanted)
    provider.delete(made[1].cloud_id)
    again = provider.boot_many(wanted, maybe_done=True)
    assert isinstance(again[1], errors.NotFound)
    assert [again[each].cloud_id for each in (0, 2, 3)] == [made[each].cloud_id for each in (0, 2, 3)]
    assert provider.find_booted(wanted[1]) is None


@pytest.mark.parametrize(
    ("code", "kind", "outcome_unknown"),
    [
        ("InsufficientInstanceCapacity", errors.NoCapacity, False),
        ("TagLimitExceeded", errors.QuotaExceeded, False),
        ("IdempotentParameterMismatch", errors.Conflict, True),
    ],
)
def test_a_refusal_has_made_none(provider, requests_for, gate, code, kind, outcome_unknown):
    gate.refuse("RunInstances", code)
    with pytest.raises(kind, match="boot 4 machines") as caught:
        provider.boot_many(requests_for())
    assert caught.value.outcome_unknown is outcome_unknown
