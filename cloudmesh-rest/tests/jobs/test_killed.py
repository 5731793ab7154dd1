"""Servers that are killed or stopped in the middle of a job: it comes to its end, nothing is done twice."""

import signal
import threading
import time

import pytest

from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm import Machines
from cloudmesh.vm.jobs.jobs import Jobs


@pytest.fixture
def slow(configure, counted):
    """A cloud whose calls take a while, and which counts them."""
    configure({"a": {"latency_seconds": 0.4, "parallel": 4, **counted}})


@pytest.mark.slow
def test_a_job_whose_server_was_killed_is_gone_on_with_at_the_next_start(slow, new_server, attempts, home):
    server = new_server(home).start()
    job = server.boss.job(verb="boot", names=["x[01-20]"], wait=True)
    server.until(job, 4)
    server.end(signal.SIGKILL)
    killed = Jobs().show(job["id"])[0]
    assert killed.status == "interrupted" and killed.unfinished >= 4
    server.start()
    ended = server.boss.over(job, 60)
    assert ended["status"] == "done" and ended["counts"]["done"] == 20 and ended["made_by"] == "boss"
    assert attempts("boot") == {f"x{number:02}": 1 for number in range(1, 21)}


@pytest.mark.slow
def test_what_cannot_be_repeated_is_not_repeated(slow, new_server, attempts, home):
    server = new_server(home).start()
    server.boss.do(verb="boot", names=["x[01-12]"], wait=True)
    job = server.boss.job(verb="reboot", names=["x*"])
    server.until(job, 3)
    server.end(signal.SIGKILL)
    server.start()
    ended = server.boss.over(job, 60)
    assert ended["counts"]["done"] + ended["counts"]["failed"] == 12
    assert ended["counts"]["failed"] <= 4, "those that were in flight"
    assert all(each["error"]["outcome_unknown"] for each in failed(server, job))
    assert set(attempts("reboot").values()) == {1}


def failed(server, job):
    return [each for each in server.boss.machines(job).values() if each["status"] == "failed"]


@pytest.mark.slow
def test_a_server_that_stops_waits_for_calls_in_flight_and_leaves_the_rest(slow, new_server, attempts, home):
    server = new_server(home).start()
    job = server.boss.job(verb="boot", names=["x[01-20]"])
    server.until(job, 2)
    told = []
    waiter = threading.Thread(target=lambda: told.append(server.boss.get(f"/jobs/{job['id']}", wait=60)))
    waiter.start()
    time.sleep(0.5)
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    waiter.join(20)
    assert told[0]["status"] in ("running", "pending", "interrupted"), "who waits for the job is answered"
    assert server.end(signal.SIGCONT) == 0 and time.monotonic() - began < 15
    left, tasks = Jobs().show(job["id"])
    assert left.status == "interrupted" and 0 < left.counts["pending"] < 20
    assert {each["status"] for each in tasks} == {"done", "pending"}, "nothing is in doubt"
    assert sum(attempts("boot").values()) == left.done
    server.start()
    assert server.boss.over(job, 60)["counts"]["done"] == 20
    assert set(attempts("boot").values()) == {1}


@pytest.mark.slow
def test_the_shell_goes_on_with_what_a_server_has_left(slow, new_server, attempts, home, configure, counted):
    server = new_server(home).start()
    job = server.boss.job(verb="boot", names=["x[01-20]"])
    server.until(job, 2)
    assert "the server" in refused(lambda: Jobs().resume(job["id"])), "it has the job"
    server.end(signal.SIGTERM)
    configure({"a": counted})
    assert Jobs().resume(job["id"]).exit_code == 0
    server.start()
    assert server.boss.get(f"/jobs/{job['id']}")["status"] == "done"
    assert set(attempts("boot").values()) == {1}


def refused(ask):
    with pytest.raises(CloudmeshError) as caught:
        ask()
    return str(caught.value)


@pytest.mark.slow
def test_what_the_shell_was_doing_is_left_alone(slow, new_server, home):
    with Machines("x", "a") as machines:
        plan = machines.plan("boot")
    made = Jobs().create(plan)
    server = new_server().start()
    time.sleep(4)
    assert server.boss.get(f"/jobs/{made.number}")["counts"]["pending"] == 1


@pytest.mark.slow
def test_a_job_that_was_waiting_for_its_turn_is_run_after_the_next_start(slow, new_server):
    server = new_server().start()
    jobs = [server.boss.job(verb="boot", names=[f"x{number}"]) for number in range(3)]
    server.end(signal.SIGKILL)
    server.start()
    assert {server.boss.over(each, 60)["status"] for each in jobs} == {"done"}


@pytest.mark.slow
def test_two_servers_of_one_store_go_on_with_each_others_jobs(slow, new_server, attempts):
    first, second = new_server().start(), new_server().start()
    job = first.boss.job(verb="boot", names=["x[01-20]"], wait=True)
    second.until(job, 4)
    first.end(signal.SIGKILL)
    assert second.boss.over(job, 60)["counts"]["done"] == 20
    assert set(attempts("boot").values()) == {1}
