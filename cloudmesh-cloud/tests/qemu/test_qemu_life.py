"""Machines on this computer, with QEMU and empty disks: the BIOS counts ticks, which tells of memory."""

import os
import re
import time
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from cloudmesh.cloud.errors import Conflict, FlavorTooSmall, Locked, NotFound, Refused
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.provider.boot import new_token
from cloudmesh.cloud.providers.qemu import process, qmp
from cloudmesh.cloud.providers.qemu.state import MachineState

pytestmark = pytest.mark.slow

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGEga2V5IG9mIHRoZSBjb25mb3JtYW5jZSBzdWl0ZSEh me@laptop"


def ticks(folder):
    """How often the BIOS of a machine has counted the time, 18 times a second since it was switched on."""
    told = qmp.monitor(folder, "xp /1wx 0x46c")
    return int(re.search(r": 0x([0-9a-f]+)", told)[1], 16)


def await_ticks(folder, least=5):
    end = time.monotonic() + 60
    while ticks(folder) < least:
        assert time.monotonic() < end
        time.sleep(0.05)
    return ticks(folder)


def state_of(cloud, cloud_id):
    return cloud.machine(cloud_id).state


def test_a_machine_is_a_process_of_its_own_in_a_private_folder(cloud, boot, folder_of):
    machine = boot("web01")
    folder = folder_of("web01")
    number = process.find(folder, machine.cloud_id)
    assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777 == 0o700
    # Ctrl-C at our terminal reaches nobody in another session.
    assert os.getsid(number) not in (0, os.getsid(0))
    open_files = {str(each.readlink()) for each in Path(f"/proc/{number}/fd").iterdir()}
    foreign = [each for each in open_files if not each.startswith(("/dev/", str(folder.parent)))]
    assert not [each for each in foreign if each.startswith("/")], "it holds no file of the command's"
    assert (machine.public_ips, machine.private_ips) == (["127.0.0.1"], ["10.152.0.2"])
    assert machine.ssh_port > 1024


def test_the_versioned_type_of_the_machine_is_kept(boot, folder_of):
    boot("web01")
    assert re.fullmatch(r"pc-i440fx-[\d.]+", MachineState.read(folder_of("web01")).machine_type)


def test_the_memory_of_a_suspended_machine_goes_on(cloud, boot, folder_of):
    machine = boot("web01")
    before = await_ticks(folder_of("web01"), 20)
    cloud.suspend(machine.cloud_id)
    assert not process.find(folder_of("web01"), machine.cloud_id)
    assert state_of(cloud, machine.cloud_id) is State.SUSPENDED
    cloud.resume(machine.cloud_id)
    assert ticks(folder_of("web01")) >= before, "it did not boot anew"
    assert cloud.machine(machine.cloud_id).ssh_port == machine.ssh_port, "the port is kept"
    assert "cm-" not in qmp.monitor(folder_of("web01"), "info snapshots"), "the memory is not kept any more"


def test_the_clock_of_the_hardware_is_right_after_a_suspension(cloud, boot, folder_of):
    machine = boot("web01")
    await_ticks(folder_of("web01"))
    cloud.suspend(machine.cloud_id)
    time.sleep(3)
    cloud.resume(machine.cloud_id)
    ask = qmp.command("qom-get", path="/machine", property="rtc-time")
    (told,) = qmp.ask(folder_of("web01"), ask)
    year, month, rest = told["tm_year"] + 1900, told["tm_mon"] + 1, ("tm_mday", "tm_hour", "tm_min", "tm_sec")
    shown = datetime(year, month, *(told[each] for each in rest), tzinfo=timezone.utc)
    assert abs(shown.timestamp() - time.time()) < 2.5


def test_a_paused_machine_is_stopped_within_its_grace(make_cloud, boot):
    machine = boot("web01")
    with make_cloud(grace=0.3) as cloud:
        cloud.pause(machine.cloud_id)
        assert state_of(cloud, machine.cloud_id) is State.PAUSED
        cloud.hard_reboot(machine.cloud_id)
        assert state_of(cloud, machine.cloud_id) is State.ACTIVE
        cloud.stop(machine.cloud_id)
        assert state_of(cloud, machine.cloud_id) is State.STOPPED


def test_resizing_grows_and_never_shrinks(cloud, boot, folder_of):
    machine = boot("web01")
    tiny, small = cloud.flavors()
    cloud.resize(machine.cloud_id, small)
    (told,) = qmp.ask(folder_of("web01"), qmp.command("query-cpus-fast"))
    assert len(told) == 2 and cloud.machine(machine.cloud_id).flavor == "small"
    with pytest.raises(Refused, match="cannot shrink to the 1 of flavor tiny"):
        cloud.resize(machine.cloud_id, tiny)
    assert state_of(cloud, machine.cloud_id) is State.ACTIVE


def test_rebuilding_is_a_new_instance_for_cloud_init(cloud, boot, folder_of):
    machine = boot("web01")
    before = MachineState.read(folder_of("web01"))
    cloud.snapshot(machine.cloud_id, "before")
    cloud.rebuild(machine.cloud_id, cloud.images()[0])
    after = MachineState.read(folder_of("web01"))
    assert (after.uuid, after.ssh_port, after.lan_address) == (
        before.uuid,
        before.ssh_port,
        before.lan_address,
    )
    assert after.instance_id != before.instance_id
    assert cloud.snapshots(machine.cloud_id) == []
    assert state_of(cloud, machine.cloud_id) is State.ACTIVE


def test_a_snapshot_brings_memory_and_state_back(cloud, boot, folder_of):
    machine = boot("web01")
    folder = folder_of("web01")
    at_least = await_ticks(folder, 20)
    cloud.snapshot(machine.cloud_id, "running")
    cloud.pause(machine.cloud_id)
    cloud.snapshot(machine.cloud_id, "paused")
    cloud.unpause(machine.cloud_id)
    cloud.suspend(machine.cloud_id)
    cloud.snapshot(machine.cloud_id, "asleep")
    cloud.hard_reboot(machine.cloud_id)
    cloud.stop(machine.cloud_id)
    cloud.snapshot(machine.cloud_id, "off")
    for name, state in (
        ("running", State.ACTIVE),
        ("paused", State.PAUSED),
        ("asleep", State.SUSPENDED),
        ("off", State.STOPPED),
    ):
        cloud.restore(machine.cloud_id, name)
        assert state_of(cloud, machine.cloud_id) is state, name
        if state in (State.ACTIVE, State.PAUSED):
            assert ticks(folder) >= at_least, "it did not boot anew"
    told = [(each.name, each.memory) for each in cloud.snapshots(machine.cloud_id)]
    assert told == [("running", True), ("paused", True), ("asleep", True), ("off", False)]
    cloud.restore(machine.cloud_id, "asleep")
    cloud.resume(machine.cloud_id)
    assert ticks(folder) >= at_least
    # Its memory is that of a snapshot, so it is still there.
    cloud.restore(machine.cloud_id, "asleep")
    cloud.resume(machine.cloud_id)
    for name in ("running", "paused", "asleep", "off"):
        cloud.delete_snapshot(machine.cloud_id, name)
    assert "cm-" not in qmp.monitor(folder, "info snapshots")


def test_the_memory_of_a_suspended_machine_that_is_switched_on_anew_is_given_up(cloud, boot, folder_of):
    machine = boot("web01")
    cloud.suspend(machine.cloud_id)
    cloud.hard_reboot(machine.cloud_id)
    assert state_of(cloud, machine.cloud_id) is State.ACTIVE
    assert "cm-" not in qmp.monitor(folder_of("web01"), "info snapshots")


def test_a_snapshot_brings_the_size_back(cloud, boot):
    machine = boot("web01")
    cloud.snapshot(machine.cloud_id, "small")
    cloud.resize(machine.cloud_id, cloud.flavors()[1])
    cloud.restore(machine.cloud_id, "small")
    assert cloud.machine(machine.cloud_id).flavor == "tiny"
    assert state_of(cloud, machine.cloud_id) is State.ACTIVE


def test_a_clone_shares_nothing_with_its_source(cloud, boot, folder_of):
    machine = boot("web01")
    clone = cloud.clone(machine.cloud_id, "web02", new_token())
    first, second = (MachineState.read(folder_of(name)) for name in ("web01", "web02"))
    for what in ("uuid", "instance_id", "mac", "lan_mac", "lan_address", "ssh_port", "token"):
        assert getattr(first, what) != getattr(second, what), what
    assert (state_of(cloud, machine.cloud_id), clone.state) == (State.ACTIVE, State.ACTIVE)
    with pytest.raises(Refused, match="already has a machine web01"):
        cloud.clone(clone.cloud_id, "web01")


def test_renaming_is_told_to_the_other_machines(cloud, boot, folder_of):
    machine = boot("web01")
    boot("web02")
    cloud.rename(machine.cloud_id, "db")
    assert (folder_of(".hosts") / "hosts").read_text() == "10.152.0.2 db\n10.152.0.3 web02\n"
    with pytest.raises(Refused, match="already has a machine web02"):
        cloud.rename(machine.cloud_id, "web02")
    assert state_of(cloud, machine.cloud_id) is State.ACTIVE, "its process is still found"
    cloud.delete(machine.cloud_id)
    assert (folder_of(".hosts") / "hosts").read_text() == "10.152.0.3 web02\n"


def test_names_are_unique_and_a_boot_is_done_once(cloud, boot, request_for):
    request = replace(request_for("web01"), token=new_token())
    first = cloud.boot(request)
    assert cloud.boot(request).cloud_id == first.cloud_id
    with pytest.raises(Refused, match="already has a machine web01; use another name"):
        boot("web01")
    cloud.delete(first.cloud_id)
    assert cloud.boot(request).cloud_id != first.cloud_id, "an id is never used again"


def test_an_image_that_a_machine_stands_on_stays(cloud, boot):
    machine = boot("web01")
    image = cloud.images()[0]
    with pytest.raises(Conflict, match="web01"):
        cloud.delete_image(image.cloud_id)
    cloud.delete(machine.cloud_id)
    cloud.delete_image(image.cloud_id)
    with pytest.raises(NotFound):
        boot("web02", image=image)


def test_a_boot_that_cannot_be_leaves_nothing(make_cloud, cloud, boot, request_for, folder_of):
    cloud.add_key("me@laptop", KEY)
    boot("web01", key=cloud.key_pairs()[0])
    before = sorted(each.name for each in folder_of(".").iterdir())
    tiny = cloud.flavors()[0]
    with pytest.raises(NotFound):
        boot("web02", key=replace(cloud.key_pairs()[0], name="other"))
    with pytest.raises(FlavorTooSmall):
        boot("web02", flavor=replace(tiny, disk=0))
    with make_cloud(cpu="no-such-processor") as other, pytest.raises(Refused, match="no-such-processor"):
        other.boot(request_for("web02"))
    assert sorted(each.name for each in folder_of(".").iterdir()) == before


def test_a_locked_machine_is_left_alone(cloud, boot):
    machine = boot("web01")
    cloud.lock(machine.cloud_id)
    for verb in ("stop", "suspend", "delete"):
        with pytest.raises(Locked):
            getattr(cloud, verb)(machine.cloud_id)
    cloud.unlock(machine.cloud_id)
    cloud.stop(machine.cloud_id)


def test_the_console_is_kept_and_does_not_grow_without_end(cloud, boot, folder_of):
    machine = boot("web01")
    file = folder_of("web01") / "console.log"
    cloud.stop(machine.cloud_id)
    with file.open("ab") as opened:
        opened.write(b"old\n" + b"x" * (3 << 20) + b"\nnew\n")
    cloud.start(machine.cloud_id)
    assert file.stat().st_size < 2 << 20
    told = cloud.console(machine.cloud_id)
    assert told.endswith("\nnew\n") and "old" not in told


def test_a_path_that_is_too_long_for_a_socket_is_none(make_cloud, request_for, home, monkeypatch):
    deep = home / ("d" * 90)
    deep.mkdir(mode=0o700)
    (deep / "machines").symlink_to(home / "machines", target_is_directory=True)
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(deep))
    with make_cloud() as cloud:
        machine = cloud.boot(request_for("a-machine-with-a-long-name"))
        assert machine.state is State.ACTIVE
        cloud.pause(machine.cloud_id)
        cloud.delete(machine.cloud_id)
