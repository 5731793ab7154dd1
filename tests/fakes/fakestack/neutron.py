"""Neutron, as far as booting asks: networks, security groups and floating IPs are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakestack.connection import Answer, Request

if TYPE_CHECKING:
    from fakestack.cloud import FakeCloud

_MINE = {"project_id": "project", "tenant_id": "project"}
_LISTS: dict[str, list[dict[str, Any]]] = {
    "networks": [
        {"id": "private", "name": "private", "router:external": False, **_MINE},
        {"id": "public", "name": "public", "router:external": True, "project_id": "operators"},
    ],
    "subnets": [{"id": "private-v4", "network_id": "private", "cidr": "10.0.0.0/8"}],
    "security_groups": [{"id": "default", "name": "default", "security_group_rules": [], **_MINE}],
    "floatingips": [],
    "ports": [],
}


def answer(cloud: FakeCloud, request: Request, path: str) -> Answer:
    """Neutron's answer."""
    _, _, kind = path.partition("/")
    key = kind.replace("-", "_")
    if request.method == "GET" and key in _LISTS:
        return Answer(200, {key: _LISTS[key]})
    words = f"the pretended Neutron knows no {request.method} of {kind}"
    return Answer(404, {"NeutronError": {"type": "NotFound", "message": words, "detail": ""}})
