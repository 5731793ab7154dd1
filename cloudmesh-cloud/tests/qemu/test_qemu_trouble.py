"""What ends machines and commands without asking: it is told, and nothing half made is left."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from cloudmesh.cloud.errors import Conflict, NoCapacity, NotFound, OddRecord, Refused, Unreachable
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.provider.boot import new_token
from cloudmesh.cloud.providers.qemu import disks, folder, process, qmp
from cloudmesh.cloud.providers.qemu.provider import QemuProvider
from cloudmesh.plugin.files import file_lock

pytestmark = pytest.mark.slow


def pid_of(folder_of, machine):
    return process.find(folder_of(machine.name), machine.cloud_id)


def ended(machine, number):
    assert process.await_end(machine.cloud_id, number, 20)


def test_a_killed_qemu_is_told_and_its_machine_starts_again(cloud, boot, folder_of):
    machine = boot("web01")
    number = pid_of(folder_of, machine)
    os.kill(number, signal.SIGKILL)
    ended(machine, number)
    (now,) = cloud.machines()
    assert now.state is State.ERROR and now.fault.startswith("QEMU ended unexpectedly")
    with pytest.raises(Conflict, match="possible now: .*reboot"):
        cloud.pause(machine.cloud_id)
    cloud.reboot(machine.cloud_id)
    assert cloud.machine(machine.cloud_id).state is State.ACTIVE


def test_the_last_words_of_qemu_are_shown(cloud, boot, folder_of):
    machine = boot("web01")
    number = pid_of(folder_of, machine)
    os.kill(number, signal.SIGTERM)
    ended(machine, number)
    now = cloud.machine(machine.cloud_id)
    assert now.state is State.ERROR and "terminating on signal 15" in now.fault
    cloud.stop(machine.cloud_id)
    assert cloud.machine(machine.cloud_id).state is State.STOPPED


def test_a_machine_that_shut_itself_down_is_stopped(cloud, boot, folder_of):
    machine = boot("web01")
    number = pid_of(folder_of, machine)
    qmp.ask(folder_of("web01"), qmp.command("quit"))
    ended(machine, number)
    now = cloud.machine(machine.cloud_id)
    assert (now.state, now.fault) == (State.STOPPED, "")
    cloud.start(machine.cloud_id)


def test_machines_are_stopped_when_this_computer_was_restarted(cloud, boot, folder_of, monkeypatch):
    machine = boot("web01")
    number = pid_of(folder_of, machine)
    os.kill(number, signal.SIGKILL)
    ended(machine, number)
    monkeypatch.setattr(process, "host_boot", lambda: "another")
    now = cloud.machine(machine.cloud_id)
    assert (now.state, now.raw_state) == (State.STOPPED, "this computer was restarted")


def test_a_qemu_that_hangs_is_told_and_deleted(cloud, boot, folder_of, monkeypatch):
    monkeypatch.setattr("cloudmesh.cloud.providers.qemu.status._PATIENCE", 0.2)
    machine = boot("web01")
    number = pid_of(folder_of, machine)
    os.kill(number, signal.SIGSTOP)
    now = cloud.machine(machine.cloud_id)
    assert now.state is State.ERROR and f"process {number} of QEMU does not answer" in now.fault
    cloud.delete(machine.cloud_id)
    ended(machine, number)
    assert list(cloud.machines()) == []


def test_a_process_that_got_the_number_of_a_dead_machine_is_left_alone(cloud, boot, folder_of):
    machine = boot("web01")
    number = pid_of(folder_of, machine)
    os.kill(number, signal.SIGKILL)
    ended(machine, number)
    other = subprocess.Popen(["sleep", "60"])
    try:
        process.pid_file(folder_of("web01"), machine.cloud_id).write_text(f"{other.pid}\n")
        assert cloud.machine(machine.cloud_id).state is State.ERROR
        cloud.delete(machine.cloud_id)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_two_commands_never_act_on_one_machine_at_once(make_cloud, cloud, boot, folder_of):
    machine = boot("web01")
    with make_cloud(lock_wait=0.1) as other, file_lock(folder_of("web01")):
        with pytest.raises(Conflict, match="web01 of cloud mine is busy"):
            other.pause(machine.cloud_id)
        assert other.machine(machine.cloud_id).state is State.UNKNOWN
        with pytest.raises(Conflict, match="busy"):
            other.delete(machine.cloud_id)
    assert cloud.machine(machine.cloud_id).state is State.ACTIVE


def test_what_another_command_is_doing_is_told(make_cloud, boot, folder_of):
    machine = boot("web01")
    # Nobody there answers to the power button.
    with make_cloud(grace=2) as slow, make_cloud(lock_wait=0.1) as other:
        stopping = threading.Thread(target=slow.stop, args=[machine.cloud_id])
        stopping.start()
        try:
            end = time.monotonic() + 20
            while other.machine(machine.cloud_id).state is not State.STOPPING:
                assert time.monotonic() < end
            with pytest.raises(Conflict, match="it is stopping"):
                other.pause(machine.cloud_id)
        finally:
            stopping.join()
        assert other.machine(machine.cloud_id).state is State.STOPPED


@pytest.mark.parametrize("tokens", [1, 2])
def test_of_boots_with_one_name_at_the_same_time_one_makes_a_machine(make_cloud, request_for, tokens):
    made, failed = [], []

    def boot(token):
        with make_cloud() as own:
            try:
                made.append(own.boot(replace(request_for("web01"), token=token)).cloud_id)
            except Refused as error:
                failed.append(str(error))

    given = [new_token() for _ in range(tokens)]
    threads = [threading.Thread(target=boot, args=[given[each % tokens]]) for each in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    with make_cloud() as own:
        (machine,) = own.machines()
        own.delete(machine.cloud_id)
    assert set(made) == {machine.cloud_id} and len(made) + len(failed) == 4
    assert bool(failed) == (tokens > 1) and all("already has a machine web01" in each for each in failed)


KILLED = """
import json, os, signal, sys
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.qemu import power
from cloudmesh.cloud.providers.qemu.provider import QemuProvider

settings, step = json.loads(sys.argv[1]), sys.argv[2]
setattr(power.Power, step, lambda *words: os.kill(os.getpid(), signal.SIGKILL))
cloud = QemuProvider("mine", settings)
cloud.boot(BootRequest("web01", cloud.images()[0], cloud.flavors()[0]))
"""


@pytest.mark.parametrize("step", ["start", "_await_up", "_learn"])
def test_what_a_killed_boot_left_is_removed_by_the_next_command(cloud, settings, folder_of, step):
    code = subprocess.run([sys.executable, "-c", KILLED, json.dumps(settings), step], check=False).returncode
    assert code == -signal.SIGKILL
    half = folder_of(".new-web01")
    assert half.exists()
    uuid = json.loads((half / "state.json").read_bytes())["uuid"]
    assert bool(process.search(uuid)) == (step != "start"), "the test kills when it wants to"
    assert list(cloud.machines()) == []
    assert not half.exists() and not process.search(uuid)


def test_a_boot_on_a_full_disk_leaves_one_sentence_and_nothing_else(small, monkeypatch, qemu, settings):
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(small))
    image = small.parent / "floppy.raw"
    # A boot sector, so that it is taken for a disk.
    image.write_bytes(b"\0" * 510 + b"\x55\xaa" + b"\0" * 1024)
    from cloudmesh.cloud.provider.boot import BootRequest

    with QemuProvider("mine", settings) as cloud:
        cloud.add_image("floppy", image)
        request = BootRequest("web01", cloud.images()[0], cloud.flavors()[0])
        filler = small / "filler"
        filler.write_bytes(b"x" * 150_000)
        with pytest.raises(NoCapacity, match=r"the file system of .* is full; free some space"):
            cloud.boot(request)
        assert [each for each in cloud._folder.path.iterdir() if "web01" in each.name] == []
        assert list(cloud.machines()) == []


def test_a_machine_whose_file_is_spoilt_hides_no_other(cloud, boot, folder_of):
    boot("web01")
    good = boot("web02")
    file = folder_of("web01") / "state.json"
    whole = file.read_bytes()
    file.write_bytes(b"{")
    try:
        assert [each.name for each in cloud.machines()] == ["web02"]
        assert [each.name for each in cloud.left_out] == ["web01"]
        assert cloud.machine(good.cloud_id).state is State.ACTIVE
        boot("web03")
    finally:
        file.write_bytes(whole)


def test_what_is_removed_while_it_is_listed_is_left_out(cloud, boot):
    first = boot("web01")
    boot("web02")
    listing = cloud.machines()
    assert next(listing).name == "web01"
    cloud.delete(next(each for each in cloud.machines() if each.name == "web02").cloud_id)
    assert list(listing) == []
    cloud.delete(first.cloud_id)
    with pytest.raises(NotFound):
        cloud.console(first.cloud_id)


def answers(folder):
    """Whether QEMU has come so far that it has its disk."""
    try:
        qmp.ask(folder, qmp.command("query-status"))
    except Unreachable:
        return False
    return True


KILLED_VERB = """
import json, os, signal, sys
from cloudmesh.cloud.providers.qemu import power
from cloudmesh.cloud.providers.qemu.provider import QemuProvider

settings, verb, step = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
setattr(power.Power, step, lambda *words: os.kill(os.getpid(), signal.SIGKILL))
cloud = QemuProvider("mine", settings)
(machine,) = cloud.machines()
getattr(cloud, verb)(machine.cloud_id)
"""


@pytest.fixture
def killed(settings):
    """Does a verb to the only machine in a program that is killed when it comes to a step."""

    def kill(verb, step):
        words = [sys.executable, "-c", KILLED_VERB, json.dumps(settings), verb, step]
        assert subprocess.run(words, check=False).returncode == -signal.SIGKILL

    return kill


def test_a_guest_whose_suspension_was_killed_goes_on_and_never_goes_back(cloud, boot, folder_of, killed):
    machine = boot("web01")
    killed("suspend", "_end")
    assert json.loads((folder_of("web01") / "state.json").read_bytes())["phase"] == "suspended"
    assert cloud.machine(machine.cloud_id).state is State.ACTIVE
    number = pid_of(folder_of, machine)
    qmp.ask(folder_of("web01"), qmp.command("quit"))
    ended(machine, number)
    assert cloud.machine(machine.cloud_id).state is State.STOPPED
    assert disks.info(folder_of("web01") / "disk.qcow2").snapshots == ()


def test_a_killed_resume_has_resumed_the_machine(cloud, boot, folder_of, killed):
    machine = boot("web01")
    cloud.suspend(machine.cloud_id)
    killed("resume", "_learn")
    assert cloud.machine(machine.cloud_id).state is State.ACTIVE
    number = pid_of(folder_of, machine)
    qmp.ask(folder_of("web01"), qmp.command("quit"))
    ended(machine, number)
    assert cloud.machine(machine.cloud_id).state is State.STOPPED


def test_the_port_of_a_killed_start_is_found_out(cloud, boot, folder_of, killed):
    machine = boot("web01")
    cloud.stop(machine.cloud_id)
    with socket.create_server(("127.0.0.1", machine.ssh_port)):
        killed("start", "_learn")
    now = cloud.machine(machine.cloud_id)
    assert now.state is State.ACTIVE and now.ssh_port != machine.ssh_port


def test_a_process_whose_number_is_not_written_down_is_found_by_delete(cloud, boot, folder_of, killed):
    machine = boot("web01")
    cloud.stop(machine.cloud_id)
    killed("start", "_await_up")
    while not (number := pid_of(folder_of, machine)) or not answers(folder_of("web01")):
        time.sleep(0.01)
    process.pid_file(folder_of("web01"), machine.cloud_id).unlink()
    cloud.delete(machine.cloud_id)
    ended(machine, number)


@pytest.mark.parametrize("harm", ["removed", "spoilt"])
def test_nothing_runs_on_of_a_deleted_machine_whose_folder_was_harmed(cloud, boot, folder_of, harm):
    machine = boot("web01")
    number = pid_of(folder_of, machine)
    if harm == "removed":
        shutil.rmtree(folder_of("web01"))
    else:
        (folder_of("web01") / "state.json").write_bytes(b"{")
    with pytest.raises(NotFound if harm == "removed" else OddRecord):
        cloud.delete(machine.cloud_id)
    ended(machine, number)
    with pytest.raises(NotFound):
        cloud.delete(machine.cloud_id)


def test_a_new_machine_keeps_its_own_state_while_the_old_one_of_its_name_is_removed(
    make_cloud, cloud, boot, request_for, monkeypatch
):
    old, made = boot("web01"), []

    def discard(*words):
        made.append(cloud.boot(request_for("web01")).cloud_id)

    with make_cloud() as other, monkeypatch.context() as patched:
        patched.setattr("cloudmesh.cloud.providers.qemu.making.discard", discard)
        other.delete(old.cloud_id)
    assert [each.cloud_id for each in cloud.machines()] == made


def test_a_sweep_takes_no_folder_from_a_boot_that_has_just_begun(cloud, boot, monkeypatch):
    lock, swept = folder.file_lock, []

    def late(path, *words, **more):
        if path.name == ".new-web01" and path.exists() and not swept:
            swept.append(path)
            cloud._folder.sweep()
        return lock(path, *words, **more)

    monkeypatch.setattr(folder, "file_lock", late)
    assert boot("web01").state is State.ACTIVE and swept
