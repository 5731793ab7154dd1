"""What goes and comes by HTTP/2: heads, contents of any size, and what belongs to none of them."""

import gzip
import os
import threading
import time

import pytest
from h2.settings import SettingCodes
from hyperframe.frame import WindowUpdateFrame

from cloudmesh.cloud.errors import BadAnswer
from cloudmesh.cloud.wire.errors import UnreadableAnswerError

from .server import LONG, until
from .steps import Data, End, Head, Ping, Raw, Reset, Settings, answer

MEBIBYTE = 2**20
# What a server takes until it acknowledges some of it, if it says nothing else.
WINDOW = 65_535
PACKED = (("content-encoding", "gzip"),)


def size(request):
    return answer(str(len(request.body)).encode())


@pytest.mark.parametrize("method, body", [("GET", b""), ("POST", b"{}"), ("PUT", b""), ("DELETE", b"")])
def test_a_request_comes_as_it_was_made(serve, call, method, body):
    server = serve(lambda request: [Head(204, ends=True)])
    mine = call(server)
    told = mine.get(
        "/a/b?c=d&e=%20", method=method, body=body, headers={"X-Auth-Token": "T o", "Accept": "*"}
    )
    assert told.status_code == 204 and told.content == b""
    (request,) = server.requests
    assert (request.method, request.path, bytes(request.body)) == (method, "/a/b?c=d&e=%20", body)
    headers = dict(request.headers)
    assert headers.pop(":authority") == server.url.removeprefix("https://")
    assert headers.pop("user-agent").startswith("cloudmesh/")
    length = {"content-length": str(len(body))} if method != "GET" else {}
    assert headers == {
        **{":method": method, ":path": "/a/b?c=d&e=%20", ":scheme": "https", "accept-encoding": "gzip"},
        **{"x-auth-token": "T o", "accept": "*", **length},
    }


def test_the_place_is_the_root_if_none_is_said(serve, call):
    server = serve()
    assert call(server).get("").text == "/"


def test_the_names_of_headers_are_in_lower_case(serve, call):
    server = serve(lambda request: answer(b'{"a": 1}', 202, (("x-openstack-request-id", "R"), ("a", "1, 2"))))
    told = call(server).get()
    assert told.status_code == 202 and told.json() == {"a": 1}
    assert dict(told.headers) == {"x-openstack-request-id": "R", "a": "1, 2"}
    assert told.headers.get("X-OpenStack-Request-ID") == "R"


def test_heads_may_be_long(serve, call):
    """They go in several frames then."""
    long = "".join(chr(97 + number % 26) for number in range(40_000))
    server = serve(lambda request: answer(b"it", headers=(("long", long), ("short", "1"))))
    mine = call(server)
    made = [mine.submit(headers={"X-Long": long[:8000]}) for _ in range(5)]
    assert all(each.result(LONG).headers == {"long": long, "short": "1"} for each in made)
    assert {each.headers["x-long"] for each in server.requests} == {long[:8000]} and server.connections == 1


def test_a_head_that_gateways_may_refuse_is_not_sent_where_others_would_suffer(serve, call):
    """Some end the whole connection for it."""
    server = serve(lambda request: answer(b"it"))
    mine = call(server)
    assert mine.get().content == b"it"
    assert mine.get(headers={"X-Long": "x" * 9000}).status_code == 200
    assert server.protocols[0] == "h2" and server.protocols[1] in (None, "http/1.1")


@pytest.mark.parametrize(
    "more",
    [
        (("upgrade", "h2,h2c"),),
        (("proxy-connection", "keep-alive"), ("te", "gzip"), ("transfer-encoding", "chunked")),
        (("trailing", "blanks  "), ("Upper", "case")),
    ],
)
def test_a_header_that_a_gateway_passes_on_by_mistake_is_no_trouble(serve, call, more):
    """As nginx does with the ``Upgrade`` of an Apache behind it."""
    server = serve(lambda request: answer(b"it", headers=more))
    mine = call(server)
    made = [mine.submit(f"/{number}") for number in range(5)]
    assert all(each.result(LONG).content == b"it" for each in made)
    names = {name.lower(): value.strip() for name, value in more}
    assert made[0].result().headers.items() >= names.items() and server.connections == 1


def test_packed_contents_are_unpacked(serve, call):
    content = os.urandom(2000) * 1000
    server = serve(lambda request: answer(gzip.compress(content), headers=PACKED))
    mine = call(server)
    made = [mine.submit() for _ in range(3)]
    assert all(each.result(LONG).content == content for each in made)


def test_a_packed_content_that_cannot_be_unpacked(serve, call):
    contents = {"/cut": gzip.compress(b"x" * 1000)[:-9], "/none": b"plain", "/large": bytes(3 * MEBIBYTE)}
    contents["/large"] = gzip.compress(contents["/large"])
    server = serve(lambda request: answer(contents[request.path], headers=PACKED))
    mine = call(server, answer_mib=2)
    for path in ("/cut", "/none"):
        with pytest.raises(UnreadableAnswerError):
            mine.get(path)
    with pytest.raises(BadAnswer, match="larger than 2 MiB"):
        mine.get("/large")
    assert server.connections == 1


def test_heads_that_announce_one_and_trailers_are_ignored(serve, call):
    early, late = (("link", "</style>"), ("x", "early")), (("x", "late"), ("y", "late"))
    server = serve(
        lambda request: [Head(103, early), 0.05, Head(100), Head(200, (("x", "1"),)), Data(b"it"), End(late)]
    )
    told = call(server).get()
    assert (told.status_code, told.content, dict(told.headers)) == (200, b"it", {"x": "1"})


def test_what_a_server_may_say_besides_is_no_trouble(serve, call):
    # Its length, a type of a later version, flags, and no stream.
    unknown = b"\0\0\x03\xee\xff\0\0\0\0any"
    more = WindowUpdateFrame(0, window_increment=1000).serialize()
    changed = Settings({SettingCodes.INITIAL_WINDOW_SIZE: 100_000, SettingCodes.HEADER_TABLE_SIZE: 0})

    def script(request):
        yield from [Ping(), Raw(unknown), Raw(more), changed, Head()]
        yield from [Data(b"one"), Raw(unknown), Ping(), 0.05, Data(b"two", padding=200), Data(b""), End()]

    server = serve(script)
    mine = call(server)
    assert [mine.get(f"/{number}").content for number in range(3)] == [b"onetwo"] * 3
    assert until(lambda: server.pongs == 6) and server.connections == 1


def test_large_contents_go_both_ways_while_others_go_on(serve, call):
    content = os.urandom(5 * MEBIBYTE)
    gate = threading.Event()

    def script(request):
        return answer(content) if request.path == "/down" else size(request)

    server = serve(script, acknowledges=gate.is_set)
    mine = call(server)
    up = mine.submit("/up", "POST", bytes(MEBIBYTE))
    assert until(lambda: server.requests and len(server.requests[0].body) == WINDOW)
    # The server takes nothing more for now, but what has no content goes through.
    down = mine.submit("/down")
    assert [mine.get().text for _ in range(20)] == ["0"] * 20
    assert down.result(LONG).content == content
    assert not up.done() and len(server.requests[0].body) == WINDOW
    gate.set()
    assert up.result(LONG).text == str(MEBIBYTE)
    assert server.connections == 1


def test_many_large_contents_at_once(serve, call):
    content = os.urandom(MEBIBYTE)
    server = serve(lambda request: answer(bytes(request.body), frame=5000))
    mine = call(server)
    made = [mine.submit("/", "POST", content[number:]) for number in range(5)]
    assert all(each.result(LONG).content == content[number:] for number, each in enumerate(made))
    assert server.connections == 1


def test_a_call_that_waits_for_its_answer_lets_another_one_send(serve, call):
    """Whoever reads must tell those who send that there is room again."""
    gate = threading.Event()
    server = serve(lambda request: [gate, *size(request)] if request.path == "/waits" else size(request))
    mine = call(server)
    waits = mine.submit("/waits")
    assert until(lambda: server.requests)
    began = time.monotonic()
    assert mine.get("/up", method="POST", body=bytes(MEBIBYTE)).text == str(MEBIBYTE)
    assert time.monotonic() - began < 5.0
    gate.set()
    assert waits.result(LONG).text == "0"


@pytest.mark.parametrize("window", [1, 1000, 2**20])
def test_a_server_may_take_little_or_much_of_a_content_at_once(serve, call, window):
    server = serve(size, settings={SettingCodes.INITIAL_WINDOW_SIZE: window})
    mine = call(server)
    count = 100 * min(window, 3000)
    made = [mine.submit("/", "PUT", bytes(count + each)) for each in range(3)]
    assert [each.result(LONG).text for each in made] == [str(count + each) for each in range(3)]


def test_a_server_may_take_less_at_once_in_the_middle_of_a_content(serve, call):
    """The window of a stream is below nothing then."""
    gate = threading.Event()
    server = serve(size, acknowledges=gate.is_set)
    mine = call(server)
    up = mine.submit("/up", "PUT", bytes(MEBIBYTE))
    assert until(lambda: server.requests and len(server.requests[0].body) == WINDOW)
    server.tell(Settings({SettingCodes.INITIAL_WINDOW_SIZE: 10_000}))
    assert mine.get().text == "0"
    server.tell(Settings({SettingCodes.INITIAL_WINDOW_SIZE: WINDOW}))
    gate.set()
    assert up.result(LONG).text == str(MEBIBYTE)


def test_a_content_that_a_server_takes_slowly_is_no_answer_that_is_late(serve, call):
    """The time counts for each part, as by HTTP/1.1."""
    times = [time.monotonic()]

    def at_times():
        if time.monotonic() - times[-1] < 0.04:
            return False
        times.append(time.monotonic())
        return True

    server = serve(size, acknowledges=at_times)
    told = call(server, timeout=1.0).get("/up", method="PUT", body=bytes(MEBIBYTE))
    assert told.text == str(MEBIBYTE) and times[-1] - times[0] > 1.5


@pytest.mark.parametrize("resets", [False, True])
def test_an_answer_may_come_before_all_of_a_content_is_taken(serve, call, resets):
    """The server resets the stream then without an error (RFC 9113, section 8.1)."""
    steps = [*answer(b"too large", 413), *[Reset(0)] * resets]
    gate = threading.Event()

    def script(request):
        return steps if request.path == "/up" else size(request)

    server = serve(script, at_head=True, acknowledges=gate.is_set)
    mine = call(server)
    for _ in range(3):
        told = mine.get("/up", method="POST", body=bytes(MEBIBYTE))
        assert (told.status_code, told.content) == (413, b"too large")
    # What was sent in vain takes the room of the connection until it is acknowledged.
    gate.set()
    assert mine.get("/next").status_code == 200
    assert server.connections == 1


def test_padding_counts_for_the_windows(serve, call):
    """Who acknowledges contents alone gets stuck by and by."""
    server = serve(lambda request: [Head(), Data(b"x" * 10_000, 10, padding=255), End()])
    mine = call(server)
    made = [mine.submit() for _ in range(70)]
    assert all(each.result(LONG).content == b"x" * 10_000 for each in made)
    assert server.connections == 1


def test_an_answer_without_a_content(serve, call):
    steps = {
        "/head": [Head(200, ends=True)],
        "/empty": [Head(), Data(b""), End()],
        "/nothing": [Head(), End()],
    }
    server = serve(lambda request: steps[request.path])
    mine = call(server)
    for path in steps:
        told = mine.get(path)
        assert (told.status_code, told.content) == (200, b"")
