"""The real OpenStack passes the tests that every cloud passes."""

from __future__ import annotations

import pytest

from cloudmesh.cloud.conformance import ProviderSuite
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider

pytestmark = pytest.mark.openstack


@pytest.mark.parametrize("region", ["RegionOne", "RegionTwo"])
class TestOpenStack(ProviderSuite):
    @pytest.fixture
    def make_provider(self, tenant, cloudmesh, region):
        return lambda: OpenStackProvider("bed", tenant.settings(region))
