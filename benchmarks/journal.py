"""What starting machines costs beside the calls: planning, the scheduler, and the journal in the store.

An executor answers each call as it is given, so that a turn of the scheduler has as many calls as may be
made at once. Beside it is a loop written by hand that gives the same calls to the same executor, and writes
the same rows by ``executemany``, in one transaction a turn. All times are of the processor.

Each measurement is a process of its own, with a home in which the machines are known as stopped.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

CLOUDS = [f"cloud{number}" for number in range(3)]
MACHINES = 10_000
PARALLEL = 256
ROUNDS = 5
# Processor time that the journal of a task may take, and that selecting and planning all may take.
MOST_MICROSECONDS, MOST_SECONDS = 100.0, 0.3

Measure = tuple[str, list[float], list[float], float, str]
Told = dict[str, float]


def figures() -> Iterator[Measure]:
    """Name, ours, what it is beside, how many times as much it may be, and the unit."""
    told: dict[str, list[Told]] = {"ours": [], "theirs": []}
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known"
        _write_config(known)
        _python("prepare", known)
        for _ in range(ROUNDS):
            for who, measured in told.items():
                home = Path(folder) / "home"
                shutil.copytree(known, home)
                measured.append(_python(who, home))
                shutil.rmtree(home)
    ours, theirs = told["ours"], told["theirs"]
    yield (
        f"{MACHINES} tasks without calls, processor time a task / the same rows by executemany",
        [each["run"] for each in ours],
        [each["run"] for each in theirs],
        2.5,
        "µs",
    )
    journal = [each["journal"] for each in ours]
    yield "the same: the journal alone / at most", journal, [MOST_MICROSECONDS], 1.0, "µs"
    plans = [each["plan"] for each in ours]
    yield f"selecting and planning {MACHINES} names / at most", plans, [MOST_SECONDS], 1.0, "s"


def _write_config(home: Path) -> None:
    home.mkdir(mode=0o700)
    clouds = {name: {"type": "simulated"} for name in CLOUDS}
    file = home / "class.yaml"
    file.touch(mode=0o600)
    data = {"cloudmesh": {"active": CLOUDS, "default": CLOUDS}, "clouds": clouds}
    file.write_text(yaml.safe_dump(data), encoding="utf-8")


def _python(who: str, home: Path) -> Told:
    words = [sys.executable, __file__, who, str(MACHINES), str(PARALLEL)]
    env = {**os.environ, "HOME": str(home), "CLOUDMESH_CONFIG_DIR": str(home)}
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, env=env)
    told: Told = json.loads(done.stdout)
    return told


class AtOnce(Executor):
    """Answers each call as a cloud that starts the machine."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The answer to the call that is to be given to ``fn``, which is not asked."""
        from cloudmesh.cloud.client.actions import ActionResult
        from cloudmesh.cloud.model.records import State
        from cloudmesh.cloud.store.changes import StoreChange
        from cloudmesh.vm.model.call import Reply

        (call,) = args
        now = replace(call.machines[0], state=State.STARTING, raw_state="", fault="")
        future: Future[Any] = Future()
        change = StoreChange("save", (now,))
        future.set_result(Reply((ActionResult(now, True, State.ACTIVE),), (change,), 0.1))
        return future


def prepare(machines: int, parallel: int) -> Told:
    """Write the machines down as stopped."""
    from cloudmesh.cloud.model.records import MachineRecord, State
    from cloudmesh.cloud.store.inventory import Inventory

    now = time.time()
    with Inventory() as inventory:
        for place, cloud in enumerate(CLOUDS):
            stopped = [
                MachineRecord(
                    *(cloud, f"web{n:05}", f"3f1c{n:08x}-7a1e-4a55", State.STOPPED, "SHUTOFF"),
                    *("ubuntu-24.04", "m1.small", "laptop", [f"10.0.{n // 250}.{n % 250}"]),
                    created=now - n,
                    metadata={"role": f"r{n % 5}"},
                )
                for n in range(1, machines + 1)
                if n % len(CLOUDS) == place
            ]
            inventory.replace(cloud, stopped, now)
    return {}


def ours(machines: int, parallel: int) -> Told:
    """Select, plan and run the starts."""
    from cloudmesh.vm import Machines
    from cloudmesh.vm.jobs.store import JobStore
    from cloudmesh.vm.model.limits import CallSettings, JobLimits
    from cloudmesh.vm.scheduler.scheduler import Scheduler

    class TimedStore(JobStore):
        """Tells how long it has written."""

        written = 0.0

        def write(self, *step: Any) -> None:
            """As the journal does."""
            began = time.process_time()
            super().write(*step)
            TimedStore.written += time.process_time() - began

    names = f"web[00001-{machines:05}]"
    with Machines(names, cloud=CLOUDS) as ms:
        # What is loaded once a process is no part of it.
        Machines("web00001", cloud=CLOUDS, config=ms.session.config).open().plan("start")
        planned, plan = _seconds(lambda: ms.plan("start"))
        store = TimedStore.create(ms.session.inventory, plan)
        settings = {cloud: CallSettings(ms.session.access(cloud)) for cloud in CLOUDS}
        executor = AtOnce()
        scheduler = Scheduler(settings, lambda: executor, store, JobLimits(parallel))
        run, result = _seconds(lambda: scheduler.run(store.tasks))
        store.close(True)
    assert len(result.succeeded) == machines
    micro = 1e6 / machines
    return {"plan": planned, "run": run * micro, "journal": TimedStore.written * micro}


def theirs(machines: int, parallel: int) -> Told:
    """The loop by hand, on a job that is in the store."""
    from cloudmesh.vm import Machines
    from cloudmesh.vm.jobs.jobs import Jobs
    from cloudmesh.vm.model.call import Access, Call

    with Machines(f"web[00001-{machines:05}]", cloud=CLOUDS) as ms:
        plan = ms.plan("start")
        job = Jobs(ms.session.config).create(plan).number
        place = ms.session.inventory.database.place
    database = sqlite3.connect(place, isolation_level=None)
    database.execute("PRAGMA synchronous=NORMAL")
    for column in ("failure TEXT", "ended REAL", "unsure INTEGER"):
        database.execute(f"ALTER TABLE task ADD COLUMN {column}")
    ids = [id for (id,) in database.execute("SELECT id FROM task WHERE job = ? ORDER BY id", (job,))]
    accesses = {cloud: Access(cloud, {}) for cloud in CLOUDS}
    tasks = list(zip(ids, plan.tasks, strict=True))
    executor = AtOnce()

    def run() -> int:
        ended: list[tuple[int, Any]] = []
        done = 0
        for start in range(0, len(tasks) + 1, parallel):
            some = tasks[start : start + parallel]
            _write(database, job, ended, [id for id, _ in some])
            done += len(ended)
            calls = [
                (id, Call(accesses[task.cloud], task.verb, (task.machine,), (None,))) for id, task in some
            ]
            ended = [(id, executor.submit(None, call).result()) for id, call in calls]  # type: ignore[arg-type]
        if ended:
            _write(database, job, ended, [])
            done += len(ended)
        return done

    gone, done = _seconds(run)
    database.close()
    assert done == machines
    return {"run": gone * 1e6 / machines}


COLUMNS = (
    *("cloud", "name", "cloud_id", "state", "raw_state", "image", "flavor", "key"),
    *("private_ips", "public_ips", "fault", "created", "metadata", "zone", "login_user"),
    *("ssh_port", "owner", "boot_id", "lease", "refreshed"),
)
SAVE = f"UPDATE machine SET {', '.join(f'{each} = ?' for each in COLUMNS)} WHERE cloud = ? AND cloud_id = ?"
BEGIN = "UPDATE task SET status = 'running', began = ? WHERE id = ?"
END = (
    "UPDATE task SET status = 'done', error = '', failure = '', seconds = ?, ended = ?, unsure = 0, "
    "cloud_id = ? WHERE id = ?"
)
EVENT = "INSERT INTO job_event (job, task, kind, time) VALUES (?, ?, ?, ?)"


def _write(
    database: sqlite3.Connection, job: int, ended: Sequence[tuple[int, Any]], begun: Sequence[int]
) -> None:
    """One turn: machines as they are now, tasks that have ended, those that begin, and the events."""
    now = time.time()
    saved = [(id, reply.seconds, reply.results[0].machine) for id, reply in ended]
    rows = []
    for _, _, each in saved:
        lists = (json.dumps(each.private_ips), json.dumps(each.public_ips))
        pairs = json.dumps([[key, value] for key, value in each.metadata.items()])
        row = (each.cloud, each.name, each.cloud_id, each.state.value, each.raw_state, each.image)
        row = (*row, each.flavor, each.key, *lists, each.fault, each.created, pairs, each.zone)
        row = (*row, each.login_user, each.ssh_port, each.owner, each.boot_id, each.lease, now)
        rows.append((*row, each.cloud, each.cloud_id))
    events = [(job, id, "done", now) for id, _, _ in saved] + [(job, id, "begun", now) for id in begun]
    database.execute("BEGIN IMMEDIATE")
    database.executemany(SAVE, rows)
    database.executemany(END, [(seconds, now, each.cloud_id, id) for id, seconds, each in saved])
    database.executemany(BEGIN, [(now, id) for id in begun])
    database.executemany(EVENT, events)
    database.execute("COMMIT")


def _seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """The processor time that some work takes, and what it gives."""
    gc.collect()
    began = time.process_time()
    given = work()
    return time.process_time() - began, given


def main(who: str, machines: str, parallel: str) -> None:
    """One measurement, told as JSON."""
    # As the program cms does it.
    gc.set_threshold(100_000)
    measured: dict[str, Callable[[int, int], Told]] = {"prepare": prepare, "ours": ours, "theirs": theirs}
    json.dump(measured[who](int(machines), int(parallel)), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
