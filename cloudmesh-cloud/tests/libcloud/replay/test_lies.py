"""What a cloud's interface never answers is neither a success nor an empty list."""

import json

import pytest

from cloudmesh.cloud import errors
from cloudmesh.cloud.providers.azure import AzureProvider
from cloudmesh.cloud.providers.digitalocean import DigitalOceanProvider
from cloudmesh.cloud.providers.google import GoogleProvider
from cloudmesh.cloud.providers.libcloud.provider import DriverProvider

HTML = {"Content-Type": "text/html"}
PAGE = "<html><head><title>Welcome</title></head></html>"
PAGES = [(200, PAGE, HTML), (202, PAGE, HTML), (200, PAGE)]
NOTHING = [(200, ""), (200, "{}")]
TENANT = "77777777-7777-7777-7777-777777777777"
MACHINES = "/subscriptions/99999999/providers/Microsoft.Compute/virtualMachines"
PROJECT = "/compute/v1/projects/project_name"
GOOGLE = f"{PROJECT}/zones/us-central1-a/instances/node-name"
NEXT = {"droplets": [], "links": {"pages": {"next": "https://api.digitalocean.com/v2/droplets?page=2"}}}
DROPLETS, VULTR = "/v2/droplets", "/v2/instances"


@pytest.fixture
def opened(replay, recorded, tmp_path):
    """Opens a provider of some kind on recorded answers."""

    def azure():
        mock = recorded("compute.test_azure_arm", "AzureMockHttp")
        mock.responses, mock.type = [], None
        keys = ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")
        credentials = {f"AZURE_{key}": TENANT for key in keys}
        credentials["AZURE_SUBSCRIPTION_ID"] = "99999999"
        server = replay(["management.azure.com", "login.microsoftonline.com"], {"": mock})
        return server, AzureProvider("az", {"region": "eastus", "credentials": credentials})

    def google():
        mock = recorded("compute.test_gce", "GCEMockHttp")
        mock.type = mock.test = None
        auth = recorded("common.test_google", "GoogleAuthMockHttp")
        file = recorded("common.test_google", "JSON_KEY_FILE")
        server = replay(["www.googleapis.com", "accounts.google.com"], {"accounts": auth, "": mock})
        credentials = {"GOOGLE_KEY_FILE": file, "GOOGLE_PROJECT": "project_name"}
        return server, GoogleProvider("gce", {"zone": "us-central1-a", "credentials": credentials})

    def digitalocean():
        mock = recorded("compute.test_digitalocean_v2", "DigitalOceanComputeMockHttp")
        mock.type = None
        server = replay(["api.digitalocean.com"], {"": mock})
        return server, DigitalOceanProvider("ocean", {"credentials": {"DO_TOKEN": "t"}})

    def vultr():
        mock = recorded("compute.test_vultr_v2", "VultrMockHttpV2")
        mock.type = None
        server = replay(["api.vultr.com"], {"": mock})
        return server, DriverProvider("other", {"driver": "vultr", "arguments": {"key": "k"}})

    made = []

    def start(name, closed=False):
        server, provider = kinds[name]()
        if not closed:
            provider.open()
        made.append(provider)
        return server, provider

    kinds = {"azure": azure, "google": google, "digitalocean": digitalocean, "vultr": vultr}
    yield start
    for each in made:
        each.close()


@pytest.mark.parametrize(
    ("cloud", "verb", "line", "lies"),
    [
        ("digitalocean", "stop", f"POST {DROPLETS}/3164444/actions", [*PAGES, *NOTHING, (204, "")]),
        ("digitalocean", "delete", f"DELETE {DROPLETS}/3164444", [*PAGES, *NOTHING]),
        ("google", "reboot", f"POST {GOOGLE}/reset", [*PAGES, *NOTHING, (204, "")]),
        ("google", "delete", f"DELETE {GOOGLE}", [*PAGES, *NOTHING, (204, "")]),
        ("azure", "stop", "POST {}/deallocate", [*PAGES, (200, "{}"), (204, ""), (202, "", HTML)]),
        ("azure", "delete", "DELETE {}", [*PAGES, (200, "{}")]),
        ("vultr", "reboot", f"POST {VULTR}/{{}}/reboot", PAGES),
        ("vultr", "delete", f"DELETE {VULTR}/{{}}", PAGES),
    ],
)
def test_a_verb(opened, cloud, verb, line, lies):
    server, provider = opened(cloud)
    machine = next(each for each in provider.machines() if cloud != "google" or each.name == "node-name")
    line = line.format(machine.cloud_id)
    if cloud == "azure":
        shown = provider.driver.connection.request(MACHINES).object["value"][0]
        server.answers[f"GET {machine.cloud_id}"] = [(200, json.dumps(shown))] * len(lies)
    for lie in lies:
        server.answers[line] = [lie]
        with pytest.raises(errors.BadAnswer) as caught:
            getattr(provider, verb)(machine.cloud_id)
        assert caught.value.outcome_unknown and not server.answers[line], lie


@pytest.mark.parametrize(
    ("cloud", "path", "lies"),
    [
        ("digitalocean", DROPLETS, [{"droplets": {}}, {"droplets": ""}, {"machines": []}, NEXT]),
        ("google", GOOGLE.rpartition("/")[0], [{"items": {}}, {"kind": "compute#x", "items": ""}]),
        ("azure", MACHINES, [{"value": {}}, {"value": ""}, {"values": []}]),
        ("vultr", VULTR, [{"instances": None}, {"machines": []}]),
    ],
)
def test_a_listing(opened, cloud, path, lies):
    server, provider = opened(cloud)
    for lie in [*PAGES, *NOTHING, (206, "{}"), *((200, json.dumps(each)) for each in lies)]:
        server.answers[f"GET {path}"] = [lie]
        with pytest.raises(errors.BadAnswer):
            list(provider.machines())
        assert not server.answers[f"GET {path}"], lie


def test_pages_that_repeat(opened):
    server, provider = opened("vultr")
    recorded = server.mock("")()._get_request("GET", VULTR, "", {})[1]
    page = {**json.loads(recorded), "meta": {"total": 9, "links": {"next": "same", "prev": ""}}}
    server.answers[f"GET {VULTR}"] = [(200, json.dumps(page))] * 1000
    with pytest.raises(errors.BadAnswer, match="same page of a list again and again"):
        list(provider.machines())


@pytest.mark.parametrize(
    ("cloud", "line", "status", "body"),
    [
        (
            "azure",
            f"POST /{TENANT}/oauth2/token",
            401,
            {"error": "x", "error_description": "it expired"},
        ),
        ("google", "POST /o/oauth2/token", 400, {"error": "x", "error_description": "it expired"}),
        (
            "google",
            f"GET {GOOGLE.rpartition('/')[0]}",
            401,
            {"error": {"code": 401, "message": "it expired"}},
        ),
        ("digitalocean", f"GET {DROPLETS}", 401, {"id": "unauthorized", "message": "it expired"}),
        ("vultr", f"GET {VULTR}", 401, {"error": "it expired", "status": 401}),
        ("vultr", f"GET {VULTR}", 403, {"error": "it expired", "status": 403}),
    ],
)
def test_wrong_credentials_are_sent_once_and_the_reason_is_told(opened, cloud, line, status, body):
    server, provider = opened(cloud, closed=True)
    server.answers[line] = [(status, json.dumps(body))] * 9
    with pytest.raises((errors.CredentialsError, errors.Refused), match="it expired"):
        provider.open()
        list(provider.machines())
    assert server.lines().count(line) == 1
