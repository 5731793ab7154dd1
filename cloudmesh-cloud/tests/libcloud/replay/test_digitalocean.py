"""DigitalOcean, by answers recorded from it."""

import json

import pytest

from cloudmesh.cloud import errors
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.provider.interface import BootRequest, Capability
from cloudmesh.cloud.providers.digitalocean import DigitalOceanProvider
from cloudmesh.plugin.errors import ConfigError

CLOUD = "ocean"
NODE, NAME = "3164444", "ubuntu-s-1vcpu-1gb-sfo3-01"


def test_machines_are_listed(provider, server):
    (machine,) = provider.machines()
    assert (machine.name, machine.cloud_id, machine.state) == (NAME, NODE, State.ACTIVE)
    assert machine.raw_state and machine.public_ips == ["128.199.13.158"]
    assert machine.private_ips == ["10.124.0.2"]
    assert machine.created > 0 and machine.image and machine.flavor
    assert provider.machine(NODE) == machine
    assert server.lines()[0] == "GET /v2/droplets"
    assert "1 machine" in provider.check()


def test_what_the_driver_can_do_is_found(provider):
    assert provider.capabilities == DigitalOceanProvider.capabilities
    can = {Capability.START, Capability.STOP, Capability.REBOOT, Capability.KEYS, Capability.USERDATA}
    assert provider.capabilities == can
    with pytest.raises(errors.Unsupported, match="suspend"):
        provider.suspend(NODE)


def test_images_and_flavors(provider):
    images = {each.name: each.cloud_id for each in provider.images()}
    assert set(images) == {"14.04 x64", "14.04 x32", "My Snapshot"} and images["14.04 x64"].isdigit()
    flavors = {each.name: each for each in provider.flavors()}
    assert flavors["1gb"].ram == 1024 and flavors["1gb"].disk == 30 and flavors["1gb"].vcpus == 2


def test_a_machine_is_booted(provider, server, mock):
    flavor = next(each for each in provider.flavors() if each.name == "512mb")
    image = provider.images()[0]
    # The recorded answer is of an older form; a new droplet looks like a listed one.
    (droplet,) = json.loads(mock.fixtures.load("list_nodes.json"))["droplets"]
    answer = {"droplet": {**droplet, "id": 5, "name": "new", "status": "new"}}
    server.answers["POST /v2/droplets"] = [(202, json.dumps(answer))]
    machine = provider.boot(BootRequest("new", image, flavor, userdata="#!/bin/sh"))
    assert (machine.name, machine.cloud_id, machine.state) == ("new", "5", State.BUILDING)
    method, host, path, body = server.asked[-1]
    sent = json.loads(body)
    assert (method, path.partition("?")[0], host) == ("POST", "/v2/droplets", "api.digitalocean.com")
    assert sent["name"] == "new" and sent["region"] == "nyc1" and sent["user_data"] == "#!/bin/sh"
    assert str(sent["image"]) == image.cloud_id and sent["size"] == "512mb"


def test_a_token_is_a_tag_by_which_the_machine_is_found(provider, server, mock):
    flavor, image = provider.flavors()[0], provider.images()[0]
    (droplet,) = json.loads(mock.fixtures.load("list_nodes.json"))["droplets"]
    made = {**droplet, "id": 5, "name": "new", "status": "new", "tags": ["cloudmesh-token:t0ken"]}
    server.answers["POST /v2/droplets"] = [(202, json.dumps({"droplet": made}))]
    request = BootRequest("new", image, flavor, token="t0ken")
    assert provider.boot(request).metadata == {}
    assert json.loads(server.asked[-1][3])["tags"] == ["cloudmesh-token:t0ken"]
    listing = json.dumps({"droplets": [{**droplet, "name": "new"}, made], "meta": {"total": 2}})
    server.answers["GET /v2/droplets"] = [(200, listing)] * 3
    assert provider.find_booted(request).cloud_id == "5"
    assert provider.find_booted(BootRequest("new", image, flavor, token="other")) is None
    assert provider.find_booted(BootRequest("new", image, flavor)) is None


def test_a_boot_that_is_refused_tells_why(provider, server):
    flavor, image = provider.flavors()[0], provider.images()[0]
    server.types["POST /v2/droplets"] = "INVALID_IMAGE"
    with pytest.raises(errors.NotFound, match="invalid image"):
        provider.boot(BootRequest("new", image, flavor))


def test_an_unknown_region_names_those_that_are(server, provider):
    provider.settings = {**provider.settings, "region": "nyc11"}
    flavor, image = provider.flavors()[0], provider.images()[0]
    with pytest.raises(ConfigError, match="nyc11.*did you mean 'nyc1'"):
        provider.boot(BootRequest("new", image, flavor))
    assert "POST /v2/droplets" not in server.lines()


@pytest.mark.parametrize(
    ("verb", "mocked", "line", "body"),
    [
        ("start", "POWERON", f"POST /v2/droplets/{NODE}/actions", {"type": "power_on"}),
        ("stop", "SHUTDOWN", f"POST /v2/droplets/{NODE}/actions", {"type": "shutdown"}),
        ("reboot", "REBOOT", f"POST /v2/droplets/{NODE}/actions", {"type": "reboot"}),
        ("delete", "DESTROY", f"DELETE /v2/droplets/{NODE}", None),
    ],
)
def test_verbs(provider, server, mock, verb, mocked, line, body):
    server.types[line] = mocked
    before = len(server.asked)
    getattr(provider, verb)(NODE)
    assert server.lines()[before:] == [f"GET /v2/droplets/{NODE}", line], "no listing is needed"
    assert not body or json.loads(server.asked[-1][3]) == body


def test_a_machine_that_is_not_there_is_not_found(provider, server):
    for verb in ("machine", "start", "stop", "reboot", "delete"):
        with pytest.raises(errors.NotFound):
            getattr(provider, verb)("no-such-machine")
    assert all(line.startswith("GET") for line in server.lines())


def test_keys(provider, mock):
    (key,) = provider.key_pairs()
    assert key.name and key.fingerprint
    with pytest.raises(errors.Refused):
        provider.add_key(key.name, "ssh-rsa AAAA x")
    with pytest.raises(errors.NotFound):
        provider.delete_key("never")


def test_a_wrong_or_missing_token(provider, mock):
    mock.type = "UNAUTHORIZED"
    with pytest.raises(errors.CredentialsError) as caught:
        list(provider.machines())
    assert "the-token" not in str(caught.value) and "ocean" in str(caught.value)
    with pytest.raises(errors.CredentialsError, match="DO_TOKEN"):
        DigitalOceanProvider("ocean", {"region": "nyc3"}).open()
