"""The one runner: in order, whatever runs the tasks, and written down before and after."""

import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from cloudmesh.cloud.cloud import Done
from cloudmesh.cloud.errors import Refused
from cloudmesh.cloud.inventory import Inventory
from cloudmesh.cloud.model import Machine, State
from cloudmesh.db import Database
from cloudmesh.plugin.errors import CloudmeshError, StoreError
from cloudmesh.vm import Machines
from cloudmesh.vm.journal import TASKS, Journal
from cloudmesh.vm.runner import Task, run


class UnknownTable(CloudmeshError):
    """Somebody dropped the journal."""


class Memory:
    """A worker that many threads can share, with a journal that is kept in memory."""

    def __init__(self, acts=None, before=None, after=None):
        self.lines = []
        self._acts = acts or {}
        self._errors = {"before": before or {}, "after": after or {}}
        self._lock = threading.Lock()

    def before(self, task):
        self._note("before", task.name, None)
        return int(task.name)

    def do(self, task):
        self._acts.get(int(task.name), bool)()
        return Done(task.machine, changed=int(task.name) % 2 == 0)

    def after(self, number, outcome):
        self._note("after", str(number), outcome)

    def _note(self, when, name, outcome):
        if name in self._errors[when]:
            raise self._errors[when][name]
        with self._lock:
            self.lines.append((when, name, outcome and outcome.status.value))


def tasks(count):
    return [
        Task("a", str(number), "stop", Machine("a", str(number), f"id{number}", State.STOPPING))
        for number in range(count)
    ]


def work(count, worker, executor=None):
    return run(tasks(count), lambda: worker, executor)


def fail(error):
    def act():
        raise error

    return act


def statuses(result):
    return [each.status.value for each in result]


def mixed():
    """Acts of which the first take longest, so that threads end them in another order."""
    acts = {number: partial(time.sleep, pause) for number, pause in enumerate((0.03, 0.02, 0.01))}
    return {**acts, 4: fail(Refused("no")), 5: fail(Refused("never"))}


@pytest.mark.parametrize("threads", [1, 4, 32])
def test_threads_give_the_same_result_in_the_same_order(threads):
    worker = Memory(mixed())
    inline = work(12, Memory(mixed()))
    with ThreadPoolExecutor(threads) as pool:
        result = work(12, worker, pool)
    ended = [*["done", "already"] * 2, "failed", "failed", *["done", "already"] * 3]
    assert statuses(result) == statuses(inline) == ended
    assert [each.name for each in result] == [str(number) for number in range(12)]
    assert [str(each.error) for each in result] == [str(each.error) for each in inline]
    assert sorted(name for when, name, _ in worker.lines if when == "after") == sorted(map(str, range(12)))


def test_threads_run_tasks_at_the_same_time():
    barrier = threading.Barrier(4, timeout=5)
    with ThreadPoolExecutor(4) as pool:
        result = work(4, Memory(dict.fromkeys(range(4), barrier.wait)), pool)
    assert result.exit_code == 0


def test_each_call_stands_between_its_lines():
    worker = Memory({1: fail(Refused("no"))})
    work(2, worker)
    assert worker.lines == [
        ("before", "0", None),
        ("after", "0", "done"),
        ("before", "1", None),
        ("after", "1", "failed"),
    ]


def test_what_cannot_be_written_down_is_not_called():
    called = []
    acts = {number: partial(called.append, number) for number in range(3)}
    result = work(3, Memory(acts, before={"1": StoreError("the disk is full")}))
    assert called == [0, 2]
    assert statuses(result) == ["done", "failed", "done"]
    assert str(result[1].error) == "the disk is full"


@pytest.mark.parametrize("error", [StoreError, UnknownTable])
def test_an_end_that_cannot_be_written_down_is_told_with_what_became_of_it(error):
    after = {"0": error("the disk is full"), "1": error("the disk is full")}
    result = work(3, Memory({1: fail(Refused("no"))}, after=after))
    assert statuses(result) == ["failed", "failed", "done"]
    assert "stop ended (done), but that could not be written down" in str(result[0].error)
    assert "stop ended (no), but that could not be written down" in str(result[1].error)


def test_a_worker_that_cannot_be_had_fails_its_task():
    def none():
        raise StoreError("the store cannot be opened")

    assert [str(each.error) for each in run(tasks(2), none)] == ["the store cannot be opened"] * 2


def test_nothing_to_do_is_a_success():
    assert work(0, Memory()).exit_code == 0


def test_a_task_can_be_sent_elsewhere():
    (task,) = tasks(1)
    assert pickle.loads(pickle.dumps(task)) == task


def test_ctrl_c_with_threads_ends_what_runs_and_begins_nothing_new():
    running, begun = threading.Event(), []

    def slow():
        begun.append(1)
        running.set()
        time.sleep(0.05)

    class Impatient(ThreadPoolExecutor):
        """Ctrl-C comes while the third task is handed over."""

        def submit(self, fn, /, *args, **kwargs):
            if len(self.handed) == 3:
                running.wait(5)
                raise KeyboardInterrupt
            self.handed.append(super().submit(fn, *args, **kwargs))
            return self.handed[-1]

    Impatient.handed = []
    with Impatient(1) as pool:
        result = work(6, Memory(dict.fromkeys(range(6), slow)), pool)
    assert statuses(result)[0] == "done"
    assert statuses(result)[1:3] == ["not started"] * 2
    assert statuses(result)[4:] == ["not started"] * 2
    assert len(begun) == 1
    assert result.exit_code == 130


def test_a_second_ctrl_c_does_not_wait_and_loses_no_outcome():
    release = threading.Event()

    class Impatient(ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            future = super().submit(fn, *args, **kwargs)
            if args[0].name == "0":
                future.result()
            if args[0].name == "1":
                running.wait(5)
                raise KeyboardInterrupt
            return future

    running = threading.Event()

    def slow():
        running.set()
        release.wait(5)

    def interrupted(futures):
        raise KeyboardInterrupt

    with Impatient(1) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr("cloudmesh.vm.runner.wait", interrupted)
        result = work(3, Memory({1: slow}), pool)
        release.set()
    assert statuses(result) == ["done", "interrupted", "not started"]


def test_real_threads_open_clouds_and_store_for_themselves(boot, spy, home):
    boot("web[01-12]", "a")
    with ThreadPoolExecutor(4) as pool, Machines("web[01-12]", "a", executor=pool) as machines:
        assert machines.stop(wait=True).exit_code == 0
        assert [each.state for each in machines.start()] == [State.STARTING] * 12
    assert [line[2] for line in tasks_of(home)[12:]] == ["done"] * 24


def tasks_of(home):
    with Database(home / "cloudmesh.db") as store:
        return [(each["name"], each["verb"], each["status"], each["error"]) for each in store.find(TASKS)]


def test_the_store_tells_how_each_task_ended(boot, home, spy):
    boot("web[1-2]", "a")
    spy.trouble["a", "stop"] = Refused("no")
    with Machines("web1") as machines:
        machines.stop()
    spy.trouble.clear()
    with Machines("web2") as machines:
        machines.stop()
    assert tasks_of(home) == [
        ("web1", "boot", "done", ""),
        ("web2", "boot", "done", ""),
        ("web1", "stop", "failed", "no"),
        ("web2", "stop", "done", ""),
    ]


def test_the_store_says_running_while_the_cloud_is_called(boot, home, spy):
    boot("web1", "a")
    seen = []
    spy.trouble["a", "stop"] = lambda name: seen.append(tasks_of(home)[-1])
    with Machines("web1") as machines:
        machines.stop()
    assert seen == [("web1", "stop", "running", "")]
    assert tasks_of(home)[-1] == ("web1", "stop", "done", "")


def test_a_call_that_never_came_back_stays_running(boot, home, spy):
    boot("web1", "a")
    spy.trouble["a", "stop"] = KeyboardInterrupt()
    with Machines("web1") as machines:
        machines.stop()
    assert tasks_of(home)[-1] == ("web1", "stop", "running", "")


def test_a_store_that_fails_before_the_call_keeps_the_cloud_from_being_called(boot, spy, monkeypatch):
    boot("web[1-2]", "a")

    def full(self, table, record, /):
        raise StoreError("the disk is full")

    monkeypatch.setattr(Database, "add", full)
    with Machines("web[1-2]", "a") as machines:
        result = machines.stop()
    assert statuses(result) == ["failed", "failed"]
    assert spy.taken() == []


def test_a_store_that_fails_after_the_call_is_told(boot, spy, monkeypatch):
    boot("web1", "a")

    def full(self, table, values, /, where=None, **equals):
        raise StoreError("the disk is full")

    monkeypatch.setattr(Database, "update", full)
    with Machines("web1", "a") as machines:
        result = machines.stop()
    assert spy.taken() == [("a", "stop", "web1")]
    assert statuses(result) == ["failed"]
    assert "stop ended (done), but that could not be written down: the disk is full" in str(result[0].error)


def test_the_journal_keeps_the_time_and_length(config, home):
    with Inventory() as inventory:
        journal = Journal(inventory.database)

        class Slow(Memory):
            before, after = journal.before, journal.after

        work(1, Slow({0: partial(time.sleep, 0.02)}))
        (line,) = inventory.database.find(TASKS)
    assert line["seconds"] >= 0.02
    assert abs(line["began"] - time.time()) < 60
