"""A server on loopback, in this process, with a store that the tests write, and clients of its streams."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn

from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.db import open_store
from cloudmesh.rest.access.caller import Caller, Scope
from cloudmesh.rest.api.app import create_app
from cloudmesh.rest.feed.feed import Feed
from cloudmesh.rest.feed.listeners import StreamLimits
from cloudmesh.vm import Machines

CALLERS = {
    "all": Caller("laptop", Scope.READ),
    "other": Caller("other", Scope.READ),
    "one": Caller("guest", Scope.READ, clouds=("one",)),
}


class Door:
    """Stands in for the guard: the bearer token is the name of a caller."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            word = dict(scope["headers"])[b"authorization"].decode().removeprefix("Bearer ")
            scope["cloudmesh.caller"] = CALLERS[word]
        await self._app(scope, receive, send)


@dataclass
class Event:
    """One event of a stream."""

    id: str = ""
    kind: str = ""
    data: Any = None


class Stream:
    """A client of one stream, which reads it line by line.

    It speaks HTTP/1.0, whose answers come as they are and not in chunks, which Python reads slowly.
    """

    def __init__(self, port: int, path: str, token: str = "all", last: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        head = [f"GET {path} HTTP/1.0", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {token}"]
        head += [f"Last-Event-ID: {last}"] if last else []
        self._socket.sendall("\r\n".join([*head, "", ""]).encode())
        self.answer = http.client.HTTPResponse(self._socket)
        self.answer.begin()
        self.id = last

    def next(self, *kinds: str) -> Event | None:
        """The next event of one of these kinds; None at the end of the stream."""
        event = Event()
        while line := self.answer.readline():
            word, _, value = line.decode().rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            if word == "id":
                self.id = event.id = value
            elif word == "event":
                event.kind = value
            elif word == "data":
                event.data = json.loads(value)
            elif not word and line == b"\n":
                if event.kind and (not kinds or event.kind in kinds):
                    return event
                event = Event()
        return None

    def read_place(self) -> str:
        """The id at which the stream begins."""
        while not self.id:
            line = self.answer.readline()
            assert line, "the stream ended before it told its place"
            if line.startswith(b"id:"):
                self.id = line[3:].strip().decode()
        return self.id

    def close(self) -> None:
        self.answer.close()
        self._socket.close()


class StoppingServer(uvicorn.Server):
    """Ends the streams when it stops, as ours does."""

    end_streams: Callable[[], None]

    async def shutdown(self, sockets: Any = None) -> None:
        self.end_streams()
        await super().shutdown(sockets)
        # What was never read is still to be sent; the process of ours ends at this point.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


@dataclass
class Running:
    """A server, and what the tests need of it."""

    port: int
    feed: Feed
    server: uvicorn.Server
    thread: threading.Thread
    streams: list[Stream] = field(default_factory=list)

    def stream(self, path: str = "/v1/events", token: str = "all", last: str = "") -> Stream:
        """A stream; it was answered when this returns."""
        self.streams.append(Stream(self.port, path, token, last))
        return self.streams[-1]

    def get(self, path: str, token: str = "all") -> http.client.HTTPResponse:
        """The answer to a request that may be no stream."""
        return self.stream(path, token).answer

    def stop(self) -> float:
        """Stop the server; the seconds that it took."""
        began = time.monotonic()
        self.server.should_exit = True
        self.thread.join(30)
        return time.monotonic() - began


@pytest.fixture
def serve(configure) -> Iterator[Callable[..., Running]]:
    """Starts a server for two clouds, with these limits, and settings of the cloud ``one``."""
    running: list[Running] = []

    def start(limits: StreamLimits | None = None, database: str = "", **settings: Any) -> Running:
        configure(
            {"one": settings, "two": {}}, **({"database": database, "default": "one"} if database else {})
        )
        app = create_app()
        door = Door(app)
        if limits is not None:
            app.state.feed = Feed(lambda: app.state.service.config, limits)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = uvicorn.Config(door, "127.0.0.1", port, log_level="critical", timeout_graceful_shutdown=3)
        server = StoppingServer(config)
        server.end_streams = app.state.feed.end_streams
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
        thread.start()
        end = time.monotonic() + 30
        while not server.started and time.monotonic() < end:
            time.sleep(0.01)
        assert server.started and app.state.feed.looked, app.state.feed.error
        running.append(Running(port, app.state.feed, server, thread))
        return running[-1]

    yield start
    for each in running:
        for stream in each.streams:
            stream.close()
        each.stop()


@pytest.fixture
def machine() -> Callable[..., MachineRecord]:
    """Makes a machine whose id is made of its name."""

    def make(name: str, cloud: str = "one", state: State = State.ACTIVE, **more: Any) -> MachineRecord:
        return MachineRecord(cloud, name, f"id-{name}", state, **{"flavor": "tiny", **more})

    return make


@pytest.fixture
def store() -> Callable[[], Inventory]:
    """Opens the store of the server, as another process has it."""
    return lambda: Inventory(open_store())


@pytest.fixture
def limits() -> Callable[..., StreamLimits]:
    """Makes limits of streams."""
    return StreamLimits


@pytest.fixture
def boot() -> Callable[[str, str], None]:
    """Boots machines as another process does, and waits for them."""

    def run(names: str, cloud: str = "one") -> None:
        with Machines(names, cloud=cloud) as machines:
            machines.boot(wait=True)

    return run


@pytest.fixture
def make_stream() -> Iterator[Callable[..., Stream]]:
    """Opens streams of any server."""
    streams: list[Stream] = []

    def make(*words: Any) -> Stream:
        streams.append(Stream(*words))
        return streams[-1]

    yield make
    for each in streams:
        each.close()


@pytest.fixture
def wait_for() -> Callable[..., bool]:
    """Waits for a condition: whether it is met within so many seconds, 20 unless it is said."""

    def wait(condition: Callable[[], Any], seconds: float = 20.0) -> bool:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    return wait
