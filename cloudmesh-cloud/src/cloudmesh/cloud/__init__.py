"""Clouds: ``with Cloud('local') as c: vm = c.machine('vm1', 'start')``.

The names are loaded when they are first used, since the shell imports every package of the namespace.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudmesh.cloud.client.cloud import Cloud
    from cloudmesh.cloud.model.networks import FloatingIP, Network, SecurityGroup, SecurityRule
    from cloudmesh.cloud.model.records import Flavor, Image, KeyPair, MachineRecord, Quota, State
    from cloudmesh.cloud.provider.boot import BootParameter, BootRequest
    from cloudmesh.cloud.provider.interface import Capability, Provider

__all__ = [
    "BootParameter",
    "BootRequest",
    "Capability",
    "Cloud",
    "Flavor",
    "FloatingIP",
    "Image",
    "KeyPair",
    "MachineRecord",
    "Network",
    "Provider",
    "Quota",
    "SecurityGroup",
    "SecurityRule",
    "State",
]

_HOMES = {
    "Cloud": "cloudmesh.cloud.client.cloud",
    "BootParameter": "cloudmesh.cloud.provider.boot",
    "BootRequest": "cloudmesh.cloud.provider.boot",
    "Capability": "cloudmesh.cloud.model.verbs",
    "FloatingIP": "cloudmesh.cloud.model.networks",
    "Network": "cloudmesh.cloud.model.networks",
    "Provider": "cloudmesh.cloud.provider.interface",
    "SecurityGroup": "cloudmesh.cloud.model.networks",
    "SecurityRule": "cloudmesh.cloud.model.networks",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "cloudmesh.cloud.model.records")), name)
