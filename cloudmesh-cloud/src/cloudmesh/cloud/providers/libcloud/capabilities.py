"""What a driver can do, found from the driver itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from cloudmesh.cloud.model.verbs import Capability

# The methods that bring a capability about, the first that a driver has is called. libcloud's base class has
# some of them too, where they only raise NotImplementedError.
METHODS: dict[Capability, tuple[str, ...]] = {
    Capability.START: ("start_node", "ex_start_node", "ex_power_on_node", "ex_start"),
    Capability.STOP: ("stop_node", "ex_stop_node", "ex_shutdown_node", "ex_stop"),
    Capability.REBOOT: ("reboot_node",),
}
# What drivers call their way to one machine by its id. Others of these names take a name, or make an object.
_GETTERS = ("ex_get_node", "ex_get_node_details", "ex_get_node_by_id")
_KEY_METHODS = ("list_key_pairs", "import_key_pair_from_string", "delete_key_pair")


def method(driver: Any, capability: Capability) -> str:
    """The name of the driver's method for this, empty if it has none."""
    return next((name for name in METHODS[capability] if has(driver, name)), "")


def getter(driver: Any) -> Callable[[str], Any] | None:
    """The driver's method that gives the object of one machine by its id; None if it has none."""
    for name in _GETTERS:
        if has(driver, name):
            found: Callable[[str], Any] = getattr(driver, name)
            given = inspect.signature(found).parameters.values()
            if [each.name for each in given if each.default is each.empty] in (["node_id"], ["id"]):
                return found
    return None


def has(driver: Any, name: str) -> bool:
    """Whether a driver has a method of its own by this name."""
    from libcloud.compute.base import NodeDriver

    own = getattr(type(driver), name, None)
    return own is not None and own is not getattr(NodeDriver, name, None)


def capabilities(driver: Any) -> frozenset[Capability]:
    """All that the driver can do."""
    found = {capability for capability in METHODS if method(driver, capability)}
    if all(has(driver, name) for name in _KEY_METHODS):
        found.add(Capability.KEYS)
    return frozenset(found)
