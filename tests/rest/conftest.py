"""A server of REST that is started by the program itself, and always ended."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing

import pytest


class Server:
    """The server of a home, and requests to it."""

    def __init__(self, home):
        self.home, self.port = home, 0

    def start(self, *words, code=0):
        """Start it in the background, on a free port unless the words say otherwise; gives what was told."""
        told = self.home.cms("rest", "start", "--detach", *(words or ["--port=0"]), code=code)
        if code == 0 and told.stdout.startswith("http:"):
            self.port = int(told.stdout.split("/")[2].rsplit(":")[-1])
        return told

    def status(self, code=0):
        """What ``cms rest status`` says."""
        return json.loads(self.home.cms("rest", "status", "--output=json", code=code).stdout)

    def token(self, name="ci", scope="read", *words):
        """A new token."""
        return self.home.cms("rest", "token", "create", name, f"--scope={scope}", *words).stdout.strip()

    def connection(self):
        """A connection to it."""
        return closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30))

    def get(self, path="/v1/verbs", token="", method="GET", body=None, **headers):
        """The status and the body of an answer."""
        given = {"Authorization": f"Bearer {token}", **headers} if token else headers
        with self.connection() as connection:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def stream(self, token):
        """A stream of events that has begun, as a socket: it is read until the server ends it."""
        link = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        request = (
            f"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        link.sendall(request.encode())
        begin = b""
        while b"\r\n\r\n" not in begin:
            begin += link.recv(4096)
        assert b" 200 " in begin.splitlines()[0], begin
        return link


@pytest.fixture
def server(home):
    """The server of a home with one simulated cloud; it is not started."""
    one = Server(home)
    yield one
    home.cms("rest", "stop", code=None)
