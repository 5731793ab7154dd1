"""The ways to machines, found with what the configuration and the store know, once for all machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cloudmesh.cloud.access.route import Route
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.store.routes import keep_users, route_finder
from cloudmesh.plugin.errors import CloudmeshError

if TYPE_CHECKING:
    from cloudmesh.cloud.store.inventory import Inventory
    from cloudmesh.config import Config


class Routes:
    """Finds the route to each of many machines; the store is read when something of it is needed."""

    def __init__(self, config: Config, inventory: Inventory) -> None:
        self._finder = route_finder(config, inventory)

    def find(self, machine: MachineRecord) -> Route | CloudmeshError:
        """The route, or why there is none."""
        try:
            return self._finder.find(machine)
        except CloudmeshError as error:
            return error

    @staticmethod
    def keep(inventory: Inventory, learnt: Mapping[tuple[str, str], str]) -> None:
        """Remember who signs in to these machines, by cloud and id. Raises StoreError."""
        keep_users(inventory.database, learnt)
