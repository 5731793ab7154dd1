"""What a token may not do, and which clouds it does not see, on every route that there is."""

import pytest

from cloudmesh.vm import Machines

# To sign in and out is everybody's.
SESSION = "/v1/session"
BODIES = {"/v1/jobs": {"verb": "start", "names": ["hidden1"]}}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def hidden(door, make_token):
    """A machine on cloud ``a``, booted by a job with the number 1."""
    with Machines("hidden1", "a") as machines:
        machines.boot().raise_for_failures()


@pytest.fixture
def requests(door, hidden):
    """The method and address of each operation, with the only job and the cloud ``a`` as parameters."""
    found = []
    for path, operations in door.app.openapi()["paths"].items():
        known = {
            "{id}": "1",
            "{c}": "a",
            "{cloud}": "a",
            "{name}": "hidden1",
            "{machine_id}": "sim-000001",
        }
        for name, value in known.items():
            path = path.replace(name, value)  # noqa: PLW2901
        assert "{" not in path, f"what stands for the parameter of {path}?"
        found += [(method.upper(), path) for method in operations]
    return found


def test_a_token_that_only_reads_changes_nothing(door, make_token, requests):
    token, changing = bearer(make_token("reader", "read")), []
    for method, path in requests:
        if method != "GET" and path != SESSION:
            answer = door.client.request(method, path, json=BODIES.get(path), headers=token)
            assert answer.status_code == 403, (method, path, answer.text)
            assert "act" in answer.json()["detail"]
            changing.append(path)
    assert "/v1/jobs" in changing


def test_what_is_on_other_clouds_is_not_told(door, make_token, requests):
    every, other = make_token("all", "destroy"), make_token("other", "destroy", ["b"])
    told = 0
    for method, path in requests:
        if path == SESSION or path.endswith("/events"):
            continue
        body = BODIES.get(path) if method == "POST" else None
        answer = door.client.request(method, path, json=body, headers=bearer(other))
        # What was asked for may be repeated.
        text = answer.text.replace("hidden1", "") if method == "POST" else answer.text
        assert "hidden1" not in text and '"a"' not in text and "sim-0" not in text, (method, path, text)
        assert answer.status_code < 500
        if method == "GET":
            told += "hidden1" in door.client.get(path, headers=bearer(every)).text
    assert told, "what is looked for can be found"
