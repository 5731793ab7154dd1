"""Networks, security groups and floating IPs on a real OpenStack."""

import time

import pytest

from cloudmesh.cloud.client.lookup import pick
from cloudmesh.cloud.errors import Conflict, NotFound, QuotaExceeded, Refused
from cloudmesh.cloud.model.networks import SecurityRule
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider

from .conftest import wait_until

pytestmark = pytest.mark.openstack


@pytest.fixture
def provider(connected, cloudmesh):
    with OpenStackProvider("bed", connected.settings()) as provider:
        yield provider


@pytest.fixture
def machine(provider):
    """A machine on the inner network."""
    image = pick("image", "cirros-0.6", "bed", provider.images())
    flavor = pick("flavor", "m1.tiny", "bed", provider.flavors())
    inside = pick("network", "inside", "bed", provider.networks())
    booted = provider.boot(BootRequest("vm1", image, flavor, networks=(inside,)))
    yield wait_until(lambda: (now := provider.machine(booted.cloud_id)).private_ips and now)
    provider.delete(booted.cloud_id)


def test_networks_tell_whose_they_are_and_where_they_lead(provider):
    known = {network.name: network for network in provider.networks()}
    assert (known["inside"].external, known["inside"].shared) == (False, False)
    assert known["inside"].subnets == ("10.9.0.0/24",)
    assert (known["public"].external, known["public"].shared) == (True, True)


def test_a_machine_is_on_the_network_it_was_booted_on(machine):
    assert machine.private_ips[0].startswith("10.9.0.") and machine.public_ips == []


def test_the_life_of_a_floating_ip(provider, machine):
    taken = provider.create_floating_ip("", "cloudmesh-token:t0")
    assert (taken.pool, taken.machine_id, taken.description) == ("public", "", "cloudmesh-token:t0")
    assert taken.address.startswith("198.18.")
    assert taken in provider.floating_ips()
    provider.attach_floating_ip(taken.cloud_id, machine.cloud_id)
    (listed,) = [each for each in provider.floating_ips() if each.cloud_id == taken.cloud_id]
    assert listed.machine_id == machine.cloud_id
    wait_until(lambda: provider.machine(machine.cloud_id).public_ips == [taken.address])
    with pytest.raises(Conflict, match="detach it first"):
        provider.attach_floating_ip(taken.cloud_id, machine.cloud_id)
    provider.detach_floating_ip(taken.cloud_id)
    with pytest.raises(Conflict, match="not attached"):
        provider.detach_floating_ip(taken.cloud_id)
    wait_until(lambda: provider.machine(machine.cloud_id).public_ips == [])
    provider.delete_floating_ip(taken.cloud_id)
    with pytest.raises(NotFound):
        provider.delete_floating_ip(taken.cloud_id)
    assert provider.floating_ips() == []


def test_an_address_of_an_unknown_network_or_for_an_unknown_machine(provider):
    with pytest.raises(NotFound, match="did you mean 'public'"):
        provider.create_floating_ip("pubic")
    taken = provider.create_floating_ip("public")
    try:
        with pytest.raises(NotFound):
            provider.attach_floating_ip(taken.cloud_id, "00000000-0000-0000-0000-000000000000")
    finally:
        provider.delete_floating_ip(taken.cloud_id)


def test_the_quota_of_addresses(provider, connected, admin):
    path = f"/v2.0/quotas/{connected.project_id}"
    admin("PUT", "neutron", path, json={"quota": {"floatingip": 0}})
    try:
        with pytest.raises(QuotaExceeded, match="quota of floating_ips") as told:
            provider.create_floating_ip()
        assert told.value.quota == "floating_ips"
        (quota,) = [each for each in provider.quotas() if each.name == "floating_ips"]
        assert (quota.used, quota.limit) == (0, 0)
    finally:
        admin("DELETE", "neutron", path)


def test_the_life_of_a_security_group(provider):
    group = provider.create_security_group("web", "for the web")
    assert (group.name, group.description) == ("web", "for the web")
    with pytest.raises(Refused, match="already has a security group web"):
        provider.create_security_group("web")
    rules = [
        SecurityRule(from_port=80, to_port=81),
        SecurityRule(protocol="icmp", remote="10.0.0.0/8"),
        SecurityRule(protocol="any", remote=group.cloud_id),
        SecurityRule(
            direction="egress", protocol="udp", from_port=53, to_port=53, remote="fe80::/64", ethertype="IPv6"
        ),
    ]
    for rule in rules:
        assert provider.add_rule(group.cloud_id, rule) == rule
    with pytest.raises(Conflict):
        provider.add_rule(group.cloud_id, rules[0])
    (listed,) = [each for each in provider.security_groups() if each.name == "web"]
    assert all(rule in listed.rules for rule in rules)
    provider.remove_rule(group.cloud_id, rules[0])
    with pytest.raises(NotFound):
        provider.remove_rule(group.cloud_id, rules[0])
    provider.delete_security_group(group.cloud_id)
    with pytest.raises(NotFound):
        provider.delete_security_group(group.cloud_id)


def test_a_group_in_use_stays_and_groups_of_the_machine_are_told_apart_by_id(provider):
    group = provider.create_security_group("held")
    image = pick("image", "cirros-0.6", "bed", provider.images())
    flavor = pick("flavor", "m1.tiny", "bed", provider.flavors())
    inside = pick("network", "inside", "bed", provider.networks())
    request = BootRequest("vm2", image, flavor, networks=(inside,), security_groups=(group,))
    booted = provider.boot(request)
    wait_until(lambda: provider.machine(booted.cloud_id).private_ips)
    with pytest.raises(Conflict):
        provider.delete_security_group(group.cloud_id)
    provider.delete(booted.cloud_id)
    wait_until(lambda: not any(each.cloud_id == booted.cloud_id for each in provider.machines()))
    provider.delete_security_group(group.cloud_id)


@pytest.fixture
def six(connected):
    """A network with IPv6 only, beside the other one."""
    network = connected.api("POST", "neutron", "/v2.0/networks", json={"network": {"name": "six"}})["network"]
    wanted = {"network_id": network["id"], "ip_version": 6, "cidr": "fd00:9::/64"}
    connected.api("POST", "neutron", "/v2.0/subnets", json={"subnet": wanted})
    yield "six"
    connected.api("DELETE", "neutron", f"/v2.0/networks/{network['id']}")


def test_a_boot_that_cannot_be_as_it_was_asked_for_says_why_at_once(
    home, connected, configure, six, provider
):
    configure(home, bed=connected.settings())
    ended = home.cms("vm", "boot", "vm1", code=None)
    assert ended.returncode in (1, 4)
    assert "there are several networks (inside, six); choose with --network=NAME" in ended.stdout
    began = time.monotonic()
    ended = home.cms("vm", "boot", "vm6", f"--network={six}", "--public", code=None)
    assert ended.returncode in (1, 4) and time.monotonic() - began < 30
    assert "IPv6 addresses only" in ended.stderr + ended.stdout
    assert provider.floating_ips() == []
    home.cms("vm", "delete", "vm6", "--yes", "--wait")
