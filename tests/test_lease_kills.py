"""A boot on a lease, or a delete, that is killed at any moment leaves no lease that nobody knows."""

import random
import signal
import time

import pytest

from .conftest import query, wait_until
from .test_killed import kill


@pytest.fixture
def slow_home(home, cloud_settings):
    """A cloud on which a lease takes a moment to start, and each call some time."""
    home.configure(local=cloud_settings(latency_seconds=0.05, boot_seconds=0.0, action_seconds=0.4))
    return home


def leases(home):
    """The names of the leases of the cloud itself, and of those that the jobs of the store know."""
    store = home.directory / "cloudmesh.db"
    there = query(home.world, "SELECT name FROM lease") if home.world.exists() else []
    tables = "SELECT 1 FROM sqlite_master WHERE name = 'job_lease'"
    known = query(store, "SELECT name FROM job_lease") if store.exists() and query(store, tables) else []
    return {name for (name,) in there}, {name for (name,) in known}


def resume(home):
    """Go on with all jobs that were interrupted."""
    for job in home.json("job", "list"):
        if job["status"] not in ("done", "failed"):
            home.cms("job", "resume", str(job["job"]))


def rounds(home, count, seed):
    """Kill boots and deletes at random moments, in turn; how many were killed in their midst."""
    chance, killed = random.Random(seed), 0
    longest = {"boot": 1.6, "delete": 0.8}
    for number in range(count):
        names = f"r{number}n[1-3]"
        for verb, more in (("boot", ["--lease=3h"]), ("delete", ["--yes"])):
            process = home.start("vm", verb, names, *more)
            time.sleep(chance.uniform(0.2, 1) * longest[verb])
            was_running = kill(process) == -signal.SIGKILL
            longest[verb] *= 1.1 if was_running else 0.7
            killed += was_running
            there, known = leases(home)
            assert there <= known, "each lease is in the store"
            resume(home)
            rows = home.json("lease", "list")
            machines = [row["name"] for row in home.json("vm", "list", "--refresh")]
            assert sorted(name for row in rows for name in row["machines"]) == sorted(machines)
            assert all(len(row["machines"]) == 3 for row in rows), "machines with a lease, or nothing"
            if verb == "boot" and not machines:
                break
        if home.json("vm", "list"):
            home.cms("vm", "delete", "--all", "--yes")
        assert leases(home)[0] == set()
    return killed


def test_a_few_kills_leave_machines_with_a_lease_or_nothing(slow_home):
    assert rounds(slow_home, 2, seed=5) > 0


@pytest.mark.long
def test_many_kills_leave_machines_with_a_lease_or_nothing(slow_home):
    assert rounds(slow_home, 8, seed=6) >= 4


def test_ctrl_c_while_waiting_for_the_start_tells_how_to_go_on(slow_home):
    process = slow_home.start("vm", "boot", "n[1-2]", "--lease=3h", "--lease-start=+4s")
    wait_until(lambda: bool(leases(slow_home)[0]), process)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130 and "Traceback" not in err
    (name,) = leases(slow_home)[0]
    assert f"continue with cms job resume 1, or delete it with cms lease delete {name} --cloud=local" in err
    assert slow_home.json("vm", "list") == []
    slow_home.cms("job", "resume", "1")
    (row,) = slow_home.json("lease", "list")
    assert (row["name"], row["machines"]) == (name, ["n1", "n2"])


def test_a_cancelled_job_names_the_lease_that_is_left(slow_home):
    process = slow_home.start("vm", "boot", "n1", "--lease=3h", "--lease-start=+10m")
    wait_until(lambda: bool(leases(slow_home)[0]), process)
    kill(process)
    (name,) = leases(slow_home)[0]
    told = slow_home.cms("job", "cancel", "1")
    assert f"cms lease delete {name} --cloud=local" in told.stderr
