"""Where ``cms cloud check`` looks before it signs in; nobody is called for that."""

import pytest

from cloudmesh.cloud.providers.ec2.provider import Ec2Provider
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider

KEYS = {"EC2_ACCESS_KEY": "AKIA0000", "EC2_SECRET_KEY": "geheim", "EC2_REGION": "eu-west-1"}
KEYSTONE = {
    "OS_AUTH_URL": "https://keystone.example.org:5000/v3",
    "OS_USERNAME": "me",
    "OS_PASSWORD": "geheim",
    "OS_PROJECT_NAME": "ours",
}


@pytest.mark.parametrize(
    ("kind", "settings", "url", "insecure"),
    [
        (Ec2Provider, {"credentials": KEYS}, "https://ec2.eu-west-1.amazonaws.com:443", False),
        (
            Ec2Provider,
            {"credentials": KEYS, "host": "127.0.0.1", "port": 5000, "secure": False},
            "http://127.0.0.1:5000",
            False,
        ),
        (
            OpenStackProvider,
            {"credentials": KEYSTONE, "insecure": True},
            "https://keystone.example.org:5000",
            True,
        ),
    ],
)
def test_the_endpoint_is_the_configured_one(kind, settings, url, insecure):
    with kind("uc", settings) as provider:
        endpoint = provider.endpoint()
    assert (endpoint.url, endpoint.insecure) == (url, insecure)
