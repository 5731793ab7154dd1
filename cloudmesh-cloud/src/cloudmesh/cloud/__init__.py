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
    from cloudmesh.cloud.store.pricing import rate

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
    "rate",
]

# From the lightest on: each imports what stands before it.
_HOMES = (
    "model.records",
    "model.networks",
    "model.verbs",
    "provider.boot",
    "provider.interface",
    "store.pricing",
    "client.cloud",
)


def __getattr__(name: str) -> Any:
    for home in _HOMES if name in __all__ else ():
        module = import_module(f"{__name__}.{home}")
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
