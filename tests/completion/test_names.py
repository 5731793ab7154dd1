"""The file of names: kept as clouds change, private, small, and never in the way of a command."""

import stat
import sys

import pytest


def names(home, kind="machine"):
    """What the file holds of a kind, by cloud."""
    file = home.directory / "completion-names"
    rows = [line.split("\t") for line in file.read_text().splitlines()] if file.exists() else []
    return [(cloud, word) for each, cloud, word, _ in rows if each == kind]


def machine_names(home):
    return [word for _, word in names(home)]


def test_names_follow_the_clouds(home):
    home.cms("vm", "boot", "web[9-10]", "--wait")
    assert names(home) == [("local", "web9"), ("local", "web10")], "in the order in which people count"
    assert names(home, "job") == [("", "1")]
    home.cms("vm", "delete", "web9", "--yes")
    assert machine_names(home) == ["web10"]
    home.cms("vm", "rename", "web10", "db1")
    assert machine_names(home) == ["db1"]
    home.cms("vm", "boot", "db2", "--wait")
    assert machine_names(home) == ["db1", "db2"]
    home.world.unlink()
    home.cms("vm", "list", "--refresh", code=None)
    assert machine_names(home) == []
    assert [word for _, word in names(home, "job")] == ["4", "3", "2", "1"]


def test_other_things_are_known_once_they_were_listed(home):
    assert names(home, "image") == []
    for kind in ("image", "flavor", "network", "secgroup"):
        home.cms(kind, "list")
    assert ("local", "ubuntu-24.04") in names(home, "image")
    assert ("local", "tiny") in names(home, "flavor")
    assert names(home, "network") and names(home, "secgroup") == [("local", "default")]
    home.cms("secgroup", "create", "web")
    assert names(home, "secgroup") == [("local", "default"), ("local", "web")]
    home.cms("secgroup", "delete", "web")
    assert names(home, "secgroup") == [("local", "default")]
    key = home.path / "k.pub"
    home.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key.with_suffix("")))
    home.cms("key", "add", "me", str(key))
    assert names(home, "key") == [("local", "me")]
    home.cms("key", "delete", "me")
    assert names(home, "key") == []
    home.cms("lease", "create", "exp1", "--duration=3h")
    assert names(home, "lease") == [("local", "exp1")]
    home.cms("lease", "delete", "exp1")
    assert names(home, "lease") == []


def test_the_file_is_private_and_written_only_when_something_is_new(machines):
    file = machines.directory / "completion-names"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = file.stat().st_ino, file.stat().st_mtime_ns
    for words in (["vm", "list"], ["vm", "list", "--refresh"], ["vm", "info", "web01"], ["job", "list"]):
        machines.cms(*words)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == written
    machines.cms("vm", "stop", "web01")
    assert file.stat().st_ino != written[0], "there is a new job"
    assert not [each for each in machines.directory.iterdir() if each.name.endswith(".tmp")]


SAVE = """
import sys
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.store.inventory import Inventory

with Inventory() as inventory:
    inventory.replace("local", [MachineRecord("local", name, str(at), State.ACTIVE)
        for at, name in enumerate(eval(sys.argv[1]))], 1e9)
"""


def test_odd_names_harm_nobody(home):
    odd = [
        "a\nb",
        "a\tb",
        "\x1b[31mred",
        "x" * 300,
        "$HOME",
        "var.x",
        "-rf",
        "a,b",
        "w*",
        "id=1",
        " x",
        "a b",
        "é",
    ]
    home.python(SAVE, repr(odd))
    assert sorted(machine_names(home)) == sorted(["=-rf", "=a,b", "=w*", "=id=1", "= x", "a b", "é"])


def test_the_file_is_bounded(home):
    home.python(SAVE, "[f'machine{at}' for at in range(10_500)]")
    assert len(machine_names(home)) == 10_000


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_file_that_cannot_be_written_fails_no_command(home, debug):
    (home.directory / "completion-names").mkdir()
    ended = home.cms("vm", "boot", "web1", "--wait", CLOUDMESH_DEBUG=debug)
    assert ("completion-names" in ended.stderr) == bool(debug)
    home.cms("completion", "refresh")


def test_a_store_of_its_own_in_python_is_not_told_of(home):
    """Only the user's store is what the commands complete from."""
    other = SAVE.replace("Inventory()", "Inventory(Database(':memory:'))").replace(
        "\nwith", "\nfrom cloudmesh.db import Database\nwith", 1
    )
    home.python(other, "['x']")
    assert machine_names(home) == []


def test_the_file_is_made_anew_from_the_store(machines):
    file = machines.directory / "completion-names"
    before = file.read_text()
    file.unlink()
    machines.cms("completion", "refresh")
    assert file.read_text() == before
    file.write_text("rubbish\n\0\n")
    machines.cms("completion", "refresh")
    assert file.read_text() == before


def test_a_team_store_is_completed_too(home, postgresql):
    with home.config.open("a") as config:
        config.write(f"database: {postgresql.new_place()}\n")
    home.cms("vm", "boot", "web[1-2]", "--wait")
    assert machine_names(home) == ["web1", "web2"]
    (home.directory / "completion-names").unlink()
    home.cms("completion", "refresh")
    assert machine_names(home) == ["web1", "web2"]
    assert not (home.directory / "cloudmesh.db").exists()


def test_commands_at_the_same_time_lose_no_names(home):
    each = SAVE.replace('"local"', "sys.argv[2]")
    running = [
        home.start(*["-c", each, repr([f"m{at}"]), f"cloud{at}"], executable=sys.executable)
        for at in range(4)
    ]
    assert [process.communicate(timeout=60) for process in running] == [("", "")] * 4
    assert names(home) == [(f"cloud{at}", f"m{at}") for at in range(4)]
