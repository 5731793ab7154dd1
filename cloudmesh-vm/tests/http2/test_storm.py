"""Much at once by HTTP/2, and what comes at bad times."""

import random
import threading
import time
from collections import Counter
from concurrent.futures import wait

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from cloudmesh.cloud.errors import BadAnswer, CloudTimeout
from cloudmesh.cloud.wire.errors import (
    AnswerCutError,
    AnswerTimeoutError,
    ConnectionLostError,
    ConnectTimeoutError,
    NoConnectionError,
)

from .server import LONG, until
from .steps import Close, Data, End, GoAway, Head, Reset, answer

MEBIBYTE = 2**20
# What may become of a call for which a server does one of these.
LOST = (ConnectionLostError, AnswerCutError, NoConnectionError)
LATE = (AnswerTimeoutError, CloudTimeout, ConnectTimeoutError)


class Whims:
    """Does something else for each request, by chance but the same in each run of one number."""

    def __init__(self, number, closes):
        self._chance = random.Random(number)
        self._closes = closes

    def __call__(self, request):
        chance, content = self._chance, request.path.encode() * self._chance.choice([0, 1, 100, 30_000])
        whole = [chance.uniform(0, 0.1), *answer(content, frame=chance.choice([10_000, 2**14]))]
        kind = request.path.split("/")[1]
        if kind == "reset":
            whole[chance.randrange(3) :] = [Reset(ErrorCodes.INTERNAL_ERROR)]
        elif kind == "never":
            del whole[chance.randrange(3) :]
        elif kind == "large":
            whole = [Head(), Data(bytes(3 * MEBIBYTE)), End()]
        elif kind == "end" and self._closes:
            step = chance.choice([Close("tls"), Close("reset"), GoAway(request.stream), GoAway(0)])
            whole.insert(chance.randrange(4), step)
        return whole


ALLOWED = {
    "fine": (),
    "end": (),
    "reset": (ConnectionLostError, AnswerCutError),
    "never": LATE,
    "large": (BadAnswer,),
}


@pytest.mark.parametrize("closes", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_call_ends_as_it_must_whatever_becomes_of_the_others(serve, call, number, closes):
    chance = random.Random(number)
    server = serve(Whims(number, closes), settings={SettingCodes.MAX_CONCURRENT_STREAMS: 60})
    mine = call(server, answer_mib=1)
    made = {}
    for each in range(250):
        kind = chance.choice(["fine"] * 5 + [*ALLOWED])
        path, body = f"/{kind}/{each}", bytes(chance.choice([0, 0, 1, 200_000]))
        # Some are short of time, in which they may be answered or not.
        hasty = chance.random() < 0.1
        seconds = chance.uniform(0.01, 0.1) if hasty else 0.6 if kind == "never" else LONG
        made[path] = mine.submit(path, "POST", body, timeout=seconds), hasty
        if not each % 50:
            time.sleep(0.05)
    for path, (future, hasty) in made.items():
        wait([future], LONG)
        allowed = ALLOWED[path.split("/")[1]] + LATE * hasty + LOST * closes
        error = future.exception(0)
        assert error is None or isinstance(error, allowed), (path, error)
        if error is None:
            content = future.result().content
            assert content == path.encode() * (len(content) // len(path)), path
    assert mine.get("/fine/last").status_code == 200
    assert closes or server.connections <= 7


def test_no_more_than_some_hundred_streams_share_a_connection(serve, call):
    server = serve(lambda request: [0.3, *answer(request.path.encode())])
    mine = call(server)
    made = [mine.submit(f"/{number}") for number in range(400)]
    assert [each.result(LONG).text for each in made] == [f"/{number}" for number in range(400)]
    assert server.most <= 256 and server.connections <= 3


def test_connections_that_are_needed_are_opened_side_by_side(serve, call):
    """One after the other, those behind would wait for longer than a connection may take."""
    server = serve(
        lambda request: [0.1, *answer(request.path.encode())],
        settings={SettingCodes.MAX_CONCURRENT_STREAMS: 5},
        settings_delay=0.3,
    )
    mine = call(server, connect_seconds=2.0)
    made = [mine.submit(f"/{number}") for number in range(100)]
    assert [each.result(LONG).text for each in made] == [f"/{number}" for number in range(100)]
    assert server.most <= 5


def test_a_server_that_says_goodbye_every_few_calls_answers_them_all(serve, call):
    """As nginx does after ``keepalive_requests``, also if these are few."""
    counts = Counter()

    def script(request):
        counts[request.connection] += 1
        last = [GoAway(request.stream)] if counts[request.connection] == 5 else []
        return [0.05, *last, *answer(request.path.encode())]

    server = serve(script)
    mine = call(server)
    made = [mine.submit(f"/{number}", method="POST") for number in range(60)]
    assert [each.result(LONG).text for each in made] == [f"/{number}" for number in range(60)]


def test_a_server_may_allow_fewer_streams_while_more_are_open(serve, call):
    gate = threading.Event()
    server = serve(lambda request: [gate, *answer(request.path.encode())])
    mine = call(server)
    made = [mine.submit(f"/{number}") for number in range(10)]
    assert until(lambda: len(server.requests) == 10)
    server.allow(2)
    time.sleep(0.1)
    made += [mine.submit(f"/{number}") for number in range(10, 20)]
    assert until(lambda: len(server.requests) == 20)
    assert 2 <= server.connections <= 6
    gate.set()
    assert [each.result(LONG).text for each in made] == [f"/{number}" for number in range(20)]


def test_calls_of_several_servers_share_a_thread(serve, call):
    servers = [serve(lambda request: [0.1, *answer(request.path.encode())]) for _ in range(3)]
    servers.append(serve(lambda request: [0.1, *answer(request.path.encode())], alpn=["http/1.1"]))
    callers = [call(each) for each in servers]
    made = [each.submit(f"/{number}") for number in range(20) for each in callers]
    assert [each.result(LONG).text for each in made] == [
        f"/{number}" for number in range(20) for _ in servers
    ]
    assert [each.connections for each in servers[:3]] == [1, 1, 1]


def test_a_server_that_reads_nothing_more_holds_up_no_call_for_longer_than_it_may_take(serve, call):
    wide = {SettingCodes.INITIAL_WINDOW_SIZE: 2**31 - 1}
    gate = threading.Event()

    def script(request):
        if request.path == "/stop":
            # The whole connection, in the thread that serves it.
            gate.wait(LONG)
        return answer(str(len(request.body)).encode())

    server = serve(script, settings=wide)
    mine = call(server)
    stopped = mine.submit("/stop", timeout=1.0)
    assert until(lambda: server.requests)
    # It is more than systems keep for whoever reads later.
    made = [mine.submit("/up", "POST", bytes(20 * MEBIBYTE), timeout=1.0) for _ in range(2)]
    began = time.monotonic()
    wait([stopped, *made], LONG)
    assert time.monotonic() - began < 5.0
    assert all(isinstance(each.exception(), AnswerTimeoutError) for each in [stopped, *made])
    # Nobody waits any more for the one who says nothing.
    assert mine.get("/next", method="POST", body=b"12", timeout=5.0).text == "2"
    gate.set()


def test_threads_that_have_ended_leave_no_connections_behind(serve, call, calls):
    server = serve()
    keeper = call(server, None)
    # As long as it may call the server, what others may use again is kept.
    assert keeper.get("/keeper").text == "/keeper"
    for _ in range(10):
        mine = call(server, calls())
        assert mine.get("/it").text == "/it"
        mine.executor.end(LONG)
        mine.close()
    assert until(lambda: server.open <= 1)
