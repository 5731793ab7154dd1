"""A cluster that breaks while it makes calls: none is made twice, and each one that was lost is told."""

import signal
import time
from concurrent.futures import wait

import pytest

from cloudmesh.vm.executors.registry import open_executor
from cloudmesh.vm.model.call import CallLost, WorkerUnreachable

pytestmark = pytest.mark.slow

PATIENCE = 60


@pytest.fixture
def file(tmp_path):
    return tmp_path / "trace"


@pytest.fixture
def settings(configured, own_cluster):
    return configured(engine="dask", scheduler=own_cluster.address)


def begun(file):
    """Process and word of each call that was begun."""
    return [tuple(line.split()) for line in file.read_text().splitlines()] if file.exists() else []


def check(futures, file, lost_pids):
    """Every call was begun once at most; those of lost processes are lost, all others have ended well.

    A call that was given to a worker after its death is lost too, for nobody can tell that it did not begin.
    """
    wait(futures, PATIENCE)
    where = {word: int(pid) for pid, word in begun(file)}
    assert len(where) == len(begun(file)), "a call was made twice"
    for number, future in enumerate(futures):
        assert future.done()
        if where.get(str(number)) in lost_pids or str(number) not in where:
            assert isinstance(future.exception(), CallLost) and future.exception().outcome_unknown
        else:
            assert future.result() == str(number)
    return where


def test_a_worker_that_is_killed(settings, own_cluster, traced, file, until):
    with open_executor(settings, 32) as executor:
        futures = [executor.submit(traced.trace, str(file), str(number), 1.0) for number in range(24)]
        until(lambda: len(begun(file)) >= 8)
        killed = own_cluster.processes["worker0"].pid
        own_cluster.kill("worker0")
        where = check(futures, file, {killed})
        assert len([pid for pid in where.values() if pid == killed]) == 4 and len(where) >= 20
        until(lambda: executor.max_workers == 4)


def test_a_worker_that_comes_back_at_the_same_address(configured, new_cluster, traced, file, until):
    new_cluster.start(workers=0)
    address = ["--worker-port", str(new_cluster.port + 1)]
    new_cluster.add("old", *address)
    with open_executor(configured(engine="dask", scheduler=new_cluster.address), 8) as executor:
        futures = [executor.submit(traced.trace, str(file), str(number), 2.0) for number in range(6)]
        until(lambda: len(begun(file)) == 4)
        killed = new_cluster.processes["old"].pid
        new_cluster.kill("old")
        new_cluster.add("new", *address)
        where = check(futures, file, {killed})
        assert set(where.values()) == {killed, new_cluster.processes["new"].pid}
        assert len(new_cluster.logged("Register worker addr: ")) >= 2


def test_a_new_process_refuses_what_was_meant_for_another(cluster, configured, traced, file):
    """Dask itself gives the task to whoever is there; the key of the process decides."""
    import pickle

    from distributed import Client

    from cloudmesh.dask.worker import HERE, Delivery

    sent = pickle.dumps(Delivery("name", HERE.key, pickle.dumps((traced.trace, (str(file), "x"), {}))))
    with Client(cluster.address, set_as_default=False) as client:
        good, error = pickle.loads(client.submit(pickle.loads, sent, pure=False).result(PATIENCE))
    assert not good and isinstance(error, CallLost) and not begun(file)
    assert pickle.loads(pickle.loads(sent)) == (True, "x"), "and it is made where it was meant to be"
    good, error = pickle.loads(pickle.loads(sent))
    assert not good and isinstance(error, CallLost) and len(begun(file)) == 1, "but not again"


def test_a_worker_that_is_retired(settings, own_cluster, traced, file, until):
    from distributed import Client

    with open_executor(settings, 32) as executor, Client(own_cluster.address, set_as_default=False) as other:
        futures = [executor.submit(traced.trace, str(file), str(number), 1.0) for number in range(24)]
        until(lambda: len(begun(file)) >= 8)
        (address,) = [
            address
            for address, pid in other.run(__import__("os").getpid).items()
            if pid == own_cluster.processes["worker0"].pid
        ]
        retired = own_cluster.processes["worker0"].pid
        other.retire_workers([address])
        check(futures, file, {retired})


def test_a_worker_that_stops_answering_is_not_replaced_before_it_is_gone(
    settings, own_cluster, traced, file, until
):
    with open_executor(settings, 32) as executor:
        futures = [executor.submit(traced.trace, str(file), str(number), 1.0) for number in range(8)]
        until(lambda: len(begun(file)) >= 8)
        own_cluster.processes["worker0"].send_signal(signal.SIGSTOP)
        time.sleep(2)
        own_cluster.processes["worker0"].send_signal(signal.SIGCONT)
        check(futures, file, set())


def test_the_line_to_the_scheduler_breaks_off_for_a_moment(
    configured, own_cluster, make_line, traced, file, until
):
    """The workers are well, and go on with what they have begun."""
    line = make_line(own_cluster)
    with open_executor(configured(engine="dask", scheduler=line.address), 32) as executor:
        futures = [executor.submit(traced.trace, str(file), str(number), 3.0) for number in range(8)]
        until(lambda: len(begun(file)) == 8)
        line.break_off()
        errors = [each.exception(PATIENCE) for each in futures]
        line.mend()
        assert all(isinstance(each, WorkerUnreachable) and each.outcome_unknown for each in errors)
        late = [executor.submit(traced.trace, str(file), f"late{number}") for number in range(4)]
        assert [each.result(PATIENCE) for each in late] == [f"late{number}" for number in range(4)]
        assert len(begun(file)) == 12


def test_the_scheduler_is_killed(settings, own_cluster, traced, file, until, monkeypatch):
    with open_executor(settings, 32) as executor:
        monkeypatch.setattr(executor, "_grace", 1.0)
        futures = [executor.submit(traced.trace, str(file), str(number), 1.0) for number in range(24)]
        until(lambda: len(begun(file)) >= 8)
        own_cluster.kill("scheduler")
        _, left = wait(futures, PATIENCE)
        assert not left
        words = {word for _, word in begun(file)}
        assert len(words) == len(begun(file))
        for number, future in enumerate(futures):
            error = future.exception()
            assert isinstance(error, CallLost) and error.outcome_unknown == (str(number) in words)
        late = executor.submit(traced.trace, str(file), "late").exception(PATIENCE)
        assert isinstance(late, CallLost) and not late.outcome_unknown


def test_the_last_worker_is_killed(configured, new_cluster, traced, file, until, monkeypatch):
    new_cluster.start(workers=1)
    with open_executor(configured(engine="dask", scheduler=new_cluster.address), 8) as executor:
        monkeypatch.setattr(executor, "_grace", 1.0)
        futures = [executor.submit(traced.trace, str(file), str(number), 30.0) for number in range(6)]
        until(lambda: len(begun(file)) == 4)
        new_cluster.kill("worker0")
        errors = [each.exception(PATIENCE) for each in futures]
        assert [error.outcome_unknown for error in errors] == [True] * 4 + [False] * 2
        assert "no workers any more" in str(errors[-1])
