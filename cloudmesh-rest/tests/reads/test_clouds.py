"""Clouds, and what each of them has beside machines."""

import time
from contextlib import ExitStack

import pytest

from cloudmesh.cloud.errors import Refused
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.rest.api.service import ASKING

THINGS = ("images", "flavors", "keys", "networks", "quotas")


def fail(monkeypatch, *names):
    def refuse(self):
        raise Refused("the cloud refused")

    for name in names:
        monkeypatch.setattr(SimulatedProvider, name, refuse)


def test_clouds_tell_no_credentials(clouds, keep, machine, ask):
    clouds(
        a={"credentials": {"OS_PASSWORD": "sesame"}, "name": "Cloud A"},
        b={
            "type": "openstack",
            "credentials": {"OS_AUTH_URL": "https://x.example.org", "OS_PASSWORD": "sesame"},
        },
        odd={"type": "nosuch"},
    )
    keep("a", machine("a", "web1", "i-1"))
    answer = ask("/v1/clouds")
    told = {each["name"]: each for each in answer.json()["items"]}
    assert "sesame" not in answer.text and "example.org" not in answer.text
    assert told["a"]["title"] == "Cloud A" and told["a"]["simulated"] and told["a"]["default"]
    assert told["a"]["health"]["machines"] == 1 and told["a"]["health"]["listed"]
    assert told["b"]["health"] == {"listed": None, "error": None, "failed": None, "machines": 0}
    assert "suspend" in told["a"]["capabilities"] and "start" in told["b"]["capabilities"]
    assert "nosuch" in told["odd"]["health"]["error"] and told["odd"]["capabilities"] == []


def test_clouds_that_are_not_active_are_told_and_not_asked(clouds, ask):
    told = {each["name"]: each["active"] for each in ask("/v1/clouds").json()["items"]}
    assert told == {"a": True, "b": True, "c": False}
    assert [each["name"] for each in ask("/v1/clouds", caller="only-b").json()["items"]] == ["b"]
    for thing in THINGS:
        assert "not active" in ask(f"/v1/clouds/c/{thing}", code=409).json()["detail"]
        assert ask(f"/v1/clouds/a/{thing}", caller="only-b", code=404).json()["type"].endswith("unknown-name")


@pytest.mark.parametrize("thing", THINGS)
def test_what_a_cloud_has_is_asked_for_once_and_kept(ask, monkeypatch, thing):
    first = ask(f"/v1/clouds/a/{thing}")
    fail(monkeypatch, "key_pairs" if thing == "keys" else thing)
    assert ask(f"/v1/clouds/a/{thing}").content == first.content
    assert first.json()["errors"] == [] and first.json()["refreshed"]
    told = ask(f"/v1/clouds/a/{thing}", max_age=0).json()
    assert told["items"] == first.json()["items"] and told["errors"][0]["kind"] == "Refused"
    assert told["errors"][0]["refreshed"] == told["refreshed"] == first.json()["refreshed"]
    assert ask(f"/v1/clouds/b/{thing}", code=502).json()["detail"] == "the cloud refused"


def test_max_age_asks_again(ask):
    before = ask("/v1/clouds/a/images").json()["refreshed"]
    time.sleep(1.1)
    assert ask("/v1/clouds/a/images", max_age=3600).json()["refreshed"] == before
    assert ask("/v1/clouds/a/images", max_age=0.5).json()["refreshed"] > before


def test_lists_are_filtered_sorted_and_paged(ask):
    told = ask("/v1/clouds/a/flavors", filter="vcpus>=2,ram>4G", sort="-ram", columns="name,ram").json()
    assert told["items"] == [{"name": "xlarge", "ram": 16384}, {"name": "large", "ram": 8192}]
    first = ask("/v1/clouds/a/flavors", sort="-vcpus", limit=2).json()
    second = ask("/v1/clouds/a/flavors", sort="-vcpus", limit=9, cursor=first["next"]).json()
    names = [each["name"] for each in (*first["items"], *second["items"])]
    assert names == ["xlarge", "large", "medium", "small", "tiny"] and second["next"] is None
    subnets = ask("/v1/clouds/a/networks", filter="external=no").json()["items"][0]["subnets"]
    assert subnets == ["198.18.0.0/15"]
    assert "no column 'state'" in ask("/v1/clouds/a/images", filter="state=x", code=422).json()["detail"]
    quotas = {each["name"]: each for each in ask("/v1/clouds/a/quotas").json()["items"]}
    assert quotas["machines"]["used"] == 0 and quotas["ram"]["unit"] == "MiB"


def test_a_slow_cloud_does_not_hold_up_all_other_answers(ask, app):
    with ExitStack() as others:
        for _ in range(ASKING):
            others.enter_context(app.state.service.asking(True))
        for path in ("/v1/machines", "/v1/clouds/a/images"):
            assert "asking clouds" in ask(path, max_age=0, code=503).json()["detail"]
        ask("/v1/clouds")
    ask("/v1/machines", max_age=0)
