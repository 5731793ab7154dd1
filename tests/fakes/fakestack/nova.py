"""Nova and Glance: servers, flavors, key pairs and images."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fakestack.connection import Answer, Request
from fakestack.servers import ACTIONS, Server

if TYPE_CHECKING:
    from fakestack.cloud import FakeCloud

FLAVORS = [
    {"id": "small", "name": "small", "vcpus": 1, "ram": 2048, "disk": 20, "swap": "", "links": []},
    {"id": "large", "name": "large", "vcpus": 8, "ram": 16384, "disk": 80, "swap": "", "links": []},
]
_TIME = "2026-01-01T00:00:00Z"
_IMAGE = {"status": "active", "size": 1 << 30, "visibility": "public", "min_disk": 0, "min_ram": 0}
_IMAGE |= {"created_at": _TIME, "updated_at": _TIME}
VERSION = {"id": "v2.1", "status": "CURRENT", "version": "2.96", "min_version": "2.1", "links": []}
IMAGES = [{"id": name, "name": name, **_IMAGE} for name in ("debian-12", "ubuntu-24.04")]


def answer(cloud: FakeCloud, request: Request, path: str) -> Answer:
    """Nova's answer."""
    _, _, below = path.partition("/")
    kind, *rest = below.split("/")
    if not kind:
        return Answer(200, {"version": VERSION})
    if kind == "servers":
        return _servers(cloud, request, rest)
    if kind == "flavors":
        return _things(request, "flavor", FLAVORS, rest)
    if kind == "os-keypairs":
        return _key_pairs(cloud, request, rest)
    if kind == "limits":
        used = sum(1 for _ in cloud.servers.all())
        return Answer(200, {"limits": {"absolute": {"maxTotalInstances": -1, "totalInstancesUsed": used}}})
    return _problem(404, "The resource could not be found.")


def images(cloud: FakeCloud, request: Request, path: str) -> Answer:
    """Glance's answer."""
    _, _, *rest = path.split("/")
    found = next((each for each in IMAGES if rest and each["id"] == rest[0]), None)
    if rest:
        return Answer(200, found) if found else _problem(404, "No image found")
    return Answer(200, {"images": IMAGES})


def _things(request: Request, kind: str, things: list[dict[str, Any]], rest: list[str]) -> Answer:
    if not rest or rest == ["detail"]:
        return Answer(200, {f"{kind}s": things})
    found = next((each for each in things if each["id"] == rest[0]), None)
    return Answer(200, {kind: found}) if found else _problem(404, f"no {kind} {rest[0]}")


def _key_pairs(cloud: FakeCloud, request: Request, rest: list[str]) -> Answer:
    if request.method == "POST":
        wanted = request.json["keypair"]
        cloud.keys[wanted["name"]] = wanted["public_key"]
        return Answer(200, {"keypair": _key(wanted["name"])})
    if request.method == "DELETE":
        gone = cloud.keys.pop(rest[0], None)
        return Answer(202) if gone else _problem(404, f"Keypair {rest[0]} not found")
    return Answer(200, {"keypairs": [{"keypair": _key(name)} for name in cloud.keys]})


def _key(name: str) -> dict[str, str]:
    return {"name": name, "fingerprint": "00:00:00"}


def _servers(cloud: FakeCloud, request: Request, rest: list[str]) -> Answer:
    """What is asked of all servers, or of one."""
    if not rest and request.method == "POST":
        return _create(cloud, request.json["server"], request.json.get("os:scheduler_hints", {}))
    if not rest or rest == ["detail"]:
        return _list(cloud, request, detailed=bool(rest))
    return _server(cloud, request, rest)


def _server(cloud: FakeCloud, request: Request, rest: list[str]) -> Answer:
    server = cloud.servers.get(rest[0])
    if server is None:
        return _problem(404, f"Instance {rest[0]} could not be found.")
    if rest[1:] == ["action"]:
        return _act(cloud, server, request.json)
    if rest[1:2] == ["metadata"]:
        return _metadata(server, request, rest[2:])
    if request.method == "DELETE":
        server.begin("deleting", "DELETED", cloud.settings.action)
        return Answer(204)
    if request.method == "PUT":
        server.name = request.json["server"]["name"]
    return Answer(200, {"server": server.told(cloud.url, cloud.settings)})


def _create(cloud: FakeCloud, wanted: dict[str, Any], hints: dict[str, Any]) -> Answer:
    for key, known in (("imageRef", IMAGES), ("flavorRef", FLAVORS)):
        if wanted.get(key) not in [each["id"] for each in known]:
            return _problem(400, f"Can not find requested {key.removesuffix('Ref')}")
    server = cloud.servers.add(
        Server(
            name=wanted["name"],
            image=wanted["imageRef"],
            flavor=wanted["flavorRef"],
            key=wanted.get("key_name", ""),
            metadata=dict(wanted.get("metadata", {})),
            hints=hints,
        )
    )
    links = server.told(cloud.url, cloud.settings)["links"]
    return Answer(202, {"server": {"id": server.id, "links": links, "adminPass": "a-password-of-the-fake"}})


def _list(cloud: FakeCloud, request: Request, detailed: bool) -> Answer:
    """One page, in the order of their making; filters as Nova's: ``name`` is a regular expression."""
    since = request.query.get("changes-since")
    if since and not cloud.settings.changes:
        return _problem(400, "Invalid input for query parameters changes-since")
    found = list(cloud.servers.changed(since) if since else cloud.servers.all())
    if name := request.query.get("name"):
        found = [each for each in found if re.search(name, each.name)]
    if status := request.query.get("status"):
        found = [each for each in found if each.status() == status]
    if marker := request.query.get("marker"):
        following = cloud.servers.after(marker, found)
        if following is None:
            return _problem(400, f"marker [{marker}] not found")
        found = following
    limit = min(int(request.query.get("limit", cloud.settings.page)), cloud.settings.page)
    page, more = found[:limit], found[limit:]
    told = [each.told(cloud.url, cloud.settings) for each in page]
    if not detailed:
        told = [{key: each[key] for key in ("id", "name", "links")} for each in told]
    body: dict[str, Any] = {"servers": told}
    if more and page:
        query = urlencode({**request.query, "limit": limit, "marker": page[-1].id})
        body["servers_links"] = [{"rel": "next", "href": f"{cloud.url}{request.path}?{query}"}]
    return Answer(200, body)


def _act(cloud: FakeCloud, server: Server, wanted: dict[str, Any]) -> Answer:
    (action,) = wanted
    if action == "os-getConsoleOutput":
        return Answer(200, {"output": f"{server.name} login: "})
    if action not in ACTIONS:
        return _problem(400, f"There is no such action: {action}")
    hard = action == "reboot" and wanted[action].get("type") == "HARD"
    if words := "" if hard else server.refusal(action):
        return _problem(409, words, "conflictingRequest")
    _, becomes, task = ACTIONS[action]
    server.begin(task, becomes, cloud.settings.action)
    return Answer(202)


def _metadata(server: Server, request: Request, rest: list[str]) -> Answer:
    if request.method == "POST":
        server.metadata.update(request.json["metadata"])
    if request.method == "DELETE":
        gone = server.metadata.pop(rest[0], None)
        return Answer(204) if gone is not None else _problem(404, "Metadata item was not found")
    return Answer(200, {"metadata": server.metadata})


def _problem(status: int, words: str, kind: str = "problem") -> Answer:
    return Answer(status, {kind: {"code": status, "message": words}})
