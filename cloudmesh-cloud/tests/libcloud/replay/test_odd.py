"""One odd machine of a listing is left out and named; all others are shown."""

import json

import pytest

CLOUD = "ocean"


@pytest.fixture
def list_droplets(provider, server, mock):
    """What the provider lists, and leaves out, of a good droplet and of one that differs from it."""
    (good,) = json.loads(mock.fixtures.load("list_nodes.json"))["droplets"]

    def show(changes):
        odd = {**good, "id": 7, "name": "odd", **changes}
        listing = {"droplets": [odd, {**good, "name": "good"}], "meta": {"total": 2}}
        server.answers["GET /v2/droplets"] = [(200, json.dumps(listing))]
        return [each.name for each in provider.machines()], list(map(str, provider.left_out))

    return show


def address(text):
    return {"networks": {"v4": [{"ip_address": text, "type": "public"}], "v6": []}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (address("nowhere"), "not an IP address"),
        (address(["203.0.113.7"]), "not an IP address"),
        ({"created_at": "yesterday"}, "unexpected form"),
        ({"status": {}}, "unexpected form"),
        ({"id": None}, "its id is empty"),
        ({"name": ["odd"]}, "its name is not a text"),
        ({"size": ["s"]}, "unexpected form"),
    ],
)
def test_one_odd_machine_is_left_out_and_the_rest_is_shown(list_droplets, changes, words):
    shown, (told,) = list_droplets(changes)
    assert shown == ["good"] and words in told and told.startswith("machine ")


def test_a_name_that_is_null_never_becomes_a_word(list_droplets):
    assert list_droplets({"name": None}) == (["7", "good"], [])
