"""What a cloud's interface never answers is neither a success nor an empty list."""

import json

import pytest

from cloudmesh.cloud import errors

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


@pytest.mark.parametrize(
    ("cloud", "verb", "line", "lies"),
    [
        ("ocean", "stop", f"POST {DROPLETS}/3164444/actions", [*PAGES, *NOTHING, (204, "")]),
        ("ocean", "delete", f"DELETE {DROPLETS}/3164444", [*PAGES, *NOTHING]),
        ("gce", "reboot", f"POST {GOOGLE}/reset", [*PAGES, *NOTHING, (204, "")]),
        ("gce", "delete", f"DELETE {GOOGLE}", [*PAGES, *NOTHING, (204, "")]),
        ("az", "stop", "POST {}/deallocate", [*PAGES, (200, "{}"), (204, ""), (202, "", HTML)]),
        ("az", "delete", "DELETE {}", [*PAGES, (200, "{}")]),
        ("vultr", "reboot", f"POST {VULTR}/{{}}/reboot", PAGES),
        ("vultr", "delete", f"DELETE {VULTR}/{{}}", PAGES),
    ],
)
def test_a_verb(connect, cloud, verb, line, lies):
    server, provider = connect(cloud)
    provider.open()
    machine = next(each for each in provider.machines() if cloud != "gce" or each.name == "node-name")
    line = line.format(machine.cloud_id)
    if cloud == "az":
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
        ("ocean", DROPLETS, [{"droplets": {}}, {"droplets": ""}, {"machines": []}, NEXT]),
        ("gce", GOOGLE.rpartition("/")[0], [{"items": {}}, {"kind": "compute#x", "items": ""}]),
        ("az", MACHINES, [{"value": {}}, {"value": ""}, {"values": []}]),
        ("vultr", VULTR, [{"instances": None}, {"machines": []}]),
    ],
)
def test_a_listing(connect, cloud, path, lies):
    server, provider = connect(cloud)
    provider.open()
    for lie in [*PAGES, *NOTHING, (206, "{}"), *((200, json.dumps(each)) for each in lies)]:
        server.answers[f"GET {path}"] = [lie]
        with pytest.raises(errors.BadAnswer):
            list(provider.machines())
        assert not server.answers[f"GET {path}"], lie


def test_pages_that_repeat(connect):
    server, provider = connect("vultr")
    provider.open()
    recorded = server.mock("")()._get_request("GET", VULTR, "", {})[1]
    page = {**json.loads(recorded), "meta": {"total": 9, "links": {"next": "same", "prev": ""}}}
    server.answers[f"GET {VULTR}"] = [(200, json.dumps(page))] * 1000
    with pytest.raises(errors.BadAnswer, match="endless list"):
        list(provider.machines())


@pytest.mark.parametrize(
    ("cloud", "line", "status", "body"),
    [
        ("az", f"POST /{TENANT}/oauth2/token", 401, {"error": "x", "error_description": "it expired"}),
        ("gce", "POST /o/oauth2/token", 400, {"error": "x", "error_description": "it expired"}),
        ("gce", f"GET {GOOGLE.rpartition('/')[0]}", 401, {"error": {"code": 401, "message": "it expired"}}),
        ("ocean", f"GET {DROPLETS}", 401, {"id": "unauthorized", "message": "it expired"}),
        ("vultr", f"GET {VULTR}", 401, {"error": "it expired", "status": 401}),
        ("vultr", f"GET {VULTR}", 403, {"error": "it expired", "status": 403}),
    ],
)
def test_wrong_credentials_are_sent_once_and_the_reason_is_told(connect, cloud, line, status, body):
    server, provider = connect(cloud)
    server.answers[line] = [(status, json.dumps(body))] * 9
    with pytest.raises((errors.CredentialsError, errors.Refused), match="it expired"):
        provider.open()
        list(provider.machines())
    assert server.lines().count(line) == 1
