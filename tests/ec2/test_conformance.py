"""EC2 does what every cloud does."""

import pytest

from cloudmesh.cloud.conformance import ProviderSuite
from cloudmesh.cloud.model.records import Flavor
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.ec2.provider import Ec2Provider

pytestmark = pytest.mark.slow


class TestEc2(ProviderSuite):
    """The suite for all clouds, on moto."""

    @pytest.fixture
    def make_provider(self, settings):
        return lambda: Ec2Provider("aws", settings)

    def request(self, provider):
        """Without asking for all 800 flavors each time."""
        flavor = Flavor("aws", "t3.nano", "t3.nano", vcpus=2, ram=512)
        return BootRequest("conformance-one", provider.images()[0], flavor)
