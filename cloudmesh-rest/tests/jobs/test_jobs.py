"""Jobs over HTTP: what is asked for is done, and told machine by machine."""

import time

import pytest

from cloudmesh.vm import Machines
from cloudmesh.vm.jobs.jobs import Jobs


def test_boot_three_and_wait(boss):
    answer = boss.ask("/jobs", {"verb": "boot", "names": ["web[1-3]"], "wait": True})
    assert answer.status_code == 202 and answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    assert int(answer.headers["retry-after"]) >= 1
    job = boss.over(answer.json())
    assert job["status"] == "done" and job["counts"]["done"] == job["machines"] == 3
    assert job["made_by"] == "boss" and job["clouds"] == ["a"] and job["names"] == "web[1-3]"
    assert job["began"].endswith("Z") and job["ended"] and job["waits"]
    machines = boss.machines(job)
    assert [*machines] == ["web1", "web2", "web3"]
    assert all(each["status"] == "done" and each["id"] and not each["error"] for each in machines.values())


def test_what_boot_takes_reaches_the_cloud(boss):
    said = {"image": "tiny-linux", "flavor": "small", "metadata": {"for": "tests"}, "secgroup": ["default"]}
    boss.do(verb="boot", names=["x"], clouds=["b"], userdata="#cloud-config", **said)
    with Machines("b:x") as machines:
        (machine,) = machines
    assert (machine.image, machine.flavor) == ("tiny-linux", "small")
    assert machine.metadata["for"] == "tests"


def test_user_data_given_as_text_are_not_in_the_store(boss, home):
    job = boss.do(verb="boot", names=["x"], userdata="#!/bin/sh\necho hunter2secret", key=None)
    assert job["status"] == "done"
    # The cloud has them, in a file of its own.
    assert not any(b"hunter2secret" in file.read_bytes() for file in home.glob("*") if file.is_file())


def test_each_kind_of_argument(boss):
    boss.do(verb="boot", names=["x"])
    for body in (
        {"verb": "reboot", "hard": True},
        {"verb": "resize", "flavor": "small"},
        {"verb": "snapshot", "name": "s1"},
        {"verb": "restore", "name": "s1", "expect": 1},
        {"verb": "metadata", "changes": {"k": "v", "old": None}},
        {"verb": "rebuild", "image": "debian-12"},
        {"verb": "clone", "name": "y"},
        {"verb": "rename", "name": "z"},
    ):
        job = boss.do(names=["x"], wait=True, **body)
        assert job["status"] == "done", (body, boss.machines(job))
    assert boss.do(verb="stop", all=True)["machines"] == 2
    assert boss.get("/jobs", verb="hard_reboot")["items"][0]["names"] == "x"


def test_machines_that_fail_are_told_with_kind_and_reason(configure, serve):
    rule = {"verb": "start", "names": "x2", "error": "refused"}
    configure({"a": {"fail": rule}})
    with serve() as running:
        boss = running.of()
        boss.do(verb="boot", names=["x[1-3]"])
        boss.do(verb="stop", names=["x[1-3]"], wait=True)
        job = boss.do(verb="start", names=["x[1-3]", "nobody"])
        assert job["status"] == "failed" and job["counts"]["failed"] == 2 and job["counts"]["done"] == 2
        failed = boss.machines(job)["x2"]
        assert failed["error"]["kind"] == "Refused" and "x2" in failed["error"]["message"]
        assert boss.machines(job)["nobody"]["error"]["kind"] == "UnknownName"
        assert boss.machines(job)["nobody"]["cloud"] == "" and failed["error"]["outcome_unknown"] is False
        assert boss.post(f"/jobs/{job['id']}/resume", code=409)["detail"].endswith("nothing is left to do")
        configure({"a": {}})
        again = boss.over(boss.post(f"/jobs/{job['id']}/resume", {"failed": True}))
        assert again["counts"]["done"] == 3 and boss.machines(job)["x2"]["status"] == "done"


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(boss):
    boss.do(verb="boot", names=["x[1-3]"], wait=True)
    boss.do(verb="stop", names=["x1"], wait=True)
    boss.do(verb="lock", names=["x3"])
    plan = boss.job(code=200, verb="stop", names=["x*", "y"], dryrun=True)
    assert (plan["possible"], plan["already"], plan["impossible"]) == (2, 1, 1)
    assert {each["name"]: each["result"] for each in plan["machines"]} == {
        **{"x1": "already", "x2": "possible", "x3": "possible"},
        **{"y": "impossible"},
    }
    plan = boss.job(code=200, verb="delete", all=True, dryrun=True)
    assert plan["expect"] == 2 and plan["machines"][2]["error"]["kind"] == "Locked"
    booted = boss.job(code=200, verb="boot", names=["x3", "x4"], dryrun=True)
    assert booted["possible"] == booted["impossible"] == booted["expect"] == 1
    assert booted["machines"][0]["image"] == "debian-12"
    assert len(boss.get("/jobs")["items"]) == 3


def test_jobs_of_the_shell_are_told_and_those_from_here_are_told_in_the_shell(boss):
    with Machines("x", "a") as machines:
        machines.boot()
    boss.do(verb="stop", names=["x"])
    assert [(each["verb"], each["made_by"]) for each in boss.get("/jobs")["items"]] == [
        ("stop", "boss"),
        ("boot", ""),
    ]
    state, _ = Jobs().show(2)
    assert state.made_by == "boss" and state.status == "done" and state.server == ""


def test_pages_of_jobs_and_of_machines(boss):
    boss.do(verb="boot", names=["x[01-25]"])
    for verb in ("stop", "start", "reboot", "stop"):
        boss.do(verb=verb, names=["x01"], wait=True)
    seen, cursor = [], {}
    while cursor is not None:
        page = boss.get("/jobs", limit=2, **cursor)
        assert len(page["items"]) <= 2
        seen += [each["id"] for each in page["items"]]
        cursor = {"cursor": page["next"]} if page["next"] else None
    assert seen == [5, 4, 3, 2, 1]
    assert [each["id"] for each in boss.get("/jobs", verb="stop")["items"]] == [5, 2]
    assert boss.get("/jobs", status="failed")["items"] == []
    assert len(boss.get("/jobs", status=["done", "failed"])["items"]) == 5
    first = boss.get("/jobs/1/machines", limit=20)
    rest = boss.get("/jobs/1/machines", limit=20, cursor=first["next"])
    assert len(first["items"]) == 20 and len(rest["items"]) == 5 and rest["next"] is None
    assert [each["name"] for each in [*first["items"], *rest["items"]]] == [f"x{n:02}" for n in range(1, 26)]


@pytest.mark.parametrize("path", ["/jobs/99", "/jobs/99/machines"])
def test_a_job_that_there_is_not(boss, path):
    assert boss.get(path, 404)["type"] == "urn:cloudmesh:problem:unknown-name"
    assert boss.post("/jobs/99/cancel", code=404) and boss.post("/jobs/99/resume", code=404)
    assert boss.get("/jobs/0", 422) and boss.get("/jobs/x", 422)


def test_a_wait_ends_after_its_time_and_holds_no_thread(configure, serve):
    configure({"a": {"boot_seconds": 3}})
    with serve() as running:
        boss = running.of()
        job = boss.job(verb="boot", names=["x"], wait=True)
        began = time.monotonic()
        assert boss.get(f"/jobs/{job['id']}", wait=0.5)["status"] in ("pending", "running")
        assert time.monotonic() - began > 0.4
        assert boss.over(job)["status"] == "done"


def test_a_job_that_is_cancelled_begins_no_more_calls_and_can_be_resumed(configure, serve):
    configure({"a": {"latency_seconds": 0.3, "parallel": 1}})
    with serve() as running:
        boss = running.of()
        job = boss.job(verb="boot", names=["x[01-30]"])
        while boss.get(f"/jobs/{job['id']}")["counts"]["done"] < 2:
            time.sleep(0.1)
        boss.post(f"/jobs/{job['id']}/cancel")
        told = boss.over(job)
        assert told["status"] == "cancelled" and told["counts"]["pending"] > 10
        assert {each["status"] for each in boss.machines(job).values()} == {"done", "not started"}
        assert "already" in boss.post(f"/jobs/{job['id']}/cancel", code=409)["detail"]
        configure({"a": {}})
        resumed = boss.post(f"/jobs/{job['id']}/resume")
        assert resumed["status"] in ("pending", "running")
        assert boss.over(job)["counts"]["done"] == 30


def test_a_job_that_waits_for_its_turn_is_cancelled_at_once(configure, serve):
    configure({"a": {"boot_seconds": 6}})
    with serve() as running:
        boss = running.of()
        jobs = [boss.job(verb="boot", names=[f"x{n}"], wait=True) for n in range(9)]
        last = boss.post(f"/jobs/{jobs[-1]['id']}/cancel")
        assert last["status"] == "cancelled" and last["counts"]["pending"] == 1
        assert boss.over(jobs[0])["status"] == "done"
        assert boss.get(f"/jobs/{last['id']}")["status"] == "cancelled"


def test_time_that_is_over_leaves_the_rest_to_be_resumed(configure, serve):
    configure({"a": {"latency_seconds": 0.4, "parallel": 1}})
    with serve() as running:
        boss = running.of()
        job = boss.do(verb="boot", names=["x[01-30]"], timeout=3)
        assert job["status"] == "interrupted" and job["counts"]["pending"] > 10
        told = {each["name"]: each["error"] for each in boss.get(f"/jobs/{job['id']}/machines")["items"]}
        assert told["x01"] is None
        assert told["x30"] == {
            "kind": "CloudTimeout",
            "message": "the time limit of 3 seconds ended before it began",
            "outcome_unknown": False,
        }
        configure({"a": {}})
        boss.post(f"/jobs/{job['id']}/resume")
        assert boss.over(job)["counts"]["done"] == 30
        machines = boss.get(f"/jobs/{job['id']}/machines")["items"]
        assert {each["error"] for each in machines} == {None}
