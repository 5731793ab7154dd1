"""Three real machines, from their boot to their end, as a user has them with ``cms``.

The tests of this file follow one another: each takes the machines as the ones before it left them, running
and ready.
"""

from __future__ import annotations

import os
import signal
import urllib.request

import pytest

from .conftest import PATIENCE, processes_of, wait_until

pytestmark = pytest.mark.qemu
NAMES = ["w1", "w2", "w3"]
# A program that lives in the guest's memory alone: what it has counted goes with its process.
# The file is never empty: another takes its place.
COUNT = "n=0; while :; do n=$((n+1)); echo $n > /tmp/next; mv /tmp/next /tmp/count; sleep 0.2; done"
COUNTING = f"setsid sh -c '{COUNT}' > /dev/null 2>&1 < /dev/null &"
# What somebody else's machine would show, or one that was installed anew.
OTHER_KEY = "cd /etc/ssh && rm ssh_host_* && ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key"


@pytest.fixture(scope="module")
def fleet(local):
    """The user, whose three machines were booted in parallel until they were ready."""
    local.boot("w[1-3]")
    return local


def test_three_machines_boot_in_parallel_until_one_can_sign_in(fleet):
    rows = {row["name"]: row for row in fleet.home.json("vm", "list")}
    assert {name: row["state"] for name, row in rows.items()} == dict.fromkeys(NAMES, "active")
    assert len(fleet.guests()) == 3
    said = fleet.run("w[1-3]", "hostname; cloud-init status")
    wanted = {name: f"{name}\nstatus: done\n" for name in NAMES}
    assert {name: row["stdout"] for name, row in said.items()} == wanted


def test_equal_outputs_are_shown_once_and_who_failed_is_counted(fleet):
    ended = fleet.home.cms("vm", "run", "w[1-3]", "--", "test $(hostname) != w2 && echo alike", code=1)
    assert ended.stdout.count("alike") == 1 and "w[1,3]" in ended.stdout
    assert "w2" in ended.stderr and "1 failed" in ended.stderr


def test_a_file_is_put_on_all_and_fetched_from_each(fleet, tmp_path):
    source = tmp_path / "données 1.txt"
    source.write_bytes(os.urandom(70_000))
    fleet.home.cms("vm", "put", "w[1-3]", str(source), "/tmp/")
    fleet.run("w[1-3]", f"cp '/tmp/{source.name}' /tmp/copy; hostname >> /tmp/copy")
    target = tmp_path / "got"
    fleet.home.cms("vm", "get", "w[1-3]", "/tmp/copy", f"{target}/")
    for name in NAMES:
        (got,) = target.rglob(f"{name}/copy")
        assert got.read_bytes() == source.read_bytes() + f"{name}\n".encode()


def test_a_tunnel_leads_to_a_web_server(fleet):
    fleet.run("w2", "hostname | sudo tee /srv/www/who")
    with fleet.home.start("vm", "tunnel", "w2", "80") as process:
        try:
            address = process.stdout.readline().strip()
            url = address if address.startswith("http") else f"http://{address}"
            with urllib.request.urlopen(f"{url}/who", timeout=PATIENCE) as answer:
                assert answer.read() == b"w2\n"
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0, process.stderr.read()


def test_machines_reach_one_another_by_name_and_the_network_outside_is_this_computers(fleet):
    """The web server of w3 is nowhere else: the first network of each machine is its own."""
    fleet.run("w3", "hostname | sudo tee /srv/www/who")
    wait_until(lambda: fleet.run("w1", "grep -w w3 /etc/hosts; true")["w1"]["stdout"])
    assert fleet.said("w1", "wget -q -O - http://w3/who") == "w3"


def test_memory_goes_on_after_suspend_and_resume_and_the_clock_is_right(fleet):
    fleet.run("w1", COUNTING)
    before = int(wait_until(lambda: fleet.said("w1", "cat /tmp/count || :")))
    fleet.home.cms("vm", "suspend", "w1", "--wait")
    assert fleet.home.states()["w1"] == "suspended"
    assert len(fleet.guests()) == 2, "a suspended machine has no process"
    fleet.home.cms("vm", "resume", "w1", "--wait")
    after = int(fleet.said("w1", "cat /tmp/count"))
    assert after >= before, "what it had counted is not lost"
    wait_until(lambda: int(fleet.said("w1", "cat /tmp/count")) > after)

    def drift():
        """How far the clocks are apart, in seconds."""
        here = fleet.home.run("date", "+%s").stdout
        return abs(int(fleet.said("w1", "date +%s")) - int(here))

    wait_until(lambda: drift() < 30)


def test_a_machine_whose_process_was_killed_is_told_and_starts_again(fleet):
    # As after a power cut, only what the guest has written to its disk is there.
    fleet.run("w2", "sync")
    os.kill(fleet.pid("w2"), signal.SIGKILL)
    wait_until(lambda: len(fleet.guests()) == 2)
    rows = {row["name"]: row["state"] for row in fleet.home.json("vm", "list", "--refresh")}
    assert rows["w2"] in ("stopped", "error") and rows["w1"] == rows["w3"] == "active"
    (row,) = fleet.run("w2", "true", code=1).values()
    assert row["result"] in ("unreachable", "failed") and row["exit"] is None
    fleet.home.cms("vm", "reboot", "w2", "--hard", "--wait")
    fleet.home.cms("vm", "wait", "w2", "--state=ready")
    assert fleet.said("w2", "cat /srv/www/who") == "w2", "its disk is the same"


def test_a_host_key_that_changed_is_refused_and_that_of_a_rebuilt_machine_is_not(fleet):
    fleet.run("w3", f'sudo sh -c "{OTHER_KEY}; kill $(cat /run/sshd.pid)"')
    fleet.close_connections()

    def refusal():
        """What is said of w3, once the server is up again with its other key."""
        (row,) = fleet.run("w3", "echo in", code=1).values()
        assert row["stdout"] == ""
        return row["reason"] if "key" in row["reason"] else None

    assert "chang" in wait_until(refusal)
    assert fleet.said("w1", "echo in") == "in"
    fleet.home.cms("vm", "rebuild", "w3", "--image=guest", "--yes", "--wait")
    fleet.home.cms("vm", "wait", "w3", "--state=ready")
    assert fleet.said("w3", "ls /srv/www") == "index.html", "it is a new disk"


def test_a_snapshot_brings_the_disk_back(fleet):
    fleet.run("w3", "echo one > state; sync")
    fleet.home.cms("vm", "snapshot", "w3", "--name=before")
    fleet.run("w3", "echo two > state; sync")
    fleet.home.cms("vm", "restore", "w3", "--name=before", "--yes", "--wait")
    fleet.home.cms("vm", "wait", "w3", "--state=ready")
    assert fleet.said("w3", "cat state") == "one"


def test_a_clone_has_the_disk_and_a_name_and_keys_of_its_own(fleet):
    fleet.home.cms("vm", "clone", "w3", "w4", "--wait")
    fleet.home.cms("vm", "wait", "w4", "--state=ready")
    said = fleet.run("w[3-4]", "cat state; hostname; cat /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2")
    original, clone = (said[name]["stdout"].split() for name in ("w3", "w4"))
    assert original[:2] == ["one", "w3"] and clone[:2] == ["one", "w4"]
    assert original[2] != clone[2]
    fleet.home.cms("vm", "delete", "w4", "--yes", "--wait")


def test_a_larger_flavor_gives_processors_memory_and_disk(fleet):
    measure = "nproc; awk '/MemTotal/ {print $2}' /proc/meminfo; df -m / | awk 'END {print $2}'"
    small = [int(word) for word in fleet.said("w3", measure).split()]
    fleet.home.cms("vm", "resize", "w3", "--flavor=two", "--yes", "--wait")
    fleet.home.cms("vm", "start", "w3", "--wait")
    fleet.home.cms("vm", "wait", "w3", "--state=ready")
    large = [int(word) for word in fleet.said("w3", measure).split()]
    assert small[0] == 1 and large[0] == 2
    assert large[1] > small[1] + 50_000 and large[2] > small[2] + 900
    assert fleet.said("w3", "cat state") == "one"


def test_after_the_last_delete_no_process_and_no_file_is_left(fleet):
    fleet.home.cms("vm", "delete", "--all", "--yes", "--wait")
    assert fleet.home.states() == {}
    assert fleet.guests() == []
    assert [each.name for each in fleet.machines.iterdir() if not each.name.startswith(".")] == []
    assert list(fleet.machines.rglob("*.qcow2")) == []
    assert processes_of(fleet.home.path) == [], "connections end, too"
    for file in ("ssh_config", "known_hosts"):
        known = fleet.home.directory / file
        assert not known.exists() or "w1" not in known.read_text()
