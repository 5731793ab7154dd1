"""Machines on all clouds: ``with Machines('web[01-20],db1') as ms: result = ms.stop()``.

The names are loaded when they are first used, since the shell imports every package of the namespace.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudmesh.cloud.client.booter import BootOptions
    from cloudmesh.vm.machine import Machine
    from cloudmesh.vm.machines import Machines
    from cloudmesh.vm.model.limits import RunOptions
    from cloudmesh.vm.model.outcome import Outcome, Result, Status

__all__ = ["BootOptions", "Machine", "Machines", "Outcome", "Result", "RunOptions", "Status"]

_HOMES = {
    "BootOptions": "cloudmesh.cloud.client.booter",
    "Machine": "cloudmesh.vm.machine",
    "Machines": "cloudmesh.vm.machines",
    "RunOptions": "cloudmesh.vm.model.limits",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "cloudmesh.vm.model.outcome")), name)
