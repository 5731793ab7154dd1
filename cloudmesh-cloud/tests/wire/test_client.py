"""Connections of the lean client: kept, shared, given up, and with TLS."""

import errno
import os
import socket
import ssl
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cloudmesh.cloud.wire.client import WireClient, reaches
from cloudmesh.cloud.wire.connection import addresses_of, connect
from cloudmesh.cloud.wire.errors import AnswerTimeoutError, ConnectionLostError, NoConnectionError
from cloudmesh.cloud.wire.pool import POOLS, Server, Tls

from .conftest import CLOSE

SAID = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_calls_share_a_connection_also_of_two_clients(raw, client, ask):
    server = raw(*[SAID] * 4)
    one, two = client(), client()
    for each in (one, two, one, two):
        assert ask(each, server).json() == {}
    assert server.connections == 1
    one.close()
    # The other goes on using it.
    assert len(POOLS._pools) == 1


def test_two_calls_at_once_have_two_connections(raw, client, ask):
    server = raw(SAID, SAID)
    go, answers = threading.Barrier(2), []

    def call():
        mine = client()
        go.wait()
        answers.append(ask(mine, server))

    threads = [threading.Thread(target=call) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [each.content for each in answers] == [b"{}", b"{}"] and server.connections in (1, 2)


def test_a_connection_that_the_server_has_closed_meanwhile_is_not_used(raw, client, ask):
    server = raw(SAID.replace(b"2\r\n\r\n{}", b"7\r\n\r\nthe end"), SAID)
    mine = client()
    assert ask(mine, server).content == CLOSE
    assert wait_for(is_closed)
    assert ask(mine, server).json() == {} and server.connections == 2


def is_closed():
    """Whether the server has closed what is kept of the one pool."""
    (pool,) = POOLS._pools.values()
    return pool._idle and not any(each.is_alive() for each in pool._idle)


def wait_for(condition):
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_a_call_whose_answer_is_lost_is_not_sent_again(raw, client, ask):
    server = raw(SAID, None, SAID)
    mine = client()
    ask(mine, server)
    with pytest.raises(ConnectionLostError):
        ask(mine, server, "POST", body=b"{}")
    assert len(server.heads) == 2


def test_an_answer_that_comes_before_all_was_sent_is_read(client, ask):
    """As of a gateway to which a call is too large."""
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse():
        here, _ = listener.accept()
        here.recv(1000)
        here.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        here.shutdown(socket.SHUT_WR)
        while here.recv(2**20):
            pass
        here.close()

    threading.Thread(target=refuse, daemon=True).start()

    class Place:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    assert ask(client(), Place, "POST", body=b"x" * 2**24).status_code == 413
    listener.close()


def test_what_is_said_of_a_call(raw, client, ask):
    server = raw(SAID, SAID, SAID)
    mine = client()
    ask(mine, server, path="/a?b=c", headers={"X-Auth-Token": "t"})
    ask(mine, server, "DELETE")
    ask(mine, server, "POST", body=b"{}")
    got, deleted, posted = server.heads
    assert got.startswith("GET /a?b=c HTTP/1.1\r\n") and "\r\nX-Auth-Token: t" in got
    place = server.url.partition("://")[2]
    assert f"\r\nHost: {place}\r\n" in got and "\r\nUser-Agent: cloudmesh/" in got
    assert "Content-Length" not in got
    assert deleted.endswith("Content-Length: 0") and posted.endswith("Content-Length: 2")


@pytest.mark.parametrize(
    ("url", "headers", "accepted"),
    [
        ("http://host/x?y=%20", {}, True),
        ("https://host:1/x", {"A": "b c"}, True),
        ("http://host/a b", {}, False),
        ("http://host/ä", {}, False),
        ("http://host/x", {"A": "b\r\nC: d"}, False),
        ("http://host/x", {"A": "ü"}, False),
    ],
)
def test_what_can_be_written_down_as_it_is(url, headers, accepted):
    assert WireClient.accepts(urlsplit(url), headers) is accepted


@pytest.mark.parametrize("url", ["http://host/x", "https://[::1]:1/x", "http://127.0.0.1:65535"])
def test_servers_that_can_be_called(url):
    assert reaches(urlsplit(url))


@pytest.mark.parametrize(
    "place",
    ["user:password@host", "höst", "", "host:99999", "host:x", "host:0", "a..b", f"{'a' * 64}.test", "a b"],
)
def test_servers_that_are_left_to_the_old_road(place):
    assert not reaches(urlsplit(f"http://{place}/x"))
    assert not reaches(urlsplit("ftp://host/x"))


def test_a_server_of_ipv6(raw, client, ask):
    if not Path("/proc/net/if_inet6").exists():
        pytest.skip("this system has no IPv6")
    server = raw(SAID, family=socket.AF_INET6)
    assert ask(client(), server).json() == {}
    assert "\r\nHost: [::1]:" in server.heads[0]


def test_an_answer_that_does_not_come(client, ask):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        class Place:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        with pytest.raises(AnswerTimeoutError):
            ask(client(timeout=0.1), Place)


def test_no_file_is_left_for_a_connection(client, ask, monkeypatch):
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(opened) + 1, limits[1]))
    try:

        class Place:
            url = "http://127.0.0.1:1"

        with pytest.raises(NoConnectionError) as caught:
            ask(client(), Place)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        os.close(opened[0])
    assert isinstance(caught.value.__cause__, OSError)


def test_a_host_is_looked_up_once_for_many_connections_and_again_after_one_fails(
    raw, client, ask, monkeypatch
):
    server, asked = raw(*[SAID.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")] * 3), []

    def look_up(*host):
        asked.append(host)
        return addresses_of(*host)

    monkeypatch.setattr("cloudmesh.cloud.wire.pool.addresses_of", look_up)
    mine = client()
    for _ in range(2):
        assert ask(mine, server).json() == {}
    assert (server.connections, len(asked)) == (2, 1)
    with monkeypatch.context() as patched:
        patched.setattr("cloudmesh.cloud.wire.pool.connect", refuse)
        with pytest.raises(NoConnectionError):
            ask(mine, server)
    assert ask(mine, server).json() == {}
    assert len(asked) == 2


def test_of_many_at_once_one_looks_the_host_up(raw, client, ask, monkeypatch):
    server, asked, go = raw(*[SAID] * 4), [], threading.Event()

    def look_up(*host):
        asked.append(host)
        assert go.wait(20)
        return addresses_of(*host)

    monkeypatch.setattr("cloudmesh.cloud.wire.pool.addresses_of", look_up)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask(client(), server))) for _ in range(4)]
    for each in threads:
        each.start()
    while not asked:
        time.sleep(0.001)
    go.set()
    for each in threads:
        each.join()
    assert len(answers) == 4 and len(asked) == 1


def refuse(*_):
    raise NoConnectionError from ConnectionRefusedError()


def test_what_nobody_uses_makes_room_for_a_connection(raw, client, ask, monkeypatch):
    kept, other, opened = raw(SAID), raw(SAID), []
    ask(client(), kept)
    (pool,) = POOLS._pools.values()

    def no_room_at_first(*arguments):
        opened.append(len(pool._idle))
        if len(opened) == 1:
            raise NoConnectionError from OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return connect(*arguments)

    monkeypatch.setattr("cloudmesh.cloud.wire.pool.connect", no_room_at_first)
    assert ask(client(), other).json() == {}
    assert opened == [1, 0]


def test_a_certificate_that_vanished_meanwhile_sends_nothing(raw, client, ask, tmp_path):
    server = raw(SAID)
    with pytest.raises(NoConnectionError):
        ask(client(Tls(str(tmp_path / "gone.pem"))), Tlsless(server))


class Tlsless:
    """The address of a server as if it spoke TLS."""

    def __init__(self, server):
        self.url = server.url.replace("http:", "https:")


def test_a_child_process_makes_connections_of_its_own(raw, client, ask):
    server = raw(SAID, SAID)
    mine = client()
    ask(mine, server)
    process = os.fork()
    if not process:
        fresh = POOLS.open(Server("127.0.0.1", 1))
        os._exit(0 if not fresh._idle and len(POOLS._pools) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    ask(mine, server)
    assert server.connections == 1


def test_tls_is_resumed(raw, client, ask, certificate):
    context, file = certificate("127.0.0.1")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    said = SAID.replace(b"2\r\n\r\n{}", b"7\r\n\r\nthe end")
    server = raw(said, said, tls=context)
    mine = client(Tls(str(file)))
    for _ in range(2):
        assert ask(mine, server).content == CLOSE
        assert wait_for(is_closed)
    assert server.sessions == [False, True]
