"""Machines on one's own computer do what those of every cloud do, with a real guest."""

import pytest

from cloudmesh.cloud.conformance import ProviderSuite
from cloudmesh.cloud.providers.qemu.provider import QemuProvider

from .conftest import end_all

pytestmark = pytest.mark.qemu
# A guest that is still booting does not hear the power button: it gets a second.
SETTINGS = {
    "type": "qemu",
    "grace": 1,
    "flavors": {"one": {"vcpus": 1, "ram": 256, "disk": 1}, "two": {"vcpus": 2, "ram": 320, "disk": 2}},
}


@pytest.fixture(scope="module")
def directory(guest, tmp_path_factory):
    """A directory with the image; whatever runs in it ends with the tests."""
    path = tmp_path_factory.mktemp("conformance")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOUDMESH_CONFIG_DIR", str(path))
        with QemuProvider("here", SETTINGS) as provider:
            provider.add_image("guest", guest)
    yield path
    end_all(path)


class TestQemu(ProviderSuite):
    """The suite for all clouds."""

    @pytest.fixture
    def make_provider(self, directory, monkeypatch):
        monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(directory))
        return lambda: QemuProvider("here", SETTINGS)
