"""Commands on fifty machines, a third of which refuse, hang or fail: the others do their work even so."""

import json
import re
import stat
from collections import Counter

import pytest

from .conftest import BROKEN, DROPPING, FAILING
from .sshbed import bed as beds

FIFTY = "m[01-50]"
SOUND = [f"m{number:02}" for number in range(1, 34)]
# Longer than a server may take to greet.
LIMIT = "--call-timeout=20s"
FATE = {
    beds.REFUSES: ("unreachable", "Connection refused"),
    beds.DENIES: ("refused", "refuses to let"),
    beds.SILENT: ("unreachable", "timed out during banner exchange"),
    beds.SWALLOWS: ("unreachable", "Connection timed out"),
    beds.HANGS: ("unreachable", "did not come to an end with the exchange of keys within 20 s"),
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ended(home_of_module):
    """A command on all of them, as data."""
    line = "echo hello from $MACHINE; echo aside >&2"
    return home_of_module.cms("vm", "run", FIFTY, LIMIT, "--output=json", "--", line, code=1)


@pytest.fixture(scope="module")
def rows(ended):
    """What is told of each machine."""
    return {row["name"]: row for row in json.loads(ended.stdout)}


def test_the_sound_ones_have_done_it(rows):
    assert len(rows) == 50 and list(rows) == sorted(rows)
    for name in SOUND:
        row = rows[name]
        assert (row["result"], row["exit"], row["reason"]) == ("done", 0, "")
        assert (row["stdout"], row["stderr"]) == (f"hello from {name}\n", "aside\n")


@pytest.mark.parametrize("name", [name for name, kind in BROKEN.items() if kind in FATE])
def test_who_cannot_be_reached_is_told_with_the_reason(rows, name):
    row, (word, reason) = rows[name], FATE[BROKEN[name]]
    assert (row["result"], row["exit"], row["stdout"]) == (word, None, "")
    assert reason in row["reason"]


def test_what_was_lost_midway_is_told_as_lost_with_what_came_before(rows):
    for name in DROPPING:
        assert rows[name]["stdout"] == "begun\n" and rows[name]["exit"] is None
        assert "it may have been carried out" in rows[name]["reason"]


def test_what_failed_is_told_with_its_exit_status(rows):
    for name in FAILING:
        row = rows[name]
        assert (row["result"], row["exit"], row["stderr"]) == ("failed", 3, "broken\n")


def test_they_are_counted(ended, rows):
    counts = Counter(row["result"] for row in rows.values())
    assert sum(counts.values()) == 50 and counts["done"] == 33 and counts["failed"] == 3
    assert counts["refused"] == 3 and counts["unreachable"] == 11
    (line,) = re.findall(r"^50 machines in .*$", ended.stderr, re.MULTILINE)
    for word, count in counts.items():
        assert f"{count} {word}" in line


def test_the_job_says_the_same_afterwards(home_of_module, rows):
    (job,) = [row for row in home_of_module.json("job", "list") if row["action"] == "run"]
    told = {row["name"]: row for row in home_of_module.json("job", "show", str(job["job"]))}
    assert {name for name, row in told.items() if row["result"] == "done"} == set(SOUND)
    assert all(told[name]["reason"] for name in rows if name not in SOUND)


def test_no_process_but_shared_connections_is_left(home_of_module, rows, bed):
    from .conftest import only_connections

    only_connections(home_of_module)
    assert not any(bed.running(name) for name in SOUND)


def test_equal_output_is_told_once_under_folded_names(home):
    done = home.cms(
        "vm", "run", "m[01-08],m[48-50]", "--", 'test "$MACHINE" = m05 && echo odd || echo even', code=1
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith("---")]
    assert lines == ["m[01-04,06-08] (7)", "even", "m05", "odd"]
    assert "m[48-50]: exit status 3" in done.stderr and "8 done, 3 failed (exit 3)" in done.stderr


def test_a_file_a_machine(home):
    words = ("vm", "run", "m[01-12],m34,m48", "--outdir=out", "--", "echo $MACHINE; echo aside >&2")
    done = home.cms(*words, code=1)
    assert "hello" not in done.stdout
    folder = home.path / "out"
    for number in range(1, 13):
        name = f"m{number:02}"
        assert (folder / f"{name}.out").read_text() == f"{name}\n"
        assert (folder / f"{name}.err").read_text() == "aside\n"
        assert stat.S_IMODE((folder / f"{name}.out").stat().st_mode) == 0o600
    assert (folder / "m48.err").read_text() == "broken\n"


def test_what_is_piped_in_goes_to_every_machine(home):
    text = "".join(f"line {number}\n" for number in range(20_000))
    done = home.cms("vm", "run", "m[01-10]", "--outdir=out", "--", "cat", stdin=text)
    assert all((home.path / "out" / f"m{number:02}.out").read_text() == text for number in range(1, 11)), done


def test_python_does_the_same(home):
    told = home.python(
        """
        import json
        from cloudmesh.vm import Machine, Machines
        with Machines("m[01-05],m34,m48") as ms:
            result = ms.run("echo $MACHINE")
            print(json.dumps({each.name: [each.succeeded, type(each.error).__name__] for each in result}))
            print(json.dumps({each.name: each.value.stdout for each in result if each.value}))
        with Machine("m07") as m:
            print(m.ssh("echo $MACHINE").stdout)
        """
    ).stdout.splitlines()
    fates, texts = json.loads(told[0]), json.loads(told[1])
    assert fates["m34"] == [False, "MachineUnreachable"] and fates["m48"] == [False, "CommandFailed"]
    assert all(fates[name][0] and texts[name] == f"{name}\n" for name in SOUND[:5])
    assert told[2] == "m07"
