"""Azure, by answers recorded from it."""

import json

import pytest

from cloudmesh.cloud import errors
from cloudmesh.cloud.model.records import Flavor, Image, State
from cloudmesh.cloud.provider.interface import BootRequest, Capability
from cloudmesh.cloud.providers.azure import AzureProvider
from cloudmesh.plugin.errors import ConfigError

CLOUD = "az"
TENANT, SUBSCRIPTION = "77777777-7777-7777-7777-777777777777", "99999999"
SECRET = "p4ssw0rd"
URN, FLAVOR = "Canonical:UbuntuServer:18.04-LTS:latest", Flavor("az", "Standard_A1", "Standard_A1")


def test_machines_are_listed(provider, server):
    machines = list(provider.machines())
    assert machines and all(each.cloud_id.startswith("/subscriptions/") for each in machines)
    first = machines[0]
    assert first.name and first.raw_state and first.flavor and first.zone
    assert provider.machine(first.cloud_id) == first
    assert server.lines()[0] == f"POST /{TENANT}/oauth2/token"
    assert "az" in provider.name and "machine" in provider.check()


def test_what_the_driver_can_do_is_found(provider):
    assert provider.capabilities == AzureProvider.capabilities
    can = {Capability.START, Capability.STOP, Capability.REBOOT, Capability.BOOT_METADATA}
    assert provider.capabilities == can
    with pytest.raises(errors.Unsupported, match="key pairs"):
        provider.key_pairs()


def test_flavors_are_those_of_the_region(provider, server):
    assert [each.name for each in provider.flavors()] == ["Standard_A0", "Standard_A1", "Standard_A2"]
    assert "/locations/eastus/vmSizes" in server.lines()[-1]


def test_an_image_that_is_no_urn_is_not_found(provider):
    with pytest.raises(errors.NotFound, match="publisher:offer:sku:version"):
        provider._native_image("ubuntu")
    assert provider.images() == []


def test_a_machine_is_booted(provider, server):
    image = Image("az", URN, URN)
    machine = provider.boot(BootRequest("test-node-1", image, FLAVOR, metadata={"a": "b"}, token="t0"))
    assert machine.state is State.BUILDING
    assert machine.name == "test-node-1" and machine.metadata["a"] == "b" and machine.flavor == "Standard_A1"
    _, _, path, body = next(
        each for each in reversed(server.asked) if each[0] == "PUT" and "virtualMachines" in each[2]
    )
    sent = json.loads(body)
    assert path.partition("?")[0].endswith("/virtualMachines/test-node-1")
    assert sent["tags"] == {"a": "b", "cloudmesh-token": "t0"}
    inner = sent["properties"]
    assert inner["storageProfile"]["osDisk"]["deleteOption"] == "Delete", "no disk is left to be paid for"
    assert (
        inner["osProfile"]["linuxConfiguration"]["ssh"]["publicKeys"][0]["keyData"] == "ssh-ed25519 AAAA me"
    )
    assert inner["storageProfile"]["imageReference"]["sku"] == "18.04-LTS"


def test_a_machine_is_found_by_the_tag_of_its_token(provider, check_found_by_token):
    check_found_by_token(provider, "tags", Image("az", "x", "x"), Flavor("az", "y", "y"))


def first(provider, server, *then):
    """The first machine, which Azure shows by its id as well, and then answers with these."""
    machine = next(iter(provider.machines()))
    listing = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachines"
    shown = provider.driver.connection.request(listing).object["value"][0]
    server.answers[f"GET {machine.cloud_id}"] = [(200, json.dumps(shown)), *then]
    server.asked.clear()
    return machine


@pytest.mark.parametrize(
    ("verb", "end"), [("start", "/start"), ("stop", "/deallocate"), ("reboot", "/restart")]
)
def test_verbs(provider, server, verb, end):
    """Azure answers with 202 and no content."""
    machine = first(provider, server)
    server.answers[f"POST {machine.cloud_id}{end}"] = [(202, "")]
    getattr(provider, verb)(machine.cloud_id)
    assert not [line for line in server.lines() if line.endswith("/virtualMachines")], "no listing is needed"
    assert server.lines()[-1] == f"POST {machine.cloud_id}{end}"


def test_a_refused_verb_tells_why(provider, server):
    machine = first(provider, server)
    body = json.dumps({"error": {"code": "OperationNotAllowed", "message": "it is being deleted"}})
    server.answers[f"POST {machine.cloud_id}/restart"] = [(409, body)]
    with pytest.raises(errors.Conflict, match="it is being deleted"):
        provider.reboot(machine.cloud_id)


def test_signing_in_again_before_a_call_leaves_nothing_unsure(provider, server):
    """Here each token is over at once."""
    machine = first(provider, server)
    server.answers[f"POST {machine.cloud_id}/restart"] = [(503, "")]
    with pytest.raises(errors.OutOfService) as caught:
        provider.reboot(machine.cloud_id)
    assert server.lines().count(f"POST /{TENANT}/oauth2/token") > 1
    assert not caught.value.outcome_unknown


def test_a_machine_is_deleted(provider, server, monkeypatch):
    # The driver asks every ten seconds whether it is gone.
    monkeypatch.setattr("libcloud.compute.drivers.azure_arm.time.sleep", lambda seconds: None)
    gone = json.dumps({"error": {"code": "NotFound", "message": "gone"}})
    machine = first(provider, server, (404, gone))
    server.answers[f"DELETE {machine.cloud_id}"] = [(202, "")]
    before = len(server.asked)
    provider.delete(machine.cloud_id)
    lines = server.lines()[before:]
    assert f"DELETE {machine.cloud_id}" in lines
    assert [line for line in lines if line.startswith("DELETE") and "networkInterfaces" in line]


def test_a_wrong_secret(server, account):
    said = {"error": "invalid_client", "error_description": f"AADSTS7000215: {SECRET} is wrong"}
    server.answers[f"POST /{TENANT}/oauth2/token"] = [(401, json.dumps(said))]
    with pytest.raises(errors.CredentialsError) as caught:
        account[1].open()
    assert "AADSTS7000215" in str(caught.value) and SECRET not in str(caught.value)


@pytest.mark.parametrize("key", ["region", "resource_group", "network", "public_key"])
def test_what_is_lacking_is_told_before_anything_is_made(server, settings, key):
    request = BootRequest("x", Image("az", URN, URN), FLAVOR)
    provider = AzureProvider("az", {**settings, key: None})
    with pytest.raises(ConfigError, match=rf"clouds\.az\.{key}"), provider:
        provider.boot(request)
    assert not [line for line in server.lines() if line.startswith("PUT")]


@pytest.mark.parametrize(
    ("codes", "state"),
    [
        ("ProvisioningState/creating", State.BUILDING),
        ("ProvisioningState/succeeded PowerState/running", State.ACTIVE),
        ("ProvisioningState/updating PowerState/starting", State.STARTING),
        ("ProvisioningState/updating PowerState/running", State.UPDATING),
        ("ProvisioningState/updating PowerState/deallocating", State.STOPPING),
        ("ProvisioningState/succeeded PowerState/stopping", State.STOPPING),
        ("ProvisioningState/succeeded PowerState/stopped", State.HALTED),
        ("ProvisioningState/succeeded PowerState/deallocated", State.STOPPED),
        ("ProvisioningState/succeeded PowerState/deallocated HibernationState/Hibernated", State.HIBERNATED),
        ("ProvisioningState/failed/AllocationFailed PowerState/stopped", State.ERROR),
        ("ProvisioningState/deleting PowerState/running", State.DELETING),
        ("PowerState/new", State.UNKNOWN),
    ],
)
def test_each_state_of_azure_is_one_of_its_own(provider, server, codes, state):
    cloud_id = next(iter(provider.machines())).cloud_id
    view = json.dumps({"statuses": [{"code": each} for each in codes.split()]})
    server.answers[f"GET {cloud_id}/InstanceView"] = [(200, view)]
    machine = provider.machine(cloud_id)
    assert (machine.state, machine.raw_state) == (state, codes)
