"""What clients do that nobody expects: no machine too many, and nothing told to whom it is not meant."""

import json
import threading
import time

import pytest

from cloudmesh.db import open_store
from cloudmesh.plugin.errors import Interrupted
from cloudmesh.rest.access import token_rows
from cloudmesh.vm.jobs.jobs import Jobs


def post(client, text):
    """The answer to a body as it is written here."""
    headers = {**client._headers, "Content-Type": "application/json"}
    return client._client.post("/v1/jobs", content=text, headers=headers)


def test_a_member_that_is_there_twice_is_refused(boss):
    boss.do(verb="boot", names=["x", "y"])
    told = post(boss, '{"verb": "stop", "names": ["x"], "names": ["y"]}')
    assert told.status_code == 422 and "'names' is there 2 times" in told.json()["detail"]
    assert len(Jobs().list()) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"verb": "boot", "names": ["x"], "metadata": {"a": "\ud800"}},
        {"verb": "boot", "names": ["x"], "metadata": {"\udc80": "a"}},
        {"verb": "boot", "names": ["x"], "hint": {"group": ["\ud800"]}},
        {"verb": "metadata", "names": ["x"], "changes": {"z": "\udc80x"}},
    ],
)
def test_what_is_no_text_is_refused(boss, body):
    assert post(boss, json.dumps(body)).status_code == 422
    assert Jobs().list() == []


def test_a_key_of_an_earlier_token_tells_the_next_one_nothing(rest, boss, make_token):
    body = {"verb": "boot", "names": ["a:x"]}
    rest.of("ci", "act").post("/jobs", body, Idempotency_Key="k")
    with open_store() as store:
        token_rows.revoke(store, "ci")
    client = type(boss)(boss._client, make_token("ci", "act", ["b"]))
    problem = client.post("/jobs", body, 422, Idempotency_Key="k")
    assert problem["type"].endswith("key-of-another") and "names" not in problem


def test_who_waits_and_loses_the_token_is_told_nothing(configure, serve):
    configure({"a": {"boot_seconds": 60}})
    with serve() as running:
        job = running.of().job(verb="boot", names=["x"], wait=True)
        other = running.of("other", "read")
        answers, path = [], f"/jobs/{job['id']}"
        waiting = threading.Thread(target=lambda: answers.append(other.ask_get(path, wait=30)))
        began = time.monotonic()
        waiting.start()
        time.sleep(0.5)
        with open_store() as store:
            token_rows.revoke(store, "other")
        waiting.join(20)
        assert time.monotonic() - began < 10 and answers[0].status_code == 401
        running.of().post(f"{path}/cancel")


def test_a_server_that_ends_makes_no_job_for_who_was_planned_late(rest, boss, monkeypatch):
    boss.do(verb="boot", names=["x"])
    server = rest.app.state.runner.server
    create = server.create

    def late(*words):
        server.end()
        return create(*words)

    monkeypatch.setattr(server, "create", late)
    problem = boss.job(503, verb="stop", names=["x"])
    assert "nothing was begun" in problem["detail"] and len(Jobs().list()) == 1
    with pytest.raises(Interrupted):
        server.claim(1, None)


def test_a_store_that_another_has_taken_the_place_of_is_used(rest, boss, home, make_token):
    boss.do(verb="boot", names=["x"])
    for file in home.glob("cloudmesh.db*"):
        if file.is_file():
            file.unlink()
    client = type(boss)(boss._client, make_token("new", "destroy"))
    end = time.monotonic() + 60
    while client.ask_get("/health").status_code != 200:
        assert time.monotonic() < end, client.ask_get("/health").text
        time.sleep(0.5)
    assert client.do(verb="boot", names=["y"])["status"] == "done"
