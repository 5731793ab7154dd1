"""The rows of ``cms cloud list`` and ``cms cloud info``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudmesh.cloud.cli.notes import is_simulated, simulated_notes
from cloudmesh.cloud.client.cloud import Cloud, ask_each
from cloudmesh.cloud.provider.registry import provider_class
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.config import Config
from cloudmesh.db import open_store
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.lists.selection import Selection
from cloudmesh.plugin.lists.values import YES
from cloudmesh.plugin.output import Answer, selected
from cloudmesh.plugin.secrets import mask_value

COLUMNS = ("name", "type", "default", "active", "simulated", "host", "title")


def list_clouds(config: Config, options: Mapping[str, Any] | None = None) -> Answer:
    """All configured clouds in their order; calls none of them. ``options``: --filter, --sort, --columns."""
    selection = Selection(options or {}, COLUMNS, dict.fromkeys(("default", "active", "simulated"), YES))
    active, default = config.written("active"), config.written("default") or []
    used = list(config.clouds) if active is None else active
    if not default and len(used) == 1:
        default = used
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
    notes = simulated_notes(config, config.clouds)
    return selected(Answer(rows, columns=COLUMNS, notes=notes), selection)


def cloud_info(config: Config, name: str, refresh: bool = False) -> Answer:
    """What is configured for a cloud, secrets masked, and what its type can do.

    With ``refresh`` the cloud is asked for its quotas; if it does not answer, that is said and makes the
    exit code.
    """
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
    answer = Answer(record=facts)
    if not refresh:
        answer.notes = [f"note: the cloud was not asked; cms cloud info {name} --refresh adds quotas"]
        return answer
    quotas = ask_each(config, [name], Cloud.quotas)[name]
    if isinstance(quotas, CloudmeshError):
        answer.notes = [f"error: {quotas}"]
        answer.errors, answer.exit_code = [quotas], quotas.exit_code
    else:
        keys = ("name", "used", "limit", "unit")
        facts["quotas"] = [{key: getattr(quota, key) for key in keys} for quota in quotas]
    return answer
