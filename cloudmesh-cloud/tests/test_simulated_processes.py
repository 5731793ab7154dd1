"""Several processes in one simulated cloud, and one that is killed in the middle."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloudmesh.cloud.errors import Refused, Unreachable
from cloudmesh.cloud.model.records import Flavor, Image
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider

EACH = 8
WORKERS = 4

# Boots, deletes and counts for ever; says so once it is in the middle.
BUSY = """
import itertools, sys
from cloudmesh.cloud import Flavor, Image
from cloudmesh.cloud import BootRequest
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
settings = {"file": sys.argv[1], "boot_seconds": 0, "action_seconds": 0, "failure_rate": 1e-9}
with SimulatedProvider("sim", settings) as cloud:
    for number in itertools.count():
        request = BootRequest(f"vm{number}", Image("sim", "i", "i"), Flavor("sim", "f", "f"))
        cloud.boot(request)
        cloud.delete(list(cloud.machines())[0].cloud_id)
        print(number, flush=True)
"""


def request(name):
    return BootRequest(name, Image("sim", "debian-12", "i"), Flavor("sim", "tiny", "f"))


def _boot_many(file, worker, start, answers):
    start.wait()
    with SimulatedProvider("sim", {"file": file}) as cloud:
        booted = [cloud.boot(request(f"vm{worker}-{number}")).cloud_id for number in range(EACH)]
        try:
            cloud.boot(request("the-one"))
            first = True
        except Refused:
            first = False
    answers.put((booted, first))


def test_processes_that_begin_at_once_share_one_cloud(tmp_path):
    context = multiprocessing.get_context("fork")
    file, start, answers = str(tmp_path / "new" / "sim.db"), context.Event(), context.Queue()
    workers = [
        context.Process(target=_boot_many, args=(file, worker, start, answers)) for worker in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    start.set()
    got = [answers.get(timeout=20) for _ in workers]
    for worker in workers:
        worker.join(20)
    assert [worker.exitcode for worker in workers] == [0] * WORKERS
    booted = [cloud_id for ids, _ in got for cloud_id in ids]
    assert len(set(booted)) == EACH * WORKERS, "no id was given twice"
    assert sorted(first for _, first in got) == [False] * (WORKERS - 1) + [True], "one got the name"
    with SimulatedProvider("sim", {"file": file}) as cloud:
        assert {machine.cloud_id for machine in list(cloud.machines())} >= set(booted)
        assert len(list(cloud.machines())) == EACH * WORKERS + 1


def test_a_forked_child_opens_its_own_and_leaves_the_parents_alone(tmp_path):
    context = multiprocessing.get_context("fork")
    file, start, answers = str(tmp_path / "sim.db"), context.Event(), context.Queue()
    start.set()
    with SimulatedProvider("sim", {"file": file}) as cloud:
        cloud.boot(request("vm1"))

        def inherited():
            try:
                cloud.boot(request("vm2"))
            except Unreachable as error:
                answers.put(str(error))

        for work, args in ((inherited, ()), (_boot_many, (file, 1, start, answers))):
            worker = context.Process(target=work, args=args)
            worker.start()
            answer = answers.get(timeout=20)
            worker.join(20)
            if work is inherited:
                assert "was open when this process was forked" in answer
        assert len(list(cloud.machines())) == EACH + 2


@pytest.mark.parametrize("after", [0, 3, 20])
def test_a_process_killed_in_the_middle_leaves_a_sound_cloud(tmp_path, after):
    file = tmp_path / "sim.db"
    with subprocess.Popen([sys.executable, "-c", BUSY, file], stdout=subprocess.PIPE, text=True) as busy:
        for _ in range(after + 1):
            last = int(busy.stdout.readline())
        time.sleep(0.003)
        os.kill(busy.pid, signal.SIGKILL)
    assert busy.returncode == -signal.SIGKILL
    with SimulatedProvider("sim", {"file": str(file)}) as cloud:
        left = list(cloud.machines())
        new = cloud.boot(request("next"))
        assert int(new.cloud_id.removeprefix("sim-")) > last + 1, "ids of the killed process stay used"
        assert {machine.name for machine in list(cloud.machines())} == {"next", *(each.name for each in left)}
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="reads Linux's list of locks")
def test_another_connection_in_the_process_does_not_drop_the_locks(tmp_path):
    """POSIX drops all locks of a process on a file when it closes any descriptor of it."""
    settings = {"file": str(tmp_path / "sim.db")}
    with SimulatedProvider("sim", settings) as cloud:
        cloud.boot(request("vm1"))
        with SimulatedProvider("sim", settings):
            locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
            inode = (tmp_path / "sim.db").stat().st_ino
            held = [line for line in locks if line[4] == str(os.getpid()) and line[5].endswith(f":{inode}")]
    assert held, "sqlite holds a shared lock on the file as long as it is open in WAL mode"
