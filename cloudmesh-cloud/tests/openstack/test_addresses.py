"""An address that cannot lead to a machine: why, at once, and without asking again."""

import pytest

from cloudmesh.cloud.errors import Conflict, Refused

from .conftest import JSON

NEUTRON = "https://neutron.test/v2.0"


@pytest.mark.parametrize(
    ("ips", "status", "kind", "words"),
    [
        (
            ["fd00::5"],
            "ACTIVE",
            Refused,
            r"has IPv6 addresses only \(fd00::5\)",
        ),
        (["fd00::5"], "BUILD", Refused, "IPv6 addresses only"),
        ([], "ACTIVE", Refused, "on no network that 198.18.0.7"),
        ([], "BUILD", Conflict, "not yet on a network"),
        (["10.0.0.5"], "ACTIVE", Refused, "that fixed IP already has a floating IP"),
    ],
)
def test_why_an_address_cannot_lead_to_a_machine(keystone, provider, requests_mock, ips, status, kind, words):
    address = {"floatingip": {"id": "a1", "floating_ip_address": "198.18.0.7", "port_id": None}}
    ports = {"ports": [{"id": "p1", "fixed_ips": [{"ip_address": ip} for ip in ips]}]}
    requests_mock.get(f"{NEUTRON}/floatingips/a1", json=address, headers=JSON)
    requests_mock.get(f"{NEUTRON}/ports", json=ports, headers=JSON)
    server = {"server": {"id": "s1", "name": "vm1", "status": status}}
    requests_mock.get("https://nova.test/v2.1/p1/servers/s1", json=server, headers=JSON)
    conflict = {"NeutronError": {"message": "Cannot associate, as that fixed IP already has a floating IP"}}
    requests_mock.put(f"{NEUTRON}/floatingips/a1", status_code=409, json=conflict, headers=JSON)
    with provider() as uc, pytest.raises(kind, match=words) as told:
        uc.attach_floating_ip("a1", "s1")
    assert type(told.value) is kind
