"""A server whose every byte a test says, and clients that call it."""

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from cloudmesh.cloud.providers.libcloud.connection_settings import ConnectionSettings
from cloudmesh.cloud.wire.budget import AnswerBudget
from cloudmesh.cloud.wire.client import WireClient
from cloudmesh.cloud.wire.pool import POOLS, Tls


class Raw:
    """Answers each call with the next of some bytes; None closes the connection without a word.

    Attributes:
        heads: of the calls that came, as texts.
        connections: how many were made.
    """

    def __init__(self, answers, tls=None, family=socket.AF_INET):
        self._answers, self._tls = list(answers), tls
        self.heads, self.connections, self.sessions = [], 0, []
        host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self._listener = socket.create_server((host, 0), family=family)
        port = self._listener.getsockname()[1]
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.url = f"{'https' if tls else 'http'}://{place}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[here], daemon=True).start()

    def _serve(self, here):
        with suppress(OSError), here:
            if self._tls is None:
                self._answer(here)
                return
            with self._tls.wrap_socket(here, server_side=True) as secured:
                self.sessions.append(secured.session_reused)
                self._answer(secured)

    def _answer(self, here):
        self.connections += 1
        while self._answers and self._read(here):
            answer = self._answers.pop(0)
            if answer is None:
                break
            here.sendall(answer)
            if answer.endswith(CLOSE):
                break
        here.shutdown(socket.SHUT_RDWR)

    def _read(self, here):
        head = b""
        while b"\r\n\r\n" not in head:
            data = here.recv(65536)
            if not data:
                return False
            head += data
        head, _, body = head.partition(b"\r\n\r\n")
        self.heads.append(head.decode())
        length = next(
            (int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.startswith(b"Content-Len")),
            0,
        )
        while len(body) < length:
            body += here.recv(65536)
        return True


# After an answer that ends so the server closes the connection.
CLOSE = b"the end"


@pytest.fixture
def raw():
    """Starts servers of raw bytes."""
    started = []

    def start(*answers, **more):
        started.append(Raw(answers, **more))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def client():
    """Makes clients of any server, with these settings; all is closed, and none leaves a pool behind."""
    made = []

    def make(tls=None, **settings):
        limits = ConnectionSettings(**{"cloud": "probe", "timeout": 5.0, **settings})
        budget = AnswerBudget(limits)
        made.append(WireClient(budget, 5.0, tls or Tls()))
        made[-1].budget = budget
        return made[-1]

    yield make
    for each in made:
        each.close()
    assert not POOLS._pools


@pytest.fixture
def ask():
    """Makes one call."""

    def call(client, server, method="GET", path="/x", body=b"", headers=None):
        client.budget.begin("here", float("inf"))
        return client.exchange(method, urlsplit(f"{server.url}{path}"), headers or {}, body)

    return call
