"""A lease that Blazar starts or ends at this moment is changed as soon as Blazar takes a change."""

from dataclasses import replace

import pytest

from cloudmesh.cloud.conformance.base import Around
from cloudmesh.cloud.errors import NotFound, Refused, ServerFailure
from cloudmesh.cloud.model.leases import Lease, LeaseStatus
from cloudmesh.cloud.providers.openstack import leases

from .conftest import CATALOG, JSON, endpoint

BLAZAR = "https://blazar.test/v1/leases"
TOLD = {
    "id": "l1",
    "name": "mine",
    "status": "ACTIVE",
    "start_date": "2026-11-30T10:00:00.000000",
    "end_date": "2026-11-30T12:00:00.000000",
    "reservations": [],
}
NOON = 1_796_040_000.0


def failure(words):
    return {"status_code": 500, "json": {"error_code": 500, "error_message": words}, "headers": JSON}


BUSY = failure("Internal server error: Invalid lease status.")
DONE = {"json": {"lease": TOLD}, "headers": JSON}


@pytest.fixture
def blazar(keystone, provider, requests_mock, monkeypatch):
    """Lets Blazar answer to changes, one after another; has an open provider and the pauses it makes."""
    keystone([*CATALOG, {"type": "reservation", "name": "blazar", "endpoints": [endpoint(BLAZAR[:-7])]}])

    def make(*answers, seen=None):
        deleted = [{"status_code": 204} if each is DONE else each for each in answers]
        requests_mock.get(f"{BLAZAR}/l1", [DONE] if seen is None else list(seen))
        requests_mock.put(f"{BLAZAR}/l1", list(answers))
        requests_mock.delete(f"{BLAZAR}/l1", deleted)
        made = provider()
        made.open()
        made.pauses = []
        monkeypatch.setattr(leases, "pause", made.pauses.append)
        return made

    return make


@pytest.fixture(params=["extend_lease", "delete_lease"])
def change(request):
    """Makes one of the changes, and gives what comes of it."""
    words = [NOON] if request.param == "extend_lease" else []
    return lambda cloud: getattr(cloud, request.param)("l1", *words)


def test_it_is_asked_again_until_blazar_is_done(blazar, change):
    cloud = blazar(BUSY, BUSY, DONE)
    told = change(cloud)
    assert told is None or (told.name, told.ends, told.status) == ("mine", NOON, LeaseStatus.ACTIVE)
    assert len(cloud.pauses) == 2


def pending(start):
    return {"json": {"lease": {**TOLD, "status": "PENDING", "start_date": start}}, "headers": JSON}


@pytest.mark.parametrize(
    ("seen", "pauses"),
    [
        ([pending("2026-11-30T10:00:00.000000"), pending("2026-11-30T10:00:00.000000"), DONE], 2),
        ([pending("2999-11-30T10:00:00.000000")], 0),
    ],
)
def test_one_that_is_about_to_start_is_extended_when_it_has_started(blazar, seen, pauses):
    cloud = blazar(DONE, seen=seen)
    assert cloud.extend_lease("l1", NOON).name == "mine"
    assert len(cloud.pauses) == pauses


BROKEN = {"json": {"lease": {**TOLD, "status": "ERROR"}}, "headers": JSON}


@pytest.mark.parametrize(("seen", "answers"), [([DONE, BROKEN], [BUSY, DONE]), ([BROKEN], [BROKEN])])
def test_one_that_has_gone_into_error_is_not_said_to_be_extended(blazar, seen, answers):
    """Blazar extends it all the same, once its start has failed."""
    cloud = blazar(*answers, seen=seen)
    with pytest.raises(Refused, match="the lease is in state error; delete it and create another"):
        cloud.extend_lease("l1", NOON)
    assert cloud.pauses == []


def test_one_that_does_not_start_in_time_is_left_as_it_is(blazar, requests_mock, monkeypatch):
    monkeypatch.setattr(leases, "BUSY_SECONDS", 0.5)
    cloud = blazar(DONE, seen=[pending("2026-11-30T10:00:00.000000")])
    with pytest.raises(ServerFailure, match="it is about to start; try again in a minute") as refused:
        cloud.extend_lease("l1", NOON)
    assert not refused.value.outcome_unknown
    assert "PUT" not in {each.method for each in requests_mock.request_history}


def test_it_is_told_before_the_time_for_the_call_is_over(blazar, change, monkeypatch):
    cloud = blazar(BUSY)
    cloud.connection_settings = replace(cloud.connection_settings, call_timeout=1.0)
    with pytest.raises(ServerFailure, match="takes no other change meanwhile"):
        change(cloud)
    assert cloud.pauses == []


def test_a_look_that_fails_once_is_made_again(blazar):
    cloud = blazar(DONE, seen=[{"status_code": 503}, DONE])
    assert cloud.extend_lease("l1", NOON).name == "mine"


def test_it_is_told_when_that_takes_too_long(blazar, change, monkeypatch):
    monkeypatch.setattr(leases, "BUSY_SECONDS", 0.5)
    cloud = blazar(BUSY, DONE)
    with pytest.raises(ServerFailure, match="is starting, changing or ending the lease, .*; try again"):
        change(cloud)
    assert cloud.pauses == []


@pytest.mark.parametrize("trouble", [failure("Internal server error"), {**BUSY, "status_code": 409}])
def test_other_failures_are_told_at_once(blazar, change, trouble):
    cloud = blazar(trouble, DONE)
    with pytest.raises(Exception, match="lease l1 failed: "):
        change(cloud)
    assert cloud.pauses == []


def test_one_that_is_gone_after_it_was_busy_is_deleted(blazar, requests_mock):
    gone = {"status_code": 404, "json": {"error_message": "Object with id l1 not found"}, "headers": JSON}
    cloud = blazar(BUSY, gone)
    with pytest.raises(NotFound):
        cloud.delete_lease("l1")
    cloud = blazar(BUSY, gone)
    requests_mock.get(BLAZAR, json={"leases": []}, headers=JSON)
    lease = Lease("uc", "mine", "l1", LeaseStatus.ACTIVE, NOON - 7200, NOON, ())
    Around(cloud).leasing.delete(lease)
    assert cloud.pauses == [1.0]
