"""Calls in threads that can be given up: none is lost, none is made twice, and none keeps a process alive."""

import subprocess
import sys
import threading
from concurrent.futures import CancelledError, wait

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.vm.executors.threads import DaemonThreads

# Only so that a mistake ends in a failure and not in a test that hangs.
PATIENCE = 30


class Gates:
    """Calls that hang until they are let go, and what is known of them."""

    def __init__(self):
        self.lock = threading.Lock()
        self.began = []
        self.threads = set()
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)

    def hang(self, name=""):
        self.note(name)
        self.entered.release()
        assert self.open.wait(PATIENCE)
        return name

    def note(self, name=""):
        with self.lock:
            self.began.append(name)
            self.threads.add(threading.current_thread())
        return name

    def await_begin(self, count=1):
        for _ in range(count):
            assert self.entered.acquire(timeout=PATIENCE)


@pytest.fixture
def gates():
    made = Gates()
    yield made
    made.open.set()
    for thread in made.threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def end(executor, **options):
    """Shut down in another thread; whether that came to its end."""
    ended = threading.Event()
    threading.Thread(target=lambda: (executor.shutdown(**options), ended.set()), daemon=True).start()
    return ended.wait(PATIENCE)


def test_answers_and_errors_come_by_their_future():
    with DaemonThreads(3) as executor:
        futures = [executor.submit(divmod, 7, number) for number in range(4)]
        assert [future.result(PATIENCE) for future in futures[1:]] == [(7, 0), (3, 1), (2, 1)]
        with pytest.raises(ZeroDivisionError):
            futures[0].result(PATIENCE)
        assert list(executor.map(abs, range(-5, 5), timeout=PATIENCE)) == [*range(5, 0, -1), *range(5)]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_no_error_of_a_call_ends_its_thread(error):
    def fail():
        raise error

    with DaemonThreads(1) as executor:
        first = executor.submit(fail)
        assert isinstance(first.exception(PATIENCE), error)
        assert executor.submit(int).result(PATIENCE) == 0


def test_as_many_threads_as_are_needed_and_no_more_than_allowed(gates):
    with DaemonThreads(3) as executor:
        for _ in range(5):
            assert executor.submit(gates.note).result(PATIENCE) == ""
            # Until the thread is idle again the next call would get another.
            wait_until(lambda: executor._idle == executor._threads)
        assert len(gates.threads) == 1
        futures = [executor.submit(gates.hang, number) for number in range(9)]
        gates.await_begin(3)
        assert len(gates.threads) == 3 and sorted(gates.began[5:]) == [0, 1, 2]
        gates.open.set()
        assert [future.result(PATIENCE) for future in futures] == list(range(9))
        assert len(gates.threads) == 3
    assert all(thread.daemon for thread in gates.threads)


def wait_until(condition):
    ended = threading.Event()
    for _ in range(3000):
        if condition():
            return
        ended.wait(0.01)
    raise AssertionError("it did not come")


def test_a_call_that_is_given_up_makes_room_for_another(gates):
    executor = DaemonThreads(1)
    hanging = executor.submit(gates.hang, "hanging")
    gates.await_begin()
    next_one = executor.submit(gates.note, "next")
    assert not next_one.done()
    executor.abandon(hanging)
    assert next_one.result(PATIENCE) == "next"
    assert end(executor), "what was given up is not waited for"
    assert not hanging.done()
    gates.open.set()
    assert hanging.result(PATIENCE) == "hanging", "the late answer is there"
    assert gates.began == ["hanging", "next"] and len(gates.threads) == 2


def test_giving_up_what_is_waiting_or_has_ended(gates):
    with DaemonThreads(1) as executor:
        hanging = executor.submit(gates.hang)
        gates.await_begin()
        waiting = executor.submit(gates.note, "never")
        executor.abandon(waiting)
        executor.abandon(waiting)
        with pytest.raises(CancelledError):
            waiting.result(PATIENCE)
        gates.open.set()
        assert hanging.result(PATIENCE) == ""
        executor.abandon(hanging)
        assert executor.submit(gates.note, "last").result(PATIENCE) == "last"
    assert gates.began == ["", "last"]


def test_shutdown_waits_for_what_was_submitted(gates):
    executor = DaemonThreads(2)
    futures = [executor.submit(gates.hang, number) for number in range(6)]
    gates.await_begin(2)
    executor.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(gates.note)
    gates.open.set()
    assert end(executor)
    assert [future.result(0) for future in futures] == list(range(6))


def test_shutdown_can_cancel_what_is_waiting(gates):
    executor = DaemonThreads(2)
    futures = [executor.submit(gates.hang, number) for number in range(6)]
    gates.await_begin(2)
    executor.shutdown(wait=False)
    executor.shutdown(wait=False, cancel_futures=True)
    done, left = wait(futures[2:], PATIENCE)
    assert len(done) == 4 and not left and all(future.cancelled() for future in done)
    gates.open.set()
    assert end(executor)
    assert [future.result(0) for future in futures[:2]] == [0, 1]
    assert len(gates.began) == 2


def test_who_waits_in_shutdown_is_freed_when_the_last_call_is_given_up(gates):
    executor = DaemonThreads(1)
    hanging = executor.submit(gates.hang, "hanging")
    last = executor.submit(gates.note, "last")
    gates.await_begin()
    ended = threading.Event()
    threading.Thread(target=lambda: (executor.shutdown(), ended.set()), daemon=True).start()
    wait_until(lambda: executor._closed)
    assert not ended.is_set()
    executor.abandon(hanging)
    assert ended.wait(PATIENCE)
    assert last.result(0) == "last", "what waited behind it is done before the end"


def test_a_system_without_room_for_more_threads(gates, monkeypatch):
    start = threading.Thread.start
    allowed = iter([True])

    def limited(thread):
        if not next(allowed, False):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    executor = DaemonThreads(8)
    futures = [executor.submit(gates.note, number) for number in range(20)]
    assert [future.result(PATIENCE) for future in futures] == list(range(20)), "the one thread does it all"
    executor.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="can't start"):
        DaemonThreads(8).submit(gates.note)


@pytest.mark.parametrize("number", [0, -1])
def test_no_threads_are_no_executor(number):
    with pytest.raises(ValueError, match="at least 1"):
        DaemonThreads(number)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4), st.lists(st.sampled_from(["call", "hang", "abandon", "fail", "reduce"]), max_size=40)
)
def test_whatever_happens_every_call_ends_once(most, events):
    gates = Gates()
    ended = []
    executor = DaemonThreads(most, lambda: ended.append(threading.current_thread()))
    futures, hanging = [], []
    for number, event in enumerate(events):
        if event == "reduce":
            executor.reduce(1 + number % most)
            continue
        if event == "abandon":
            if hanging:
                executor.abandon(hanging.pop())
            continue
        function = {"call": gates.note, "hang": gates.hang, "fail": lambda name: name.fail}[event]
        futures.append(executor.submit(function, number))
        if event == "hang":
            hanging.append(futures[-1])
    gates.open.set()
    assert end(executor)
    done, left = wait(futures, PATIENCE)
    assert not left and len(done) == len(futures)
    assert len(gates.began) == len(set(gates.began))
    told = [future.result() for future in futures if not future.cancelled() and not future.exception()]
    assert sorted(told) == sorted(gates.began)
    wait_until(lambda: gates.threads <= set(ended))
    assert len(set(ended)) == len(ended), "each thread comes to its end once"


def test_fewer_threads_from_now_on(gates):
    with DaemonThreads(8) as executor:
        hanging = [executor.submit(gates.hang) for _ in range(8)]
        gates.await_begin(8)
        for most in (4, 2, 2):
            executor.reduce(most)
        gates.open.set()
        assert [each.result(PATIENCE) for each in hanging] == [""] * 8
        wait_until(lambda: executor._threads == executor._idle == 2)
        assert [executor.submit(int).result(PATIENCE) for _ in range(5)] == [0] * 5


EXIT = """
import sys, threading
from cloudmesh.vm.executors.threads import DaemonThreads
executor = DaemonThreads(2)
began = threading.Event()
executor.submit(lambda: (began.set(), threading.Event().wait()))
began.wait()
{end}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("print('end')", 0),
        ("print('end'); sys.exit(7)", 7),
        ("executor.shutdown(wait=False); print('end')", 0),
        ("print('end'); raise SystemExit(130)", 130),
    ],
)
def test_a_process_ends_while_a_call_hangs(end, code):
    words = [sys.executable, "-c", EXIT.format(end=end)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "end\n", "")
