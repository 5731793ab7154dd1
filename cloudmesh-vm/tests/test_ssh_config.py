"""``cms ssh-config``: machines as hosts of OpenSSH, and the host keys that are kept of them."""

import json

import pytest
import yaml

from cloudmesh.cloud.access.host_keys import HostKeys
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.store import ssh_file
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.vm import Machines


@pytest.fixture
def user_home(configure, tmp_path, monkeypatch):
    """A home for OpenSSH's own files."""
    configure({"a": {}}, default=["a"])
    place = tmp_path / "user"
    place.mkdir()
    monkeypatch.setenv("HOME", str(place))
    return place


@pytest.fixture
def machines(user_home, cms):
    assert cms("boot vm[1-2] --wait")[0] == 0
    with Inventory() as inventory:
        return {each.machine.name: each.machine for each in inventory.known("a")}


def hosts():
    text = ssh_file.path().read_text()
    return [line.split()[1] for line in text.splitlines() if line.startswith("Host ")]


def remember(*machines):
    kept = HostKeys()
    kept.path.write_text("".join(f"{kept.alias(each)} ssh-x AAAA\n" for each in machines))
    return kept


def test_the_hosts_are_listed_and_the_line_to_include_is_told(machines, user_home, cms):
    code, out, err = cms("ssh-config --output=json")
    assert code == 0 and [row["host"] for row in json.loads(out)] == ["a.vm1", "a.vm2"]
    assert json.loads(out)[0]["address"] == machines["vm1"].ssh_address
    assert "put this line at the top of ~/.ssh/config" in err and "Include " in err
    assert not (user_home / ".ssh").exists()


def test_commands_keep_the_file_up_to_date(machines, user_home, cms):
    assert cms("ssh-config")[0] == 0
    assert cms("boot vm3 --wait")[0] == 0
    assert hosts() == ["a.vm1", "a.vm2", "a.vm3"]
    assert cms("delete vm1 --yes")[0] == 0
    assert hosts() == ["a.vm2", "a.vm3"]
    with Machines("vm2") as python:
        python.delete()
    assert hosts() == ["a.vm3"]


def test_the_line_is_added_once_at_the_top_and_all_else_stays(machines, user_home, cms):
    config = user_home / ".ssh" / "config"
    config.parent.mkdir(mode=0o700)
    real = user_home / "dotfiles"
    real.write_text("# mine\nHost x\n  User y\n")
    real.chmod(0o640)
    config.symlink_to(real)
    assert "added to ~/.ssh/config: Include " in cms("ssh-config --install")[2]
    lines = real.read_text().splitlines()
    assert lines[0].startswith("Include ") and lines[1:] == ["", "# mine", "Host x", "  User y"]
    assert config.is_symlink() and real.stat().st_mode & 0o777 == 0o640
    before = real.read_text()
    assert "nclude" not in cms("ssh-config --install")[2]
    assert real.read_text() == before
    real.write_text("Host x\n" + before)
    assert "added" in cms("ssh-config --install")[2], "below Host it counts for that host alone"


def test_an_inventory_for_ansible_has_what_ssh_needs(machines, user_home, cms):
    code, out, _ = cms("ssh-config --output=ansible")
    host = yaml.safe_load(out)["all"]["hosts"]["a.vm1"]
    assert code == 0 and host["ansible_host"] == machines["vm1"].ssh_address
    assert f"-oHostKeyAlias={HostKeys().alias(machines['vm1'])}" in host["ansible_ssh_common_args"]
    assert yaml.safe_load(out)["all"]["children"]["cloud_a"]["hosts"] == {"a.vm1": {}, "a.vm2": {}}


def test_host_keys_are_forgotten_by_name(machines, user_home, cms):
    kept = remember(*machines.values())
    code, out, _ = cms("ssh-config forget vm1 --output=json")
    assert code == 0 and json.loads(out) == [{"cloud": "a", "name": "vm1", "host_keys": "forgotten"}]
    assert not kept.known(machines["vm1"]) and kept.known(machines["vm2"])
    code, out, err = cms("ssh-config forget vm1 nosuch")
    assert code == 2 and "none was known" in out and "nosuch" in err
    assert cms("ssh-config forget nosuch")[0] == 2
    assert cms("ssh-config forget vm1 --output=ansible")[0] == 2
    assert "unknown output format" in cms("ssh-config --output=ansibel")[2]


@pytest.mark.parametrize("by", ["shell", "python"])
def test_our_own_rebuild_and_delete_forget_host_keys(machines, user_home, cms, by):
    other = MachineRecord("a", "other", "other", State.ACTIVE)
    kept = remember(*machines.values(), other)
    if by == "shell":
        assert cms("rebuild vm1 --image=debian-12 --yes --wait")[0] == 0
        assert cms("delete vm2 --yes")[0] == 0
    else:
        with Machines("vm1") as one, Machines("vm2") as two:
            one.rebuild("debian-12").raise_for_failures()
            two.delete().raise_for_failures()
    assert [kept.known(each) for each in (*machines.values(), other)] == [False, False, True]
    assert "# retired " in kept.path.read_text()


def test_other_verbs_keep_host_keys(machines, user_home, cms):
    kept = remember(*machines.values())
    for verb in ("stop", "start", "reboot", "suspend", "resume"):
        assert cms(f"{verb} vm[1-2] --wait")[0] == 0
    for line in ("snapshot vm1 --name=s", "restore vm1 --name=s --yes", "delete-snapshot vm1 --name=s --yes"):
        assert cms(line)[0] == 0, line
    assert cms("vm list --refresh")[0] == 0
    assert all(map(kept.known, machines.values()))
