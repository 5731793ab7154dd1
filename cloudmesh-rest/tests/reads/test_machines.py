"""Machines: lists in the shell's language, errors of clouds, and one machine by its id."""

import time
from urllib.parse import quote

import pytest

from cloudmesh.cloud.errors import Refused
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider


@pytest.fixture
def some(keep, machine):
    keep(
        "a",
        machine("a", "web10", "i-10", state=State.STOPPED, metadata={"role": "db"}, created=1000.0),
        machine("a", "web2", "i-2", metadata={"role": "web"}, public_ips=["198.51.100.7"], created=2000.0),
    )
    keep("b", machine("b", "web2", "i-3", owner="u-1"), machine("b", "odd name,[*]", "x/y"))


def names(answer):
    return [(each["cloud"], each["name"]) for each in answer.json()["items"]]


def test_all_clouds_in_natural_order(some, ask):
    answer = ask("/v1/machines")
    told = answer.json()
    assert names(answer) == [("a", "web2"), ("a", "web10"), ("b", "odd name,[*]"), ("b", "web2")]
    assert told["total"] == 4 and told["next"] is None and told["errors"] == []
    assert told["items"][0]["addresses"] == ["198.51.100.7"] and "age" not in told["items"][0]
    assert told["items"][0]["created"] == "1970-01-01T00:33:20Z" and told["items"][2]["created"] is None
    assert [each["cloud"] for each in told["clouds"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"filter": "state=stopped"}, ["web10"]),
        ({"filter": "metadata.role=web|db,cloud=a", "sort": "-name"}, ["web10", "web2"]),
        ({"filter": "age<1h", "clouds": "b", "sort": "name"}, ["odd name,[*]", "web2"]),
        ({"clouds": "[ab]", "filter": "created>1970-01-01T00:20", "sort": "created"}, ["web2"]),
        ({"name": "a:web2"}, ["web2"]),
        ({"name": ["=odd name,[*]", "id=i-10"]}, ["web10", "odd name,[*]"]),
        ({"name": "web[1-9]*", "clouds": "b"}, ["web2"]),
        ({"sort": "metadata.role", "clouds": "a"}, ["web10", "web2"]),
        ({"sort": "-age,name", "clouds": "b"}, ["odd name,[*]", "web2"]),
    ],
)
def test_rows_are_chosen_in_the_language_of_the_shell(some, ask, params, expected):
    assert [name for _, name in names(ask("/v1/machines", **params))] == expected


def test_columns(some, ask):
    first = ask("/v1/machines", columns="name,age,metadata.role,locked", name="a:web2").json()["items"][0]
    assert [*first] == ["name", "refreshed", "metadata.role", "locked"]
    assert first["metadata.role"] == "web" and first["locked"] is None


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"filter": "stat=active"}, "did you mean 'state'"),
        ({"filter": "state=ACTIVE"}, "never the value"),
        ({"sort": "nam"}, "no column 'nam'"),
        ({"columns": "name,"}, "empty"),
        ({"fliter": "state=active"}, "did you mean 'filter'"),
        ({"filter": ["state=active", "name=x"]}, "2 times"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"limit": 0}, "limit"),
        ({"max_age": "nan"}, "max_age"),
        ({"clouds": " "}, "clouds= is empty"),
        ({"clouds": ""}, "clouds"),
        ({"name": "web[1-"}, "unbalanced"),
    ],
)
def test_a_slip_is_told_and_widens_nothing(some, ask, params, words):
    answer = ask("/v1/machines", code=422, **params)
    assert words in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json"


def test_clouds_that_are_not_there_or_not_active(some, ask):
    assert "known: a, b" in ask("/v1/machines", clouds="x", code=404).json()["detail"]
    assert "not active" in ask("/v1/machines", clouds="c", code=409).json()["detail"]


def test_names_that_no_machine_has(some, ask):
    assert ask("/v1/machines", name="nobody", code=404).json()["type"].endswith("unknown-name")
    told = ask("/v1/machines", name="nobody,web2").json()
    assert len(told["items"]) == 2
    assert told["errors"][0]["cloud"] is None and "'nobody'" in told["errors"][0]["message"]


def test_a_caller_sees_nothing_of_other_clouds(some, ask):
    assert {cloud for cloud, _ in names(ask("/v1/machines", caller="only-b"))} == {"b"}
    for params in ({"clouds": "a"}, {"name": "a:web2"}):
        detail = ask("/v1/machines", caller="only-b", code=404, **params).json()["detail"]
        assert detail == "there is no cloud 'a'; known: b"
    assert ask("/v1/machines", caller="only-b", clouds="*").json()["clouds"][0]["cloud"] == "b"
    assert "i-2" not in ask("/v1/machines/i-2", caller="only-b", code=404).text
    assert ask("/v1/machines", caller="none").json()["items"] == []


def test_a_cloud_that_was_never_listed_is_asked(ask):
    told = ask("/v1/machines").json()
    assert all(each["refreshed"] for each in told["clouds"]) and told["items"] == []


def test_errors_of_clouds_stand_beside_what_is_known(keep, machine, ask, monkeypatch):
    keep("a", machine("a", "web1", "i-1"), asked=time.time() - 7200)
    keep("b")

    def fails(self):
        raise Refused("cloud a did not answer")

    monkeypatch.setattr(SimulatedProvider, "machines", fails)
    assert ask("/v1/machines").json()["errors"] == []
    told = ask("/v1/machines", max_age=3600).json()
    assert [each["name"] for each in told["items"]] == ["web1"]
    (error,) = told["errors"]
    assert error["kind"] == "Refused" and error["cloud"] == "a"
    assert error["refreshed"] == told["items"][0]["refreshed"]
    assert len(ask("/v1/machines", max_age=0).json()["errors"]) == 2
    health = {each["name"]: each["health"] for each in ask("/v1/clouds").json()["items"]}
    assert health["a"]["error"] == "cloud a did not answer" and health["a"]["failed"]


def test_nothing_known_is_no_empty_list(clouds, ask, monkeypatch):
    def fails(self):
        raise Refused("no answer")

    monkeypatch.setattr(SimulatedProvider, "machines", fails)
    answer = ask("/v1/machines", code=502)
    assert answer.json()["type"] == "urn:cloudmesh:problem:refused"
    assert ask("/v1/machines/i-1", code=502).json()["detail"] == "no answer"


@pytest.mark.parametrize("own_id", ["a/b", "/x//y/", "a b?c#d%2F", "ü;=&", "1,2[*]", "a:b", "'\"\\"])
def test_one_machine_by_any_id(keep, machine, server, own_id):
    keep("a", machine("a", "web1", own_id, zone="z1"), machine("a", "web2", "other"))
    keep("b")
    answer = server.get(f"/v1/machines/{quote(own_id, safe='')}")
    assert answer.json()["id"] == own_id and answer.json()["zone"] == "z1"


def test_an_id_on_two_clouds_has_to_be_told_apart(keep, machine, ask):
    keep("a", machine("a", "web1", "same"))
    keep("b", machine("b", "db1", "same"))
    answer = ask("/v1/machines/same", code=409)
    assert answer.json()["clouds"] == ["a", "b"]
    assert ask("/v1/machines/same", cloud="b").json()["name"] == "db1"
    assert ask("/v1/machines/same", caller="only-b").json()["name"] == "db1"


def test_one_machine_as_its_cloud_tells_of_it_now(ask):
    from cloudmesh.vm import Machine

    with Machine("web1", cloud="a") as own:
        own_id = own.boot(wait=True).cloud_id
    path = f"/v1/machines/{own_id}"
    before = ask(path).json()
    assert before["state"] == "active"
    time.sleep(1.1)
    after = ask(path, max_age=0).json()
    assert after["refreshed"] > before["refreshed"]
    assert {**after, "refreshed": ""} == {**before, "refreshed": ""}
    assert ask("/v1/machines/nothing", max_age=0, code=404).json()["type"].endswith("not-found")
