"""What is asked of Nova to be told of changes, and what is made of the answer."""

import re

import pytest

from cloudmesh.cloud.client.looks import Looks
from cloudmesh.cloud.conformance.base import Around
from cloudmesh.cloud.errors import CredentialsError, Refused, ServerFailure
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.provider.retry import ReadRetry
from cloudmesh.cloud.providers.openstack.changes import OVERLAP, Mark, Told
from cloudmesh.cloud.providers.openstack.provider import _ASKED_ONE_BY_ONE

from .conftest import JSON

PLAIN = "https://nova.test/v2.1/p1/servers"
SERVERS = f"{PLAIN}/detail"
DATE = {"Date": "Mon, 30 Nov 2026 10:00:59 GMT"}
FROM_DATE = "2026-11-30T10:00:24Z"
# Half a minute before, and a second that the call may have taken.
SINCE = ("2026-11-30T10:00:28Z", "2026-11-30T10:00:29Z")


def server(number, status="ACTIVE", updated="2026-11-30T10:00:10Z", **more):
    return {"id": f"id-{number}", "name": f"vm{number}", "status": status, "updated": updated, **more}


@pytest.fixture
def nova(keystone, provider, requests_mock):
    """Lets Nova answer to the queries, one after another, and has an open provider.

    It has these servers left of those that were deleted, and finds no other one.
    """

    def make(*answers, left=()):
        gone = {"itemNotFound": {"message": "Instance could not be found.", "code": 404}}
        requests_mock.get(re.compile(f"{PLAIN}/id-"), status_code=404, headers=JSON, json=gone)
        for each in left:
            requests_mock.get(f"{PLAIN}/{each['id']}", headers=JSON, json={"server": each})
        requests_mock.get(PLAIN, headers=JSON, json={"servers": [{"id": each["id"]} for each in left]})
        told = [{"headers": {**JSON, **DATE}, "json": {"servers": []}, **each} for each in answers]
        requests_mock.get(SERVERS, told)
        made = provider()
        made.open()
        made.looks = lambda: [
            each.path.rpartition("/")[2] for each in requests_mock.request_history if "/servers" in each.path
        ]
        made.queries = lambda: [
            each.qs for each in requests_mock.request_history if each.path.endswith("detail")
        ]
        return made

    return make


def test_a_listing_says_from_when_on_changes_are_asked_for(nova):
    cloud = nova({"json": {"servers": [server(1)]}}, {"json": {"servers": [server(2)]}})
    assert cloud.mark == ""
    assert [each.name for each in cloud.machines()] == ["vm1"]
    assert cloud.mark in SINCE
    assert [each.name for each in cloud.changed_machines(cloud.mark)] == ["vm2"]
    assert cloud.mark in SINCE
    first, second = cloud.queries()
    assert "changes-since" not in first
    assert second["changes-since"][0].upper() in SINCE


@pytest.mark.parametrize(
    ("date", "updated", "since"),
    [
        ("Mon, 30 Nov 2026 10:00:59 GMT", ["2027-01-01T00:00:00Z"], [FROM_DATE]),
        ("Mon, 30 Nov 2026 10:00:59 -0000", [], [FROM_DATE]),
        ("", ["2026-11-30T10:00:10Z", "2026-11-30T10:00:59Z", None, "soon"], SINCE),
        ("yesterday", ["2026-11-30T10:00:10Z"], ["2026-11-30T09:59:59Z", "2026-11-30T10:00:00Z"]),
    ],
)
def test_the_clock_is_that_of_the_cloud_and_overlaps(date, updated, since):
    assert OVERLAP == 30
    mark = Mark()
    mark.page(Told(date, 4.5), [*({"updated": each} for each in updated), "no server"])
    mark.page(Told("Mon, 30 Nov 2026 11:00:00 GMT", 0.1), [{"updated": "2026-11-30T10:00:30Z"}])
    assert mark.text() in since


def test_where_no_time_is_told_changes_cannot_be_asked_for():
    mark = Mark()
    mark.page(Told("yesterday"), [{"updated": None}, {}])
    assert mark.text() == Mark().text() == ""


def test_where_nothing_changed_and_no_time_is_told_the_earlier_time_is_still_right(nova):
    cloud = nova({"headers": JSON}, {"headers": JSON})
    assert list(cloud.changed_machines("2026-11-30T10:00:28Z")) == []
    assert cloud.mark == "2026-11-30T10:00:28Z"
    assert list(cloud.machines()) == [] and cloud.mark == ""


def test_who_was_deleted_is_told_as_deleted_and_nobody_twice(nova):
    page = [server(1), server(2, "DELETED"), server(3, "SOFT_DELETED"), server(1, "ERROR"), {"id": "id-4"}]
    cloud = nova({"json": {"servers": page}})
    found = {each.cloud_id: each.state for each in cloud.changed_machines("2026-11-30T10:00:00Z")}
    assert found == {"id-1": State.ACTIVE, "id-2": State.DELETED, "id-3": State.DELETED}
    assert [each.cloud_id for each in cloud.left_out] == ["id-4"]


@pytest.mark.parametrize("count", [1, _ASKED_ONE_BY_ONE, _ASKED_ONE_BY_ONE + 1, 50])
def test_a_server_that_nova_still_finds_is_not_gone_yet(nova, count):
    """Its status is DELETED before what it used is given back; it was seen to stay so where that failed."""
    page = [server(number, "DELETED") for number in range(2 * count)]
    left = page[:count]
    cloud = nova({"json": {"servers": page}}, {"json": {"servers": page}}, left=left)
    for _ in range(2):
        told = list(cloud.changed_machines("2026-11-30T10:00:00Z"))
        assert [each.state for each in told] == [State.DELETING] * count + [State.DELETED] * count
    again = ["servers"] if count > _ASKED_ONE_BY_ONE else [each["id"] for each in left]
    assert sorted(cloud.looks()[-len(again) :]) == sorted(again), "nobody looks for those that are gone"
    assert cloud.looks()[-len(again) - 1] == "detail"


def test_where_the_look_for_a_deleted_server_fails_nothing_is_told_of_it(nova, requests_mock):
    cloud = nova({"json": {"servers": [server(1), server(2, "DELETED")]}})
    requests_mock.get(f"{PLAIN}/id-2", status_code=503)
    with pytest.raises(Exception, match="503"):
        list(cloud.changed_machines("2026-11-30T10:00:00Z"))
    assert cloud.mark == "", "the change of id-1 would not be told again"


def test_the_pages_are_of_the_same_changes_and_the_mark_is_of_the_first_one(nova):
    link = {"rel": "next", "href": f"{SERVERS}?changes-since=2026-11-30T09:00:00Z&limit=1&marker=id-1"}
    cloud = nova(
        {"json": {"servers": [server(1)], "servers_links": [link]}},
        {"json": {"servers": [server(2)]}, "headers": {**JSON, "Date": "Mon, 30 Nov 2026 11:00:00 GMT"}},
    )
    assert len(list(cloud.changed_machines("2026-11-30T09:00:00Z"))) == 2
    assert [each["changes-since"] for each in cloud.queries()] == [["2026-11-30t09:00:00z"]] * 2
    assert cloud.mark in SINCE


def test_a_listing_that_breaks_off_leaves_no_mark(nova):
    link = {"rel": "next", "href": f"{SERVERS}?limit=1&marker=id-1"}
    cloud = nova({}, {"json": {"servers": [server(1)], "servers_links": [link]}}, {"status_code": 503})
    list(cloud.machines())
    assert cloud.mark
    listing = cloud.machines()
    assert next(listing).name == "vm1"
    with pytest.raises(Exception, match="503"):
        list(listing)
    assert cloud.mark == ""


def looks(cloud):
    return Looks(Around(cloud))


def test_looks_go_on_from_one_another_and_the_store_learns_of_all(nova):
    cloud = nova(
        {"json": {"servers": [server(1), server(2, "BUILD"), server(3)]}},
        {"json": {"servers": [server(1), server(2), server(3, "DELETED"), server(9, "DELETED")]}},
        {"json": {"servers": [server(2), server(3, "DELETED")]}},
    )
    around = Around(cloud)
    seen = Looks(around)
    assert seen.look(whole=False).whole, "there is nothing to go on from"
    second = seen.look(whole=False)
    assert not second.whole
    assert [each.cloud_id for each in second.machines] == ["id-2", "id-3", "id-9"], "the first is as before"
    known = {each.machine.name: each.machine.state for each in around.inventory.known("uc")}
    assert known == {"vm1": State.ACTIVE, "vm2": State.ACTIVE}
    assert [each.machine.name for each in around.inventory.vanished(["uc"])] == ["vm3"]
    assert seen.look(whole=False).machines == [], "which is not written once more"


def test_a_question_that_got_no_answer_is_put_again_by_whoever_wants_that(nova):
    cloud = nova({}, {"status_code": 503}, {"json": {"servers": [server(1)]}})
    around = Around(cloud)
    around.read_retry = ReadRetry(sleep=lambda seconds: None)
    seen = Looks(around)
    seen.look(whole=True)
    again = seen.look(whole=False)
    assert [each.cloud_id for each in again.machines] == ["id-1"] and not again.whole


def test_a_cloud_that_refuses_the_question_is_asked_for_all_machines_from_then_on(nova):
    cloud = nova({}, {"status_code": 400, "json": {"badRequest": {"message": "what changes"}}}, {})
    seen = looks(cloud)
    assert [seen.look(whole=False).whole for _ in range(3)] == [True, True, True]
    assert ["changes-since" in each for each in cloud.queries()] == [False, True, False, False]


@pytest.mark.parametrize(("status", "error"), [(500, ServerFailure), (403, Refused)])
def test_only_a_refusal_is_a_reason_to_ask_in_another_way(nova, status, error):
    cloud = nova({}, {"status_code": status, "json": {"computeFault": {"message": "no"}}})
    seen = looks(cloud)
    seen.look(whole=True)
    with pytest.raises((error, CredentialsError)):
        seen.look(whole=False)
    assert len(cloud.queries()) == (2 if status == 500 else 3)


def test_what_a_look_at_changes_left_out_is_not_told_of_the_next_listing(nova):
    cloud = nova({}, {"json": {"servers": [{"id": "id-4"}]}}, {})
    seen = looks(cloud)
    assert [len(seen.look(whole).left_out) for whole in (True, False, True)] == [0, 1, 0]
