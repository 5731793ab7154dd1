"""EC2's wire format, by answers that libcloud's authors recorded from Amazon."""

from dataclasses import replace

import pytest

from cloudmesh.cloud import errors
from cloudmesh.cloud.model.networks import SecurityRule
from cloudmesh.cloud.model.records import Flavor, Image, State
from cloudmesh.cloud.provider.boot import BootRequest

CLOUD = "aws"


def test_machines(provider, server):
    machine, *_ = provider.machines()
    assert machine.cloud_id == "i-4382922a" and machine.state is State.STOPPED
    assert machine.raw_state == "stopped" and machine.flavor == "m1.small"
    assert machine.public_ips == ["1.2.3.4"] and machine.created > 1.2e9
    assert server.asked[0][1] == "ec2.us-east-1.amazonaws.com"
    assert machine.locked is None and provider.machine("i-4382922a") == replace(machine, locked=False)


def test_a_machine_is_booted(provider, mock):
    request = BootRequest("foo", Image("aws", "x", "ami-be3adfd7"), Flavor("aws", "m1.small", "m1.small"))
    machine = provider.boot(request)
    assert machine.cloud_id == "i-2ba64342" and machine.state is State.BUILDING


def test_images_and_keys(provider):
    images = {each.cloud_id: each for each in provider.images()}
    assert "ami-57ba933a" in images and images["ami-57ba933a"].name == "Test Image"
    assert {each.name for each in provider.key_pairs()} == {"gsg-keypair"}


def test_security_groups(provider):
    groups = {each.name: each for each in provider.security_groups()}
    ports = {
        (rule.direction, rule.protocol, rule.from_port) for each in groups.values() for rule in each.rules
    }
    assert groups and ("ingress", "tcp", 80) in ports
    provider.add_rule("sg-42916629", SecurityRule(from_port=80, to_port=80))


def test_addresses_and_subnets(provider):
    addresses = {each.address: each for each in provider.floating_ips()}
    assert addresses["1.2.3.4"].machine_id == "i-4382922a"
    assert {each.cloud_id for each in provider.networks()} >= {"subnet-ce0e7ce5"}


def test_a_console(provider):
    assert provider.console("i-4382922a").startswith("Test String")


def test_a_token_used_for_something_else(provider, mock):
    mock.type = "idempotent_mismatch"
    request = BootRequest("foo", Image("aws", "x", "ami-be3adfd7"), Flavor("aws", "m1.small", "m1.small"))
    with pytest.raises(errors.Conflict, match="IdempotentParameterMismatch"):
        provider.boot(request)


@pytest.mark.parametrize(
    ("verb", "cloud_id"), [("start", "i-ff5de6aa"), ("stop", "i-2ba64342"), ("delete", "i-4382922a")]
)
def test_verbs(provider, server, verb, cloud_id):
    """What Amazon answered is about one of the two, so the other is told to be open."""
    getattr(provider, verb)(cloud_id)
    told = provider.act_many(verb, [cloud_id, "i-00000001"])
    assert list(told) == ["i-00000001"] and told["i-00000001"].outcome_unknown
    path = server.asked[-1][2]
    assert f"InstanceId.1={cloud_id}" in path and "InstanceId.2=i-00000001" in path


@pytest.mark.parametrize(("spelling", "asked"), [(0, ["0"]), (1, ["0", "1"]), (2, ["0", "1"])])
def test_all_ports_are_removed_however_they_were_written(provider, monkeypatch, spelling, asked):
    sent = []

    def send(action, parameters):
        sent.append(parameters["IpPermissions.1.FromPort"])
        if str(parameters["IpPermissions.1.FromPort"]) != str(spelling):
            raise errors.NotFound("InvalidPermission.NotFound")
        return {}

    monkeypatch.setattr(provider.query, "send", send)
    rule = SecurityRule("ingress", "tcp", 1, 65535, "192.0.2.7")
    if spelling == 2:
        with pytest.raises(errors.NotFound):
            provider.remove_rule("sg-1", rule)
    else:
        provider.remove_rule("sg-1", rule)
    assert [str(each) for each in sent] == asked
