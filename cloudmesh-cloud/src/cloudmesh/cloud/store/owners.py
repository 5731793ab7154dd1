"""Whose machines are: who we are on each cloud, as far as the store knows."""

from __future__ import annotations

from cloudmesh.cloud.store.inventory import REFRESHES
from cloudmesh.db import Database


def known_users(database: Database) -> dict[str, str]:
    """By cloud, who we were there when its machines were listed last; without those where nobody knows."""
    found = database.find(REFRESHES) if database.has(REFRESHES) else []
    return {each["cloud"]: str(each["user"]) for each in found if each.get("user")}
