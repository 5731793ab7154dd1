"""A killed program never leaves a half-written configuration or store."""

import os
import random
import signal
import stat
import time
from collections import Counter

import pytest
import yaml

from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.db import Database

from .conftest import query, wait_until


def kill(process):
    """End a program as a power cut would."""
    os.killpg(process.pid, signal.SIGKILL)
    _, err = process.communicate(timeout=20)
    assert "Traceback" not in err
    return process.returncode


def kill_after(home, seconds, *words):
    """Start a command and kill it that much later; whether it was still running."""
    process = home.start(*words)
    time.sleep(seconds)
    return kill(process) == -signal.SIGKILL


def integrity(file):
    """What is wrong in a store; a file that was never made is sound."""
    return query(file, "PRAGMA integrity_check") if file.exists() else [("ok",)]


def check(home, config_keys):
    """Everything a user relies on after a crash."""
    assert stat.S_IMODE(home.config.stat().st_mode) == 0o600
    assert set(local(home)) == config_keys
    assert integrity(home.directory / "cloudmesh.db") == integrity(home.world) == [("ok",)]
    stored = rows(home)
    machines = [name for (name,) in query(home.world, "SELECT name FROM machine")]
    assert set(stored) <= set(machines), "no row of a machine that never was"
    assert set(Counter(stored).values()) <= {1}, "none twice"
    told = Counter(row["name"] for row in home.json("vm", "list", "--refresh"))
    assert told == Counter(machines), "each machine of the cloud once, and no other"


def rows(home):
    """The machines of the store as a list reads them, before any cloud is asked."""
    with Inventory(Database(home.directory / "cloudmesh.db")) as inventory:
        known = inventory.known("local")
    assert all(each.refreshed > 0 and isinstance(each.machine.state, State) for each in known)
    return [each.machine.name for each in known]


def rounds(home, count, seed):
    """Kill boots, configuration changes and stops at random moments, in turn.

    A command that ended before its kill is given less time in the next round: how long one takes depends on
    the machine.
    """
    chance = random.Random(seed)
    keys = set(local(home))
    longest = [0.6, 0.6, 0.6]
    was_killed = 0
    for number in range(count):
        words = (
            ("config", "set", f"clouds.local.action_seconds=0.{number + 10}"),
            ("vm", "boot", f"r{number}web[01-20]"),
            ("vm", "stop", "--all"),
        )[number % 3]
        killed = kill_after(home, chance.uniform(0.1, 1) * longest[number % 3], *words)
        longest[number % 3] *= 1.1 if killed else 0.6
        was_killed += killed
        check(home, keys)
    return was_killed


@pytest.fixture
def slow_home(home, cloud_settings):
    """A cloud on which twenty calls take most of a second."""
    home.configure(local=cloud_settings(latency_seconds=0.02, boot_seconds=0.0))
    return home


def test_a_few_kills(slow_home):
    assert rounds(slow_home, 6, seed=1) > 0


@pytest.mark.parametrize(
    "seed", [pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.long)]
)
def test_many_kills(slow_home, seed):
    assert rounds(slow_home, 21, seed) >= 5


@pytest.mark.slow
def test_a_configuration_is_old_or_new_wherever_it_is_killed(home):
    """Kills close to the moment at which the file is replaced, found by trying."""
    home.change("local", title="before " + "x" * 200_000)
    delay, chance, seen = 0.3, random.Random(4), []
    for number in range(25):
        old = local(home)["boot_seconds"]
        kill_after(home, delay, "config", "set", f"clouds.local.boot_seconds={number}")
        now = local(home)
        assert now["boot_seconds"] in (old, number) and len(now["title"]) == 200_007
        assert stat.S_IMODE(home.config.stat().st_mode) == 0o600
        seen.append(now["boot_seconds"] == number)
        delay *= chance.uniform(0.7, 1.0) if seen[-1] else chance.uniform(1.0, 1.5)
    assert set(seen) == {True, False}, "some were killed before, some after"
    home.cms("config", "set", "clouds.local.boot_seconds=77")
    assert local(home)["boot_seconds"] == 77


def local(home):
    """The section of the cloud in the configuration."""
    return yaml.safe_load(home.config.read_text(encoding="utf-8"))["clouds"]["local"]


def test_the_journal_tells_which_task_a_killed_program_was_at(machines):
    home = machines
    home.change("local", latency_seconds=1.0)
    process = home.start("vm", "stop", "web[01-03]")
    store = home.directory / "cloudmesh.db"
    wait_until(lambda: ("web01", "running") in tasks(store, "stop"), process)
    kill(process)
    assert tasks(store, "stop") == [("web01", "running"), ("web02", "pending"), ("web03", "pending")]
    home.change("local", latency_seconds=0)
    (row,) = home.json("db", "find", "task", "status=running")
    assert (row["cloud"], row["name"], row["verb"]) == ("local", "web01", "stop")
    done = home.json("db", "find", "task", "status=done")
    assert [(row["name"], row["verb"]) for row in done] == [
        (name, "boot") for name in ("web01", "web02", "web03")
    ]
    assert (
        "job 2 was interrupted: 0 of 3 done; continue with cms job resume 2" in home.cms("vm", "list").stderr
    )
    home.cms("job", "resume", "2")
    assert [status for _, status in tasks(store, "stop")] == ["done"] * 3


def tasks(store, verb):
    return query(store, "SELECT name, status FROM task WHERE verb = ?", verb)
