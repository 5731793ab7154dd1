"""What goes wrong by HTTP/2: each call ends with the error that says what is known of it, and alone."""

import ssl
import threading
import time
from concurrent.futures import wait

import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import DataFrame, Frame, HeadersFrame

from cloudmesh.cloud.errors import BadAnswer, CloudTimeout
from cloudmesh.cloud.wire.errors import (
    AnswerCutError,
    AnswerTimeoutError,
    ConnectionLostError,
    NoConnectionError,
    NoHttpError,
)

from .server import LONG, until
from .steps import Close, Data, End, GoAway, Head, Raw, Reset, answer

MEBIBYTE = 2**20
# The status 200, as a table of HTTP/2 that all know has it.
OK = b"\x88"


class Gated:
    """Does what is said for some paths; all others are answered when the gate opens.

    The steps of a path are given by a function of the request.
    """

    def __init__(self, **steps):
        self.gate = threading.Event()
        self._steps = steps

    def __call__(self, request):
        name = request.path.strip("/")
        if name in self._steps:
            return self._steps[name](request)
        return [self.gate, *answer(request.path.encode())]


def kinds(futures):
    """The errors of calls, each once."""
    assert len(wait(futures, LONG).done) == len(futures)
    return {type(each.exception()) for each in futures}


@pytest.fixture
def beside(serve, call):
    """Makes calls of a server between others on the same connection, and lets these be answered then."""

    def make(name, steps, count=1, **limits):
        script = Gated(**{name: steps})
        server = serve(script)
        mine = call(server)
        others = [mine.submit(f"/{number}") for number in range(5)]
        assert until(lambda: len(server.requests) == 5)
        made = [mine.submit(f"/{name}", **limits) for _ in range(count)]
        others += [mine.submit(f"/{number}") for number in range(5, 10)]
        wait(made, LONG)
        script.gate.set()
        assert [each.result(LONG).text for each in others] == [f"/{number}" for number in range(10)]
        return server, mine, made

    return make


def test_a_call_that_is_never_answered_ends_alone(beside):
    server, _, (never,) = beside("never", lambda request: [], timeout=0.5)
    assert kinds([never]) == {AnswerTimeoutError}
    assert until(lambda: server.resets) and server.resets == [("/never", ErrorCodes.CANCEL)]
    assert server.connections == 1


def test_an_answer_that_stops_in_the_middle_ends_alone(beside):
    server, _, (made,) = beside("half", lambda request: [Head(), Data(b"half")], timeout=0.5)
    assert kinds([made]) == {AnswerTimeoutError}
    assert until(lambda: server.resets) and server.resets == [("/half", ErrorCodes.CANCEL)]
    assert server.connections == 1


def test_the_time_for_all_of_a_call(beside):
    def drip(request):
        yield Head()
        while True:
            yield from [0.05, Data(b"x")]

    server, _, (made,) = beside("drip", drip, timeout=5.0, call_timeout=0.6)
    assert kinds([made]) == {CloudTimeout} and made.exception().outcome_unknown
    assert "timeout" in str(made.exception())
    assert until(lambda: server.resets) and server.resets == [("/drip", ErrorCodes.CANCEL)]
    assert server.connections == 1


def test_a_call_that_must_be_over_at_a_time(beside):
    server, _, (made,) = beside("never", lambda request: [], ends=time.monotonic() + 1.0)
    assert kinds([made]) == {CloudTimeout}
    assert until(lambda: server.resets) and server.connections == 1


def test_the_time_counts_for_each_part(serve, call):
    def drip(request):
        yield Head()
        for _ in range(6):
            yield from [0.2, Data(b"x")]
        yield End()

    assert call(serve(drip), timeout=0.7).get().content == b"xxxxxx"


def test_news_for_others_do_not_prolong_the_time_of_a_call(serve, call):
    def script(request):
        return [] if request.path == "/never" else [*[Head(), *[0.05, Data(b"x")] * 60], End()]

    server = serve(script)
    mine = call(server)
    busy, began = mine.submit("/busy"), time.monotonic()
    assert kinds([mine.submit("/never", timeout=0.5)]) == {AnswerTimeoutError}
    assert time.monotonic() - began < 2.0 and not busy.done()
    assert busy.result(LONG).content == b"x" * 60


def test_after_a_server_that_said_nothing_at_all_the_next_call_can_work(serve, call):
    """Its connection may be dead though nobody has said so."""
    server = serve(lambda request: [] if request.path == "/never" else answer(b"it"))
    mine = call(server)
    assert mine.get().content == b"it"
    assert kinds([mine.submit("/never", timeout=0.3) for _ in range(3)]) == {AnswerTimeoutError}
    assert mine.get().content == b"it"


@pytest.mark.parametrize(
    "code",
    [
        *(ErrorCodes.INTERNAL_ERROR, ErrorCodes.CANCEL, ErrorCodes.NO_ERROR, 0xABCD),
        *(ErrorCodes.REFUSED_STREAM, ErrorCodes.HTTP_1_1_REQUIRED, ErrorCodes.ENHANCE_YOUR_CALM),
    ],
)
@pytest.mark.parametrize("told", [False, True])
def test_a_stream_that_is_reset_ends_alone_and_may_have_been_carried_out(beside, code, told):
    """Whatever the server says: of streams that were refused, haproxy has handed some on."""
    head = [Head(), Data(b"half")] if told else []
    server, _, (made,) = beside("reset", lambda request: [*head, Reset(code)])
    assert kinds([made]) == {AnswerCutError if told else ConnectionLostError}
    assert server.connections == 1 and server.resets == []


def test_streams_that_a_goodbye_includes_go_on_to_their_end(serve, call):
    script = Gated(bye=lambda request: [GoAway(request.stream), 0.1, *answer(b"bye")])
    server = serve(script)
    mine = call(server)
    before = [mine.submit(f"/{number}") for number in range(10)]
    assert until(lambda: len(server.requests) == 10)
    assert mine.get("/bye").content == b"bye"
    after = mine.submit("/after")
    assert until(lambda: "/after" in server.paths())
    script.gate.set()
    assert [each.result(LONG).text for each in before] == [f"/{number}" for number in range(10)]
    assert after.result(LONG).text == "/after"
    assert {each.connection for each in server.requests} == {1, 2} and server.requests[-1].connection == 2


def test_streams_above_a_goodbye_were_not_begun(serve, call):
    """All that were in flight may be made again; here the next connection says goodbye to them, too."""
    bye = threading.Event()
    server = serve(lambda request: [bye, GoAway(1), 0.1, *answer(request.path.encode())])
    mine = call(server)
    first = mine.submit("/first")
    assert until(lambda: server.requests)
    others = [mine.submit(f"/{number}") for number in range(5)]
    assert until(lambda: len(server.requests) == 6)
    bye.set()
    assert first.result(LONG).text == "/first"
    wait(others, LONG)
    for each in others:
        assert each.exception() is None or isinstance(each.exception(), NoConnectionError)
    assert mine.get("/next").text == "/next"


@pytest.mark.parametrize(
    ("code", "error"),
    [(ErrorCodes.NO_ERROR, NoConnectionError), (ErrorCodes.ENHANCE_YOUR_CALM, ConnectionLostError)],
)
def test_a_goodbye_that_includes_none(serve, call, code, error):
    """Of a server that has met with an error nobody knows what it has begun with."""
    server = serve(lambda request: [GoAway(0, code)])
    mine = call(server)
    made = [mine.submit(f"/{number}") for number in range(5)]
    wait(made, LONG)
    assert all(isinstance(each.exception(), error) for each in made)


def test_a_goodbye_in_two_steps(serve, call):
    """First all streams are included, and later only those that came meanwhile (RFC 9113, section 6.8)."""
    script = Gated()
    server = serve(script)
    mine = call(server)
    made = [mine.submit(f"/{number}") for number in range(4)]
    assert until(lambda: len(server.requests) == 4)
    server.tell(GoAway(2**31 - 1))
    after = mine.submit("/after")
    assert until(lambda: "/after" in server.paths())
    server.tell(GoAway(7))
    script.gate.set()
    assert [each.result(LONG).text for each in made] == [f"/{number}" for number in range(4)]
    assert isinstance(after.exception(LONG), NoConnectionError) or after.result().text == "/after"


@pytest.mark.parametrize("how", ["tls", "fin", "reset"])
def test_a_connection_that_is_lost(serve, call, how):
    steps = {"told": lambda request: [Head(), Data(b"half")], "lost": lambda request: []}
    server = serve(Gated(**steps))
    mine = call(server)
    told, lost = ([mine.submit(f"/{name}") for _ in range(5)] for name in ("told", "lost"))
    assert until(lambda: len(server.requests) == 10)
    time.sleep(0.1)
    server.tell(Close(how))
    assert kinds(told) == {AnswerCutError} and kinds(lost) == {ConnectionLostError}
    server.script.gate.set()
    assert mine.get("/next").text == "/next" and server.connections == 2


@pytest.mark.parametrize("how", ["tls", "fin", "reset", "goodbye"])
def test_a_connection_that_is_closed_between_two_calls_is_no_trouble(serve, call, how):
    server = serve(lambda request: answer(request.path.encode()))
    mine = call(server)
    for number in range(3):
        assert mine.get(f"/{number}").text == f"/{number}"
        if how == "goodbye":
            server.tell(GoAway(2**31 - 1))
        server.end_idle("tls" if how == "goodbye" else how)
        made = [mine.submit("/more") for _ in range(10)]
        assert [each.result(LONG).text for each in made] == ["/more"] * 10
    assert server.connections == 4


def test_an_answer_that_is_too_large_ends_alone(beside):
    count = 12
    server, mine, made = beside("large", lambda request: answer(bytes(3 * MEBIBYTE)), count, answer_mib=1)
    assert kinds(made) == {BadAnswer} and "larger than 1 MiB" in str(made[0].exception())
    # All that came for them was taken from the windows, and has to be given back.
    assert until(lambda: len(server.resets) == count)
    assert set(server.resets) == {("/large", ErrorCodes.CANCEL)}
    server.script = lambda request: answer(bytes(5 * MEBIBYTE))
    assert len(mine.get("/whole").content) == 5 * MEBIBYTE
    assert server.connections == 1


@pytest.mark.parametrize("when", ["during", "after"])
def test_a_server_that_closes_the_connection_with_the_handshake(serve, call, when):
    server = serve(closes=dict.fromkeys(range(1, 100), when))
    mine = call(server)
    made = [mine.submit() for _ in range(10)]
    wait(made, LONG)
    for each in made:
        assert isinstance(each.exception(), NoConnectionError | ConnectionLostError | ssl.SSLError)
    server.ways.closes.clear()
    assert mine.get("/next").text == "/next"


def test_no_server_is_there_at_all(serve, call):
    server = serve()
    mine = call(server)
    server.close()
    made = [mine.submit() for _ in range(10)]
    wait(made, LONG)
    assert all(isinstance(each.exception(), NoConnectionError) for each in made)


def test_a_certificate_that_is_not_trusted(serve, call, certificate):
    server = serve()
    _, server.file = certificate("127.0.0.1")
    mine = call(server)
    made = [mine.submit() for _ in range(10)]
    assert kinds(made) == {ssl.SSLCertVerificationError}


@pytest.mark.parametrize(
    "greeting",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 100, bytes(100), DataFrame(1, b"first").serialize()],
    ids=["http/1.1", "ff", "00", "data"],
)
def test_what_is_no_http2_from_the_beginning(serve, call, greeting):
    server = serve(greeting=greeting)
    mine = call(server, timeout=5.0)
    made = [mine.submit() for _ in range(5)]
    assert kinds(made) == {NoHttpError}


def head(block):
    return lambda request: [Raw(HeadersFrame(request.stream, block, flags=["END_HEADERS"]).serialize())]


# Without its table: a name and its value, each with its length before it.
ODD = {
    "no-status": head(b"\x00\x01a\x01b"),
    "no-number": head(b"\x08\x03abc"),
    "no-headers": head(b"\xff\xff\xff\xff\xff\xff\xff"),
    "content-first": lambda request: [Raw(DataFrame(request.stream, b"content").serialize())],
    "on-no-stream": lambda request: [Raw(bytes([0, 0, 1, 0, 0, 0, 0, 0, 0, 0]))],
    "too-long": lambda request: [Head(), Raw(b"\xff\xff\xff\0\0" + request.stream.to_bytes(4, "big"))],
    "on-ours": lambda request: [
        Raw(HeadersFrame(request.stream + 100, OK, flags=["END_HEADERS"]).serialize())
    ],
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_http2_in_the_middle(serve, call, name):
    script = Gated(odd=ODD[name])
    server = serve(script)
    mine = call(server, timeout=5.0)
    others = [mine.submit(f"/{number}") for number in range(5)]
    assert until(lambda: len(server.requests) == 5)
    assert kinds([mine.submit("/odd")]) == {NoHttpError}
    script.gate.set()
    # It may be that of the whole connection.
    assert kinds(others) <= {NoHttpError, type(None)}
    assert mine.get("/next").text == "/next"


LENGTHS = {
    "cut": [Head(200, (("content-length", "5"),)), Data(b"four"), End()],
    "longer": [Head(200, (("content-length", "3"),)), Data(b"four"), End()],
    "nothing": [Head(200, (("content-length", "5"),), ends=True)],
}


@pytest.mark.parametrize("name", LENGTHS)
def test_a_content_of_another_length_than_its_head_says_is_cut_and_the_others_are_not(beside, name):
    """As haproxy ends an answer whose server broke off."""
    server, _, (made,) = beside(name, lambda request: LENGTHS[name])
    assert kinds([made]) == {AnswerCutError} and server.connections == 1


@pytest.mark.parametrize("lengths", [("5", "6"), ("five",), ("-5",), ("+5",)])
def test_a_length_that_is_none_ends_its_call_alone(beside, lengths):
    head = Head(200, tuple(("content-length", each) for each in lengths))
    _, _, (made,) = beside("odd", lambda request: [head, Data(b"fiver"), End()])
    assert kinds([made]) <= {NoHttpError, AnswerCutError}


@pytest.mark.parametrize("status", [204, 304])
def test_where_no_content_follows_any_length_may_be_told(serve, call, status):
    server = serve(lambda request: [Head(status, (("content-length", "57"),), ends=True)])
    mine = call(server)
    assert mine.get().status_code == mine.get().status_code == status and server.connections == 1


def goodbye(last=0, code=0, stream=0, length=8):
    """A frame of the type GOAWAY."""
    said = (last.to_bytes(4, "big") + code.to_bytes(4, "big"))[:length]
    return Raw(len(said).to_bytes(3, "big") + b"\x07\0" + stream.to_bytes(4, "big") + said)


GOODBYES = {
    "empty": lambda request: [goodbye(length=0)],
    "short": lambda request: [goodbye(length=4)],
    "on-a-stream": lambda request: [goodbye(stream=request.stream)],
    "after-an-error": lambda request: [goodbye(code=2), goodbye()],
    "after-an-error-later": lambda request: [goodbye(last=2**31 - 1, code=2), 0.1, goodbye()],
    "after-the-head": lambda request: [Head(202), 0.1, goodbye()],
}


@pytest.mark.parametrize("name", GOODBYES)
def test_a_goodbye_that_contradicts_itself_is_not_believed(serve, call, name):
    """The call was begun with, whatever it says, and is not made again."""
    server = serve(GOODBYES[name])
    mine = call(server, timeout=5.0)
    (kind,) = kinds([mine.submit("/made", method="POST", body=b"{}")])
    assert kind in (NoHttpError, ConnectionLostError, AnswerCutError)
    assert [each.method for each in server.requests] == ["POST"]


def test_a_server_that_wants_http_1_1_is_called_by_that(serve, call):
    def script(request):
        return [Reset(ErrorCodes.HTTP_1_1_REQUIRED)] if ":authority" in request.headers else answer(b"it")

    server = serve(script)
    mine = call(server)
    assert kinds([mine.submit(f"/{number}") for number in range(3)]) == {ConnectionLostError}
    assert mine.get("/next").status_code == 200
    assert server.protocols[-1] != "h2"


def test_clients_that_let_go_while_calls_are_in_flight_leave_these_to_their_end(serve, call):
    gate = threading.Event()
    server = serve(lambda request: [gate, *answer(request.path.encode())])
    mine = call(server)
    made = [mine.submit(f"/{number}") for number in range(5)]
    assert until(lambda: len(server.requests) == 5)
    mine.executor.submit(mine.close).result(LONG)
    gate.set()
    assert [each.result(LONG).text for each in made] == [f"/{number}" for number in range(5)]
    assert call(server).get("/after").text == "/after"


def test_a_head_in_two_frames_with_another_one_between_is_no_http2(serve, call):
    def script(request):
        yield Raw(HeadersFrame(request.stream, OK).serialize())
        yield Raw(Frame.serialize(DataFrame(request.stream, b"")))

    assert kinds([call(serve(script), timeout=5.0).submit()]) == {NoHttpError}
