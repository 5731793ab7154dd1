"""Connections that are held without need, on a real socket: each is cut off; and how streams end."""

import contextlib
import socket
import threading
import time

import pytest
import uvicorn

from cloudmesh.db import open_store
from cloudmesh.rest.access import token_rows
from cloudmesh.rest.access.guard import Guard
from cloudmesh.rest.access.hosts import Hosts
from cloudmesh.rest.access.tokens import Tokens
from cloudmesh.rest.server import protocol
from cloudmesh.rest.server.protocol import Protocol

BIG = 8_000_000


async def application(scope, receive, send):
    """Answers /v1/big with much, /v1/stream without end, /v1/deaf too, and does not listen there."""
    import asyncio

    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/v1/big":
        await send({"type": "http.response.body", "body": b"x" * BIG})
    elif scope["path"] in ("/v1/stream", "/v1/deaf"):
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        if scope["path"] == "/v1/deaf":
            await asyncio.sleep(3600)
        while (await receive())["type"] != "http.disconnect":
            pass
    else:
        await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture
def served(make_token, monkeypatch):
    """The application on a free port behind the guard, with limits of a fraction of a second."""
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.3)
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.3)
    monkeypatch.setattr(protocol, "STALL_SECONDS", 0.3)
    tokens = Tokens(open_store)
    tokens.start()
    guard = Guard(application, tokens.find, tokens, Hosts(None))
    config = uvicorn.Config(guard, http=Protocol, lifespan="off", log_config=None, timeout_keep_alive=60)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield lambda: contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=30))
        finally:
            server.should_exit = server.force_exit = True
            thread.join()
            tokens.stop()


@pytest.fixture
def token(make_token):
    return make_token("all", "destroy")


def request(path, token, more=""):
    """The head of a request."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{more}\r\n".encode()


def until(link, end):
    """What comes, up to this."""
    text = b""
    while end not in text:
        part = link.recv(65536)
        assert part, text
        text += part
    return text


def to_end(link):
    text = b""
    with contextlib.suppress(ConnectionResetError):
        while part := link.recv(65536):
            text += part
    return text


@pytest.mark.parametrize("begin", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: localhost\r\n"])
def test_a_request_that_does_not_come_is_not_waited_for(served, begin):
    with served() as link:
        link.sendall(begin)
        assert to_end(link) == b""


def test_headers_that_drip_do_not_help(served):
    with served() as link, contextlib.suppress(ConnectionError):
        for _ in range(200):
            link.sendall(b"G")
            time.sleep(0.05)
        pytest.fail("the connection was kept")


def test_a_connection_serves_many_requests(served, token):
    with served() as link:
        for _ in range(3):
            link.sendall(request("/v1/x", token))
            assert b"done" in until(link, b"0\r\n\r\n")
            time.sleep(0.4)


def test_an_answer_that_is_not_read_is_given_up(served, token):
    with served() as link:
        link.sendall(request("/v1/big", token))
        time.sleep(1.5)
        assert len(to_end(link)) < BIG


def test_an_answer_that_is_read_slowly_arrives(served, token):
    with served() as link:
        link.sendall(request("/v1/big", token, "Connection: close\r\n"))
        size = 0
        while part := link.recv(200_000):
            size += len(part)
            time.sleep(0.01)
        assert size > BIG


def test_the_rest_of_a_body_is_not_waited_for(served):
    with served() as link:
        link.sendall(b"POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx")
        assert to_end(link).startswith(b"HTTP/1.1 401")


def test_what_is_no_http_is_answered_so(served):
    with served() as link:
        link.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        text = to_end(link)
        assert text.startswith(b"HTTP/1.1 400") and b"application/problem+json" in text
        assert b"nosniff" in text


@pytest.mark.parametrize("path", ["/v1/stream", "/v1/deaf"])
def test_a_stream_ends_when_its_token_is_revoked(served, token, path):
    with served() as link:
        link.sendall(request(path, token))
        until(link, b"begun")
        with open_store() as store:
            token_rows.revoke(store, "all")
        assert until(link, b"0\r\n\r\n").strip() == b"0"
