"""Several machines made by one call of RunInstances, on moto: all of them, each with its name, and once."""

import base64
import re
from collections import Counter

import pytest

from cloudmesh.cloud import errors
from cloudmesh.cloud.model.records import Flavor
from cloudmesh.cloud.provider.boot import TOKEN_KEY, BootRequest, new_token

pytestmark = pytest.mark.slow

REFUSED = "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors></Response>"
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


@pytest.mark.parametrize(("code", "calls"), [("RequestLimitExceeded", 5), ("InvalidInstanceID.NotFound", 5)])
def test_only_the_naming_is_tried_again(provider, requests_for, gate, code, calls):
    gate.refuse("CreateTags", code)
    assert [each.name for each in provider.boot_many(requests_for())] == NAMES == names(provider)
    assert gate.taken() == {"RunInstances": 1, "CreateTags": calls, "DescribeInstances": 1, "DeleteTags": 1}


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "InvalidInstanceID.NotFound", "Odd"])
def test_one_that_cannot_be_named_is_told_with_its_id(provider, requests_for, gate, monkeypatch, code):
    """No call that might make more machines is made again by itself, but whoever goes on names it."""
    monkeypatch.setattr(type(provider), "naming_seconds", 0.0)
    gate.answers["CreateTags"] = [(), (400, REFUSED.format(code, "no"))]
    wanted = requests_for()
    first, second, _, _ = provider.boot_many(wanted)
    assert first.name == "web1"
    assert isinstance(second, errors.Refused) and second.outcome_unknown and not errors.is_transient(second)
    ids = {machine.name: machine.cloud_id for machine in provider.machines()}
    assert re.match(r"web2 was booted on cloud aws as (i-\w+), .*cms vm rename \1 web2", str(second))
    assert len(ids) == 4 and any(cloud_id in str(second) for cloud_id in ids.values())
    assert [each.name for each in provider.boot_many(wanted, maybe_done=True)] == NAMES == names(provider)
    assert gate.taken()["RunInstances"] == 1


@pytest.mark.parametrize("maybe_done", [False, True])
def test_machines_that_are_shown_a_moment_later(provider, requests_for, lose_boot, gate, maybe_done):
    gate.lag = 1.5
    wanted = lose_boot() if maybe_done else requests_for()
    assert [each.name for each in provider.boot_many(wanted, maybe_done)] == NAMES
    assert gate.taken()["RunInstances"] == 1
    assert names(provider) == NAMES


def test_a_group_of_which_only_a_part_is_shown_is_not_made_twice(provider, lose_boot, gate, monkeypatch):
    """However often and in whatever company its machines are asked for."""
    monkeypatch.setattr(type(provider), "naming_seconds", 0.0)
    wanted = lose_boot()
    made = provider.query.send("DescribeInstances")["reservationSet"][0]["instancesSet"]
    first, *others = [each["instanceId"] for each in sorted(made, key=lambda each: each["amiLaunchIndex"])]
    gate.hidden.update(others)
    for _ in range(2):
        shown, *missing = provider.boot_many(wanted, maybe_done=True)
        assert shown.cloud_id == first
        assert all(each.outcome_unknown and "not listed" in str(each) for each in missing)
    assert all(each.outcome_unknown for each in provider.boot_many(wanted[2:], maybe_done=True))
    with pytest.raises(errors.Refused, match="web2 .* not listed") as caught:
        provider.find_booted(wanted[1])
    assert caught.value.outcome_unknown
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
