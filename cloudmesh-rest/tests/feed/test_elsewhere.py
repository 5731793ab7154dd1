"""Events of what other processes do: on a store in PostgreSQL, by one that is killed, and to ``cms rest``."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CMS = Path(sys.executable).parent / "cms"
BOOT = "from cloudmesh.vm import Machines\nwith Machines('vm[1-9]', cloud='one') as m: m.boot(wait=True)"


def test_a_store_in_postgresql_tells_all_too(serve, machine, store, boot, postgresql, monkeypatch):
    server = serve(database=postgresql.new_place())
    stream = server.stream()
    with store() as inventory:
        inventory.save(machine("web1", cloud="two"))
    assert stream.next("machine").data["name"] == "web1"
    boot("vm[1-3]")
    kinds = []
    while "closed" not in kinds:
        kinds.append(stream.next("job", "task").data["kind"])
    assert kinds[:2] == ["created", "started"] and kinds.count("done") == 3
    with store() as inventory:
        inventory.forget(machine("web1", cloud="two"))
    event = stream.next("machine")
    while not event.data["gone"]:
        event = stream.next("machine")
    assert event.data["name"] == "web1" and not server.feed.error


@pytest.mark.slow
def test_a_job_whose_process_is_killed_is_told_as_interrupted(serve):
    server = serve(boot_seconds=60)
    stream = server.stream("/v1/events?kinds=job")
    process = subprocess.Popen([sys.executable, "-c", BOOT])
    while (event := stream.next()).data["kind"] != "started":
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert event.data["status"] == "running"
    told = stream.next().data
    # Or the server itself has taken it over by then.
    assert told["kind"] in ("interrupted", "started") and told["id"] == event.data["id"]


@pytest.mark.slow
def test_the_streams_of_a_real_server_end_with_it_and_with_their_token(configure, home, make_stream):
    configure({"one": {}})
    words = [CMS, "rest", "start", "--port=0"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = None
    while not found:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line := server.stdout.readline())
        assert line
    tokens = [
        re.search(r"cms_\w+", cms("rest", "token", "create", name, "--scope=read"))[0] for name in ("a", "b")
    ]
    revoked, stays = (make_stream(int(found[1]), "/v1/events", token) for token in tokens)
    assert revoked.answer.status == stays.answer.status == 200
    cms("rest", "token", "revoke", "a")
    began = time.monotonic()
    assert revoked.next() is None and time.monotonic() - began < 6
    began = time.monotonic()
    server.send_signal(signal.SIGTERM)
    assert stays.next() is None and time.monotonic() - began < 6
    server.communicate(timeout=30)
    assert server.returncode == 0


def cms(*words):
    """Run a command, and give what it prints."""
    return subprocess.run([CMS, *words], capture_output=True, text=True, check=True, env=os.environ).stdout


@pytest.mark.slow
def test_ten_thousand_machines_are_told_in_time(serve, machine, store):
    server = serve()
    stream = server.stream("/v1/events?kinds=machine")
    with store() as inventory:
        inventory.replace("one", [machine(f"vm{each}") for each in range(9000)], time.time())
    names = {stream.next().data["name"] for _ in range(9000)}
    assert len(names) == 9000
    # The same list again tells of no machine, so that the next event is that of another one.
    with store() as inventory:
        inventory.replace("one", [machine(f"vm{each}") for each in range(9000)], time.time())
        inventory.save(machine("last"))
    assert json.dumps(stream.next().data).count("last") >= 1
