"""What all parts of the simulated provider share: its file and its faults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.providers.simulated.faults import Faults
from cloudmesh.cloud.providers.simulated.settings import SimulatedSettings
from cloudmesh.cloud.providers.simulated.world import World


class Inside(Provider):
    """The open file of one simulated cloud."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(name, settings)
        self._settings = SimulatedSettings.read(name, settings)

    def open(self) -> None:
        self._world = World(self._settings.file)
        self._faults = Faults(self.name, self._settings, self._world)

    def close(self) -> None:
        self._world.close()

    def check(self) -> str:
        self._faults.before("check", "")
        return f"simulated: no real machine runs here; kept in {self._settings.file}"
