"""Idempotency keys: who asks again gets the job that there is, and no second one is made."""

import sqlite3
import threading

import pytest

from cloudmesh.db import open_store
from cloudmesh.vm.jobs.jobs import Jobs

BOOT = {"verb": "boot", "names": ["x[1-3]"], "userdata": "hunter2secret"}


def test_the_same_key_and_body_give_the_same_job(boss):
    first = boss.post("/jobs", BOOT, Idempotency_Key="k1")
    boss.over(first)
    again = boss.ask("/jobs", {**BOOT, "dryrun": False, "names": ["x[1-3]"]}, Idempotency_Key="k1")
    assert again.status_code == 202 and again.json()["id"] == first["id"]
    assert again.headers["location"] == f"/v1/jobs/{first['id']}" and again.json()["status"] == "done"
    assert len(Jobs().list()) == 1


def test_the_same_key_with_another_body_is_refused(boss):
    boss.over(boss.post("/jobs", BOOT, Idempotency_Key="k1"))
    for body in ({**BOOT, "userdata": "other"}, {**BOOT, "names": ["x[1-4]"]}, {"verb": "stop", "all": True}):
        problem = boss.post("/jobs", body, 422, Idempotency_Key="k1")
        assert "k1" in problem["detail"] and "hunter2" not in problem["detail"]
    assert len(Jobs().list()) == 1


def test_keys_are_each_tokens_own(rest, boss):
    boss.over(boss.post("/jobs", BOOT, Idempotency_Key="k1"))
    other = rest.of("other", "act").post("/jobs", {"verb": "stop", "all": True}, Idempotency_Key="k1")
    assert other["id"] == 2


def test_a_key_is_good_as_long_as_its_job_is_kept(boss):
    boss.over(boss.post("/jobs", {"verb": "boot", "names": ["x"]}, Idempotency_Key="k1"))
    boss.over(boss.post("/jobs", {"verb": "stop", "names": ["x"]}, Idempotency_Key="k2"))
    with open_store() as store:
        store.update("job", {"ended": 1.0}, id=2)
    boss.do(verb="start", names=["x"])
    boss.get("/jobs/2", 404)
    assert boss.post("/jobs", {"verb": "lock", "names": ["x"]}, Idempotency_Key="k2")["id"] == 4
    assert boss.post("/jobs", {"verb": "boot", "names": ["x"]}, Idempotency_Key="k1")["id"] == 1


def test_what_failed_to_be_planned_leaves_the_key_free(boss):
    boss.post("/jobs", {"verb": "stop", "names": ["x"]}, 404, Idempotency_Key="k1")
    assert boss.post("/jobs", {"verb": "boot", "names": ["x"]}, Idempotency_Key="k1")["id"] == 1


def test_a_key_is_some_characters(boss):
    boss.post("/jobs", BOOT, 422, Idempotency_Key="")
    boss.post("/jobs", BOOT, 422, Idempotency_Key="k" * 256)


def test_equal_requests_at_once_make_one_job(boss, home):
    answers = []

    def ask():
        answers.append(boss.ask("/jobs", BOOT, Idempotency_Key="k1"))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert {each.status_code for each in answers} == {202}, [each.text for each in answers]
    assert len({each.json()["id"] for each in answers}) == 1 and len(Jobs().list()) == 1
    assert boss.over(answers[0].json())["counts"]["done"] == 3
    with sqlite3.connect(home / "cloudmesh.db") as store:
        assert "hunter2secret" not in "".join(store.iterdump())


@pytest.mark.slow
def test_equal_requests_to_two_servers_make_one_job(configure, new_server):
    configure({"a": {}})
    servers = [new_server().start() for _ in range(2)]
    answers = []

    def ask(server):
        answers.append(server.boss.ask("/jobs", BOOT, Idempotency_Key="k1"))

    threads = [threading.Thread(target=ask, args=[each]) for each in servers * 4]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert {each.status_code for each in answers} == {202}, [each.text for each in answers]
    assert len({each.json()["id"] for each in answers}) == 1
    assert servers[1].boss.over(answers[0].json())["counts"]["done"] == 3
    assert len(Jobs().list()) == 1
