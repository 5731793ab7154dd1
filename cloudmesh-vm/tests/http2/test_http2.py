"""Calls that share a thread share connections by HTTP/2, where the server speaks it."""

import random
import ssl
import threading
import time
from concurrent.futures import wait
from functools import partial
from math import inf

import pytest
from greenlet import GreenletExit
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from cloudmesh.cloud.errors import CloudError
from cloudmesh.cloud.wire.errors import WireError

from .server import LONG, until
from .steps import answer

MANY = 200


def limited(streams):
    return {SettingCodes.MAX_CONCURRENT_STREAMS: streams}


def contents(futures):
    """What was answered to calls, in their order."""
    return [each.result(LONG).content.decode() for each in futures]


def echo(request):
    return answer(request.path.encode())


def slow_echo(request):
    return [0.2, *echo(request)]


def spoken(server):
    """How often each protocol was spoken."""
    return {each: server.protocols.count(each) for each in set(server.protocols)}


def test_each_of_many_calls_gets_its_own_answer_over_few_connections(serve, call):
    later = random.Random(1)
    server = serve(lambda request: [later.uniform(0.0, 0.5), *answer(request.path.encode() * 999, frame=777)])
    mine = call(server)
    made = [mine.submit(f"/{number}") for number in range(MANY)]
    assert contents(made) == [f"/{number}" * 999 for number in range(MANY)]
    assert spoken(server) == {"h2": server.connections} and server.connections <= 3
    assert len(server.requests) == MANY and server.resets == []


def test_calls_one_after_the_other_share_a_connection(serve, call):
    server = serve()
    mine = call(server)
    assert [mine.get(f"/{number}").text for number in range(20)] == [f"/{number}" for number in range(20)]
    assert server.connections == 1 and server.most == 1


def test_one_call_connects_and_the_others_wait_for_it(serve, call):
    server = serve(handshake=0.3)
    mine = call(server)
    made = [mine.submit(f"/{number}") for number in range(50)]
    assert contents(made) == [f"/{number}" for number in range(50)]
    assert server.connections == 1


def test_further_connections_are_opened_where_the_others_have_no_room(serve, call):
    server = serve(slow_echo, settings=limited(10))
    mine = call(server)
    # By now it is known how many streams there may be.
    assert mine.get("/first").text == "/first"
    made = [mine.submit(f"/{number}") for number in range(60)]
    assert contents(made) == [f"/{number}" for number in range(60)]
    assert server.most <= 10 and 2 <= server.connections <= 7


def test_no_stream_is_refused_by_a_server_that_allows_few(serve, call):
    server = serve(slow_echo, settings=limited(10))
    mine = call(server)
    made = [mine.submit(f"/{number}") for number in range(MANY)]
    assert contents(made) == [f"/{number}" for number in range(MANY)]
    assert server.refused == 0 and server.most <= 10
    assert sorted(server.paths()) == sorted(f"/{number}" for number in range(MANY))


def test_a_server_that_says_late_how_few_it_allows_answers_all(serve, call):
    """Until then nothing is asked of it: what it refused may have been carried out all the same."""
    server = serve(slow_echo, settings=limited(10), settings_delay=0.3)
    mine = call(server)
    made = [mine.submit(f"/{number}") for number in range(60)]
    assert contents(made) == [f"/{number}" for number in range(60)]
    assert server.most <= 10


def test_no_more_than_a_hundred_streams_are_assumed(serve, call):
    server = serve(slow_echo, settings=limited(500), settings_delay=0.3)
    mine = call(server)
    made = [mine.submit(f"/{number}") for number in range(150)]
    assert contents(made) == [f"/{number}" for number in range(150)]
    assert server.early <= 100 and server.refused == 0


def test_a_server_that_allows_one_stream_gets_one_at_a_time_on_each_connection(serve, call):
    server = serve(echo, settings=limited(1))
    mine = call(server)
    assert mine.get("/first").text == "/first"
    made = [mine.submit(f"/{number}") for number in range(20)]
    assert contents(made) == [f"/{number}" for number in range(20)]
    assert server.most == 1 and server.refused == 0


def test_it_is_offered_by_calls_that_share_a_thread_alone(serve, call):
    server = serve()
    shared, own = call(server), call(server, None)
    made = [each.submit(f"/{number}") for number in range(10) for each in (own, shared)]
    assert contents(made) == [f"/{number}" for number in range(10) for _ in range(2)]
    assert server.offered.count(["h2", "http/1.1"]) == spoken(server)["h2"] == 1
    assert all("h2" not in each for each in server.offered if each != ["h2", "http/1.1"])


def test_calls_in_threads_of_their_own_never_speak_it(serve, call):
    server = serve()
    own = call(server, None)
    for _ in range(2):
        made = [own.submit(f"/{number}") for number in range(20)]
        assert contents(made) == [f"/{number}" for number in range(20)]
    assert all("h2" not in each for each in server.offered) and "h2" not in server.protocols


@pytest.mark.parametrize("alpn", [["http/1.1"], []])
def test_a_server_of_http11_alone_answers_a_hundred_calls_at_once(serve, call, alpn):
    server = serve(slow_echo, alpn=alpn)
    mine = call(server)
    for _ in range(2):
        made = [mine.submit(f"/{number}") for number in range(100)]
        assert contents(made) == [f"/{number}" for number in range(100)]
    # Each has one for itself, the one that found out included, and all are kept.
    assert server.connections == 100 and "h2" not in server.protocols


def test_tls_12_will_do(serve, call):
    server = serve(tls=ssl.TLSVersion.TLSv1_2)
    mine = call(server)
    made = [mine.submit(f"/{number}") for number in range(20)]
    assert contents(made) == [f"/{number}" for number in range(20)]
    assert spoken(server) == {"h2": 1}


def test_each_of_two_threads_has_connections_of_its_own(serve, call, calls):
    server = serve(slow_echo)
    two = [call(server, calls()) for _ in range(2)]
    made = [each.submit(f"/{number}") for number in range(50) for each in two]
    assert contents(made) == [f"/{number}" for number in range(50) for _ in two]
    assert spoken(server) == {"h2": 2}


@pytest.mark.parametrize("busy", [False, True])
def test_a_thread_is_not_troubled_by_one_that_has_ended(serve, call, calls, busy):
    """The system gives new threads the numbers of those that have ended."""
    gate = threading.Event()
    server = serve(lambda request: [gate, *echo(request)] if request.path == "/late" else echo(request))
    for number in range(1, 4):
        mine = call(server, calls())
        made = [mine.submit(f"/{each}") for each in range(10)]
        assert contents(made) == [f"/{each}" for each in range(10)]
        late = [mine.submit("/late", timeout=LONG) for _ in range(10 if busy else 0)]
        assert until(lambda: server.paths().count("/late") == number * len(late))  # noqa: B023
        mine.executor.end(LONG)
        assert len(wait(late, LONG).done) == len(late)


def test_calls_that_are_abandoned_do_no_harm_to_the_others(serve, call):
    gate = threading.Event()
    server = serve(lambda request: [gate, *echo(request)])
    mine = call(server)
    made = [mine.submit(f"/{number}") for number in range(40)]
    assert until(lambda: len(server.requests) == 40)
    # The first one may be reading for all.
    for each in made[::2]:
        mine.executor.abandon(each)
    gate.set()
    assert contents(made[1::2]) == [f"/{number}" for number in range(1, 40, 2)]
    assert contents(made[::2]) == [f"/{number}" for number in range(0, 40, 2)]
    assert mine.get("/next").text == "/next" and server.connections == 1


def test_calls_that_are_thrown_out_do_no_harm_to_those_of_another_thread(serve, call, calls):
    gate = threading.Event()
    server = serve(lambda request: [gate, *echo(request)])
    first, second = call(server, calls()), call(server, calls())
    lost = [first.submit(f"/lost{number}") for number in range(20)]
    kept = [second.submit(f"/{number}") for number in range(20)]
    assert until(lambda: len(server.requests) == 40)
    first.executor.end(LONG)
    assert len(wait(lost, LONG).done) == 20 and all(each.exception() for each in lost)
    gate.set()
    assert contents(kept) == [f"/{number}" for number in range(20)]
    assert second.get("/next").text == "/next"


def test_a_call_that_is_thrown_out_does_no_harm_to_the_others_of_its_thread(serve, call, calls):
    gate = threading.Event()
    server = serve(lambda request: [gate, *echo(request)])
    mine = call(server, calls())
    made = [mine.submit(f"/{number}") for number in range(20)]
    assert until(lambda: len(server.requests) == 20)
    # The first one reads for all, at first.
    for each in made[:3]:
        mine.executor._turns.tell(partial(mine.executor._running[each].throw, GreenletExit))
        assert len(wait([each], LONG).done) == 1
    assert until(lambda: len(server.resets) == 3)
    assert server.resets == [(f"/{number}", ErrorCodes.CANCEL) for number in range(3)]
    gate.set()
    assert contents(made[3:]) == [f"/{number}" for number in range(3, 20)]
    assert server.connections == 1


def test_a_call_that_is_thrown_out_while_it_connects_leaves_that_to_another(serve, call, calls):
    gate = threading.Event()
    server = serve(handshake=gate)
    mine = call(server, calls())
    made = [mine.submit(f"/{number}") for number in range(20)]
    assert until(lambda: server.connections)
    mine.executor._turns.tell(partial(mine.executor._running[made[0]].throw, GreenletExit))
    assert len(wait(made[:1], LONG).done) == 1
    assert until(lambda: server.connections > 1)
    gate.set()
    assert contents(made[1:]) == [f"/{number}" for number in range(1, 20)]
    assert server.connections <= 3


def test_the_end_of_a_thread_ends_calls_that_wait_for_a_connection(serve, call, calls):
    server = serve(handshake=threading.Event())
    mine = call(server, calls())
    made = [mine.submit(f"/{number}") for number in range(20)]
    assert until(made[-1].running)
    began = time.monotonic()
    mine.executor.end(LONG)
    assert len(wait(made, LONG).done) == 20 and time.monotonic() - began < 2.0
    assert all(each.exception() for each in made)


@pytest.mark.parametrize("hangs", [{"handshake": 900.0}, {"settings_delay": 900.0}])
def test_a_connection_that_does_not_come_about_makes_all_calls_fail_at_once(serve, call, hangs):
    """Not one after the other, each after the time that a connection may take."""
    server = serve(**hangs)
    mine = call(server, connect_seconds=1.0)
    began = time.monotonic()
    made = [mine.submit() for _ in range(20)]
    assert len(wait(made, LONG).done) == 20 and time.monotonic() - began < 4.0
    assert {type(each.exception()).__name__ for each in made} == {"ConnectTimeoutError"}


def test_who_connects_for_all_may_have_less_time_than_the_others(serve, call):
    server = serve(handshake=0.6)
    mine = call(server)
    hasty = mine.submit("/hasty", ends=time.monotonic() + 0.3)
    made = [mine.submit(f"/{number}", ends=inf) for number in range(20)]
    assert contents(made) == [f"/{number}" for number in range(20)]
    assert isinstance(hasty.exception(LONG), WireError | CloudError)
    assert server.connections <= 3


def test_calls_that_come_while_others_are_answered_are_not_held_up(serve, call):
    """As where each answer has another call made."""
    server = serve(lambda request: [0.01, *echo(request)])
    mine, lock, left = call(server), threading.Lock(), list(range(MANY))
    done, made = threading.Semaphore(0), []

    def again(_):
        with lock:
            number = left.pop() if left else None
        if number is not None:
            made.append(mine.submit(f"/{number}"))
            made[-1].add_done_callback(again)
        done.release()

    for _ in range(20):
        again(None)
    assert all(done.acquire(timeout=LONG) for _ in range(MANY + 20))
    assert sorted(contents(made)) == sorted(f"/{number}" for number in range(MANY))
    assert server.connections == 1
