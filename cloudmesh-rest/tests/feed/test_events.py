"""What streams tell of machines, clouds and jobs, that nothing is missed, and nothing told to strangers."""

from __future__ import annotations

import json
import threading
import time

import pytest

from cloudmesh.cloud.model.records import State
from cloudmesh.rest.feed.events import SCHEMAS


def test_a_machine_is_told_when_it_is_new_changes_or_is_gone(serve, machine, store):
    server = serve()
    stream = server.stream()
    assert stream.answer.headers["content-type"].partition(";")[0] == "text/event-stream"
    with store() as inventory:
        inventory.save(machine("web1", private_ips=["10.0.0.1"], metadata={"role": "web"}))
    event = stream.next("machine")
    assert event.data["machine"]["address"] == "10.0.0.1" and event.data["machine"]["metadata"] == {
        "role": "web"
    }
    with store() as inventory:
        # The same again is no news.
        inventory.save(machine("web1", private_ips=["10.0.0.1"], metadata={"role": "web"}))
        inventory.save(machine("web2", cloud="two"))
        inventory.save(machine("web1", state=State.STOPPED))
    told = {
        (each.data["name"], each.data["machine"]["state"]) for each in (stream.next("machine") for _ in "12")
    }
    assert told == {("web2", "active"), ("web1", "stopped")}
    with store() as inventory:
        inventory.forget(machine("web1"))
    event = stream.next("machine")
    assert event.data["gone"] and event.data["machine"] is None and event.data["name"] == "web1"


def test_what_a_cloud_tells_that_is_no_text_holds_up_nothing(serve, machine, store):
    stream = serve().stream()
    with store() as inventory:
        inventory.save(machine("odd", metadata={"a": "\ud800", "\udc80": "b"}))
        inventory.save(machine("web"))
    assert {stream.next("machine").data["name"] for _ in "12"} == {"odd", "web"}


def test_a_listing_is_told_once_and_only_what_it_changed(serve, machine, store):
    server = serve()
    names = [f"vm{number}" for number in range(300)]
    stream = server.stream()
    with store() as inventory:
        inventory.replace("one", [machine(name) for name in names], time.time())
    told = [stream.next("machine").data["name"] for _ in names]
    assert sorted(told) == sorted(names)
    assert stream.next("cloud").data["name"] == "one"
    with store() as inventory:
        inventory.replace("one", [machine(name) for name in names[1:]], time.time())
    kinds = [stream.next() for _ in "12"]
    assert {each.kind for each in kinds} == {"machine", "cloud"}
    assert next(each.data["name"] for each in kinds if each.kind == "machine") == "vm0"


def test_a_job_and_its_machines_are_told_in_order(serve, boot):
    server = serve()
    stream = server.stream("/v1/events?kinds=job,task")
    boot("vm[1-3]", "one")
    events = []
    while not events or events[-1].data["kind"] != "closed":
        events.append(stream.next())
    numbers = [int(each.id.partition("-")[2]) for each in events]
    assert numbers == sorted(set(numbers))
    kinds = [(each.kind, each.data["kind"]) for each in events]
    assert kinds[:2] == [("job", "created"), ("job", "started")] and kinds.count(("task", "done")) == 3
    last = events[-1].data
    assert last["status"] == "done" and last["counts"]["done"] == 3 and last["clouds"] == ["one"]
    for each in events:
        SCHEMAS[each.kind].model_validate(each.data)


def test_why_a_machine_failed_is_told_with_its_kind(serve, boot):
    server = serve(quota={"machines": 1})
    stream = server.stream("/v1/events?kinds=task")
    boot("vm[1-2]", "one")
    failed = next(each for each in iter(lambda: stream.next("task"), None) if each.data["kind"] == "failed")
    assert failed.data["error"]["kind"] == "QuotaExceeded" and "quota" in failed.data["error"]["message"]


def test_the_stream_of_a_job_begins_with_how_it_stands_and_ends_with_it(serve, boot):
    server = serve(boot_seconds=1)
    everything = server.stream("/v1/events?kinds=job")
    thread = threading.Thread(target=boot, args=("vm[1-2]",))
    thread.start()
    number = everything.next("job").data["id"]
    stream = server.stream(f"/v1/jobs/{number}/events")
    events = list(iter(stream.next, None))
    thread.join()
    assert events[0].data["kind"] == "now" and events[0].data["status"] in ("pending", "running")
    assert events[-1].data["kind"] == "closed" and {each.data.get("job", number) for each in events} == {
        number
    }
    # A browser that comes back is told to stay away.
    assert server.stream(f"/v1/jobs/{number}/events", last=stream.id).answer.status == 204
    again = list(iter(server.stream(f"/v1/jobs/{number}/events").next, None))
    assert [(each.data["kind"], each.data["status"]) for each in again] == [("now", "done")]
    assert server.get("/v1/jobs/999/events").status == 404


def test_a_client_that_comes_back_misses_nothing(serve, machine, store):
    server = serve()
    last, seen = server.stream().read_place(), []
    for turn in range(8):
        with store() as inventory:
            inventory.save_many([machine(f"vm{turn}-{each}") for each in range(5)])
        stream = server.stream(last=last) if turn % 2 else server.stream(f"/v1/events?last_event_id={last}")
        # It leaves in the middle of what is there.
        seen += [stream.next() for _ in range(3)]
        last = stream.id
        stream.close()
    stream = server.stream(last=last)
    seen += [stream.next() for _ in range(8 * 5 - len(seen))]
    numbers = [int(each.id.partition("-")[2]) for each in seen]
    assert (
        numbers == list(range(numbers[0], numbers[0] + 40))
        and len({each.data["name"] for each in seen}) == 40
    )


def test_what_is_too_old_or_of_another_start_is_answered_by_a_reset(serve, limits, machine, store, wait_for):
    server = serve(limits(kept=10))
    place = server.stream().read_place()
    with store() as inventory:
        inventory.save_many([machine(f"vm{each}") for each in range(30)])
    assert wait_for(lambda: server.feed.ring.last == 30)
    event = server.stream(last=place).next()
    assert event.kind == "reset" and event.data["reason"] == "too-old"
    # It goes on from there.
    assert event.id == f"{server.feed.ring.epoch}-30" and server.stream(last=event.id).id == event.id
    for wrong in (
        "0123abcd-5",
        "nonsense",
        f"{server.feed.ring.epoch}-99",
        "-",
        f"{server.feed.ring.epoch}-¹",
    ):
        path = "/v1/events?last_event_id=" + wrong.encode().hex("%").join(["%", ""])
        event = server.stream(path).next()
        assert event.kind == "reset" and event.data["reason"] == "other-epoch"
        SCHEMAS["reset"].model_validate(event.data)


def test_a_limited_caller_learns_nothing_of_other_clouds(serve, machine, store, boot):
    server = serve()
    limited = server.stream(token="one")
    with store() as inventory:
        inventory.replace("two", [machine("secret", cloud="two")], time.time())
    boot("hidden", "two")
    boot("shared1", "one")
    names = set()
    while "closed" not in names:
        event = limited.next()
        names |= {str(event.data.get("kind", "")) if event.kind == "job" else ""}
        text = json.dumps(event.data)
        assert "two" not in text and "secret" not in text and "hidden" not in text
    assert server.get("/v1/jobs/1/events", "one").status == 404
    assert server.get("/v1/events?clouds=two", "one").status == 404
    assert server.get("/v1/events?clouds=nosuch", "one").status == 404


def test_only_what_was_asked_for_is_told(serve, machine, store):
    server = serve()
    stream = server.stream("/v1/events?clouds=tw*&kinds=machine")
    with store() as inventory:
        inventory.replace("one", [machine("a")], time.time())
        inventory.replace("two", [machine("b", cloud="two")], time.time())
    assert stream.next().data["name"] == "b"
    for wrong in ("kinds=machines", "kinds=", "seconds=0", "clouds="):
        assert server.get(f"/v1/events?{wrong}").status == 422


@pytest.mark.parametrize("path", ["/v1/events", "/v1/jobs/{id}/events"])
def test_what_is_told_is_described(serve, path):
    server = serve()
    described = json.loads(server.get("/v1/openapi.json").read())
    schemas = described["components"]["schemas"]
    assert {"MachineEvent", "JobEvent", "TaskEvent", "CloudEvent", "ResetEvent"} <= schemas.keys()
    assert "text/event-stream" in described["paths"][path]["get"]["responses"]["200"]["content"]
