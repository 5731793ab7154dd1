"""Many calls in one thread: all go on while one waits, and each ends or is given up as in threads."""

import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError
from contextlib import closing

import pytest
from greenlet import GreenletExit

from cloudmesh.cloud.store.listings import SharedListings
from cloudmesh.cloud.wire import waiting
from cloudmesh.vm.executors.multiplexed import MultiplexedCalls

# No test waits for so long, unless it fails.
LONG = 20.0


@pytest.fixture
def calls():
    """Makes executors, and ends them."""
    made = []

    def make(most=8, at_end=lambda: None):
        made.append(MultiplexedCalls(most, at_end))
        return made[-1]

    yield make
    for each in made:
        each.end(LONG)


@pytest.fixture
def pair():
    """Two ends of a connection that do not hold up their thread."""
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        ours.setblocking(False)
        yield ours, theirs


def test_hundreds_of_calls_wait_in_one_thread(calls):
    executor, gate, threads = calls(301), threading.Event(), set()

    def call(number):
        threads.add(threading.get_ident())
        while not gate.is_set():
            waiting.pause(0.005)
        return number

    made = [executor.submit(call, number) for number in range(300)]
    executor.submit(gate.set).result(LONG)
    assert [each.result(LONG) for each in made] == list(range(300))
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_calls_that_have_begun_go_on_before_hundreds_of_others_begin(calls):
    executor, gate, events = calls(200), threading.Event(), []

    def call():
        events.append("begins")
        waiting.pause(0.0)
        events.append("goes on")

    # All of them are there before the first one begins.
    first = executor.submit(gate.wait, LONG)
    made = [executor.submit(call) for _ in range(200)]
    gate.set()
    for each in [first, *made]:
        each.result(LONG)
    begun = [position for position, event in enumerate(events) if event == "begins"]
    assert len(begun) == 200 and events.index("goes on") < begun[100]


def test_a_shutdown_lets_all_calls_end_that_were_handed_over_before(calls):
    executor = calls(64)
    made = [executor.submit(lambda number=number: number) for number in range(200)]
    executor.shutdown(wait=True)
    assert [each.result(0) for each in made] == list(range(200))


@pytest.mark.parametrize("end", ["shutdown", "end"])
def test_what_has_not_begun_at_the_end_is_cancelled(calls, end):
    executor, held, gate, begun = calls(200), threading.Event(), threading.Event(), []

    def hold():
        held.set()
        gate.wait(LONG)

    first = executor.submit(hold)
    assert held.wait(LONG)
    made = [executor.submit(begun.append, number) for number in range(200)]
    threading.Timer(0.2, gate.set).start()
    executor.shutdown(wait=True, cancel_futures=True) if end == "shutdown" else executor.end(LONG)
    assert first.result(LONG) is None
    assert all(each.cancelled() for each in made) and begun == []


def test_no_more_calls_run_at_once_than_is_said(calls):
    executor, running, most = calls(3), [], []

    def call():
        running.append(1)
        most.append(len(running))
        waiting.pause(0.01)
        running.pop()

    for each in [executor.submit(call) for _ in range(12)]:
        each.result(LONG)
    assert max(most) == 3
    executor.reduce(1)
    most.clear()
    for each in [executor.submit(call) for _ in range(4)]:
        each.result(LONG)
    assert max(most) == 1


def test_an_error_is_raised_where_the_answer_is_asked_for(calls):
    def fail():
        waiting.pause(0.001)
        raise LookupError("as it is")

    with pytest.raises(LookupError, match="as it is"):
        calls().submit(fail).result(LONG)


def test_a_call_goes_on_when_its_socket_is_ready(calls, pair):
    ours, theirs = pair

    def call():
        assert waiting.until_ready(ours, True, LONG)
        assert not waiting.until_ready(ours, False, 0.01)
        assert waiting.until_ready(ours, False, LONG)
        return ours.recv(10)

    made = calls().submit(call)
    threading.Timer(0.1, theirs.send, [b"now"]).start()
    assert made.result(LONG) == b"now"


def test_what_holds_up_its_thread_is_done_in_another(calls):
    executor, done = calls(), threading.Event()

    def slow():
        assert done.wait(LONG)
        return threading.get_ident()

    def fail():
        raise LookupError("aside")

    first = executor.submit(lambda: (threading.get_ident(), waiting.aside(slow)))
    executor.submit(done.set).result(LONG)
    here, aside = first.result(LONG)
    assert here != aside
    with pytest.raises(LookupError, match="aside"):
        executor.submit(lambda: waiting.aside(fail)).result(LONG)


def test_a_lock_that_a_waiting_call_holds_stops_nobody(calls):
    """Of a listing that one call asks for while others of its thread want it too."""
    listings, asked = SharedListings(), []

    def ask():
        asked.append(1)
        waiting.pause(0.05)
        return ["machine"]

    executor = calls()
    made = [executor.submit(listings.get, "key", ask) for _ in range(8)]
    assert [each.result(LONG) for each in made] == [["machine"]] * 8
    assert len(asked) == 1


def test_a_call_that_is_given_up_makes_room(calls):
    executor, gate = calls(1), threading.Event()

    def hang():
        while not gate.is_set():
            waiting.pause(0.01)
        return "late"

    hung, waits = executor.submit(hang), executor.submit(lambda: "next")
    never = executor.submit(lambda: "never")
    while not hung.running():
        time.sleep(0.001)
    executor.abandon(never)
    assert never.cancelled() and not waits.done()
    executor.abandon(hung)
    assert waits.result(LONG) == "next"
    gate.set()
    assert hung.result(LONG) == "late"


def test_what_calls_that_are_given_up_have_others_do_keeps_nobody_waiting(calls):
    """As name servers that do not answer."""
    executor, gate, entered = calls(2), threading.Event(), threading.Semaphore(0)

    def hang():
        entered.release()
        return gate.wait(LONG)

    hung = [executor.submit(lambda: waiting.aside(hang)) for _ in range(2)]
    # What has not begun in the other thread would be cancelled with its call.
    assert all(entered.acquire(timeout=LONG) for _ in hung)
    for each in hung:
        executor.abandon(each)
    assert executor.submit(lambda: waiting.aside(lambda: "next")).result(LONG) == "next"
    gate.set()
    assert all(each.result(LONG) for each in hung)


def test_a_process_ends_as_usual_while_calls_are_busy():
    """A thread that Python ends within a greenlet ends the process by a signal."""
    code = (
        "import threading, time\n"
        "from cloudmesh.vm.executors.multiplexed import MultiplexedCalls\n"
        "calls = MultiplexedCalls(64)\n"
        "def busy():\n"
        "    from cloudmesh.cloud.wire import waiting\n"
        "    while True:\n"
        "        sum(range(20000)); waiting.pause(0)\n"
        "for _ in range(64): calls.submit(busy)\n"
        "time.sleep(0.05)\n"
        "raise SystemExit(7)\n"
    )
    for _ in range(5):
        assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 7


@pytest.mark.parametrize("given_up", [False, True])
def test_at_the_end_calls_that_wait_close_what_they_have_open(calls, given_up):
    ended, closed, begun = [], threading.Event(), threading.Event()
    executor = calls(2, lambda: ended.append(threading.get_ident()))

    def hang():
        try:
            begun.set()
            waiting.pause(LONG * 10)
        finally:
            closed.set()

    made = executor.submit(hang)
    assert begun.wait(LONG)
    if given_up:
        executor.abandon(made)
    executor.shutdown(wait=False, cancel_futures=True)
    assert not closed.is_set(), "it is left to itself"
    executor.end(LONG)
    assert closed.is_set() and len(ended) == 1
    with pytest.raises(CancelledError):
        made.result(LONG)
    with pytest.raises(RuntimeError):
        executor.submit(hang)


def test_without_cancelling_all_calls_come_to_their_end(calls):
    executor = calls(2)
    made = [executor.submit(lambda: waiting.pause(0.01) or "done") for _ in range(6)]
    executor.shutdown(wait=True)
    assert [each.result(0) for each in made] == ["done"] * 6


def test_calls_that_are_left_to_themselves_come_to_their_end(calls):
    """As in threads: what they do last, such as giving an address back, may have to wait."""
    executor, gate, given_back = calls(2), threading.Event(), threading.Event()

    def attach():
        while not gate.is_set():
            waiting.pause(0.005)
        waiting.aside(lambda: None)
        given_back.set()
        return "done"

    first, second = executor.submit(attach), executor.submit(attach)
    while not second.running():
        time.sleep(0.001)
    executor.abandon(first)
    executor.shutdown(wait=False, cancel_futures=True)
    gate.set()
    assert given_back.wait(LONG)
    assert (first.result(LONG), second.result(LONG)) == ("done", "done")
    executor.shutdown(wait=True)


def test_a_call_that_is_thrown_out_is_not_woken_by_what_it_had_others_do(calls):
    executor, gate, slept = calls(1), threading.Event(), []

    def hang():
        try:
            waiting.aside(lambda: gate.wait(LONG))
        finally:
            began = time.monotonic()
            waiting.pause(0.2)
            slept.append(time.monotonic() - began)

    made = executor.submit(hang)
    while not made.running():
        time.sleep(0.001)
    executor._turns.tell(lambda: [each.throw(GreenletExit) for each in [*executor._running.values()]])
    gate.set()
    with pytest.raises(CancelledError):
        made.result(LONG)
    assert slept[0] > 0.19


def test_whoever_speaks_while_the_thread_wakes_up_does_not_make_it_deaf(calls):
    """Both bytes are taken at once then, and the next one to speak has to send another."""
    executor, first = calls(), [True]
    ear = executor._turns._ear

    class Ear:
        def recv(self, most):
            if first:
                first.clear()
                asked = threading.Thread(target=lambda: made.append(executor.submit(lambda: "second")))
                asked.start()
                asked.join()
            return ear.recv(most)

        close = ear.close

    made = []
    executor._turns._ear = Ear()
    assert executor.submit(lambda: "first").result(LONG) == "first"
    assert made[0].result(LONG) == "second"
    time.sleep(0.05)
    assert executor.submit(lambda: "third").result(LONG) == "third"


def test_many_threads_speak_at_once(calls):
    executor = calls(32)

    def call():
        for _ in range(10):
            waiting.aside(lambda: time.sleep(0.0002))

    for each in [executor.submit(call) for _ in range(100)]:
        each.result(LONG)


def test_a_pause_may_be_longer_than_any_system_waits_for(calls):
    executor = calls()
    made = executor.submit(lambda: waiting.pause(1e9))
    assert executor.submit(lambda: "next").result(LONG) == "next"
    executor.end(LONG)
    with pytest.raises(CancelledError):
        made.result(LONG)


def test_a_thread_that_comes_to_its_end_leaves_nobody_waiting(calls):
    """Whatever is wrong in it."""
    executor = calls()

    def hang():
        try:
            waiting.pause(LONG * 10)
        finally:
            waiting.pause(LONG * 10)

    made = executor.submit(hang)
    while not made.running():
        time.sleep(0.001)
    executor.end(LONG)
    with pytest.raises(CancelledError):
        made.result(LONG)
    with pytest.raises(RuntimeError):
        executor.submit(hang)


def test_a_thread_of_its_own_waits_as_usual(pair):
    ours, theirs = pair
    assert not waiting.until_ready(ours, False, 0.001)
    theirs.send(b"x")
    assert waiting.until_ready(ours, False, LONG)
    assert waiting.aside(threading.get_ident) == threading.get_ident()
