"""Many machines through a cluster: the same outcomes as by threads, also when a worker dies meanwhile."""

import json
import signal
import time

import pytest
import yaml

from cloudmesh.config import Config
from cloudmesh.vm import Machines, Status

pytestmark = pytest.mark.slow

NAMES = "left:m[01-30],right:m[01-30]"
BOTH = "--cloud=left,right"


@pytest.fixture
def engine(home, cloud_settings):
    """Configures two simulated clouds and an engine."""

    def configure(cluster=None, **settings):
        home.configure(left=cloud_settings(**settings), right=cloud_settings(**settings))
        data = yaml.safe_load(home.config.read_text())
        data["cloudmesh"]["parallel"] = 8
        if cluster is not None:
            data["cloudmesh"].update(engine="dask", scheduler=cluster.address)
        home.config.write_text(yaml.safe_dump(data))
        return home

    return configure


@pytest.fixture
def cluster_at_home(new_cluster, home):
    """A cluster whose workers see the simulated clouds of this home."""
    new_cluster.extra = {"CLOUDMESH_CONFIG_DIR": str(home.directory)}
    return new_cluster.start()


def life(home):
    """Boot, stop, start and delete sixty machines; what was told of each."""
    steps = [
        home.json("vm", "boot", NAMES, "--wait"),
        home.json("vm", "stop", NAMES, "--wait"),
        home.json("vm", "start", NAMES, "--wait"),
        home.json("vm", "start", NAMES),
        home.json("vm", "delete", NAMES, "--yes", "--wait"),
    ]
    volatile = ("seconds", "age", "address", "id")
    return [[{key: row[key] for key in row if key not in volatile} for row in step] for step in steps]


def test_the_outcomes_are_those_of_threads(engine, home, cluster_at_home):
    told = life(engine(cluster_at_home))
    assert [len(step) for step in told] == [60] * 5
    for worker in ("worker0", "worker1"):
        log = (cluster_at_home.folder / f"{worker}.log").read_text()
        assert log.count("Purge task") > 50, "both have made calls"
    assert home.json("vm", "list", BOTH, "--refresh") == []
    (home.directory / "cloudmesh.db").unlink()
    for database in (home.directory / "machines").glob("*"):
        database.unlink()
    assert told == life(engine())


def test_from_python(engine, home, cluster_at_home, monkeypatch):
    engine(cluster_at_home)
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(home.directory))
    with Machines("left:p[1-12],right:p[1-12]", config=Config.load()) as machines:
        booted = machines.boot(wait=True)
        assert [each.status for each in booted] == [Status.DONE] * 24
        assert {each.status for each in machines.stop()} == {Status.DONE}
        assert {each.status for each in machines.stop(wait=True)} == {Status.ALREADY}
        assert {each.status for each in machines.delete()} == {Status.DONE}


def test_a_worker_dies_while_machines_boot(engine, home, cluster_at_home, until):
    """What was lost with it is looked for and booted if it is not there: each machine exists once."""
    engine(cluster_at_home, latency_seconds=1.5)
    boot = home.start("vm", "boot", NAMES, "--output=json")
    until(lambda: done(home) > 10)
    cluster_at_home.kill_at_work("worker0")
    assert boot.poll() is None
    out, errors = boot.communicate(timeout=300)
    rows = json.loads(out)
    wanted = {(cloud, f"m{number:02d}") for cloud in ("left", "right") for number in range(1, 31)}
    assert {(row["cloud"], row["name"]) for row in rows} == wanted and len(rows) == 60
    assert boot.returncode == 0, errors
    assert booted(home) == dict.fromkeys(wanted, 1)


def test_the_line_to_the_scheduler_breaks_off_while_a_machine_boots(
    engine, home, cluster_at_home, make_line, until
):
    """Its worker is well and boots it a little later, so nobody else does: that it may be there is told."""
    line = make_line(cluster_at_home)
    # All is slow, and the workers are at the boot when the job has begun.
    engine(line, latency_seconds=4)
    boot = home.start("vm", "boot", "m1", "--cloud=left", "--output=json")
    until(lambda: [job["status"] for job in home.json("job", "list")] == ["running"])
    until(lambda: at_work(cluster_at_home))
    line.break_off()
    time.sleep(1.5)
    line.mend()
    out, errors = boot.communicate(timeout=300)
    assert boot.returncode == 1, errors
    (row,) = json.loads(out)
    assert row["result"] == "failed" and "the connection to the Dask scheduler was lost" in row["reason"]
    home.change("left", latency_seconds=0)
    until(lambda: booted(home) == {("left", "m1"): 1})
    (job,) = home.json("job", "list")
    (resumed,) = home.json("job", "resume", str(job["job"]), "--failed")
    assert resumed["result"] == "done"
    assert booted(home) == {("left", "m1"): 1}


def at_work(cluster):
    """Whether a worker makes a call."""
    from distributed import Client

    with Client(cluster.address, set_as_default=False) as client:
        return any(client.processing().values())


def done(home):
    """How many machines the running job is done with."""
    return sum(job["done"] for job in home.json("job", "list") if job["status"] == "running")


def booted(home):
    """How many machines each name has at its cloud."""
    counts = {}
    for row in json.loads(home.cms("vm", "list", BOTH, "--refresh", "--output=json").stdout):
        place = (row["cloud"], row["name"])
        counts[place] = counts.get(place, 0) + 1
    return counts


@pytest.mark.long
def test_a_worker_dies_while_machines_reboot(engine, home, cluster_at_home, until):
    """A reboot that was lost is told, and not done a second time."""
    engine(cluster_at_home)
    home.cms("vm", "boot", NAMES, "--wait")
    engine(cluster_at_home, latency_seconds=1.5)
    reboot = home.start("vm", "reboot", NAMES, "--output=json")
    until(lambda: done(home) > 10)
    cluster_at_home.kill_at_work("worker0")
    out, errors = reboot.communicate(timeout=300)
    rows = json.loads(out)
    assert len(rows) == 60
    failed = [row for row in rows if row["result"] == "failed"]
    assert reboot.returncode == (1 if failed else 0), errors
    assert failed and all("lost" in row["reason"] for row in failed)


def test_a_scheduler_that_is_not_there(engine, home, new_cluster):
    new_cluster.port = 1
    ended = engine(new_cluster).cms("vm", "boot", "m1", "--cloud=left", code=4)
    assert (
        ended.stderr.count("\n") == 1
        and "no answer from a Dask scheduler at tcp://127.0.0.1:1" in ended.stderr
    )
    assert home.json("vm", "list", BOTH, "--refresh") == []
    assert home.json("job", "list") == [], "nothing was begun"


def test_an_interrupted_boot_is_resumed(engine, home, cluster_at_home, until):
    engine(cluster_at_home, latency_seconds=1.5)
    boot = home.start("vm", "boot", NAMES, "--output=json")
    until(lambda: done(home) > 10)
    boot.send_signal(signal.SIGINT)
    out, errors = boot.communicate(timeout=300)
    assert boot.returncode == 130 and "Traceback" not in errors
    results = [row["result"] for row in json.loads(out)]
    assert len(results) == 60 and results.count("not started") > 0
    there = booted(home)
    assert len(there) == results.count("done") and set(there.values()) == {1}, "what ran was waited for"
    (job,) = home.json("job", "list")
    resumed = home.json("job", "resume", str(job["job"]))
    assert {row["result"] for row in resumed} == {"done"}
    there = booted(home)
    assert len(there) == 60 and set(there.values()) == {1}
