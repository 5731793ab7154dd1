"""The tests that every provider passes, ours or an outside one.

An outside provider runs them with pytest by a test file of its own (``pip install
cloudmesh-cloud[conformance]``)::

    import pytest
    from cloudmesh.cloud.conformance import ProviderSuite

    class TestAcme(ProviderSuite):
        @pytest.fixture
        def make_provider(self, tmp_path):
            return lambda: AcmeProvider("acme", {...})

The account should be empty; machines that the suite boots are named ``conformance-...`` and deleted.
What a provider does not declare in ``capabilities`` must raise Unsupported.
"""

from __future__ import annotations

from cloudmesh.cloud.conformance.account import AccountTests
from cloudmesh.cloud.conformance.bulk import BulkTests
from cloudmesh.cloud.conformance.machines import MachineTests
from cloudmesh.cloud.conformance.networks import NetworkTests
from cloudmesh.cloud.conformance.verbs import VerbTests

__all__ = ["ProviderSuite"]


class ProviderSuite(MachineTests, VerbTests, NetworkTests, AccountTests, BulkTests):
    """Subclass it and give it the fixture ``make_provider``; set ``patience`` for slow clouds."""
