"""Streams under load and at their end: many listeners, some that do not read, stops, stores that fail."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading

import pytest

from cloudmesh.config.settings import places
from cloudmesh.rest.feed.ring import Ring


def test_a_hundred_listeners_get_the_same(serve, limits, machine, store):
    server = serve(limits(each=100))
    streams = [server.stream() for _ in range(100)]
    with store() as inventory:
        inventory.save_many([machine(f"vm{number}") for number in range(5)])
    told = [[stream.next().id for _ in range(5)] for stream in streams]
    assert all(each == told[0] for each in told)


def test_streams_are_limited_for_each_token_and_in_all(serve, limits, wait_for):
    server = serve(limits(each=2, all=3))
    first = [server.stream(), server.stream()]
    refused = server.get("/v1/events")
    assert refused.status == 429 and int(refused.headers["retry-after"]) > 0
    server.stream(token="other")
    refused = server.get("/v1/events", "one")
    assert refused.status == 503 and int(refused.headers["retry-after"]) > 0
    assert json.loads(refused.read())["status"] == 503
    for stream in first:
        stream.close()
    # Their places are free as soon as the server sees that they have gone.
    assert wait_for(lambda: server.get("/v1/events").status == 200)


def test_streams_end_when_the_server_stops(serve):
    server = serve()
    streams = [server.stream() for _ in range(20)]
    assert server.stop() < 5
    assert [stream.next() for stream in streams] == [None] * 20


def test_a_client_that_never_reads_does_not_hold_up_others_nor_the_stop(
    serve, limits, machine, store, wait_for
):
    server = serve(limits(kept=1000, stuck=1.0))
    stuck = socket.create_connection(("127.0.0.1", server.port))
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.sendall(b"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer all\r\n\r\n")
    stream = server.stream(token="other")
    assert wait_for(lambda: len(server.feed.listeners) == 2)
    for turn in range(8):
        with store() as inventory:
            inventory.save_many([machine(f"vm{turn}-{each}", fault="x" * 4000) for each in range(400)])
        assert {stream.next().kind for _ in range(400)} == {"machine"}
    # It is cut off, and what it did not take is kept for nobody.
    assert wait_for(lambda: len(server.feed.listeners) == 1)
    again = socket.create_connection(("127.0.0.1", server.port))
    again.sendall(
        b"GET /v1/events?last_event_id=x HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer all\r\n\r\n"
    )
    assert server.stop() < 5
    stuck.close()
    again.close()


def test_a_stream_ends_after_the_seconds_that_were_asked_for(serve):
    server = serve()
    assert server.stream("/v1/events?seconds=1").next() is None


def test_a_silent_stream_tells_that_it_is_alive_and_where_it_is(serve, limits, machine, store, wait_for):
    server = serve(limits(beat=0.2))
    stream = server.stream("/v1/events?clouds=two")
    place = stream.read_place()
    with store() as inventory:
        inventory.save(machine("a"))
    assert wait_for(lambda: stream.answer.readline().startswith(b":"))
    # What was not for it has taken it further all the same.
    assert wait_for(
        lambda: (line := stream.answer.readline()).startswith(b"id:") and place.encode() not in line
    )


def test_events_go_on_after_the_store_could_not_be_read(serve, machine, store, wait_for):
    server = serve()
    stream = server.stream()
    with store() as inventory:
        inventory.save(machine("before"))
    assert stream.next("machine").data["name"] == "before"
    config = places.config_file()
    good = config.read_text()
    config.write_text("clouds: [")
    assert wait_for(lambda: server.feed.error)
    connection = sqlite3.connect(places.store_file())
    connection.execute("UPDATE machine SET name = 'after', refreshed = refreshed + 1")
    connection.commit()
    connection.close()
    config.write_text(good)
    assert stream.next("machine").data["name"] == "after" and not server.feed.error


def test_another_store_in_the_place_of_this_one_is_told_by_a_reset(serve, machine, store):
    server = serve()
    stream = server.stream()
    with store() as inventory:
        inventory.save(machine("old"))
    assert stream.next("machine").data["name"] == "old"
    for each in places.store_file().parent.glob(f"{places.store_file().name}*"):
        if each.is_file():
            each.unlink()
    with store() as inventory:
        inventory.save(machine("new"))
    assert stream.next("reset").data["reason"] == "other-epoch"
    with store() as inventory:
        inventory.save(machine("newer"))
    assert "newer" in (stream.next("machine").data["name"] for _ in "12")


def test_nothing_is_missed_while_many_processes_write(serve, machine, store):
    server = serve()
    stream = server.stream("/v1/events?kinds=machine")

    def write(number):
        for turn in range(20):
            with store() as inventory:
                inventory.save(machine(f"vm{number}-{turn}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    told = {stream.next().data["name"] for _ in range(80)}
    for each in threads:
        each.join()
    assert len(told) == 80


@pytest.mark.parametrize("capacity", [1, 7, 100])
def test_a_ring_keeps_the_last_events(capacity):
    from cloudmesh.rest.feed.events import Told

    ring = Ring(capacity)
    for number in range(1, 51):
        ring.add([Told("job", ("one",), f"{number}")])
        kept = [each.number for each in ring.after(0, 1000)]
        assert kept == list(range(max(1, number - capacity + 1), number + 1)) and kept[0] == ring.oldest
        assert ring.number_of(ring.id_of(number)) == number
