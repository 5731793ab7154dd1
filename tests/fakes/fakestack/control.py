"""What the tester says to the pretended cloud, under ``/control``.

GET/PUT settings     what is asked for, see ``Settings``
GET/DELETE calls     each call so far, or forget them
GET report           counts, states of the servers, and what must not be
POST servers         servers that exist from now on: {"names": [...], "status": "SHUTOFF"}
GET servers          all servers, in detail, and what was ``done`` to each
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from fakestack.connection import Answer, Request
from fakestack.log import Log
from fakestack.servers import Server
from fakestack.settings import Settings

if TYPE_CHECKING:
    from fakestack.cloud import FakeCloud


def answer(cloud: FakeCloud, request: Request) -> Answer:
    """Do it."""
    controls = {
        ("GET", "settings"): lambda: Answer(200, asdict(cloud.settings)),
        ("PUT", "settings"): lambda: _tell(cloud, request),
        ("GET", "calls"): lambda: Answer(200, cloud.log.calls),
        ("DELETE", "calls"): lambda: _forget(cloud),
        ("GET", "report"): lambda: _report(cloud),
        ("POST", "servers"): lambda: _add(cloud, request),
        ("PUT", "servers"): lambda: _set(cloud, request),
        ("GET", "servers"): lambda: _servers(cloud),
    }
    return controls[request.method, request.path.removeprefix("/control/")]()


def _tell(cloud: FakeCloud, request: Request) -> Answer:
    cloud.settings = cloud.servers.settings = Settings(**{**asdict(cloud.settings), **request.json})
    return Answer(204)


def _forget(cloud: FakeCloud) -> Answer:
    cloud.log = Log()
    return Answer(204)


def _add(cloud: FakeCloud, request: Request) -> Answer:
    wanted = request.json
    return Answer(200, [cloud.servers.found(name, wanted["status"]) for name in wanted["names"]])


def _servers(cloud: FakeCloud) -> Answer:
    told = partial(Server.told, url=cloud.url, settings=cloud.settings)
    return Answer(200, [{**told(each), "done": each.done} for each in cloud.servers.all()])


def _set(cloud: FakeCloud, request: Request) -> Answer:
    for server in cloud.servers.all():
        server.begin("", request.json["status"], 0)
    return Answer(204)


def _report(cloud: FakeCloud) -> Answer:
    states = Counter(server.status() for server in cloud.servers.all())
    return Answer(200, {**cloud.log.report(), "states": states, "twice": cloud.servers.twice()})
