"""Clouds: ``with Cloud('local') as c: vm = c.machine('vm1', 'start')``.

The names are loaded when they are first used, since the shell imports every package of the namespace.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudmesh.cloud.cloud import Cloud
    from cloudmesh.cloud.model import Flavor, Image, KeyPair, Machine, Quota, State
    from cloudmesh.cloud.network import FloatingIP, Network, SecurityGroup, SecurityRule
    from cloudmesh.cloud.provider import BootRequest, Capability, Provider

__all__ = [
    "BootRequest",
    "Capability",
    "Cloud",
    "Flavor",
    "FloatingIP",
    "Image",
    "KeyPair",
    "Machine",
    "Network",
    "Provider",
    "Quota",
    "SecurityGroup",
    "SecurityRule",
    "State",
]

_HOMES = {
    "Cloud": "cloudmesh.cloud.cloud",
    "BootRequest": "cloudmesh.cloud.provider",
    "Capability": "cloudmesh.cloud.capability",
    "FloatingIP": "cloudmesh.cloud.network",
    "Network": "cloudmesh.cloud.network",
    "Provider": "cloudmesh.cloud.provider",
    "SecurityGroup": "cloudmesh.cloud.network",
    "SecurityRule": "cloudmesh.cloud.network",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "cloudmesh.cloud.model")), name)
