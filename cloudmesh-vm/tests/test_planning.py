"""What clouds are asked before the work begins: one that hangs holds no other back, and it is watched."""

import io
import json
import re
import sys
import threading
from unittest.mock import Mock

import pytest

from cloudmesh.cloud.errors import CloudTimeout, Unreachable
from cloudmesh.cloud.fanout.query import CloudProgress
from cloudmesh.plugin.errors import UsageError
from cloudmesh.vm import Machine, Machines, Status
from cloudmesh.vm.jobs.jobs import Jobs
from cloudmesh.vm.jobs.store import JobStore


@pytest.fixture
def hang(spy):
    """Lets a cloud hang for as long as the test lasts, in listings or another method: ``hang("a")``."""
    free = threading.Event()
    yield lambda cloud, method="machines": spy.trouble.update({(cloud, method): lambda name: free.wait(60)})
    spy.trouble.clear()
    free.set()


class Died(BaseException):
    """As if the process had been killed."""


def fared(result):
    return {(each.cloud, each.name): type(each.error) if each.error else each.status for each in result}


def called(spy, method):
    return [(cloud, name) for cloud, what, name in spy.taken() if what == method]


LIMITS = [({"call_timeout": 0.5}, {}), ({}, {"timeout": 2.0}), ({"call_timeout": 60.0}, {"timeout": 2.0})]


@pytest.mark.parametrize(("effort", "limit"), LIMITS)
def test_machines_are_booted_on_the_clouds_that_answer(config, spy, hang, effort, limit):
    hang("a")
    with Machines("web1", ["a", "b"], **effort) as machines:
        result = machines.boot(**limit)
    assert fared(result) == {("a", "web1"): CloudTimeout, ("b", "web1"): Status.DONE}
    assert "cloud a did not answer within" in str(result[0].error)
    assert called(spy, "boot") == [("b", "web1")]


@pytest.mark.parametrize(("effort", "limit"), LIMITS)
def test_a_pattern_means_the_machines_of_the_clouds_that_answer(boot, spy, hang, effort, limit):
    boot("web1", "b")
    hang("a")
    with Machines("web*", **effort) as machines:
        result = machines.stop(**limit)
    assert fared(result) == {("b", "web1"): Status.DONE, ("a", "web*"): CloudTimeout}


def test_a_cloud_that_hangs_alone_is_given_up_when_the_time_is_over(boot, spy, hang):
    boot("web1", "a")
    hang("a")
    with (
        Machines("db*", "a") as machines,
        pytest.raises(CloudTimeout, match=r"the time limit of 0\.3 seconds ended before cloud a answered"),
    ):
        machines.stop(timeout=0.3)
    with Machines("web1", "a", call_timeout=0.3) as machines, pytest.raises(CloudTimeout):
        machines.rename("web2")
    with Machines("web*", "a") as machines:
        result = machines.stop(timeout=0.3)
    assert fared(result) == {("a", "web*"): CloudTimeout, ("a", "web1"): CloudTimeout}
    assert "the time limit of 0.3 seconds ended before it began" in str(result[0].error)
    assert result.exit_code == 1
    assert called(spy, "stop") == []


def test_where_the_question_leaves_no_time_each_machine_fails_with_that_reason(
    boot, hang, spy, cms, monkeypatch
):
    boot("web1", "a")
    hang("a")
    terminal = io.StringIO("y\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    code, out, _ = cms("delete web* --cloud=a --timeout=0.2 --output=json")
    found = {row["name"]: (row["result"], row["reason"]) for row in json.loads(out)}
    assert (code, found["web1"][0], found["web*"][0]) == (1, "not started", "failed")
    assert "ended before it began" in found["web1"][1]
    assert called(spy, "delete") == []


def test_what_was_asked_before_counts_as_time_of_the_job(boot, spy, hang):
    boot("web1", "b")
    hang("a")
    hang("b", "stop")
    with Machines("web*") as machines:
        result = machines.stop(timeout=1.0)
    assert "the time limit of 1 second ended" in str(result[0].error)


@pytest.fixture
def interrupted(boot, monkeypatch):
    """Job 3 stops web1 on both clouds, and its process died before it began."""
    boot("web1", "a")
    boot("web1", "b")

    with monkeypatch.context() as patched:
        patched.setattr(JobStore, "write", Mock(side_effect=Died))
        with pytest.raises(Died), Machines("a:web1,b:web1") as machines:
            machines.stop()
    return 3


@pytest.mark.parametrize("limit", [{"timeout": 2.0}, {"call_timeout": 0.5}])
def test_a_job_is_resumed_on_the_clouds_that_answer_and_stays_open_for_the_others(
    interrupted, spy, hang, limit
):
    from cloudmesh.vm.model.limits import RunOptions

    hang("a")
    call_timeout = limit.pop("call_timeout", None)
    result = Jobs().resume(interrupted, options=RunOptions(call_timeout=call_timeout), **limit)
    assert fared(result) == {("b", "web1"): Status.DONE, ("a", "web1"): CloudTimeout}
    assert result.exit_code == 1
    assert called(spy, "stop") == [("b", "web1")]
    (job,) = Jobs().interrupted()
    assert (job.number, dict(job.counts)) == (interrupted, {"done": 1, "pending": 1})
    spy.trouble.clear()
    assert fared(Jobs().resume(interrupted)) == {("a", "web1"): Status.DONE}
    assert Jobs().show(interrupted)[0].status == "done"


def test_a_dry_run_does_not_wait_for_a_cloud_that_hangs(boot, spy, hang, cms):
    boot("web[1-2]", "a")
    boot("web[1-2]", "b")
    hang("a")
    # The true state is asked for, since stopped machines are not known to be there.
    hang("a", "machine")
    code, out, _ = cms("start a:web[1-2],b:web[1-2] --dryrun --timeout=2 --output=json")
    rows = {(row["cloud"], row["name"]): row for row in json.loads(out)}
    assert code == 1
    assert list(rows) == [("a", "web1"), ("a", "web2"), ("b", "web1"), ("b", "web2")]
    assert {row["result"] for (cloud, _), row in rows.items() if cloud == "b"} == {"already"}
    failed = [row for (cloud, _), row in rows.items() if cloud == "a"]
    assert all(row["result"] == "would fail" and "did not answer" in row["reason"] for row in failed)


@pytest.mark.parametrize("verb", ["stop", "wait"])
def test_the_time_of_one_machine_is_told_as_it_was_given(boot, configure, spy, hang, verb):
    boot("web1", "a")
    if verb == "stop":
        hang("a", "stop")
    with Machine("web1", "a") as machine, pytest.raises(CloudTimeout, match=r"(the|after|of) 1 second"):
        machine.stop(timeout=1) if verb == "stop" else machine.wait("stopped", timeout=1)


def test_the_time_is_told_as_it_was_given(boot, spy, hang, cms):
    boot("web1", "b")
    hang("a")
    hang("b", "stop")
    code, out, _ = cms("stop web* --timeout=2 --output=json")
    assert code == 1
    assert "the time limit of 2 seconds ended" in json.loads(out)[0]["reason"]


def test_who_watches_is_told_which_clouds_have_answered(boot, spy):
    boot("web1", "a")
    spy.trouble["b", "machines"] = Unreachable("away")
    told = []
    with Machines("web*", watch=lambda what, tallies: told.append((what, tallies))) as machines:
        machines.select()
    waiting, ended = (
        [CloudProgress(cloud, 1, 0, 0, 1) for cloud in "ab"],
        [CloudProgress("a", 1, 1, 0, 0), CloudProgress("b", 1, 0, 1, 0)],
    )
    assert told[0] == ("list", waiting)
    assert told[-1] == ("list", ended)


def test_waiting_is_watched(boot, configure):
    boot("web1", "a")
    configure({"a": {"boot_seconds": 0.3}}, default="a")
    told = []
    with Machines("web1", "a", watch=lambda what, tallies: told.append((what, tallies))) as machines:
        machines.reboot()
        told.clear()
        assert machines.wait("active").exit_code == 0
    told = [(what, [each._replace(left=0) for each in clouds]) for what, clouds in told]
    assert told[0] == ("wait", [CloudProgress("a", 1, 0, 0, 1)])
    assert told[-1] == ("wait", [CloudProgress("a", 1, 1, 0, 0)])


VERBS_IN_TIME = (
    lambda machines, seconds: machines.start(timeout=seconds),
    lambda machines, seconds: machines.stop(True, seconds),
    lambda machines, seconds: next(machines.start_each(seconds)),
    lambda machines, seconds: machines.boot(timeout=seconds),
    lambda machines, seconds: next(machines.boot_each(timeout=seconds)),
    lambda machines, seconds: machines.select(seconds),
    lambda machines, seconds: machines.wait("active", seconds),
)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "5", True, [5]])
def test_what_is_no_time_is_refused_before_anything_is_done(interrupted, spy, seconds):
    told = re.escape(f"timeout={seconds!r} is not a number of seconds above 0")
    with Machines("new1", "a") as machines:
        for verb in VERBS_IN_TIME:
            with pytest.raises(UsageError, match=f"^{told}$"):
                verb(machines, seconds)
    with Machine("new1", "a") as machine, pytest.raises(UsageError, match=f"^{told}$"):
        machine.wait("active", seconds)
    with pytest.raises(UsageError, match=f"^{told}$"):
        Jobs().resume(interrupted, timeout=seconds)
    with pytest.raises(UsageError, match=f"^call_{told}$"):
        Machines("web1", "a", call_timeout=seconds)
    assert spy.taken() == [] and len(Jobs().list()) == interrupted
