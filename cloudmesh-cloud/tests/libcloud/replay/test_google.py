"""Google Compute Engine, by answers recorded from it."""

import json

import pytest

from cloudmesh.cloud import errors
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.provider.interface import BootRequest, Capability
from cloudmesh.cloud.providers.google import GoogleProvider
from cloudmesh.plugin.errors import ConfigError

CLOUD = "gce"
ZONE = "/compute/v1/projects/project_name/zones/us-central1-a"


def test_machines_are_listed(provider):
    machines = {each.name: each for each in provider.machines()}
    node = machines["node-name"]
    assert node.state is State.ACTIVE and node.raw_state == "RUNNING" and node.zone == "us-central1-a"
    assert node.public_ips and node.private_ips and node.flavor == "n1-standard-1"
    assert provider.machine(node.cloud_id) == node


def test_one_signs_in_once(server, settings, tmp_path):
    for _ in range(2):
        with GoogleProvider("gce", settings):
            pass
    assert server.lines().count("POST /o/oauth2/token") == 1
    (token,) = (tmp_path / "cloudmesh" / "tokens").iterdir()
    assert token.stat().st_mode & 0o777 == 0o600


def test_what_the_driver_can_do_is_found(provider):
    assert provider.capabilities == GoogleProvider.capabilities
    assert {Capability.START, Capability.STOP, Capability.REBOOT} <= provider.capabilities
    assert Capability.SUSPEND not in provider.capabilities
    with pytest.raises(errors.Unsupported):
        provider.suspend("x")


def test_images_and_flavors(provider):
    assert any("debian" in each.name for each in provider.images())
    flavors = {each.name: each for each in provider.flavors()}
    assert (flavors["n1-standard-1"].vcpus, flavors["n1-standard-1"].ram) == (1, 3840)


def test_a_machine_is_booted(provider, server):
    flavor = next(each for each in provider.flavors() if each.name == "n1-standard-1")
    image = next(each for each in provider.images() if each.name.startswith("debian-7"))
    machine = provider.boot(
        BootRequest("node-name", image, flavor, userdata="#!x", metadata={"a": "b"}, token="t0")
    )
    assert machine.name == "node-name" and machine.cloud_id
    body = next(
        body for method, _, path, body in server.asked if (method, path) == ("POST", f"{ZONE}/instances")
    )
    sent = json.loads(body)
    assert sent["name"] == "node-name" and sent["labels"] == {"a": "b", "cloudmesh-token": "t0"}
    assert {"key": "user-data", "value": "#!x"} in sent["metadata"]["items"]
    assert sent["machineType"].endswith("/n1-standard-1")


def test_a_machine_is_found_by_the_label_of_its_token(provider, check_found_by_token):
    check_found_by_token(provider, "labels", provider.images()[0], provider.flavors()[0])


@pytest.mark.parametrize(
    ("verb", "line"),
    [
        ("start", f"POST {ZONE}/instances/node-name/start"),
        ("stop", f"POST {ZONE}/instances/node-name/stop"),
        ("reboot", f"POST {ZONE}/instances/node-name/reset"),
        ("delete", f"DELETE {ZONE}/instances/node-name"),
    ],
)
def test_verbs(provider, server, verb, line):
    # Starting is not recorded; it is answered as stopping is.
    stopped = server.mock("")()._zones_us_central1_a_instances_node_name_stop("POST", "", "", {})[1]
    server.answers[f"POST {ZONE}/instances/node-name/start"] = [(200, stopped)]
    node = next(each for each in provider.machines() if each.name == "node-name")
    getattr(provider, verb)(node.cloud_id)
    assert line in server.lines()


def test_a_machine_that_is_not_there_is_not_found(provider, server):
    for verb in ("machine", "start", "stop", "reboot", "delete"):
        with pytest.raises(errors.NotFound):
            getattr(provider, verb)("1")
    assert not [line for line in server.lines() if line.startswith("DELETE")]


@pytest.mark.parametrize(
    ("file", "zone", "kind", "words"),
    [
        ("key.json", "z", errors.CredentialsError, "service account"),
        ('{"private_key": "hush"}', "z", ConfigError, "cannot be read"),
        (None, None, ConfigError, "has no zone"),
    ],
)
def test_what_signing_in_lacks_is_told_and_nothing_of_a_key_file_is_shown(
    settings, tmp_path, monkeypatch, file, zone, kind, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key.json").write_text('{"client_email": "a@b", "hush": 1}')
    own = settings["credentials"]
    credentials = {**own, "GOOGLE_KEY_FILE": file or own["GOOGLE_KEY_FILE"]}
    with pytest.raises(kind, match=words) as caught:
        GoogleProvider("gce", {**settings, "zone": zone, "credentials": credentials}).open()
    assert "hush" not in str(caught.value) and caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("STAGING", State.BUILDING),
        ("STOPPING", State.STOPPING),
        ("PENDING_STOP", State.STOPPING),
        ("TERMINATED", State.STOPPED),
        ("SUSPENDED", State.SUSPENDED),
        ("REPAIRING", State.REPAIRING),
        ("DEPROVISIONING", State.DELETING),
    ],
)
def test_each_state_of_google_is_one_of_its_own(provider, server, word, state):
    path = f"{ZONE}/instances"
    listing = json.loads(server.mock("")()._get_request("GET", path, "", {})[1])
    listing["items"] = [{**listing["items"][0], "status": word}]
    server.answers[f"GET {path}"] = [(200, json.dumps(listing))]
    (machine,) = provider.machines()
    assert (machine.state, machine.raw_state) == (state, word)
