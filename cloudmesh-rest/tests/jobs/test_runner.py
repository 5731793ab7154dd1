"""How jobs share the threads of a server, and how its health tells whether they really run."""

import sqlite3
import threading
import time
from contextlib import closing

import pytest

from cloudmesh.rest.running.queue import FairQueue
from cloudmesh.vm.jobs import claims


def test_callers_take_turns():
    queue = FairQueue()
    for number in range(4):
        queue.put("busy", f"b{number}")
    queue.put("other", "o0")
    queue.put("third", "t0")
    queue.put("other", "o1")
    taken = [queue.take(0) for _ in range(7)]
    assert taken == ["b0", "o0", "t0", "b1", "o1", "b2", "b3"]
    assert queue.take(0) is None and queue.take(0.01) is None and len(queue) == 0


def test_what_is_tried_again_waits_its_time():
    queue = FairQueue()
    queue.put("a", "later", delay=0.2)
    assert queue.take(0) is None and len(queue) == 1 and queue.oldest == 0
    assert queue.take(5) == "later"


def test_a_closed_queue_gives_nothing():
    queue = FairQueue()
    waiting = threading.Thread(target=queue.take, args=[60])
    waiting.start()
    queue.close()
    waiting.join(5)
    assert not waiting.is_alive()
    queue.put("a", "x")
    assert queue.take(1) is None


def test_health_tells_that_jobs_run(rest, boss):
    told = boss.get("/health")
    assert told["status"] == "ok" and told["busy"] == told["queued"] == 0
    assert 0 <= told["written"] < claims.LEASE
    rest.of("reader", "read").get("/health")


@pytest.mark.long
def test_health_tells_of_jobs_that_wait(configure, serve):
    configure({"a": {"boot_seconds": 5}})
    with serve() as running:
        boss = running.of()
        workers = boss.get("/health")["workers"]
        jobs = [boss.job(verb="boot", names=[f"x{number}"], wait=True) for number in range(workers + 2)]

        def at_work():
            told = boss.get("/health")
            return (told["busy"], told["queued"]) == (workers, 2) and told["oldest"] >= 0

        until(at_work)
        assert boss.over(jobs[-1])["status"] == "done"


def unhealthy(boss, what):
    problem = boss.get("/health", 503)
    assert problem["type"] == "urn:cloudmesh:problem:unhealthy" and what in problem["detail"]


def test_health_tells_of_threads_that_have_ended(rest, boss, monkeypatch):
    runner = rest.app.state.runner
    with monkeypatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda _: None)
        patch.setattr(runner, "_queue", None)
        until(lambda: not any(each.is_alive() for each in runner._workers))
    unhealthy(boss, "8 of 8 threads have ended")


def test_health_tells_of_a_store_that_cannot_be_written(configure, serve, home, monkeypatch):
    monkeypatch.setattr(claims, "WRITE", 0.0)
    monkeypatch.setattr("cloudmesh.db.locks.BUSY_SECONDS", 0.3)
    configure({"a": {}})
    with serve() as running:
        boss = running.of()
        boss.get("/health")
        with closing(sqlite3.connect(home / "cloudmesh.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            until(lambda: boss.ask_get("/health").status_code == 503)
            unhealthy(boss, "in use")
            assert boss.ask("/jobs", {"verb": "boot", "names": ["x"]}).status_code == 503
        until(lambda: boss.ask_get("/health").status_code == 200)


def until(true):
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_mistake_in_one_job_leaves_the_threads_alive(rest, boss, monkeypatch):
    boss.do(verb="boot", names=["x"])

    def broken(*args, **more):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("cloudmesh.vm.jobs.resume.JobResumer.run", broken)
        told = boss.do(verb="stop", names=["x"])
    assert told["status"] == "interrupted" and told["counts"]["pending"] == 1
    assert boss.get("/health")["status"] == "ok"
    assert boss.over(boss.post(f"/jobs/{told['id']}/resume"))["status"] == "done"


@pytest.mark.slow
def test_a_hundred_readers_and_three_jobs(configure, new_server, home):
    crowd(configure, new_server, home, readers=100, jobs=3)


@pytest.mark.long
def test_five_hundred_readers_and_five_jobs(configure, new_server, home):
    crowd(configure, new_server, home, readers=500, jobs=5)


def crowd(configure, new_server, home, readers, jobs):
    """So many clients read while jobs run; none waits behind them, and none fails."""
    configure({"a": {"boot_seconds": 2, "latency_seconds": 0.05}})
    server = new_server(home).start()
    made = [server.boss.job(verb="boot", names=[f"j{each}x[01-40]"], wait=True) for each in range(jobs)]
    running = threading.Event()
    slowest, failed = [], []

    def read():
        longest = 0.0
        while not running.is_set():
            began = time.monotonic()
            answer = server.boss.ask_get("/jobs")
            longest = max(longest, time.monotonic() - began)
            if answer.status_code != 200:
                failed.append(answer.text)
            time.sleep(0.5)
        slowest.append(longest)

    threads = [threading.Thread(target=read) for _ in range(readers)]
    for each in threads:
        each.start()
    ended = [server.boss.over(job, 60) for job in made]
    running.set()
    for each in threads:
        each.join()
    assert [each["counts"]["done"] for each in ended] == [40] * jobs
    assert failed == [] and len(slowest) == readers
