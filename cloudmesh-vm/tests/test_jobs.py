"""Jobs in the store: what they tell, and how they end."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cloudmesh.cloud.errors import UNSURE, CloudTimeout, RateLimited, Refused
from cloudmesh.cloud.fanout.query import Deadline
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.db import Database
from cloudmesh.plugin.errors import CloudmeshError, CredentialsError, StoreError, UnknownName, UsageError
from cloudmesh.vm import BootOptions, Machines, RunOptions, Status
from cloudmesh.vm.jobs.jobs import Jobs
from cloudmesh.vm.jobs.rows import EVENTS, JOBS, PARTS, TASKS, lock_name, stored_error
from cloudmesh.vm.model.plan import Plan


def statuses(result):
    return [each.status.value for each in result]


def counts(number):
    return dict(Jobs().show(number)[0].counts)


def test_a_job_tells_what_was_asked_and_how_it_ended(boot, spy):
    boot("web[1-3]", "a")
    spy.refuse("a", "stop", "web2", Refused("not this one"))
    with Machines("web[1-3]", "a") as machines:
        result = machines.stop()
    job, tasks = Jobs().show(result.job)
    assert (job.verb, job.names, list(job.clouds), job.status) == ("stop", "web[1-3]", ["a"], "failed")
    assert (job.machines, job.done, job.failed, job.unfinished) == (3, 2, 1, 0)
    assert job.began <= job.ended <= time.time()
    assert [(each["name"], each["status"], each["error"]) for each in tasks] == [
        ("web1", "done", ""),
        ("web2", "failed", "not this one"),
        ("web3", "done", ""),
    ]
    assert [(each.verb, each.status) for each in Jobs().list()] == [("stop", "failed"), ("boot", "done")]
    assert [each.verb for each in Jobs().list(limit=1)] == ["stop"]


def test_a_job_is_planned_created_and_run_by_its_number(config, spy):
    """The third step may be another thread's, or another process's, as here another session's."""
    with Machines("web[1-2]", "a") as machines:
        plan = machines.plan("boot", BootOptions(), wait=True)
    job = Jobs().create(plan)
    assert (job.status, job.unfinished, Jobs().interrupted()) == ("pending", 2, [])
    assert not spy.called("boot")
    result = Jobs().run(job.number, timeout=30)
    assert (statuses(result), result.job) == (["done", "done"], job.number)
    assert [each.kind for each in Jobs().events(job.number) if not each.task] == [
        *("created", "started", "waiting", "closed")
    ]
    with pytest.raises(CloudmeshError, match="is already done"):
        Jobs().cancel(job.number)


@pytest.mark.parametrize(("action", "argument"), [("stop", None), ("resize", "small"), ("rename", "db1")])
def test_any_verb_can_be_planned_for_another_process(boot, spy, action, argument):
    boot("web1", "a")
    with Machines("web1", "a") as machines:
        plan = machines.plan(action, argument)
        for wrong, given in (("boot", "small"), (action, BootOptions())):
            with pytest.raises(UsageError, match="BootOptions"):
                machines.plan(wrong, given)
    job = Jobs().create(plan)
    assert (job.verb, job.names, job.status) == (action, "web1", "pending")
    assert Jobs().run(job.number, options=RunOptions(parallel=1)).exit_code == 0
    with Machines.all("a") as machines:
        (now,) = machines.select().machines
    assert {
        "stop": now.state.value == "stopped",
        "resize": now.flavor == "small",
        "rename": now.name == "db1",
    }[action]


def test_a_pending_job_can_be_cancelled_and_claims_no_names(config, spy):
    with Machines("web1", "a") as machines:
        job = Jobs().create(machines.boot_plan().plan(BootOptions()))
        assert machines.boot().exit_code == 0
    (outcome,) = Jobs().run(job.number)
    assert "already has a machine web1" in str(outcome.error)
    with Machines("web2", "a") as machines:
        job = Jobs().create(machines.boot_plan().plan(BootOptions()))
    assert Jobs().cancel(job.number).status == "cancelled"
    assert [each.kind for each in Jobs().events(job.number)] == ["created", "cancelled"]
    spy.taken()
    with pytest.raises(CloudmeshError, match=f"job {job.number} was cancelled; continue with cms job resume"):
        Jobs().run(job.number)
    assert not spy.called("boot"), "nobody wants it any more"
    assert Jobs().resume(job.number).exit_code == 0, "unless a user says so"


def test_what_happens_is_told_as_events_in_order(boot, spy, home):
    boot("web[1-2]", "a")
    spy.refuse("a", "stop", "web2", Refused("not this one"))
    with Machines("web[1-2]", "a", parallel=1) as machines:
        number = machines.stop().job
    events = Jobs().events(number)
    web1, web2 = (each["id"] for each in task_rows(home, number))
    assert [(each.task, each.kind) for each in events] == [
        *((0, "created"), (0, "started"), (web1, "begun"), (web1, "done")),
        *((web2, "begun"), (web2, "failed"), (0, "closed")),
    ]
    assert [each.number for each in events] == sorted({each.number for each in events})
    assert Jobs().events(number, after=events[4].number) == events[5:]
    with pytest.raises(UnknownName):
        Jobs().events(7)


def test_what_went_wrong_is_kept_with_its_kind_and_fields(boot, spy, home):
    boot("web1", "a")
    spy.trouble["a", "stop"] = RateLimited("slower", retry_after=86400.0)
    with Machines("web1", "a") as machines:
        number = machines.stop().job
    (row,) = task_rows(home, number)
    error = stored_error(row)
    assert isinstance(error, RateLimited)
    assert (str(error), error.retry_after, row["error"]) == ("slower", 86400.0, "slower")
    old = {**row, "failure": None}
    assert (type(stored_error(old)), str(stored_error(old))) == (CloudmeshError, "slower")


def task_rows(home, number):
    with Database(home / "cloudmesh.db") as database:
        return database.rows(TASKS, job=number)


def test_without_a_job_there_is_none(config):
    with pytest.raises(UsageError, match="nothing to do"):
        Jobs().create(Plan("stop", []))
    assert Jobs().list() == []
    assert Jobs().interrupted() == []
    with pytest.raises(UnknownName, match="no job '7'"):
        Jobs().show(7)


@pytest.mark.parametrize("ends", ["before", "while"])
def test_a_job_that_comes_to_its_end_while_it_is_cancelled_is_not_cancelled(boot, home, monkeypatch, ends):
    boot("web1", "a")
    with Database(home / "cloudmesh.db") as others:
        others.update(JOBS, {"status": "running"}, id=1)
        running = others.hold(lock_name(1))
        hold = Database.hold

        def end():
            others.update(JOBS, {"status": "done"}, id=1)
            running.release()

        def held(self, name):
            if ends == "before":
                end()
                return hold(self, name)
            refused = hold(self, name)
            end()
            return refused

        monkeypatch.setattr(Database, "hold", held)
        with pytest.raises(CloudmeshError, match="job 1 is already done"):
            Jobs().cancel(1)
    job, _ = Jobs().show(1)
    assert (job.status, job.done) == ("done", 1)


def test_a_job_that_somebody_runs_cannot_be_run_by_another(boot, config, home):
    boot("web1", "a")
    with Machines("web1", "a") as machines:
        number = machines.stop().job
    with Database(home / "cloudmesh.db") as database:
        database.update(JOBS, {"status": "running"}, id=number)
        with database.hold(lock_name(number)):
            assert Jobs().interrupted() == []
            with pytest.raises(CloudmeshError, match=f"job {number} is running in process {os.getpid()} on"):
                Jobs().resume(number)
            assert Jobs().cancel(number).status == "running"
            assert database.count(JOBS, id=number, cancel=1) == 1


def test_jobs_that_ended_long_ago_are_forgotten(boot, home):
    boot("web1", "a")
    with Database(home / "cloudmesh.db") as database:
        database.update(JOBS, {"ended": time.time() - 100 * 24 * 3600}, id=1)
    with Machines("web1", "a") as machines:
        machines.stop()
        assert [job.number for job in Jobs().list()] == [2, 1], "by the boot its machine is ours"
        machines.delete(wait=True)
        machines.names = "web2"
        machines.boot()
    assert [job.number for job in Jobs().list()] == [4, 3, 2]
    with Database(home / "cloudmesh.db") as database:
        assert {database.count(table, job=1) for table in (TASKS, PARTS, EVENTS)} == {0}


def test_a_store_that_is_full_begins_nothing(boot, spy, monkeypatch):
    boot("web[1-2]", "a")

    def full(self, table, record, /):
        raise StoreError("the disk is full")

    monkeypatch.setattr(Database, "add", full)
    with Machines("web[1-2]", "a") as machines:
        result = machines.stop()
    assert statuses(result) == ["failed", "failed"]
    assert {str(each.error) for each in result} == {"the disk is full"}
    assert spy.taken() == []


def test_who_lost_the_hold_of_a_job_begins_nothing_more_of_it(boot, spy, home):
    """As when PostgreSQL ends the session that held it."""
    boot("web[1-4]", "a")
    locks = home / "cloudmesh.db-locks"
    spy.trouble["a", "stop"] = lambda name: [each.unlink() for each in locks.iterdir()]
    with Machines("web[1-4]", "a", parallel=1) as machines:
        result = machines.stop()
    del spy.trouble["a", "stop"]
    assert len(spy.called("stop")) == 1
    assert statuses(result) == ["failed"] * 4
    assert all("lost its lock on job 2" in str(each.error) for each in result)
    (job,) = Jobs().interrupted()
    assert job.unfinished == 4, "what another process may have written is left alone"
    assert Jobs().resume(2).exit_code == 0
    assert counts(2) == {"done": 3, "already": 1}


@pytest.mark.parametrize("threads", [3, 0])
def test_fewer_threads_than_calls_make_fewer_calls_at_once_and_lose_none(boot, spy, monkeypatch, threads):
    boot("web[01-30]", "a")
    start, allowed = threading.Thread.start, iter(range(threads))

    def limited(thread):
        if thread.name == "cloudmesh-call" and next(allowed, None) is None:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with Machines("web[01-30]", "a", parallel=20) as machines:
        result = machines.stop()
    why = "no more threads allowed for this user (ulimit -u)"
    if threads:
        assert statuses(result) == ["done"] * 30
        assert result.notes == (f"3 calls were run in parallel, not 20: {why}",)
    else:
        assert {str(each.error) for each in result.failed} == {why} and len(result.failed) == 30
        assert not any(each.error.outcome_unknown for each in result) and not spy.called("stop")


def lose_store(home, how):
    """What users, or their scripts, do to a store that is in use."""
    store = home / "cloudmesh.db"
    if how == "cut off":
        store.write_text("garbage")
    elif how == "home":
        home.rename(home.with_name("away"))
    else:
        store.rename(home / "old.db")
        if how == "replaced":
            shutil.copy(home / "old.db", store)


@pytest.mark.parametrize("verb", ["stop", "delete"])
@pytest.mark.parametrize("how", ["home", "file", "replaced", "cut off"])
def test_a_store_that_is_lost_while_a_job_runs_is_told_and_no_success(boot, spy, home, how, verb):
    boot("web[1-3]", "a")
    spy.trouble["a", verb] = lambda name: lose_store(home, how)
    with Machines("web[1-3]", "a", parallel=1) as machines:
        result = machines.act(verb)
    assert (statuses(result), result.exit_code) == (["failed"] * 3, 1)
    told = [str(each.error) for each in result]
    assert f"{verb} ended (done), but this could not be saved in the store: the store " in told[0]
    assert all("was removed or replaced" in each for each in told)
    assert spy.called(verb) == ["web1"]


def test_a_store_that_is_lost_after_the_last_call_is_told_too(boot, home):
    boot("web1", "a")

    def watch(_, tallies):
        if tallies[0].done:
            lose_store(home, "file")

    with Machines("web1", "a", watch=watch) as machines:
        result = machines.stop()
    assert (statuses(result), result.exit_code) == (["done"], 1)
    with pytest.raises(StoreError, match="the end of job 2 could not be saved in the store: .* was removed"):
        result.raise_for_failures()


def test_outcomes_come_one_by_one_and_leaving_early_can_be_gone_on_with(boot, spy):
    boot("web[01-40]", "a")
    with Machines("web[01-40]", "a", parallel=2) as machines:
        for outcome in machines.stop_each():
            assert outcome.succeeded
            break
    (job,) = Jobs().interrupted()
    stopped = spy.called("stop")
    assert 1 <= len(stopped) < 40
    assert job.done == len(stopped), "what ran has come to its end, and that is written down"
    assert Jobs().resume(job.number).exit_code == 0
    with Machines("web[01-40]", "a") as machines:
        assert {str(each.state) for each in machines.start_each()} == {"starting"}


def test_a_killed_job_that_was_cancelled_can_still_be_gone_on_with(boot, home):
    boot("web[1-3]", "a")
    with Machines("web[1-3]", "a", parallel=1) as machines:
        next(each := machines.stop_each())
        each.close()
    with Database(home / "cloudmesh.db") as db:
        # As the process left it that was killed.
        db.update(JOBS, {"status": "running", "ended": 0.0}, id=2)
    assert Jobs().cancel(2).status == "cancelled"
    boot("other", "a")
    job, _ = Jobs().show(2)
    assert job.ended > job.began and job.unfinished, "no later job takes it for long over"
    assert Jobs().resume(2).exit_code == 0 and counts(2) == {"done": 3}


def test_a_cancelled_job_whose_end_was_never_written_is_kept(boot, home):
    boot("web1", "a")
    with Database(home / "cloudmesh.db") as db:
        db.update(JOBS, {"status": "cancelled", "ended": 0.0}, id=1)
    boot("web2", "a")
    assert Jobs().show(1)[0].status == "cancelled"


def test_leaving_a_loop_early_when_all_is_done_leaves_nothing_to_resume(boot, spy):
    boot("web[1-3]", "a")
    stops = []
    with Machines("web[1-3]", "a") as machines:
        for _ in machines.stop_each():
            deadline = time.monotonic() + 20
            while len(stops) < 3:
                assert time.monotonic() < deadline
                stops += spy.called("stop")
                time.sleep(0.01)
            break
    assert Jobs().interrupted() == [] and Jobs().show(2)[0].status == "done"


def test_an_iterator_that_is_kept_ends_with_its_block(configure, spy):
    configure({"a": {"latency_seconds": 0.2}}, default="a")
    with Machines("web[1-9]", "a", parallel=3) as machines:
        outcomes = machines.boot_each()
        next(outcomes)
    (job,) = Jobs().interrupted()
    begun = len(spy.called("boot"))
    assert 3 <= begun == job.done < 9, "what was begun has come to its end, and is written down"
    assert list(outcomes) == []
    assert Jobs().resume(job.number).exit_code == 0 and counts(job.number) == {"done": 9}


def test_an_answer_that_is_lost_is_looked_for_and_not_asked_again(config, spy):
    lost = CloudTimeout("no answer")
    lost.outcome_unknown = True
    seen = []

    def after(name):
        if name == "web2" and name not in seen:
            seen.append(name)
            raise lost

    spy.trouble["a", "boot"] = after
    with Machines("web[1-3]", "a") as machines:
        assert machines.boot().exit_code == 0
    booted = sorted(name for _, method, name in spy.taken() if method == "boot")
    assert booted == ["web1", "web2", "web2", "web3"]


CHILD = """
import sys
from cloudmesh.vm import Machines
with Machines("web[01-30]", "a", parallel=2) as machines:
    result = machines.stop(wait="wait" in sys.argv)
print([each.status.value for each in result])
sys.exit(result.exit_code)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_what_runs_begins_nothing_new_and_can_be_gone_on_with(configure, home, number):
    configure({"a": {"latency_seconds": 0.1}}, default="a")
    with Machines("web[01-30]", "a") as machines:
        machines.boot().raise_for_failures()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True, env={**os.environ}, cwd=Path.cwd()
    )
    deadline = time.monotonic() + 20
    while not (len(Jobs().list()) > 1 and counts(2).get("done")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.send_signal(number)
    told, _ = child.communicate(timeout=20)
    assert child.returncode == 130
    assert "'done'" in told and "'not started'" in told and "'interrupted'" not in told
    (job,) = Jobs().interrupted()
    assert 0 < job.done < 30
    assert job.unfinished == 30 - job.done
    assert Jobs().resume(job.number).exit_code == 0
    assert Jobs().show(job.number)[0].done == 30


def ctrl_c(name):
    os.kill(os.getpid(), signal.SIGINT)
    # The others, and the signal, are on their way by then.
    time.sleep(0.2)


def test_ctrl_c_during_the_last_calls_is_told_though_all_is_done(boot, spy):
    boot("web[1-2]", "a")
    spy.trouble["a", "stop"] = lambda name: ctrl_c(name) if name == "web2" else None
    with Machines("web[1-2]", "a") as machines:
        result = machines.stop()
    assert statuses(result) == ["done", "done"]
    assert (result.interrupted, result.exit_code) == (True, 130)
    assert Jobs().interrupted() == [] and Jobs().show(result.job)[0].status == "done"


def test_ctrl_c_during_the_last_calls_leaves_the_waiting_to_be_resumed(configure, spy):
    configure({"a": {"boot_seconds": 3600}}, default="a")
    spy.trouble["a", "boot"] = lambda name: ctrl_c(name) if name == "web2" else None
    with Machines("web[1-2]", "a") as machines:
        result = machines.boot(wait=True)
    assert statuses(result) == ["done", "done"] and result.exit_code == 130
    (job,) = Jobs().interrupted()
    configure({"a": {"boot_seconds": 0}}, default="a")
    del spy.trouble["a", "boot"]
    resumed = Jobs().resume(job.number, timeout=0.01)
    assert [each.state for each in resumed] == ["building"] * 2 and resumed.exit_code == 1, "it waits"


def test_ctrl_c_during_a_call_that_gets_no_answer_is_an_interruption(boot, spy):
    boot("web1", "a")

    def trouble(name):
        ctrl_c(name)
        raise CloudTimeout("no answer")

    spy.trouble["a", "stop"] = trouble
    with Machines("web1", "a") as machines:
        result = machines.stop(wait=True)
    assert statuses(result) == ["interrupted"] and result.exit_code == 130


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_job_tells_why_machines_are_left_until_they_are_tried_again(boot, spy, one_by_one):
    boot("web[1-3]", "a")
    go_on = threading.Event()

    def refuse(name):
        go_on.wait(30)
        raise Refused("not this one")

    spy.trouble["a", "stop"] = refuse
    with Machines("web[1-3]", "a", parallel=1) as machines:
        result = list(machines.stop_each(timeout=0.3)) if one_by_one else machines.stop(timeout=0.3)
        go_on.set()
    assert statuses(result) == ["interrupted", "not started", "not started"]
    (job,) = Jobs().interrupted()
    _, tasks = Jobs().show(job.number)
    assert [each["result"] for each in tasks] == statuses(result)
    assert [each["error"] for each in tasks] == [str(each.error) for each in result]
    assert [type(stored_error(each)) for each in tasks] == [CloudTimeout] * 3

    during = []

    def look(name):
        during.append([each["error"] for each in Jobs().show(job.number)[1]])
        raise Refused("not this one")

    spy.trouble["a", "stop"] = look
    assert Jobs().resume(job.number).exit_code == 1
    assert during[0] == [""] * 3
    during.clear()
    Jobs().resume(job.number, failed=True, options=RunOptions(parallel=1))
    doubt = f"not this one; for an earlier call: {UNSURE}"
    assert during == [
        ["", "not this one", "not this one"],
        [doubt, "", "not this one"],
        [doubt, "not this one", ""],
    ]
    del spy.trouble["a", "stop"]
    Jobs().resume(job.number, failed=True).raise_for_failures()
    assert [(each["result"], each["error"]) for each in Jobs().show(job.number)[1]] == [("done", "")] * 3


def test_a_job_that_cannot_be_gone_on_with_tells_why_until_it_is(boot, spy):
    boot("web[1-2]", "a")
    with Machines("web[1-2]", "a") as machines:
        job = Jobs().create(machines.plan("stop")).number

    def reasons():
        state, tasks = Jobs().show(job)
        assert state.status == "interrupted" and [each["result"] for each in tasks] == ["not started"] * 2
        return {each["error"] for each in tasks}

    def silent(name):
        raise CloudTimeout("no answer today")

    spy.trouble["a", "machines"] = silent
    assert Jobs().run(job).exit_code == 1
    assert reasons() == {"no answer today"}
    over = Deadline(seconds=3.0, ends=time.monotonic() - 1.0)
    assert Jobs().run(job, timeout=over).exit_code == 1
    assert reasons() == {"the time limit of 3 seconds ended before it began"}
    del spy.trouble["a", "machines"]
    spy.trouble["a", "stop"] = lambda name: during.append(Jobs().show(job)[1][-1]["error"])
    during = []
    assert statuses(Jobs().run(job, options=RunOptions(parallel=1))) == ["done", "done"]
    assert during == ["", ""]
    assert {each["error"] for each in Jobs().show(job)[1]} == {""}


def test_a_call_that_a_second_ctrl_c_ends_may_have_done_it(boot, spy):
    boot("web1", "a")

    def twice(name):
        ctrl_c(name)
        time.sleep(0.2)
        ctrl_c(name)
        time.sleep(1)

    spy.trouble["a", "stop"] = twice
    with Machines("web1", "a") as machines:
        (outcome,) = machines.stop()
    assert (outcome.status, outcome.error.outcome_unknown) == (Status.INTERRUPTED, True)
    (job,) = Jobs().interrupted()
    (task,) = Jobs().show(job.number)[1]
    assert task["error"] == str(outcome.error) and stored_error(task).outcome_unknown


def test_a_cloud_that_cannot_be_opened_fails_its_own_machines_only(configure, home):
    configure({"a": {}, "b": {}}, default=["a", "b"])
    with Machines("a:web[1-3],b:web[4-6]") as machines:
        machines.boot(wait=True).raise_for_failures()
    (database,) = home.rglob("simulated-b.db")
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()
    database.mkdir()
    with Machines("web[1-6]") as machines:
        result = machines.stop()
    assert statuses(result) == [*["done"] * 3, *["failed"] * 3]
    assert all("simulated-b.db" in str(each.error) for each in result.failed) and result.exit_code == 1


@pytest.mark.parametrize("bulk", [1, 10])
def test_a_cloud_that_is_slow_to_open_holds_no_other_back(boot, configure, monkeypatch, bulk):
    configure({"a": {}, "b": {"bulk": bulk}}, default=["a", "b"])
    for cloud in "ab":
        boot("web[1-3]", cloud)
    others_done, original, in_vain = threading.Event(), SimulatedProvider.open, []

    def slow(self):
        if self.name == "b" and not others_done.wait(10):
            in_vain.append("nobody was done before this one was open")
        original(self)

    monkeypatch.setattr(SimulatedProvider, "open", slow)
    told = []
    with Machines("b:web[1-3],a:web[1-3]") as machines:
        for outcome in machines.stop_each():
            told.append((outcome.cloud, outcome.status.value))
            if len(told) == 3:
                others_done.set()
    assert told == [*[("a", "done")] * 3, *[("b", "done")] * 3] and not in_vain


def test_a_machine_that_is_shown_late_is_waited_for_without_opening_its_cloud_once_more(
    configure, monkeypatch, opened_by_main
):
    configure({"a": {}})
    listed = SimulatedProvider.machines
    hidden = [True, True]  # once while the boot is planned, once after it
    monkeypatch.setattr(
        SimulatedProvider, "machines", lambda self: [] if hidden and hidden.pop() else listed(self)
    )
    with Machines("web1") as machines:
        assert statuses(machines.boot(wait=True)) == ["done"]
    assert not hidden and opened_by_main == []


def test_a_job_that_waits_can_be_cancelled(configure):
    configure({"a": {"boot_seconds": 3600}}, default="a")

    def cancel(what, _):
        if what == "wait" and Jobs().list()[0].status == "running":
            Jobs().cancel(1)

    with Machines("web[1-2]", "a", watch=cancel) as machines:
        result = machines.boot(wait=True, timeout=60)
    assert statuses(result) == ["interrupted"] * 2 and result.exit_code == 130
    (job,) = Jobs().list()
    assert (job.status, job.done) == ("cancelled", 2)


@pytest.mark.parametrize("effort", [{"parallel": -1}, {"parallel": "8"}, {"call_timeout": 0}])
def test_an_effort_that_makes_no_sense_is_refused(effort):
    with pytest.raises(UsageError, match=next(iter(effort))):
        Machines("web1", "a", **effort)


def test_a_wrong_password_is_tried_once_by_looking_and_acting_together(boot, spy):
    boot("web[1-2]", "a")
    asked = []

    def refused(name=""):
        asked.append(name)
        raise CredentialsError("wrong password")

    for method in ("machines", "stop"):
        spy.trouble["a", method] = refused
    with Machines("web[1-2],x*", "a") as machines:
        result = machines.stop()
    assert len(asked) == 1 and {str(each.error) for each in result} == {"wrong password"}
