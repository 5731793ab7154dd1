"""Servers of HTTP/2 that do what a test says, and calls of them that share a thread or have their own."""

import importlib.util
import threading
from concurrent.futures import Future
from math import inf
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cloudmesh.cloud.providers.libcloud.connection_settings import ConnectionSettings
from cloudmesh.cloud.wire.budget import AnswerBudget
from cloudmesh.cloud.wire.client import WireClient
from cloudmesh.cloud.wire.pool import POOLS, Tls
from cloudmesh.vm.executors.multiplexed import MultiplexedCalls

from .server import LONG, Http2Server

_FILE = Path(__file__).parents[3] / "cloudmesh-cloud" / "tests" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("fixtures_of_cloud", _FILE)
_FIXTURES = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_FIXTURES)

certificate = _FIXTURES.certificate


class Caller:
    """Makes calls of one server, as many at once as one likes.

    Args:
        executor: whose thread they share; None for a thread of its own for each.
        limits: of all calls, as ``ConnectionSettings`` has them, and ``connect_seconds``.
    """

    def __init__(self, server, file, executor, **limits):
        self.server, self.executor = server, executor
        self._limits, self._tls = limits, Tls(str(file))
        # They are closed at the end only: with the last one the connections would go.
        self._clients = []

    def submit(self, path="/x", method="GET", body=b"", headers=None, ends=inf, **limits):
        """Begin a call; the future of its answer. It must be over at ``ends`` of ``time.monotonic``."""
        limits = {"timeout": LONG, "connect_seconds": LONG, **self._limits, **limits}
        seconds = limits.pop("connect_seconds")

        def call():
            budget = AnswerBudget(ConnectionSettings(cloud="probe", **limits))
            client = WireClient(budget, seconds, self._tls)
            self._clients.append(client)
            budget.begin("here", ends)
            return client.exchange(method, urlsplit(f"{self.server.url}{path}"), headers or {}, body)

        return self.executor.submit(call) if self.executor else _in_its_own_thread(call)

    def get(self, path="/x", **more):
        """The answer of one call."""
        return self.submit(path, **more).result(LONG)

    def close(self):
        """Let the connections go."""
        while self._clients:
            self._clients.pop().close()


def _in_its_own_thread(call):
    future = Future()

    def run():
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 it is raised where the future is asked
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


@pytest.fixture
def serve(certificate):
    """Starts servers by a script and ways, as ``Http2Server`` has them; no client may break HTTP/2."""
    started = []

    def start(script=None, tls=None, **ways):
        context, file = certificate("127.0.0.1")
        context.maximum_version = tls or context.maximum_version
        started.append(Http2Server(context, script, **ways))
        # The next one is written to the same place.
        started[-1].file = file.rename(file.with_name(f"server{len(started)}.pem"))
        return started[-1]

    yield start
    for each in started:
        each.close()
    assert [error for each in started for error in each.faults] == []


@pytest.fixture
def calls():
    """Makes executors whose calls share a thread, and ends them."""
    made = []

    def make(most=500):
        made.append(MultiplexedCalls(most))
        return made[-1]

    yield make
    for each in made:
        each.end(LONG)


@pytest.fixture
def call(serve, calls):
    """Makes callers of a server: in the thread of one executor, unless another one is given, or None."""
    made, shared = [], []

    def make(server, executor="shared", **limits):
        if executor == "shared":
            shared[:] = shared or [calls()]
            executor = shared[0]
        made.append(Caller(server, server.file, executor, **limits))
        return made[-1]

    yield make
    for each in made:
        if each.executor is None or each.executor._closed:
            each.close()
        else:
            each.executor.submit(each.close).result(LONG)
    assert not POOLS._pools
