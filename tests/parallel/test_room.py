"""A process that may open few files makes fewer calls at once, and loses nothing."""

import json

import pytest

MACHINES = 60


def few_files(home, files, *words):
    """Run the program with so many files that it may open, and no more that it could allow itself."""
    script = f'ulimit -n {files} && exec "$@"'
    return home.run("sh", "-c", script, "sh", *home.program, *words, "--output=json", code=None)


@pytest.mark.parametrize("files", [64, 24])
@pytest.mark.parametrize("kind", ["openstack", "simulated"])
def test_few_files_may_be_open(make_fleet, cloud_settings, kind, files):
    fleet = make_fleet(1)
    if kind == "simulated":
        fleet.home.configure(a=cloud_settings())
    names = f"a:a[001-{MACHINES:03}]"
    for verb, more in (("boot", ["--wait"]), ("stop", []), ("delete", ["--yes"])):
        ended = few_files(fleet.home, files, "vm", verb, names, f"--parallel={MACHINES}", *more)
        assert ended.returncode == 0, ended.stderr
        rows = json.loads(ended.stdout)
        assert len(rows) == MACHINES and {row["result"] for row in rows} == {"done"}
        assert f"in parallel, not {MACHINES}: this process may open only {files} files" in ended.stderr
    if kind == "openstack":
        assert fleet.states() == {} and fleet.stacks["a"].report()["twice"] == {}
    assert "in parallel, not" not in few_files(fleet.home, 1024, "vm", "boot", names, "--parallel=32").stderr


@pytest.mark.parametrize("files", [8, 9, 10, 11])
def test_where_there_is_hardly_room_for_one_call_each_machine_is_told_the_truth(make_fleet, files):
    fleet = make_fleet(1)
    fleet.add(2)
    ended = few_files(fleet.home, files, "vm", "start", "a:a[001-002]")
    states = fleet.states()
    assert ended.stdout, (ended, states)
    rows = json.loads(ended.stdout)
    assert len(rows) == 2 and "Traceback" not in ended.stderr
    assert ended.returncode == int(any(row["result"] != "done" for row in rows))
    for row in rows:
        started = states[f"a:{row['name']}"] == "ACTIVE"
        assert started == (row["result"] == "done" or "ended (done)" in row["reason"]), row
        assert started or "open" in row["reason"], row
