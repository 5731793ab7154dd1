"""The last listing of a cloud's images and flavors, in the store."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cloudmesh.cloud.model.records import Flavor, Image
from cloudmesh.db import Database

CATALOG = "catalog"


def keep_listing(database: Database, kind: str, cloud: str, things: Sequence[Image | Flavor]) -> None:
    """Write a whole listing down in place of the one before."""
    listed = [_without_cloud(thing) for thing in things]
    record = {"kind": kind, "cloud": cloud, "refreshed": time.time(), "things": listed}
    database.upsert(CATALOG, record, key=["kind", "cloud"])


def kept_listing(database: Database, kind: str, cloud: str) -> tuple[list[dict[str, Any]], float] | None:
    """The last listing and its age in seconds; None if there was none."""
    found = database.find(CATALOG, kind=kind, cloud=cloud) if database.has(CATALOG) else []
    if not found:
        return None
    rows = [{"cloud": cloud, **thing} for thing in found[0]["things"]]
    return rows, max(0.0, time.time() - float(found[0]["refreshed"]))


def _without_cloud(thing: Image | Flavor) -> dict[str, Any]:
    return {key: value for key, value in asdict(thing).items() if key != "cloud"}
