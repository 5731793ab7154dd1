"""What Nova is asked for, on the wire."""

import pytest

from cloudmesh.cloud.model.records import Flavor, Image
from cloudmesh.cloud.provider.boot import BootRequest

from .conftest import JSON

NOVA = "https://nova.test/v2.1/p1/servers"
IMAGE, FLAVOR = Image("uc", "debian-12", "i1"), Flavor("uc", "small", "f1", 1, 1, 1)


@pytest.mark.parametrize("hints", [{}, {"group": "g1", "same_host": ["s1", "s2"]}])
def test_hints_stand_beside_the_new_server(keystone, provider, requests_mock, hints):
    boots = requests_mock.post(NOVA, status_code=202, json={"server": {"id": "s1"}}, headers=JSON)
    with provider() as uc:
        uc.boot(BootRequest("vm1", IMAGE, FLAVOR, hints=hints))
    sent = boots.last_request.json()
    assert sent.pop("server")["name"] == "vm1"
    assert sent == ({"os:scheduler_hints": hints} if hints else {})
