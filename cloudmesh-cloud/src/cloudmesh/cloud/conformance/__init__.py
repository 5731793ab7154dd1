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
A test of what a provider does not declare in ``capabilities`` passes if all such calls raise Unsupported.

=============  =============================================================================================
``machines``   booting, listing, deleting; a boot is found by its token; images and flavors
``verbs``      each verb leads to its state; a new verb is a row in a table there, or a test of its own
``copies``     snapshots and clones
``networks``   networks, security groups with their rules, floating IPs
``leases``     leases, and machines that are booted on them
``account``    key pairs and quotas; what is not declared is unsupported
``bulk``       several machines in one call, for providers that declare ``bulk``
``faults``     answers that are none, and states that are apart, where the test file has the fixtures
               ``lying`` and ``ending``, which bring them about
``base``       fixtures, waiting, and the calls that need each capability
=============  =============================================================================================
"""

from __future__ import annotations

from cloudmesh.cloud.conformance.account import AccountTests
from cloudmesh.cloud.conformance.bulk import BulkTests
from cloudmesh.cloud.conformance.copies import CopyTests
from cloudmesh.cloud.conformance.faults import FaultTests
from cloudmesh.cloud.conformance.leases import LeaseTests
from cloudmesh.cloud.conformance.machines import MachineTests
from cloudmesh.cloud.conformance.networks import NetworkTests
from cloudmesh.cloud.conformance.verbs import VerbTests

__all__ = ["ProviderSuite"]


class ProviderSuite(
    MachineTests, VerbTests, CopyTests, NetworkTests, LeaseTests, AccountTests, BulkTests, FaultTests
):
    """All tests. Subclass it and give it the fixture ``make_provider``.

    ``patience``: how many seconds to wait for a machine to reach a state; raise it for slow clouds.
    ``request`` and ``images`` may be replaced where the first image or the smallest flavor does not do.
    """
