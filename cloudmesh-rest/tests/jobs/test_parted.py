"""A server that lives and cannot reach the store, or was put to sleep: others take its jobs, and it stops."""

import json
import select
import signal
import socket
import sqlite3
import threading
import time
from contextlib import suppress
from urllib.parse import urlsplit

import pytest


class Wire:
    """Passes on what goes to and fro between a server and PostgreSQL, as long as it is not cut."""

    def __init__(self, port):
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.whole = threading.Event()
        self.whole.set()
        self._ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._ended.set()
        self.whole.set()
        self._listening.close()

    def _accept(self):
        with suppress(OSError):
            while not self._ended.is_set():
                here, _ = self._listening.accept()
                there = socket.create_connection(("127.0.0.1", self._port))
                threading.Thread(target=self._pass_on, args=[here, there], daemon=True).start()

    def _pass_on(self, here, there):
        with here, there, suppress(OSError):
            while not self._ended.is_set():
                ready, _, _ = select.select([here, there], [], [], 1.0)
                self.whole.wait()
                for each in ready:
                    part = each.recv(65536)
                    if not part:
                        return
                    (there if each is here else here).sendall(part)


@pytest.fixture
def parted(team, store):
    """A server whose wire to PostgreSQL can be cut, and another one."""
    first, second = team(), team()
    place = urlsplit(store.url)
    wire = Wire(place.port)
    file = first.directory / "class.yaml"
    data = json.loads(file.read_text())
    data["database"] = store.url.replace(f":{place.port}/", f":{wire.port}/")
    file.write_text(json.dumps(data))
    first.launch()
    second.launch()
    yield first.answering(), second.answering(), wire
    wire.close()


@pytest.mark.long
@pytest.mark.parametrize("moment", [0.0, 0.13, 0.29])
def test_a_server_without_its_store_stops_and_another_one_takes_over(parted, attempts, moment, home):
    first, second, wire = parted
    job = first.boss.job(verb="boot", names=["x[01-60]"])
    second.until(job, 6)
    time.sleep(moment)
    wire.whole.clear()
    cut = time.monotonic()
    time.sleep(5)
    begun = sum(attempts("boot").values())
    assert begun <= 6 + 12, "what was in the store was begun, and no more"
    time.sleep(10)
    assert sum(attempts("boot").values()) == begun, "nobody calls while nobody knows who may"
    second.until(job, begun + 4)
    assert time.monotonic() - cut < 30
    wire.whole.set()
    assert second.boss.over(job, 60)["counts"]["done"] == 60
    first.healthy()
    assert first.boss.get(f"/jobs/{job['id']}")["counts"]["done"] == 60
    assert set(attempts("boot").values()) == {1} and machines(home) == 60


def machines(home):
    with sqlite3.connect(home / "a.db") as world:
        return world.execute("SELECT count(*) FROM machine").fetchone()[0]


@pytest.mark.long
def test_a_server_that_slept_does_nothing_that_another_one_has_done(team, attempts):
    first, second = team().start(), team().start()
    first.boss.do(verb="boot", names=["x[01-30]"], wait=True)
    job = first.boss.job(verb="reboot", names=["x*"])
    second.until(job, 6)
    first.process.send_signal(signal.SIGSTOP)
    asleep = time.monotonic()
    told = second.boss.get(f"/jobs/{job['id']}")["counts"]["done"]
    second.until(job, told + 4)
    assert time.monotonic() - asleep < 30
    ended = second.boss.over(job, 60)
    first.process.send_signal(signal.SIGCONT)
    first.healthy()
    time.sleep(3)
    assert ended["counts"]["done"] + ended["counts"]["failed"] == 30 and ended["counts"]["failed"] <= 4
    assert second.boss.get(f"/jobs/{job['id']}")["counts"] == ended["counts"]
    assert set(attempts("reboot").values()) == {1}, "what was in flight is not repeated by anybody"
