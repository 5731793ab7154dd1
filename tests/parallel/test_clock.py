"""The clock of the machine jumps while a job runs, and while it is waited for."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

# The program runs with a clock that is as far off as a file says.
SHIM = """
import os, time
from pathlib import Path
_time, _file = time.time, Path(os.environ["CLOCK_OFFSET"])
time.time = lambda: _time() + float(_file.read_text())
"""
DAY = 24 * 3600.0
JUMPS = [[DAY, -DAY, 0.0], [-DAY, DAY, -DAY], [0.5, -0.5, 0.5]]


@pytest.fixture
def jump(tmp_path, make_fleet):
    """A user whose programs have a clock that jumps to an offset, in seconds."""
    fleet = make_fleet(2)
    folder = tmp_path / "clock"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SHIM)
    offset: Path = folder / "offset"

    def set_clock(seconds):
        new = offset.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(offset)

    set_clock(0.0)
    fleet.home.extra = {"PYTHONPATH": str(folder), "CLOCK_OFFSET": str(offset)}
    return fleet, set_clock


@pytest.mark.slow
@pytest.mark.parametrize("offsets", JUMPS, ids=["forward", "back", "a little"])
def test_a_job_and_its_waiting_end_whatever_the_clock_does(jump, offsets):
    fleet, set_clock = jump
    fleet.add(60)
    fleet.tell(latency=0.1, action=4)
    began = time.monotonic()
    words = "vm start a:a[001-060],b:b[001-060] --wait --timeout=60 --parallel=8 --output=json"
    process = fleet.home.start(*words.split())
    for share, offset in zip((24, 60, 100), offsets, strict=True):
        while sum(len(stack.calls()) for stack in fleet.stacks.values()) < share:
            assert process.poll() is None and time.monotonic() - began < 60
            time.sleep(0.02)
        set_clock(offset)
    while not any("servers/detail" in kind for kind in fleet.kinds()):
        assert process.poll() is None and time.monotonic() - began < 60
        time.sleep(0.02)
    for offset in reversed(offsets):
        set_clock(offset)
        time.sleep(0.6)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    rows = json.loads(out)
    assert len(rows) == 120 and {(row["result"], row["state"]) for row in rows} == {("done", "active")}
    assert all(0 <= row["seconds"] < 60 for row in rows)
    assert fleet.kinds()["POST /compute/v2.1/servers/*/action os-start"] == 120
    set_clock(0.0)
    assert fleet.home.json("job", "list")[-1]["status"] == "done"


def test_what_the_clock_says_of_a_listing_does_not_lose_a_machine(jump):
    fleet, set_clock = jump
    fleet.add(5)
    set_clock(-DAY)
    fleet.home.cms("vm", "start", "a:a[001-005]", "--wait")
    set_clock(0.0)
    rows = fleet.home.json("vm", "list", "--refresh", "--cloud=a")
    assert {row["state"] for row in rows} == {"active"} and len(rows) == 5
