"""Which calls share a thread: those of clouds that allow it, once there are many."""

import threading

import pytest

from cloudmesh.vm.executors.own import OwnCalls
from cloudmesh.vm.model.call import Access, Call

LONG = 20.0


def call(kind):
    return Call(Access("uc", {"type": kind}), "start", (None,), (None,))


@pytest.fixture
def names():
    """Runs so many calls at once, and gives the names of the threads that they were in."""

    def run(kind, count, most=64):
        gate, begun = threading.Event(), threading.Barrier(min(count, 8) + 1)
        executor = OwnCalls(most)

        def made(_):
            name = threading.current_thread().name
            if name == "cloudmesh-call" and not gate.is_set():
                begun.wait(LONG)
                gate.wait(LONG)
            return name

        try:
            futures = [executor.submit(made, call(kind)) for _ in range(min(count, 8))]
            begun.wait(LONG)
            futures += [executor.submit(made, call(kind)) for _ in range(count - len(futures))]
            gate.set()
            return [each.result(LONG) for each in futures]
        finally:
            executor.shutdown(wait=True)

    return run


def test_few_calls_have_threads_and_the_others_share_one(names):
    assert names("openstack", 8) == ["cloudmesh-call"] * 8
    told = names("openstack", 40)
    assert told == ["cloudmesh-call"] * 8 + ["cloudmesh-calls"] * 32


@pytest.mark.parametrize("kind", ["simulated", "no-such-kind"])
def test_calls_of_other_clouds_have_threads(names, kind):
    told = names(kind, 8)
    assert told == ["cloudmesh-call"] * 8


def test_once_a_thread_is_shared_small_jobs_use_it_too():
    executor, gate = OwnCalls(64), threading.Event()
    try:
        threads = [executor.submit(lambda _: gate.wait(LONG), call("openstack")) for _ in range(8)]
        assert executor.submit(lambda _: threading.current_thread().name, call("openstack")).result(LONG)
        gate.set()
        assert all(each.result(LONG) for each in threads)
        last = executor.submit(lambda _: threading.current_thread().name, call("openstack"))
        assert last.result(LONG) == "cloudmesh-calls"
        simulated = executor.submit(lambda _: threading.current_thread().name, call("simulated"))
        assert simulated.result(LONG) == "cloudmesh-call"
    finally:
        executor.shutdown(wait=True)


@pytest.mark.parametrize(("expected", "name"), [(8, "cloudmesh-call"), (9, "cloudmesh-calls")])
def test_many_that_are_to_come_share_a_thread_from_the_first_one_on(expected, name):
    executor = OwnCalls(64)
    try:
        executor.expect(expected)
        told = executor.submit(lambda _: threading.current_thread().name, call("openstack"))
        assert told.result(LONG) == name
    finally:
        executor.shutdown(wait=True)
