"""What is told of calls when a cluster, or only the line to it, is lost: by a Dask that is made of paper."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.dask.executor import DaskExecutor
from cloudmesh.vm import Machines
from cloudmesh.vm.jobs.jobs import Jobs
from cloudmesh.vm.model.call import CallLost, WorkerUnreachable

PATIENCE = 20
WORKER = {"tcp://w1:1": {"status": "running", "nthreads": 4}}


class PaperDask:
    """A client whose scheduler has one worker, in this process; both it and the line to it can be lost."""

    def __init__(self):
        self.status = "running"
        self.workers = WORKER
        self._pool = ThreadPoolExecutor(8)
        self._futures = []

    def get_executor(self, **settings):
        return self

    def scheduler_info(self, n_workers):
        return {"workers": self.workers}

    def submit(self, function, *args, key, workers):
        future = Future()
        self._futures.append(future)
        self._pool.submit(function, *args).add_done_callback(
            lambda made: future.cancelled() or future.set_result(made.result())
        )
        return future

    def break_off(self):
        """The line is away until it is said to be back, and nobody has told of that."""
        self.status = "connecting"

    def break_off_for_a_moment(self):
        """The line was away, and is back before anybody looks: the client has cancelled all its futures."""
        for future in self._futures:
            if future.cancel():
                future.set_running_or_notify_cancel()

    def lose_worker(self):
        self.workers = {}

    def recover(self):
        self.status, self.workers = "running", WORKER


@pytest.fixture
def dask():
    return PaperDask()


@pytest.fixture
def executor(dask):
    executor = DaskExecutor(dask)
    wait_until(lambda: executor.max_workers)
    yield executor
    dask.recover()
    executor.shutdown()


def wait_until(true):
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


LINE = ["break_off", "break_off_for_a_moment"]


@pytest.mark.parametrize("trouble", [*LINE, "lose_worker"])
def test_a_line_that_is_lost_is_told_apart_from_a_worker_that_is(dask, executor, trouble):
    begun, over = threading.Event(), threading.Event()
    there[trouble] = begun, over
    call = executor.submit(hold, trouble)
    assert begun.wait(PATIENCE)
    getattr(dask, trouble)()
    error = call.exception(PATIENCE)
    over.set()
    assert isinstance(error, CallLost) and error.outcome_unknown
    assert isinstance(error, WorkerUnreachable) is (trouble in LINE)
    dask.recover()
    assert executor.submit(int, "7").result(PATIENCE) == 7, "and it goes on afterwards"


# What calls tell and wait for, by their names: an event cannot be sent.
there = {}


def hold(name):
    begun, over = there[name]
    begun.set()
    over.wait(PATIENCE)


class Slow:
    """A method of a cloud whose first call hangs; the line is lost meanwhile, and comes back."""

    def __init__(self, dask, executor, trouble):
        self._begun, self.over, self.ended = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._break, args=(dask, executor, trouble))
        self._thread.start()

    def __call__(self, name):
        if not self._begun.is_set():
            self._begun.set()
            self.over.wait(PATIENCE)
            self.ended.set()

    def _break(self, dask, executor, trouble):
        self._begun.wait(PATIENCE)
        getattr(dask, trouble)()
        if trouble == "break_off":
            wait_until(lambda: not executor.max_workers)
        dask.recover()

    def end(self):
        """Let the first call come to its end."""
        self.over.set()
        assert self.ended.wait(PATIENCE)
        self._thread.join()


@pytest.mark.parametrize("trouble", LINE)
def test_a_boot_that_a_worker_may_still_make_is_not_made_by_another(dask, executor, config, spy, trouble):
    """No look can find a machine that is yet to be asked for."""
    spy.trouble["a", "boot"] = slow = Slow(dask, executor, trouble)
    with Machines("web1", "a", executor=executor) as machines:
        result = machines.boot()
    assert [each.status.value for each in result] == ["failed"] and result.exit_code == 1
    assert "outcome unknown" in str(result[0].error) and result[0].error.outcome_unknown
    slow.end()
    wait_until(lambda: machines_of("a"))
    assert [method for _, method, _ in spy.taken()].count("boot") == 1
    assert Jobs().resume(result.job, failed=True).exit_code == 0
    assert "boot" not in [method for _, method, _ in spy.taken()], "it is found"
    assert len(machines_of("a")) == 1


def machines_of(cloud):
    with Machines("web*", cloud) as machines:
        return machines.session.cloud(cloud).machines()


@pytest.mark.parametrize("trouble", LINE)
def test_a_boot_is_made_again_where_the_cloud_takes_both_for_one(
    dask, executor, config, spy, monkeypatch, trouble
):
    monkeypatch.setattr(SimulatedProvider, "boots_once", True)
    spy.trouble["a", "boot"] = slow = Slow(dask, executor, trouble)
    with Machines("web1", "a", executor=executor) as machines:
        result = machines.boot()
    assert result.exit_code == 0
    assert [method for _, method, _ in spy.taken()].count("boot") == 2
    slow.end()


@pytest.mark.parametrize("trouble", LINE)
def test_what_does_no_harm_twice_is_asked_for_again(dask, executor, boot, spy, trouble):
    boot("web1", "a")
    spy.trouble["a", "stop"] = slow = Slow(dask, executor, trouble)
    with Machines("web1", "a", executor=executor) as machines:
        assert machines.stop().exit_code == 0
    slow.end()


class Ending:
    """An argument during whose pickling its executor comes to its end."""

    def __init__(self, executor):
        self._executor = executor

    def __reduce__(self):
        self._executor.shutdown()
        return int, ()


def test_a_call_that_comes_when_the_executor_has_just_ended_is_refused(executor):
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(str, Ending(executor))
