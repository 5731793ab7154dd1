"""Ended by any signal at any moment, and resumed: the store tells what the clouds have."""

import random
import signal
import time

import pytest

SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
NAMES = "a:a[001-010],b:b[001-010]"


@pytest.mark.parametrize(
    "seed",
    [pytest.param(0, marks=pytest.mark.slow), *(pytest.param(n, marks=pytest.mark.long) for n in (1, 2))],
)
def test_a_job_that_is_ended_again_and_again_comes_to_its_end(make_fleet, seed):
    fleet, dice = make_fleet(2), random.Random(seed)
    fleet.add(10, "SUSPENDED")
    fleet.tell(latency=0.05, action=0.3)
    for number, (verb, state) in enumerate([("resume", "active"), ("delete", None)], 1):
        words = ["vm", verb, NAMES, "--parallel=2", "--wait", *(["--yes"] if verb == "delete" else [])]
        for attempt in range(6):
            process = fleet.home.start(*words)
            if attempt < 5:
                time.sleep(dice.uniform(0.8, 2.5))
                process.send_signal(dice.choice(SIGNALS))
            process.communicate(timeout=60)
            jobs = {job["job"]: job["status"] for job in fleet.home.json("job", "list")}
            if number in jobs:
                words = ["job", "resume", str(number)]
            if jobs.get(number) == "done":
                break
        assert {row["result"] for row in fleet.home.json("job", "show", str(number))} <= {"done", "already"}
        rows = fleet.home.json("vm", "list", "--cloud=a,b")
        assert len(rows) == len(fleet.states()) == (20 if state else 0)
        assert {row["state"] for row in rows} == ({state} if state else set())
    assert "interrupted" not in fleet.home.cms("vm", "list").stderr
