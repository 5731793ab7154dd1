"""The one runner: in order, whatever runs the tasks, and written down before and after."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudmesh.cloud.cloud import Done
from cloudmesh.cloud.errors import Refused
from cloudmesh.cloud.inventory import Inventory
from cloudmesh.cloud.model import Machine, State
from cloudmesh.db import Database
from cloudmesh.plugin.errors import StoreError
from cloudmesh.vm import Machines
from cloudmesh.vm.journal import TASKS, StoreJournal
from cloudmesh.vm.runner import Task, run


class Memory:
    """A journal that many threads can write."""

    def __init__(self, before=None, after=None):
        self.lines = []
        self._errors = {"before": before or {}, "after": after or {}}
        self._lock = threading.Lock()

    def before(self, task):
        self._note("before", task.name, None)
        return int(task.name)

    def after(self, number, outcome):
        self._note("after", str(number), outcome)

    def _note(self, when, name, outcome):
        if name in self._errors[when]:
            raise self._errors[when][name]
        with self._lock:
            self.lines.append((when, name, outcome and outcome.status.value))


def task(number, act=None):
    machine = Machine("a", str(number), f"id{number}", State.STOPPING)

    def call():
        if act:
            act()
        return Done(machine, changed=number % 2 == 0)

    return Task("a", str(number), "stop", call)


def fail(error):
    def act():
        raise error

    return act


def statuses(result):
    return [each.status.value for each in result]


def mixed():
    """Twelve tasks of which the first take longest, so that threads end them in another order."""
    acts = {4: fail(Refused("no")), 5: fail(RuntimeError("bug"))}
    slow = [(lambda pause=pause: time.sleep(pause)) for pause in (0.03, 0.02, 0.01)]
    return [task(number, acts.get(number, slow[number] if number < 3 else None)) for number in range(12)]


@pytest.mark.parametrize("threads", [1, 4, 32])
def test_threads_give_the_same_result_in_the_same_order(threads):
    journal = Memory()
    inline = run(mixed(), Memory())
    with ThreadPoolExecutor(threads) as pool:
        result = run(mixed(), journal, pool)
    ended = [*["done", "already"] * 2, "failed", "failed", *["done", "already"] * 3]
    assert statuses(result) == statuses(inline) == ended
    assert [each.name for each in result] == [str(number) for number in range(12)]
    assert [str(each.error) for each in result] == [str(each.error) for each in inline]
    assert sorted(name for when, name, _ in journal.lines if when == "after") == sorted(map(str, range(12)))


def test_threads_run_tasks_at_the_same_time():
    barrier = threading.Barrier(4, timeout=5)
    with ThreadPoolExecutor(4) as pool:
        result = run([task(number, barrier.wait) for number in range(4)], Memory(), pool)
    assert result.exit_code == 0


def test_each_call_stands_between_its_lines():
    journal = Memory()
    run([task(0), task(1, fail(Refused("no")))], journal)
    assert journal.lines == [
        ("before", "0", None),
        ("after", "0", "done"),
        ("before", "1", None),
        ("after", "1", "failed"),
    ]


def test_what_cannot_be_written_down_is_not_called():
    called = []
    journal = Memory(before={"1": StoreError("the disk is full")})
    result = run([task(number, lambda number=number: called.append(number)) for number in range(3)], journal)
    assert called == [0, 2]
    assert statuses(result) == ["done", "failed", "done"]
    assert str(result[1].error) == "the disk is full"


def test_an_end_that_cannot_be_written_down_is_told_with_what_became_of_it():
    journal = Memory(after={"0": StoreError("the disk is full"), "1": StoreError("the disk is full")})
    result = run([task(0), task(1, fail(Refused("no"))), task(2)], journal)
    assert statuses(result) == ["failed", "failed", "done"]
    assert str(result[0].error) == "stop ended (done), but that could not be written down: the disk is full"
    assert str(result[1].error) == "stop ended (no), but that could not be written down: the disk is full"


def test_nothing_to_do_is_a_success():
    assert run([], Memory()).exit_code == 0


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
        result = run([task(2 * number, slow) for number in range(6)], Memory(), pool)
    assert statuses(result)[0] == "done"
    assert statuses(result)[1:3] == ["not started"] * 2
    assert statuses(result)[4:] == ["not started"] * 2
    assert len(begun) == 1
    assert result.exit_code == 130


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
        run([task(0, lambda: time.sleep(0.02))], StoreJournal(inventory.database))
        (line,) = inventory.database.find(TASKS)
    assert line["seconds"] >= 0.02
    assert abs(line["began"] - time.time()) < 60
