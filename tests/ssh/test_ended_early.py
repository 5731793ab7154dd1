"""A run that is interrupted, killed or cancelled: nothing runs twice, and no process is left."""

import os
import re
import signal
import time

import pytest

from .conftest import only_connections
from .sshbed.bed import wait_until
from .sshbed.processes import command_line, of_home

TWENTY = [f"m{number:02}" for number in range(1, 21)]
NAMES = "m[01-20]"
# Leaves a line for each time it is begun, and one for each time that it comes to its end.
LEAVES_TRACES = "echo begun >> traces; sleep 0.4; echo ended >> traces"
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _no_traces(bed):
    for name in bed.addresses:
        (bed.home(name) / "traces").unlink(missing_ok=True)


@pytest.fixture(scope="module", autouse=True)
def _used_at_first(home_of_module):
    """A minute passes while the other tests run."""
    home_of_module.cms("vm", "run", "m[01-03]", "--", "true")
    assert len(only_connections(home_of_module)) == 3


def traces(bed, name):
    """What the command has left on a machine."""
    file = bed.home(name) / "traces"
    return file.read_text().split() if file.exists() else []


def begun(bed):
    """On which machines the command was begun; never twice."""
    lines = {name: traces(bed, name) for name in TWENTY}
    assert all(each.count("begun") <= 1 for each in lines.values()), lines
    return {name for name, each in lines.items() if each}


def results(home, job=2):
    """How each machine of the job has fared."""
    return {row["name"]: row["result"] for row in home.json("job", "show", str(job))}


def test_ctrl_c_ends_what_runs_at_once_and_begins_nothing_more(home, bed):
    process = home.start("vm", "run", NAMES, "--parallel=4", "--", "echo begun >> traces; sleep 60")
    wait_until(lambda: len(begun(bed)) == 4)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130 and "interrupted" in told, told
    assert len(begun(bed)) == 4
    only_connections(home)
    fates = results(home)
    assert {name for name, fate in fates.items() if fate != "not started"} == begun(bed)


def test_ctrl_c_twice_ends_it_too(home, bed):
    process = home.start(
        "vm", "run", NAMES, "--parallel=4", "--", "trap '' HUP; echo begun >> traces; sleep 60"
    )
    wait_until(lambda: len(begun(bed)) == 4)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130 and "Traceback" not in told, told
    only_connections(home)


def test_who_was_killed_goes_on_with_resume_and_runs_nothing_twice(home, bed):
    process = home.start("vm", "run", NAMES, "--parallel=4", "--", LEAVES_TRACES)
    wait_until(lambda: sum("ended" in traces(bed, name) for name in TWENTY) >= 5)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    # Its connections go with it, but for those that are kept.
    wait_until(lambda: not any(command_line(pid)[:1] == ["ssh"] for pid in of_home(home.path)))
    before = begun(bed)
    assert 5 <= len(before) < 20
    ended = home.cms("job", "resume", "2", code=None)
    fates = results(home)
    unsure = {name for name, fate in fates.items() if fate != "done"}
    assert len(unsure) <= 4, "only of those that were at work then it is not known"
    assert ended.returncode == (1 if unsure else 0), ended.stderr
    assert all(traces(bed, name) == ["begun", "ended"] for name in set(TWENTY) - unsure)
    home.cms("job", "resume", "2", code=None)
    assert begun(bed) >= set(TWENTY) - unsure


def test_another_terminal_cancels_it(home, bed):
    process = home.start("vm", "run", NAMES, "--parallel=4", "--", "echo begun >> traces; sleep 60")
    wait_until(lambda: len(begun(bed)) == 4)
    home.cms("job", "cancel", "2")
    process.communicate(timeout=30)
    assert process.returncode != 0 and len(begun(bed)) == 4
    only_connections(home)


def test_a_second_run_uses_the_connections_of_the_first(home, bed):
    for _ in range(3):
        home.cms("vm", "run", "m[01-05]", "--", "true")
    home.cms("vm", "put", "m[01-05]", "cloudmesh/class.yaml", "put-here")
    home.cms("vm", "ssh", "m01", "--command=true")
    assert [bed.connections(f"m{number:02}") for number in range(1, 6)] == [1] * 5
    assert len(only_connections(home)) == 5


def test_what_is_piped_in_is_in_no_process_list_no_store_and_no_log(home, bed):
    secret = "xyzzy-plugh-4711"
    line = "cat > /dev/null; echo begun >> traces; sleep 1.5"
    with (home.path / "in").open("w+") as stdin:
        stdin.write(f"{secret}\n" * 10)
        stdin.seek(0)
        process = home.start("vm", "run", "m[01-04]", "--", line, stdin=stdin)
    (home.path / "in").unlink()
    wait_until(lambda: len(begun(bed)) == 4)
    seen = [" ".join(command_line(pid)) for pid in of_home(home.path)]
    assert any(re.match("ssh ", line) for line in seen), "they are looked at while they run"
    assert not any(secret in line for line in seen)
    process.communicate(timeout=20)
    assert process.returncode == 0 and home.holding([secret]) == []


@pytest.mark.long
def test_the_kept_connections_end_after_a_minute(home_of_module, _used_at_first):
    wait_until(lambda: not of_home(home_of_module.path), 90)
    assert [file for file in home_of_module.path.rglob("*") if file.is_socket()] == []
