"""Killed at any moment, by a signal that nobody can catch, and gone on with: nothing twice, nothing lost."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.config import Config
from cloudmesh.vm.jobs.jobs import Jobs

BOOT_KILLS = 25
MACHINES = 12
# A job takes about so long, in seconds.
LONGEST = 0.25
VERBS = ("boot", "stop", "start", "hard_reboot", "suspend", "resume", "delete")
# Which states a machine may be in after a verb that it was asked for once.
AFTER = {
    "boot": {"active"},
    "stop": {"stopped"},
    "start": {"active"},
    "hard_reboot": {"active"},
    "suspend": {"suspended"},
    "resume": {"active"},
    "delete": set(),
}


class Zygote:
    """The process that forks others, each of which is killed or lived out."""

    def __init__(self, home, settling):
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("zygote.py"), *([str(settling)] if settling else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "CLOUDMESH_CONFIG_DIR": str(home)},
        )

    def run(self, *words, kill_after=None):
        """The exit code of a process, or None if it was killed on its way."""
        self._process.stdin.write(json.dumps([kill_after, *words]) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        return None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def close(self):
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    # The rate is as good as none, but with one the cloud counts the calls of each machine.
    cloud = {
        "type": "simulated",
        "boot_seconds": 0,
        "action_seconds": 0,
        "latency_seconds": 0.01,
        "failure_rate": 1e-15,
        "default": {"image": "debian-12", "flavor": "tiny"},
    }
    file = directory / "class.yaml"
    file.touch(mode=0o600)
    # One of the two takes several machines in one call.
    clouds = {"a": cloud, "b": {**cloud, "bulk": 4}}
    file.write_text(json.dumps({"cloudmesh": {"default": ["a", "b"]}, "clouds": clouds}))
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(directory))
    return directory


@pytest.fixture
def make_zygote():
    """Starts a zygote for a home; its children wait so many seconds for a boot that was lost."""
    started = []

    def make(home, settling=None):
        started.append(Zygote(home, settling))
        return started[-1]

    yield make
    for process in started:
        process.close()


def machines(cloud, prefix):
    """The machines of a cloud as the cloud itself has them: names and states."""
    with SimulatedProvider(cloud, Config.load().cloud(cloud)) as provider:
        return [(each.name, each.state.value) for each in provider.machines() if each.name.startswith(prefix)]


def calls(cloud, verb, name):
    """How often a cloud was asked to do this to a machine."""
    with SimulatedProvider(cloud, Config.load().cloud(cloud)) as provider:
        return provider._world.count(verb, name) - 1


def to_the_end(zygote, dice, words):
    """Run a job, killed at random moments and resumed until it ends; the job, and how often it was killed."""
    before = {job.number for job in Jobs().list()}
    kills = 0
    while True:
        new = [job for job in Jobs().list() if job.number not in before]
        if new and new[0].status != "interrupted":
            return new[0], kills
        order = ("resume", new[0].number) if new else words
        # On a busy machine it takes longer; once it is given the time.
        if zygote.run(*order, kill_after=dice.uniform(0, LONGEST * (1 + kills / 4))) is None:
            kills += 1


def check(job, verb, prefix, expected):
    """Every machine is there once, where the verb led it, and every task tells the truth."""
    _, tasks = Jobs().show(job.number)
    assert sorted(each["name"] for each in tasks) == expected
    there = machines("a", prefix) + machines("b", prefix)
    assert sorted(name for name, _ in there) == ([] if verb == "delete" else expected)
    assert {state for _, state in there} <= AFTER[verb]
    for task in tasks:
        if verb == "hard_reboot":
            assert calls(task["cloud"], verb, task["name"]) <= 1
        if task["status"] == "failed":
            assert (verb, "outcome unknown" in task["error"]) == ("hard_reboot", True), task
        else:
            assert task["status"] in ("done", "already"), task


@pytest.mark.slow
@pytest.mark.parametrize("wanted", [50, pytest.param(200, marks=pytest.mark.long)])
def test_kills_lose_nothing_and_do_nothing_twice(home, make_zygote, wanted):
    dice, zygote = random.Random(20261124), make_zygote(home)
    kills = count = 0
    while kills < wanted:
        prefix, count = f"k{count}x", count + 1
        expected = [f"{prefix}{number:02}" for number in range(1, MACHINES + 1)]
        half = MACHINES // 2
        names = f"a:{prefix}[01-{half:02}],b:{prefix}[{half + 1:02}-{MACHINES:02}]"
        for verb in VERBS:
            job, more = to_the_end(zygote, dice, ("act", verb, names))
            kills += more
            check(job, verb, prefix, expected)
    assert Jobs().interrupted() == []


@pytest.mark.slow
def test_killed_boots_make_each_machine_once_where_two_may_have_one_name(make_fleet, make_zygote):
    fleet = make_fleet(2)
    fleet.tell(latency=0.02)
    dice, zygote = random.Random(20261125), make_zygote(fleet.home.directory, settling=0.2)
    kills, wanted = 0, []
    while kills < BOOT_KILLS:
        prefix = f"k{len(wanted)}x"
        wanted += [f"{cloud}:{prefix}{number}" for cloud in "ab" for number in range(1, 7)]
        job, more = to_the_end(zygote, dice, ("act", "boot", f"a:{prefix}[1-6],b:{prefix}[1-6]"))
        kills += more
        assert (job.status, job.done) == ("done", 12)
    there = [
        f"{cloud}:{server['name']}" for cloud, stack in fleet.stacks.items() for server in stack.servers()
    ]
    assert sorted(there) == sorted(wanted)
