"""The disk with the store is full in the middle of a job: what was done is told, and no more is begun."""

import json
import resource
import subprocess
import time
from collections import Counter
from contextlib import suppress

import pytest

MACHINES = 120


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a few megabytes, which only some users may have."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", str(place)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here; the limit of a file's size is tested instead")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def start_all(fleet, fill):
    """Start all machines by the program; ``fill`` is called in the middle with its process."""
    fleet.tell(latency=0.2)
    process = fleet.home.start("vm", "start", f"a[001-{MACHINES}]", "--parallel=8", "--output=json")
    deadline = time.monotonic() + 30
    while len(fleet.stacks["a"].calls()) < 24:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    fill(process)
    out, err = process.communicate(timeout=60)
    assert out, err
    return process.returncode, json.loads(out), err


def check(fleet, code, rows, err):
    """Everybody is told, and nobody wrongly."""
    assert code not in (0, 130) and "Traceback" not in err
    assert len(rows) == MACHINES and set(Counter(row["name"] for row in rows).values()) == {1}
    states = fleet.states()
    called = {each["path"] for each in fleet.stacks["a"].calls()}
    assert 24 <= len(called) < MACHINES, "nothing new is begun without a record"
    for row in rows:
        was_started = states[f"a:{row['name']}"] == "ACTIVE"
        if row["result"] == "done":
            assert was_started, row
        else:
            assert row["reason"], row
            assert not was_started or "could not be saved in the store" in row["reason"], row
    assert Counter(row["result"] for row in rows)["done"] >= 8
    assert "password" not in err


def check_resumed(fleet):
    """With room again, the rest is done, once each."""
    number = fleet.home.json("job", "list")[-1]["job"]
    fleet.home.cms("job", "resume", str(number))
    assert set(fleet.states().values()) == {"ACTIVE"}
    done = Counter(server["done"].count("powering-on") for server in fleet.stacks["a"].servers())
    assert done == {1: MACHINES}


def test_a_file_that_cannot_grow(make_fleet):
    fleet = make_fleet(1)
    fleet.add(MACHINES)

    def limit(process):
        size = max(file.stat().st_size for file in fleet.home.directory.glob("cloudmesh.db*"))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))

    check(fleet, *start_all(fleet, limit))
    check_resumed(fleet)


@pytest.fixture
def crowded(make_fleet, small_disk, make_home, monkeypatch):
    """A user with many machines, whose store is on a small disk."""
    fleet = make_fleet(1)
    fleet.home = make_home(small_disk)
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(fleet.home.directory))
    fleet.configure()
    fleet.add(MACHINES)
    return fleet


def test_a_disk_that_is_full(crowded, small_disk):
    filler = small_disk / "filler"

    def fill(_):
        with filler.open("wb", buffering=0) as file:
            for size in (65536, 4096, 512):
                with suppress(OSError):
                    while True:
                        file.write(b"x" * size)

    check(crowded, *start_all(crowded, fill))
    filler.unlink()
    check_resumed(crowded)


def test_no_job_is_begun_on_a_full_disk(crowded, small_disk):
    with (small_disk / "filler").open("wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(b"x" * 4096)
    ended = crowded.home.cms("vm", "start", f"a[001-{MACHINES}]", code=None)
    assert ended.returncode not in (0, 130) and "Traceback" not in ended.stderr
    assert crowded.kinds() == {} and set(crowded.states().values()) == {"SHUTOFF"}
