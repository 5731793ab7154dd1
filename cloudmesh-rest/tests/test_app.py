"""The application as a whole: what it answers where there is nothing, and to nobody."""

import pytest
from starlette.testclient import TestClient

from cloudmesh.rest.access.caller import Caller, Scope
from cloudmesh.rest.access.guard import Guard
from cloudmesh.rest.api.app import create_app


@pytest.fixture
def client():
    known = {"good": Caller("laptop", Scope.READ)}
    return TestClient(Guard(create_app(), known.get), headers={"Authorization": "Bearer good"})


def test_a_request_without_a_token_gets_a_problem(client):
    for given in ("", "Bearer ", "Bearer bad", "Basic Z29vZDo="):
        answer = client.get("/v1/health", headers={"Authorization": given})
        assert answer.status_code == 401 and answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"


def test_what_is_not_there_is_a_problem(client):
    answer = client.get("/v1/nothing")
    assert answer.status_code == 404 and answer.json()["type"] == "urn:cloudmesh:problem:not-found"


def test_the_verbs_are_those_of_the_table(client):
    verbs = {each["name"]: each for each in client.get("/v1/verbs").json()}
    assert verbs["start"]["target"] == "active" and verbs["delete"]["destroys"] is True
    assert [each["name"] for each in verbs["resize"]["parameters"]][:1] == ["flavor"]
