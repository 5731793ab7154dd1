"""A server's application that reads the store of simulated clouds, and those who ask it."""

import socket
import threading
import time

import httpx2
import pytest
import uvicorn
from starlette.testclient import TestClient

from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.db import open_store
from cloudmesh.rest.access.caller import Caller, Scope
from cloudmesh.rest.access.guard import Guard
from cloudmesh.rest.api.app import create_app

CALLERS = {
    "all": Caller("all", Scope.READ),
    "only-b": Caller("only-b", Scope.READ, ("b",)),
    "none": Caller("none", Scope.READ, ("z*",)),
}


@pytest.fixture
def machine():
    """Makes a machine as its cloud tells of it: ``machine("a", "web1", "i-1")``."""

    def make(cloud, name, own_id, state=State.ACTIVE, **more):
        return MachineRecord(cloud, name, own_id, state, **more)

    return make


@pytest.fixture
def clouds(home, configure):
    """Two active clouds a and b, and one that is not: c. Returns what writes a configuration of others."""

    def write(**clouds):
        return configure(clouds or {"a": {}, "b": {}, "c": {}}, active=[*clouds] or ["a", "b"], default="a")

    write()
    return write


@pytest.fixture
def keep(clouds):
    """Writes machines of a cloud down as if it had just been listed: ``keep("a", machine(...))``."""

    def write(cloud, *machines, asked=None):
        with Inventory(open_store()) as inventory:
            inventory.replace(cloud, machines, asked or time.time())

    return write


@pytest.fixture
def app(clouds):
    """The application."""
    return create_app()


@pytest.fixture
def ask(app):
    """Asks the application: ``ask("/v1/machines", limit=2)``; gives the answer."""
    guard = Guard(app, CALLERS.get)
    with TestClient(guard, base_url="http://127.0.0.1:8765") as client:

        def send(path, method="GET", caller="all", headers=(), content=None, code=200, **params):
            given = {"Authorization": f"Bearer {caller}", **dict(headers)}
            answer = client.request(method, path, params=params, headers=given, content=content)
            assert code is None or answer.status_code == code, answer.text
            return answer

        yield send


@pytest.fixture
def server(app):
    """The same application in a real server on a free port of loopback; a client that sees all clouds."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(Guard(app, CALLERS.get), log_level="error"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            with httpx2.Client(base_url=address, headers={"Authorization": "Bearer all"}) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()
