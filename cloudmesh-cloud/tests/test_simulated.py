"""The simulated cloud: time, ids, keys, and what it refuses."""

import shutil
import sqlite3
import stat
import subprocess
import time
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import pytest

from cloudmesh.cloud.access.keys import fingerprint_of
from cloudmesh.cloud.errors import CloudError, Conflict, NotFound, QuotaExceeded, Refused, Unreachable
from cloudmesh.cloud.model.records import Flavor, Image, State
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.plugin.errors import ConfigError


def boot(cloud, name="vm1"):
    return cloud.boot(BootRequest(name, cloud.images()[0], cloud.flavors()[0]))


def state(cloud, machine):
    return cloud.machine(machine.cloud_id).state


@pytest.mark.parametrize(
    ("verbs", "seconds", "passing", "target"),
    [
        (["stop"], 0.3, State.STOPPING, State.STOPPED),
        (["suspend"], 0.3, State.SUSPENDING, State.SUSPENDED),
        (["reboot"], 5, State.REBOOTING, State.ACTIVE),
        (["stop", "start"], 5, State.STARTING, State.ACTIVE),
        (["suspend", "resume"], 0.3, State.RESUMING, State.ACTIVE),
    ],
)
def test_a_verb_takes_its_time_and_not_more(provider, clock, verbs, seconds, passing, target):
    cloud = provider(boot_seconds=5, action_seconds=0.3)
    machine = boot(cloud)
    for verb in verbs:
        clock.forward(100)
        getattr(cloud, verb)(machine.cloud_id)
    assert state(cloud, machine) is passing
    clock.forward(seconds - 0.01)
    assert state(cloud, machine) is passing
    clock.forward(0.02)
    assert state(cloud, machine) is target
    clock.forward(1e6)
    assert state(cloud, machine) is target


def test_booting_takes_boot_seconds_and_deleting_action_seconds(provider, clock):
    cloud = provider(boot_seconds=5, action_seconds=0.3)
    machine = boot(cloud)
    assert machine.state is State.BUILDING
    assert machine.raw_state == "SIMULATED_BUILDING"
    assert machine.created == clock.now
    clock.forward(5)
    assert state(cloud, machine) is State.ACTIVE
    assert state(provider(boot_seconds=5), machine) is State.ACTIVE, "another connection sees it as well"
    cloud.delete(machine.cloud_id)
    assert [each.state for each in cloud.machines()] == [State.DELETING]
    clock.forward(0.3)
    assert list(cloud.machines()) == []
    with pytest.raises(NotFound, match="there is no machine sim-000001 on cloud sim"):
        cloud.machine(machine.cloud_id)


def test_latency_is_waited_at_every_call(provider):
    cloud = provider(latency_seconds=0.03)
    for call in (cloud.check, lambda: list(cloud.machines()), cloud.images):
        began = time.monotonic()
        call()
        assert 0.03 <= time.monotonic() - began < 1


def test_an_impossible_verb_changes_nothing_and_a_name_is_taken_until_its_machine_is_gone(provider, clock):
    cloud = provider(boot_seconds=0, action_seconds=1)
    machine = boot(cloud)
    with pytest.raises(Conflict, match=r"cannot resume sim:vm1 while it is active; possible now: stop, "):
        cloud.resume(machine.cloud_id)
    assert state(cloud, machine) is State.ACTIVE
    with pytest.raises(Refused, match="cloud sim already has a machine vm1"):
        boot(cloud)
    cloud.delete(machine.cloud_id)
    clock.forward(2)
    assert boot(cloud).cloud_id != machine.cloud_id


def test_an_id_is_never_used_again(provider, clock):
    cloud = provider(boot_seconds=0, action_seconds=0)
    seen = set()
    for _ in range(5):
        machine = boot(cloud)
        assert machine.cloud_id not in seen
        seen.add(machine.cloud_id)
        cloud.delete(machine.cloud_id)
        clock.forward(1)
        assert list(cloud.machines()) == []
    assert boot(provider()).cloud_id not in seen


@pytest.mark.parametrize(
    "cloud_id", ["", "sim-", "sim-1", "1", "sim-٠٠٠٠٠١", "sim-" + "9" * 18, "sim-" + "9" * 40, "sim-00000x"]
)
def test_what_is_no_id_is_not_found(provider, cloud_id):
    cloud = provider(boot_seconds=0)
    boot(cloud)
    for call in (cloud.machine, cloud.delete):
        with pytest.raises(NotFound):
            call(cloud_id)
    assert len(list(cloud.machines())) == 1


def test_it_says_that_it_is_simulated_and_its_files_are_for_the_owner_alone(provider, tmp_path):
    cloud = provider()
    machine = boot(cloud)
    assert cloud.simulated
    assert "no real machine" in cloud.check()
    assert "no real machine" in cloud.console(machine.cloud_id)
    assert machine.raw_state.startswith("SIMULATED_")
    files = list(tmp_path.glob("sim.db*"))
    assert len(files) >= 2, "the write-ahead log has to be among them"
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize("name", ["x.db", "x.db/in-no-directory.db"])
def test_a_file_that_cannot_be_used_is_an_error_of_the_cloud(tmp_path, name):
    (tmp_path / "x.db").write_text("this is a shopping list, and a long enough one at that" * 50)
    with pytest.raises(Unreachable, match=r"\.db, cannot be opened"):
        SimulatedProvider("sim", {"file": str(tmp_path / name)}).open()


def test_a_full_disk_is_told_as_the_system_tells_it(provider, monkeypatch):
    cloud = provider()
    boot(cloud)

    def fail():
        raise sqlite3.OperationalError("disk I/O error")

    full = SimpleNamespace(f_flag=0, f_bavail=1, f_frsize=512)
    monkeypatch.setattr("os.statvfs", lambda path: full)
    monkeypatch.setattr(cloud._world, "_apply_due_changes", fail)
    with pytest.raises(Unreachable, match=r"sim\.db, cannot be used: no space left on device$"):
        list(cloud.machines())


def test_a_file_damaged_while_it_is_open_is_an_error_of_the_cloud(provider, tmp_path):
    cloud = provider()
    boot(cloud)
    with closing(sqlite3.connect(tmp_path / "sim.db")) as other:
        other.execute("DROP TABLE machine")
    with pytest.raises(CloudError, match=r"sim\.db, cannot be used"):
        list(cloud.machines())


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")
@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_fingerprint_is_the_one_of_ssh_keygen(provider, tmp_path, kind):
    file = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "me here", "-f", file], check=True)
    public = file.with_suffix(".pub")
    shown = subprocess.run(["ssh-keygen", "-lf", public], check=True, capture_output=True, text=True).stdout
    cloud = provider()
    assert cloud.add_key("me", public.read_text()).fingerprint == shown.split()[1]
    assert [key.fingerprint for key in cloud.key_pairs()] == [shown.split()[1]]


@pytest.mark.parametrize(
    "text", ["", "ssh-rsa", "ssh-rsa ???", "ssh-ed25519 AAAÄ me", "my dear friend", "ssh-rsa AAAAB3Nz"]
)
def test_what_is_no_public_key_is_refused(text):
    with pytest.raises(Refused, match="this is not an OpenSSH public key"):
        fingerprint_of(text)


def test_a_machine_cannot_be_renamed_to_another_ones_name(provider):
    cloud = provider()
    first, _ = boot(cloud, "vm1"), boot(cloud, "vm2")
    with pytest.raises(Refused, match="cloud sim already has a machine vm2") as caught:
        cloud.rename(first.cloud_id, "vm2")
    assert type(caught.value) is Refused and cloud.machine(first.cloud_id).name == "vm1"


MACHINE = """
CREATE TABLE machine (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
    next_state TEXT, ready_at REAL, image TEXT NOT NULL, flavor TEXT NOT NULL, key TEXT NOT NULL,
    created REAL NOT NULL
);
INSERT INTO machine VALUES (3, 'old', 'active', NULL, NULL, 'debian-12', 'tiny', '', 1.0);
"""
ADDRESS = """
CREATE TABLE floating_ip (
    id INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT NOT NULL UNIQUE, machine_id INTEGER
);
INSERT INTO floating_ip VALUES (5, '203.0.113.9', NULL);
PRAGMA user_version = 1;
"""


@pytest.mark.parametrize(
    ("tables", "addresses"), [(MACHINE, []), (MACHINE + ADDRESS, [("203.0.113.9", "")])], ids=["first", "1"]
)
def test_a_file_of_an_older_version_gets_what_came_later(provider, tmp_path, tables, addresses):
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.executescript(tables)
        old.commit()
    cloud = provider("old")
    (machine,) = cloud.machines()
    assert (machine.name, machine.metadata, machine.public_ips) == ("old", {}, [])
    cloud.set_metadata(machine.cloud_id, {"a": "b"})
    assert cloud.machine(machine.cloud_id).metadata == {"a": "b"}
    assert [group.name for group in cloud.security_groups()] == ["default"]
    new = cloud.create_floating_ip("", "for vm1")
    assert [(each.address, each.description) for each in cloud.floating_ips()] == [
        *addresses,
        (new.address, "for vm1"),
    ]


def test_quotas_limit_what_is_booted(provider):
    cloud = provider(quota={"machines": 2, "ram": 2500})
    boot(cloud)
    small = Flavor("sim", "small", "flavor-small")
    image = Image("sim", "debian-12", "image-debian-12")
    with pytest.raises(
        QuotaExceeded, match=r"quota of ram exceeded \(512 of 2500 used, 2048 requested"
    ) as ram:
        cloud.boot(BootRequest("vm2", image, replace(small, vcpus=1, ram=2048, disk=20)))
    assert (ram.value.quota, ram.value.used, ram.value.limit) == ("ram", 512, 2500)
    assert {each.name: each.left for each in cloud.quotas()}["machines"] == 1


def test_many_machines_come_page_by_page(provider, monkeypatch):
    monkeypatch.setattr("cloudmesh.cloud.providers.simulated.world.PAGE", 3)
    monkeypatch.setattr("cloudmesh.cloud.providers.simulated.provider.PAGE", 3)
    cloud = provider()
    for number in range(7):
        boot(cloud, f"vm{number}")
    assert [each.name for each in cloud.machines()] == [f"vm{number}" for number in range(7)]
    listing = provider(fail={"verb": "machines", "times": 2}).machines()
    with pytest.raises(Unreachable):
        next(listing)


def test_a_resize_that_is_under_way_is_only_confirmed(provider, clock):
    cloud = provider(boot_seconds=0, action_seconds=5)
    machine = boot(cloud)
    clock.forward(1)
    small = Flavor("sim", "small", "flavor-small", 1, 2048, 20)
    cloud.resize(machine.cloud_id, small)
    clock.forward(1)
    cloud.resize(machine.cloud_id, small)
    assert state(cloud, machine) is State.RESIZING
    clock.forward(4.1)
    assert state(cloud, machine) is State.ACTIVE


def test_an_ssh_server_may_stand_for_its_machines(provider):
    cloud = provider(reach={"addresses": ["127.0.0.1", "127.0.0.2"], "port": 2222}, boot_seconds=0)
    for number in range(3):
        boot(cloud, f"vm{number}")
    machines = list(cloud.machines())
    assert [each.ssh_address for each in machines] == ["127.0.0.1", "127.0.0.2", "127.0.0.1"]
    assert {each.ssh_port for each in machines} == {2222}
    other = provider("other")
    assert boot(other).ssh_port == 22


@pytest.mark.parametrize(
    ("reach", "told"),
    [
        ([], "must be"),
        ({"addresses": []}, "must have an address"),
        ({"addresses": ["web01"]}, "has a wrong address"),
        ({"addresses": ["127.0.0.1"], "port": 0}, "from 1 to 65535"),
        ({"addresses": ["127.0.0.1"], "ports": 1}, "unknown key 'ports'"),
    ],
)
def test_what_stands_for_its_machines_is_checked(provider, reach, told):
    with pytest.raises(ConfigError, match=told):
        provider(reach=reach)
