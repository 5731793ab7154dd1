"""An OpenStack on the wire, as far as a test says what it answers."""

import pytest

from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider
from cloudmesh.cloud.providers.openstack.rest import RestClient

KEYSTONE = "https://keystone.test/identity"
TOKEN = "gAAAAA-token-of-uc"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def old_road(request, monkeypatch):
    """Where requests are mocked, all calls go over requests; tests of the wire are in ``tests/wire``."""
    if "requests_mock" in request.fixturenames:
        monkeypatch.setattr(RestClient, "_lean_client", lambda self, url: None)


def endpoint(url, region="R1", interface="public"):
    return {"url": url, "region": region, "interface": interface}


CATALOG = [
    {"type": "compute", "name": "nova", "endpoints": [endpoint("https://nova.test/v2.1/p1/")]},
    {"type": "image", "name": "glance", "endpoints": [endpoint("https://glance.test/v2")]},
    {"type": "network", "name": "neutron", "endpoints": [endpoint("https://neutron.test/v2.0/")]},
]


def signed_in(catalog=CATALOG):
    times = {"issued_at": "2026-11-24T10:00:00.000000Z", "expires_at": "2026-11-24T11:00:00.000000Z"}
    token = {**times, "catalog": catalog, "project": {"id": "p1"}, "user": {"id": "u1"}}
    return {"status_code": 201, "json": {"token": token}, "headers": {"X-Subject-Token": TOKEN, **JSON}}


@pytest.fixture
def keystone(requests_mock):
    """A Keystone below a path, with this catalog."""

    def make(catalog=CATALOG):
        requests_mock.post(f"{KEYSTONE}/v3/auth/tokens", **signed_in(catalog))

    make()
    return make


@pytest.fixture
def provider(home):
    """Makes a provider of an account of this Keystone, with these changes to its keys."""

    def make(**changes):
        credentials = {
            "OS_AUTH_URL": f"{KEYSTONE}/v3",
            "OS_USERNAME": "gregor",
            "OS_PASSWORD": "beep-secret",
            "OS_PROJECT_NAME": "p1",
            **changes,
        }
        return OpenStackProvider("uc", {"credentials": credentials})

    return make
