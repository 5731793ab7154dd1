"""The test-bed ends what it started, and nothing else, however it is interrupted."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

BED = Path(__file__).parent / "bed"
# A parent with a child in its session, as the services are; the child outlives it.
FAMILY = "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); time.sleep({})"


@pytest.fixture
def modules(monkeypatch):
    """The modules of the test-bed, which is a program and no package."""
    monkeypatch.syspath_prepend(str(BED))
    names = ("place", "processes", "install")
    yield tuple(importlib.import_module(name) for name in names)
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def bed(modules, tmp_path, monkeypatch):
    monkeypatch.setenv("CLOUDMESH_TESTBED", str(tmp_path / "bed"))
    made = modules[0].Bed.load()
    made.make()
    return made


@pytest.fixture
def processes(modules, bed):
    made = modules[1].Processes(bed)
    yield made
    made.stop_all()


def sleepers(folder: Path) -> list[psutil.Process]:
    """What runs with this current directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_what_was_started_is_stopped_with_its_children(bed, processes):
    processes.start("one", [sys.executable, "-c", FAMILY.format(60)])
    processes.start("mariadb", ["sleep", "60"])
    wait_until(lambda: len(sleepers(bed.run)) == 3)
    processes.stop_all()
    assert sleepers(bed.run) == [] and processes.names() == []


def test_children_that_outlived_their_parent_are_stopped_too(bed, processes):
    processes.start("one", [sys.executable, "-c", FAMILY.format(0)])
    wait_until(lambda: not processes.leader("one") and len(sleepers(bed.run)) == 1)
    processes.stop_all()
    assert sleepers(bed.run) == []


def test_another_command_stops_it(modules, bed, processes):
    processes.start("one", ["sleep", "60"])
    modules[1].Processes(modules[0].Bed.load()).stop_all()
    assert sleepers(bed.run) == []


def test_a_program_that_got_the_number_of_an_old_one_is_left_alone(bed, processes):
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        (bed.run / "pid").mkdir()
        note = {"pid": stranger.pid, "created": psutil.Process(stranger.pid).create_time() - 100}
        (bed.run / "pid" / "one.json").write_text(json.dumps(note))
        processes.stop_all()
        assert stranger.poll() is None and processes.names() == []
    finally:
        stranger.kill()
        stranger.wait()


def test_one_that_will_not_end_is_made_to(bed, processes):
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1); time.sleep(60)"
    processes.start("one", [sys.executable, "-uc", stubborn])
    wait_until(lambda: processes.log("one").read_text())
    processes.stop(["one"], patience=0.2)
    assert sleepers(bed.run) == []


def test_a_tool_that_fails_is_an_error_that_names_its_log(modules, bed, processes):
    with pytest.raises(modules[0].BedError, match=r"tool-\d+ failed; see .*tool-\d+\.out"):
        processes.run("tool", ["sh", "-c", "exit 3"], {})


def test_a_service_that_ends_at_once_is_noticed(modules, bed, processes):
    bed.settle(["one"])
    processes.start("one", ["true"])
    with pytest.raises(modules[0].BedError, match="one ended by itself"):
        processes.wait_for_port("one", bed.ports["one"])


def test_the_variables_of_the_users_clouds_do_not_reach_it(modules, bed, processes, monkeypatch):
    monkeypatch.setenv("OS_PASSWORD", "mine")
    processes.start("one", ["env"])
    wait_until(lambda: not processes.leader("one"))
    assert "OS_PASSWORD" not in processes.log("one").read_text()


def test_ports_and_passwords_stay_until_it_is_wiped(modules, bed):
    bed.settle(["one", "two"])
    again = modules[0].Bed.load()
    assert again == bed and len(set(bed.ports.values())) == 2
    assert (bed.run / "bed.json").stat().st_mode & 0o077 == 0 and bed.run.stat().st_mode & 0o077 == 0
    bed.wipe()
    assert not bed.run.exists()


def test_what_is_no_test_bed_is_not_wiped(bed):
    precious = bed.run / "thesis.txt"
    precious.write_text("words")
    bed.wipe()
    assert precious.exists()


@pytest.mark.parametrize(
    ("package", "program"), [("rabbitmq-server", "/nowhere/rabbitmq-server"), ("nodejs", "no-such-node")]
)
def test_missing_packages_are_named_with_the_remedy(modules, monkeypatch, package, program):
    install = modules[2]
    monkeypatch.setitem(install.DEBIAN, package, program)
    with pytest.raises(modules[0].BedError, match=f"apt-get install .*{package}"):
        install.require_packages()


@pytest.fixture
def directory(tmp_path):
    """For a whole new test-bed beside the one of the other tests, with the same programs."""
    directory = tmp_path / "bed"
    (directory / "venv" / "bin").mkdir(parents=True)
    for file in (*INSTALLED.glob("bin/*"), *INSTALLED.glob("[!b]*")):
        (directory / "venv" / file.relative_to(INSTALLED)).symlink_to(file)
    (directory / "openid").symlink_to(INSTALLED.parent / "openid")
    yield directory
    assert sleepers(directory / "run") == []
    everything = [" ".join(cmdline(process)) for process in psutil.process_iter()]
    assert [words for words in everything if str(directory) in words] == []


INSTALLED = BED.parents[2] / ".openstack" / "venv"


def start_bed(directory, told):
    """``up`` as a process of its own."""
    env = {**os.environ, "CLOUDMESH_TESTBED": str(directory)}
    words = [sys.executable, str(BED), "up"]
    return subprocess.Popen(words, env=env, stderr=told, start_new_session=True)


@pytest.mark.long
@pytest.mark.openstack
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_leaves_nothing_behind(directory, tmp_path, number):
    with (tmp_path / "told").open("w") as told:
        started = start_bed(directory, told)
        wait_until(lambda: list((directory / "run" / "pid").glob("nova-manage-*.json")), 60)
        assert len(sleepers(directory / "run")) > 3
        os.kill(started.pid, number)
        assert started.wait(60) == 130


@pytest.mark.long
@pytest.mark.openstack
def test_a_failed_start_leaves_nothing_behind(directory, tmp_path):
    broken = directory / "venv" / "bin" / "nova-manage"
    broken.unlink()
    broken.symlink_to("/bin/false")
    with (tmp_path / "told").open("w") as told:
        assert start_bed(directory, told).wait(120) == 1
    assert "nova-manage" in (tmp_path / "told").read_text()


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def wait_until(true, patience=10.0):
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
