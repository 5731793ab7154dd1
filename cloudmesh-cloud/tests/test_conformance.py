"""The simulated cloud passes what every provider must, and the suite has a test for each verb."""

import pytest

from cloudmesh.cloud.conformance import ProviderSuite, verbs
from cloudmesh.cloud.model.verbs import VERBS
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider


class TestSimulated(ProviderSuite):
    patience = 10.0
    bulk = 1

    @pytest.fixture
    def make_provider(self, tmp_path):
        settings = {"file": str(tmp_path / "world.db"), "boot_seconds": 0.05, "action_seconds": 0.02}
        return lambda **more: SimulatedProvider("simulated", {**settings, "bulk": self.bulk, **more})

    @pytest.fixture
    def lying(self, make_provider):
        return lambda call: make_provider(fail={"verb": call, "error": "malformed", "after": True})

    @pytest.fixture
    def ending(self, make_provider):
        return lambda state: make_provider(fail={"verb": "boot", "error": "fault", "state": str(state)})


class TestSeveralAtOnce(TestSimulated):
    """The same cloud with calls about several machines."""

    bulk = 100


def test_each_verb_has_a_test_of_the_suite():
    rows = {verb for first, _, second in verbs.PAIRS for verb in (first, second)} | {*verbs.RESTARTS}
    tests = [name for name in dir(ProviderSuite) if name.startswith("test_")]
    assert not [verb for verb in VERBS.keys() - rows if not any(verb in name for name in tests)]
