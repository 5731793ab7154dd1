"""How many calls the clouds get."""

import itertools
import json

import pytest

from cloudmesh.cloud.errors import CredentialsError

START = "POST /compute/v2.1/servers/*/action os-start"
LISTING = "GET /compute/v2.1/servers/detail"


def test_a_thousand_known_machines_are_started_by_a_thousand_calls_and_no_listing(make_fleet):
    fleet = make_fleet(2)
    fleet.add(500)
    ended = fleet.home.cms("vm", "start", "a:a[001-500],b:b[001-500]", "--output=json")
    assert ended.stderr.count("\n") < 5
    assert fleet.kinds() == {START: 1000}
    assert set(fleet.states().values()) == {"ACTIVE"}


@pytest.mark.parametrize("parallel", [32, 150])
def test_a_wrong_password_is_tried_once_however_many_machines_there_are(make_fleet, parallel):
    fleet = make_fleet(3)
    fleet.add(50)
    fleet.forget_tokens()
    wrong = fleet.stacks["c"].section()["credentials"]
    fleet.configure({"c": {"credentials": {**wrong, "OS_PASSWORD": "not-the-password"}}})
    with fleet.machines("a:a[001-050],b:b[001-050],c:c[001-050]", parallel=parallel) as ms:
        result = ms.start()
    assert {each.cloud for each in result.succeeded} == {"a", "b"} and len(result.succeeded) == 100
    assert {type(each.error) for each in result.failed} == {CredentialsError}
    assert len({str(each.error) for each in result.failed}) == 1
    assert "not-the-password" not in str(result.failed[0].error)
    assert fleet.stacks["c"].report()["kinds"] == {"POST /v3/auth/tokens": 1}, "many wrong ones lock accounts"


def test_a_password_that_became_wrong_is_tried_once_by_all_tasks_of_a_job(make_fleet):
    """The kept token is refused as well, so that each task finds out for itself."""
    fleet = make_fleet(1)
    fleet.add(300)
    fleet.tell(password="another-one", latency=0.01)
    (token,) = (fleet.home.directory / "tokens").glob("*.json")
    kept = json.loads(token.read_text())
    token.write_text(json.dumps({**kept, "text": "revoked"}))
    with fleet.machines("a[001-300]", parallel=16) as ms:
        result = ms.start()
    assert {type(each.error) for each in result.failed} == {CredentialsError} and len(result.failed) == 300
    assert fleet.kinds()["POST /v3/auth/tokens"] == 1


def test_signing_in_is_done_once_a_cloud(make_fleet):
    fleet = make_fleet(3)
    fleet.add(50)
    fleet.forget_tokens()
    with fleet.machines("a:a[001-050],b:b[001-050],c:c[001-050]") as ms:
        ms.start().raise_for_failures()
    assert fleet.kinds() == {START: 150, "POST /v3/auth/tokens": 3}


def test_waiting_lists_each_cloud_once_a_tick_and_less_and_less_often(make_fleet):
    fleet = make_fleet(3)
    fleet.add(50)
    fleet.tell(action=2)
    with fleet.machines("a:a[001-050],b:b[001-050],c:c[001-050]") as ms:
        ms.start(wait=True).raise_for_failures()
    assert set(fleet.kinds()) == {START, LISTING}
    for stack in fleet.stacks.values():
        listings = [each for each in stack.calls() if each["kind"] == LISTING]
        pauses = [after["began"] - each["ended"] for each, after in itertools.pairwise(listings)]
        assert pauses, "it takes more than a look"
        assert all(pause >= 0.2 * 1.5**number for number, pause in enumerate(pauses)), pauses


def test_no_cloud_gets_more_calls_at_once_than_it_bears(make_fleet):
    fleet = make_fleet(2)
    fleet.configure({"b": {"parallel": 2}})
    fleet.add(30)
    fleet.tell(latency=0.05)
    with fleet.machines("a:a[001-030],b:b[001-030]", parallel=8) as ms:
        ms.start().raise_for_failures()
    assert fleet.stacks["b"].report()["most"] == 2
    assert 4 < fleet.stacks["a"].report()["most"] <= 8
