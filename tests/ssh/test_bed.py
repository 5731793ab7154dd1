"""The bed is what it says, shown with OpenSSH's own client and nothing of ours."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import BROKEN, DROPPING, FAILING
from .sshbed import bed as beds
from .sshbed.bed import wait_until
from .sshbed.processes import command_line, having

# What the client says of each fault; it exits with 255 in all these cases.
SAYS = {
    beds.REFUSES: "Connection refused",
    beds.DENIES: "Permission denied (publickey)",
    beds.SILENT: "Connection timed out during banner exchange",
    beds.HANGS: "timed out",
    beds.SWALLOWS: "Connection timed out",
}


@pytest.fixture
def ssh(bed, tmp_path):
    """Runs OpenSSH's client for one machine, with a known_hosts of this test."""

    def run(name, *words, new="yes", **options):
        known = tmp_path / "known_hosts"
        settings = ["BatchMode=yes", "ConnectTimeout=1", f"UserKnownHostsFile={known}"]
        # ConnectTimeout ends with the greeting: without these a client waits for the keys for ever.
        settings += ["ServerAliveInterval=1", "ServerAliveCountMax=1"]
        settings += [f"StrictHostKeyChecking={'accept-new' if new == 'yes' else 'yes'}"]
        line = ["ssh", "-F", "none", "-i", bed.key, "-p", str(bed.port), "-l", bed.user]
        line += [part for each in settings for part in ("-o", each)]
        options = {"capture_output": True, "text": True, "timeout": 60, **options}
        return subprocess.run([*line, bed.addresses[name], *words], check=False, **options)

    return run


def test_a_sound_machine_runs_a_command_at_home(bed, ssh):
    (bed.home("m07") / "here").touch()
    done = ssh("m07", "echo $MACHINE; ls; cat; exit 5", input="given")
    assert (done.returncode, done.stdout) == (5, "m07\nhere\ngiven")
    assert bed.connections("m07") == 1 and bed.connections("m08") == 0


def test_the_machines_differ_as_they_are_meant_to(bed, ssh):
    names = [*bed.named(beds.GOOD)[:3], *BROKEN, *DROPPING, *FAILING]
    with ThreadPoolExecutor(len(names)) as pool:
        ended = dict(zip(names, pool.map(lambda name: ssh(name, "echo fine"), names), strict=True))
    for name in names[:3]:
        assert (ended[name].returncode, ended[name].stdout) == (0, "fine\n"), name
    for name, kind in BROKEN.items():
        assert ended[name].returncode == 255 and SAYS[kind] in ended[name].stderr, (name, ended[name])
    for name in DROPPING:
        assert (ended[name].returncode, ended[name].stdout) == (255, "begun\n")
        assert "closed by remote host" in ended[name].stderr
    for name in FAILING:
        assert ended[name].returncode == 3 and ended[name].stderr.endswith("broken\n")


def test_a_machine_of_its_own_loses_its_power_and_comes_back_with_another_key(bed, ssh):
    assert ssh("own1", "echo fine").stdout == "fine\n"
    bed.stop("own1")
    assert "Connection refused" in ssh("own1", "echo fine").stderr
    bed.restart("own1", new_key=False)
    assert ssh("own1", "echo fine").stdout == "fine\n"
    bed.stop("own1")
    bed.restart("own1", new_key=True)
    assert "Host key verification failed" in ssh("own1", "echo fine").stderr


def test_who_is_signed_in_when_the_power_goes_is_thrown_out(bed, ssh):
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ssh, "own1", "sleep 30")
        wait_until(lambda: any("30" in command_line(pid) for pid in bed.running("own1")))
        bed.stop("own1")
        assert waiting.result().returncode == 255
    assert bed.running("own1") == set()
    bed.restart("own1", new_key=False)


def test_sftp_is_there_but_where_it_is_not(bed, tmp_path):
    (tmp_path / "x").write_text("text")
    settings = [
        "BatchMode=yes",
        "StrictHostKeyChecking=accept-new",
        f"UserKnownHostsFile={tmp_path / 'known'}",
    ]
    line = ["sftp", "-b", "-", "-F", "none", "-i", bed.key, "-P", str(bed.port)]
    line += [part for each in settings for part in ("-o", each)]
    for name, fine in (("m01", True), ("rsync1", False)):
        words = [*line, f"{bed.user}@{bed.addresses[name]}"]
        order = f"put {tmp_path / 'x'} x\n"
        done = subprocess.run(words, input=order, text=True, capture_output=True, check=False)
        assert (done.returncode == 0) is fine is (bed.home(name) / "x").exists(), done.stderr


def test_rsync_is_there_but_where_it_is_not(ssh):
    assert ssh("rsync1", "rsync --version").returncode == 0
    for name in ("sftp1", "neither1"):
        assert ssh(name, "rsync --version").returncode == 127
        assert ssh(name, "cat /dev/null && ls").returncode == 0


def test_the_bed_leaves_no_process(bed, tmp_path):
    with beds.Bed(tmp_path / "other", {"a": beds.GOOD, "b": beds.SILENT}) as other:
        line = ["ssh", "-F", "none", "-i", other.key, "-p", str(other.port), "-o", "BatchMode=yes"]
        line += ["-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={tmp_path / 'known'}"]
        process = subprocess.Popen([*line, f"{other.user}@{other.addresses['a']}", "sleep 30"])
        wait_until(lambda: len(other.running("a")) > 0)
    assert process.wait(20) == 255
    assert having(f"{beds.MARK}={tmp_path / 'other'}") == set()
