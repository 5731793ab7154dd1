"""How long an event of the store takes to each of a hundred listeners, over HTTP.

The server is a process of its own, as ``cms rest start`` makes it, and so are the listeners. What is measured
beside it is the time that is promised.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

LISTENERS, TOKENS = 100, 4
EVENTS = 200
PAUSE = 0.05
PROMISED = 0.050
CMS = Path(sys.executable).parent / "cms"
Figure = tuple[str, list[float], list[float], float]

# Reads all streams in one thread; prints when each event came to each of them, by the name of its machine.
LISTEN = """
import json, re, selectors, socket, sys, time

port, count, *tokens = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
events = int(tokens.pop())
selector = selectors.DefaultSelector()
for number in range(count):
    stream = socket.create_connection(("127.0.0.1", port))
    head = ["GET /v1/events?kinds=machine HTTP/1.0", f"Host: 127.0.0.1:{port}"]
    head += [f"Authorization: Bearer {tokens[number % len(tokens)]}", "", ""]
    stream.sendall("\\r\\n".join(head).encode())
    # The place at which the stream begins: it listens.
    told = b""
    while b"\\nid: " not in told:
        told += stream.recv(65536)
    assert b" 200 " in told, told
    stream.setblocking(False)
    selector.register(stream, selectors.EVENT_READ)
print("ready", flush=True)
came = {}
left = count * events
while left:
    for key, _ in selector.select():
        data = key.fileobj.recv(1 << 20)
        now = time.time()
        assert data, "a stream ended"
        for name in re.findall(rb'"name":"(vm[0-9]+)","gone"', data):
            came.setdefault(name.decode(), []).append(now)
            left -= 1
print(json.dumps(came))
"""


def figures() -> Iterator[Figure]:
    """Name, seconds of the slowest of a hundred, the promise, and how many times as much it may be."""
    with tempfile.TemporaryDirectory(prefix="cm-") as home:
        late = sorted(_delays({**os.environ, "HOME": home, "CLOUDMESH_CONFIG_DIR": f"{home}/cloudmesh"}))
    name = f"p99 of an event's way to {LISTENERS} listeners / {PROMISED * 1000:.0f} ms"
    yield name, [late[int(len(late) * 0.99)]], [PROMISED], 1.0


def _delays(env: dict[str, str]) -> list[float]:
    """Seconds from the end of each transaction to each listener."""
    _cms(env, "config", "init")
    tokens = [_token(env, f"listener{number}") for number in range(TOKENS)]
    words = [CMS, "rest", "start", "--port=0"]
    server = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        port = _port(server)
        words = [sys.executable, "-c", LISTEN, port, str(LISTENERS), *tokens, str(EVENTS)]
        listeners = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert listeners.stdout and listeners.stdout.readline() == "ready\n"
        written = _write(env)
        came: dict[str, list[float]] = json.loads(listeners.stdout.read())
        assert listeners.wait(30) == 0
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
    return [when - written[name] for name, times in came.items() for when in times]


def _write(env: dict[str, str]) -> dict[str, float]:
    """Write machines into the store, one after the other; when each was there, by its name."""
    os.environ["CLOUDMESH_CONFIG_DIR"] = env["CLOUDMESH_CONFIG_DIR"]
    from cloudmesh.cloud.model.records import MachineRecord, State
    from cloudmesh.cloud.store.inventory import Inventory

    written: dict[str, float] = {}
    with Inventory() as inventory:
        for number in range(EVENTS):
            name = f"vm{number}"
            inventory.save(MachineRecord("local", name, f"id-{name}", State.ACTIVE))
            written[name] = time.time()
            time.sleep(PAUSE)
    return written


def _port(server: subprocess.Popen[str]) -> str:
    """Where the server listens, once it does."""
    assert server.stdout
    for line in server.stdout:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
            return found[1]
    raise SystemExit("cms rest start has ended")


def _token(env: dict[str, str], name: str) -> str:
    found = re.search(r"cms_\w+", _cms(env, "rest", "token", "create", name, "--scope=read"))
    assert found
    return found[0]


def _cms(env: dict[str, str], *words: str) -> str:
    return subprocess.run([CMS, *words], env=env, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    for name, ours, promised, _ in figures():
        print(f"{name}: {ours[0] * 1000:.1f} ms, {ours[0] / promised[0]:.2f}")
