"""Keystone: tokens for the one user."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from fakestack.connection import Answer, Request

if TYPE_CHECKING:
    from fakestack.cloud import FakeCloud

_HOURS = 6
# Each with its name, which clients look at as well, and where it is.
SERVICES = {
    "compute": ("nova", "/compute/v2.1"),
    "image": ("glance", "/image"),
    "network": ("neutron", "/network"),
    "identity": ("keystone", "/v3"),
}


def answer(cloud: FakeCloud, request: Request, path: str) -> Answer:
    """A token, or why there is none."""
    if (request.method, path) != ("POST", "auth/tokens"):
        return Answer(404, {"error": {"code": 404, "message": "not here", "title": "Not Found"}})
    user = request.json["auth"]["identity"].get("password", {}).get("user", {})
    if user.get("password") != cloud.settings.password:
        words = "The request you have made requires authentication."
        return Answer(401, {"error": {"code": 401, "message": words, "title": "Unauthorized"}})
    token = secrets.token_urlsafe(24)
    cloud.tokens.add(token)
    return Answer(201, {"token": _token(cloud.url)}, {"X-Subject-Token": token})


def _token(url: str) -> dict[str, Any]:
    now = time.time()
    domain = {"id": "default", "name": "Default"}
    return {
        "methods": ["password"],
        "user": {"id": "user", "name": "demo", "domain": domain},
        "project": {"id": "project", "name": "demo", "domain": domain},
        "roles": [{"id": "member", "name": "member"}],
        "issued_at": _time(now),
        "expires_at": _time(now + _HOURS * 3600),
        "catalog": [
            {"type": kind, "name": name, "id": name, "endpoints": [_endpoint(url + path)]}
            for kind, (name, path) in SERVICES.items()
        ],
    }


def _endpoint(url: str) -> dict[str, str]:
    place = {"region": "RegionOne", "region_id": "RegionOne"}
    return {"id": url, "interface": "public", "url": url, **place}


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(seconds))
