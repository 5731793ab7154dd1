"""The embedded cloud passes what every provider must."""

import pytest

from cloudmesh.cloud.conformance import ProviderSuite
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider


class TestSimulated(ProviderSuite):
    patience = 10.0

    @pytest.fixture
    def make_provider(self, tmp_path):
        settings = {"file": str(tmp_path / "world.db"), "boot_seconds": 0.05, "action_seconds": 0.02}
        return lambda: SimulatedProvider("simulated", settings)


class TestSeveralAtOnce(ProviderSuite):
    """The same cloud with calls about several machines."""

    patience = 10.0

    @pytest.fixture
    def make_provider(self, tmp_path):
        settings = {"file": str(tmp_path / "world.db"), "boot_seconds": 0.05, "action_seconds": 0.02}
        return lambda: SimulatedProvider("simulated", {**settings, "bulk": 100})
