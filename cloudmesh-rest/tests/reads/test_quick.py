"""Lists that are kept: they are right after every change, and are made once for all who want them."""

import asyncio
import json
import threading

import pytest

from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.db import open_store
from cloudmesh.rest.api import machines as resource
from cloudmesh.rest.api.quick import QuickRoad


@pytest.fixture
def made(monkeypatch):
    """How often a list was made."""
    calls = []
    known = resource.known_machines
    monkeypatch.setattr(resource, "known_machines", lambda *a, **k: calls.append(a[3]) or known(*a, **k))
    return calls


@pytest.fixture
def some(keep, machine):
    keep("a", machine("a", "web1", "i-1"))
    keep("b", machine("b", "db1", "i-2"))


def test_a_list_is_made_once_as_long_as_nothing_changes(some, ask, made):
    first = ask("/v1/machines")
    assert [ask("/v1/machines").content for _ in range(3)] == [first.content] * 3
    assert len(made) == 1
    assert ask("/v1/machines", caller="only-b").json()["total"] == 1
    assert ask("/v1/machines", sort="-name").json()["items"][0]["name"] == "web1"
    assert len(made) == 3


@pytest.mark.parametrize("change", ["store", "configuration"])
def test_every_change_is_seen_at_once(some, clouds, machine, ask, change):
    before = ask("/v1/machines")
    if change == "store":
        with Inventory(open_store()) as inventory:
            inventory.save(machine("a", "web1", "i-1", State.STOPPED))
    else:
        clouds(a={})
    after = ask("/v1/machines", headers={"If-None-Match": before.headers["etag"]})
    assert after.headers["etag"] != before.headers["etag"]
    states = [(each["name"], each["state"]) for each in after.json()["items"]]
    assert states == ([("web1", "stopped"), ("db1", "active")] if change == "store" else [("web1", "active")])


def test_a_write_that_changes_nothing_of_the_list_keeps_its_etag(some, ask):
    before = ask("/v1/machines")
    with open_store() as store:
        store.add("other", {"x": 1})
    for _ in range(2):
        given = {"If-None-Match": f'"x", W/{before.headers["etag"]}'}
        after = ask("/v1/machines", headers=given, code=304)
        assert after.content == b"" and after.headers["etag"] == before.headers["etag"]
    assert ask("/v1/machines", headers={"If-None-Match": '"x"'}).content == before.content


@pytest.mark.parametrize("path", ["/v1/machines", "/v1/machines/i-1", "/v1/clouds", "/v1/clouds/a/images"])
def test_what_is_kept_is_the_same_as_what_is_made(some, ask, path):
    if path.endswith("images"):
        ask(path)
    first = ask(path)
    again, head = ask(path), ask(path, method="HEAD")
    assert again.content == first.content and head.content == b""
    assert dict(first.headers) == dict(again.headers) == dict(head.headers)


def test_what_depends_on_the_time_is_not_kept(some, ask, made):
    for params in ({"filter": "age<1h"}, {"filter": "created<2026-01-01"}, {"max_age": 0}):
        before = len(made)
        ask("/v1/machines", **params)
        ask("/v1/machines", **params)
        assert len(made) == before + 2
    ask("/v1/machines", max_age=3600)
    before = len(made)
    ask("/v1/machines", max_age=3600)
    assert len(made) == before


class Slow:
    """An application that answers when it is told to."""

    def __init__(self, answers):
        self.begun, self._answers = [], answers

    async def __call__(self, scope, receive, send):
        go = asyncio.Event()
        self.begun.append((scope, go))
        number = len(self.begun)
        await go.wait()
        if self._answers(number) is None:
            raise ZeroDivisionError
        from cloudmesh.rest.api.answers import Answer

        scope["cloudmesh.asked"].answer = answer = Answer.of(self._answers(number), float("inf"))
        await answer.send(scope, send)


class NoStore:
    """Answers of a store in which something is written all the time."""

    is_quick = True

    def __init__(self):
        self.number = 0

    def mark(self):
        self.number += 1
        return self.number

    def find(self, key, mark):
        return None

    def keep(self, key, mark, answer):
        pass


def request(told, path="/v1/machines"):
    class Anybody:
        clouds = None

    async def send(message):
        if message["type"] == "http.response.body":
            told.append(message["body"])

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    return {**scope, "cloudmesh.caller": Anybody}, None, send


def test_who_comes_while_a_list_is_made_gets_the_next_one_and_that_is_one():
    async def run():
        app = Slow(lambda number: b"%d" % number)
        road = QuickRoad(app, NoStore())
        told = []
        first = asyncio.ensure_future(road(*request(told)))
        await asyncio.sleep(0)
        others = [asyncio.ensure_future(road(*request(told))) for _ in range(20)]
        await asyncio.sleep(0.01)
        assert len(app.begun) == 1
        app.begun[0][1].set()
        await first
        await asyncio.sleep(0.01)
        assert told == [b"1"] and len(app.begun) == 2, "nobody gets what is older than the request"
        app.begun[1][1].set()
        await asyncio.gather(*others)
        assert told == [b"1"] + [b"2"] * 20 and len(app.begun) == 2

    asyncio.run(run())


def test_when_a_list_fails_or_its_client_leaves_the_others_go_on():
    async def run():
        app = Slow(lambda number: None if number == 1 else b"%d" % number)
        road = QuickRoad(app, NoStore())
        told = []
        first = asyncio.ensure_future(road(*request(told)))
        await asyncio.sleep(0)
        second = [asyncio.ensure_future(road(*request(told))) for _ in range(2)]
        await asyncio.sleep(0)
        app.begun[0][1].set()
        with pytest.raises(ZeroDivisionError):
            await first
        await asyncio.sleep(0.01)
        second[0].cancel()
        await asyncio.sleep(0.01)
        assert len(app.begun) == 3
        app.begun[2][1].set()
        await second[1]
        assert told == [b"3"]

    asyncio.run(run())


@pytest.mark.slow
def test_many_readers_never_see_an_older_list_than_before(some, machine, server):
    """Readers at a real server, while somebody writes: what each has seen never goes back."""
    ended = threading.Event()
    wrong = []

    def read():
        import httpx2

        seen = 0
        with httpx2.Client(base_url=server.base_url, headers=server.headers) as client:
            while not ended.is_set():
                written = latest[0]
                items = client.get("/v1/machines", params={"clouds": "a"}).json()["items"]
                now = int(items[0]["metadata"].get("n", 0))
                if now < max(seen, written):
                    wrong.append((now, seen, written))
                seen = now

    latest = [0]
    readers = [threading.Thread(target=read) for _ in range(8)]
    for each in readers:
        each.start()
    with Inventory(open_store()) as inventory:
        for number in range(1, 60):
            inventory.save(machine("a", "web1", "i-1", metadata={"n": str(number)}))
            latest[0] = number
    ended.set()
    for each in readers:
        each.join()
    assert not wrong


def test_odd_texts_of_clouds_are_still_json(keep, machine, ask):
    keep("a", machine("a", "\u2028\x00\x1b[31m", "i-1", metadata={"k": "\ud83d"}))
    keep("b")
    told = json.loads(ask("/v1/machines").content)
    assert told["items"][0]["name"] == "\u2028\x00\x1b[31m"
