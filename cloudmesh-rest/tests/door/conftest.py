"""A server's application with its guard, and tokens to come in with."""

from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from cloudmesh.db import open_store
from cloudmesh.rest.access import token_rows
from cloudmesh.rest.access.bounds import Bounds
from cloudmesh.rest.access.caller import Scope
from cloudmesh.rest.access.guard import Guard
from cloudmesh.rest.access.hosts import Hosts
from cloudmesh.rest.api.app import create_app

BASE = "http://127.0.0.1:8765"


@pytest.fixture
def make_token(home, configure):
    """Makes a token as ``cms rest token create`` does: ``make_token("ci", "read")``."""
    configure({"a": {}, "b": {}})

    def make(name="ci", scope="read", clouds=None, seconds=None):
        with open_store() as store:
            return token_rows.create(store, name, Scope[scope.upper()], clouds, seconds)

    return make


@pytest.fixture
def door(home, configure):
    """The application behind its guard, served as on port 8765 of loopback, and what it has logged."""
    configure({"a": {}, "b": {}})
    app = create_app()
    logged = []
    guard = Guard(
        app,
        app.state.tokens.find,
        app.state.tokens,
        Hosts("127.0.0.1", 8765),
        bounds=Bounds(seconds=0.3),
        log=lambda *told: logged.append(told),
    )
    with TestClient(guard, base_url=BASE) as client:
        yield SimpleNamespace(app=app, client=client, logged=logged, tokens=app.state.tokens, guard=guard)


@pytest.fixture
def client(door):
    """Somebody without a token."""
    return door.client
