"""Two processes of one user that boot the same names at once, on a cloud that takes a name twice."""

import json
import subprocess

import pytest


@pytest.mark.slow
def test_each_machine_is_booted_by_one_of_two_processes(make_fleet):
    fleet = make_fleet(1)
    fleet.tell(latency=0.15)
    words = [*fleet.home.program, "vm", "boot", "web[1-3]", "--cloud=a", "--output=json"]
    both = [
        subprocess.Popen(words, env=fleet.home.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60) for process in both]
    # Whoever came first booted all, or, a little later, the other was told by the cloud's listing.
    assert sorted(process.returncode for process in both) == [0, 1], said
    assert sorted(server["name"] for server in fleet.stacks["a"].servers()) == ["web1", "web2", "web3"]
    rows = [row for out, _ in said for row in json.loads(out)]
    assert sorted((row["name"], row["result"]) for row in rows) == [
        (f"web{number}", result) for number in (1, 2, 3) for result in ("done", "failed")
    ]
    reasons = " ".join(row.get("reason", "") for row in rows)
    assert "is booting a machine web1 now" in reasons or "already has a machine web1" in reasons
