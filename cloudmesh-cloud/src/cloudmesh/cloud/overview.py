"""The rows of ``cms cloud``, ``cms image`` and ``cms flavor``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from cloudmesh.cloud.cloud import Cloud
from cloudmesh.cloud.inventory import Inventory
from cloudmesh.cloud.model import Flavor, Image
from cloudmesh.cloud.notes import is_simulated, simulated_notes
from cloudmesh.cloud.registry import provider_class
from cloudmesh.config import Config
from cloudmesh.db import open_store
from cloudmesh.plugin.answer import Answer
from cloudmesh.plugin.errors import CloudError, CloudmeshError, CredentialsError
from cloudmesh.plugin.secrets import mask_value


def list_clouds(config: Config) -> Answer:
    """All configured clouds in their order; calls none of them."""
    active, default = config.written("active"), config.written("default") or []
    rows = [
        {
            "name": name,
            "type": settings.get("type", ""),
            "default": name in default,
            "active": active is None or name in active,
            "simulated": is_simulated(config, name),
            "host": mask_value("host", settings.get("host", "")),
            "title": settings.get("name", ""),
        }
        for name, settings in config.clouds.items()
    ]
    columns = ["name", "type", "default", "active", "simulated", "host", "title"]
    return Answer(rows, columns=columns)


def cloud_info(config: Config, name: str) -> Answer:
    """What is configured for a cloud, secrets masked, and what its type can do."""
    settings = config.cloud(name)
    provider = provider_class(settings.get("type"), name)
    with Inventory(open_store(config)) as inventory:
        known = len(inventory.known(name))
    facts: dict[str, Any] = {
        "name": name,
        "simulated": provider.simulated,
        "capabilities": sorted(str(each) for each in provider.capabilities),
        "machines": known,
        "settings": mask_value("", dict(settings)),
    }
    return Answer(record=facts, notes=simulated_notes(config, [name]))


def check_clouds(config: Config, names: Sequence[str]) -> Answer:
    """Sign in to each cloud; the exit code is that of the worst failure."""
    rows = []
    code = 0
    missing = config.unresolved(names)
    for name in names:
        began = time.monotonic()
        try:
            _raise_if(missing.get(name))
            with Cloud(name, config) as cloud:
                message, result = cloud.check(), "ok"
        except CloudmeshError as error:
            message, result = str(error), "failed"
            code = max(code, error.exit_code)
        rows.append(
            {
                "name": name,
                "result": result,
                "seconds": round(time.monotonic() - began, 3),
                "message": message,
            }
        )
    return Answer(rows, columns=["name", "result", "seconds", "message"], exit_code=code)


def _raise_if(error: CloudmeshError | None) -> None:
    if error:
        raise error


def list_images(config: Config, names: Sequence[str]) -> Answer:
    """The images of these clouds, asked now."""
    return _listing(config, names, Cloud.images, ["cloud", "name", "size", "cloud_id"])


def list_flavors(config: Config, names: Sequence[str]) -> Answer:
    """The flavors of these clouds, asked now."""
    return _listing(config, names, Cloud.flavors, ["cloud", "name", "vcpus", "ram", "disk", "cloud_id"])


def _listing(
    config: Config,
    names: Sequence[str],
    ask: Callable[[Cloud], Iterable[Image | Flavor]],
    columns: list[str],
) -> Answer:
    """Rows of all clouds that answered; a cloud that did not is named, and makes the exit code."""
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    code = 0
    missing = config.unresolved(names)
    for name in names:
        try:
            _raise_if(missing.get(name))
            with Cloud(name, config) as cloud:
                rows += [asdict(thing) for thing in ask(cloud)]
        except (CloudError, CredentialsError) as error:
            if len(names) == 1:
                raise
            notes.append(f"error: {error}")
            code = max(code, error.exit_code)
    return Answer(rows, columns=columns, notes=[*notes, *simulated_notes(config, names)], exit_code=code)
