"""The provider of machines on this computer passes what every provider must, with QEMU and empty disks."""

import subprocess

import pytest

from cloudmesh.cloud.conformance import ProviderSuite
from cloudmesh.cloud.providers.qemu.provider import QemuProvider

FLAVORS = {
    "tiny": {"vcpus": 1, "ram": 32, "disk": 1},
    "small": {"vcpus": 2, "ram": 48, "disk": 2},
}


pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("qemu")
class TestQemu(ProviderSuite):
    patience = 20.0

    @pytest.fixture
    def make_provider(self, home, empty_disk):
        # No guest system is there to notice the power button.
        provider = QemuProvider("mine", {"grace": 0.1, "flavors": FLAVORS})
        provider.add_image("empty", empty_disk)
        return lambda: QemuProvider("mine", {"grace": 0.1, "flavors": FLAVORS})


def test_the_disk_is_empty_as_these_tests_want_it(empty_disk):
    told = subprocess.run(["qemu-img", "map", empty_disk], capture_output=True, text=True, check=True).stdout
    assert len(told.splitlines()) == 1
