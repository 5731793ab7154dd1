"""Waiting until machines are ready, with real ssh servers and a pretended cloud-init."""

import json
import socket
import threading

import pytest

from cloudmesh.cloud.access.host_keys import HostKeys
from cloudmesh.cloud.errors import CloudTimeout, NotFound
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.plugin.errors import UnknownName, UsageError
from cloudmesh.vm import Machine, Machines
from cloudmesh.vm.ready import check
from cloudmesh.vm.ready.errors import CloudInitFailed
from cloudmesh.vm.ssh.errors import HostKeyChanged, SignInRefused

DONE = '{"status": "done", "extended_status": "done", "errors": [], "recoverable_errors": {}}'
RUNNING = '{"status": "running", "extended_status": "running", "errors": []}'


def boot(names="vm1", **more):
    with Machines(names) as machines:
        return machines.boot(wait="ready", **{"timeout": 60, **more})


def only(result):
    (outcome,) = result
    return outcome


def when(seen, act):
    """Let a progress callback act once, when a machine is at such a step."""
    steps = []

    def watch(what, clouds):
        steps.extend(step for cloud in clouds for step in cloud.steps)
        if act and any(seen in step for cloud in clouds for step in cloud.steps):
            acts.pop()() if acts else None

    acts = [act]
    watch.steps = steps
    return watch


def test_a_machine_without_cloud_init_is_ready_when_one_can_sign_in(guests, cloud):
    cloud(guests())
    assert only(boot()).status == "done"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (DONE, 0),
        ('{"status": "disabled", "errors": []}', 0),
        # Of a version that knows no --format.
        ("status: done\ntime: Sun, 29 Nov 2026 15:00:00 +0000", 0),
        ("\nstatus: disabled\ndetail:\ndisabled by /etc/cloud/cloud-init.disabled", 0),
    ],
)
def test_a_machine_is_ready_when_cloud_init_has_ended(guests, cloud, said, code):
    (guest,) = guests()
    guest.says(said, code)
    cloud([guest])
    result = boot()
    assert only(result).status == "done"
    assert result.notes == ()


DEGRADED = {
    "status": "done",
    "extended_status": "degraded done",
    "errors": [],
    "recoverable_errors": {"WARNING": ["a module was\x1b[2J skipped"]},
}


def test_what_cloud_init_got_over_is_told(guests, cloud):
    (guest,) = guests()
    guest.says(json.dumps(DEGRADED), 2)
    cloud([guest])
    result = boot()
    assert (only(result).status, result.exit_code) == ("done", 0)
    assert result.notes == (r"cloud-init on lab:vm1 got over errors: a module was\x1b[2J skipped",)


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        (
            '{"status": "error", "extended_status": "error - done", "errors": ["no such package"]}',
            1,
            "no such",
        ),
        ("status: error\nextended_status: error\ndetail:\n('runcmd', 'it broke')", 1, "it broke"),
        ("", 1, "cloud-init failed"),
    ],
)
def test_a_failed_cloud_init_is_told_with_its_last_lines_and_the_machine_is_kept(
    guests, cloud, said, code, told
):
    (guest,) = guests()
    guest.says(said, code)
    guest.program("tail", r"printf 'first\nE: Unable to locate package \033[31mnosuch\n'")
    cloud([guest])
    result = boot()
    error = only(result).error
    assert isinstance(error, CloudInitFailed)
    assert told in str(error)
    assert error.lines == ("first", r"E: Unable to locate package \x1b[31mnosuch")
    assert result.exit_code == 1
    with Machine("vm1") as machine:
        assert machine.state == "active"


def test_an_error_while_it_still_runs_is_not_the_end(guests, cloud):
    (guest,) = guests()
    guest.says('{"status": "error", "extended_status": "error - running", "errors": ["x"]}', 1)
    cloud([guest])
    watch = when("cloud-init runs", lambda: guest.says(DONE))
    with Machines("vm1", watch=watch) as machines:
        assert only(machines.boot(wait="ready", timeout=60)).status == "done"
    assert "cloud-init runs" in watch.steps


def test_it_waits_until_cloud_init_has_ended(guests, cloud, monkeypatch):
    monkeypatch.setattr(check, "_ASK_ALL", 0.0)
    (guest,) = guests()
    guest.says("status: running", 0)
    cloud([guest])
    watch = when("cloud-init runs", lambda: guest.says("status: done"))
    with Machines("vm1", watch=watch) as machines:
        assert only(machines.boot(wait="ready", timeout=60)).status == "done"


def test_one_that_is_still_busy_when_the_time_is_over_fails_with_its_step(guests, cloud):
    (guest,) = guests()
    guest.says(RUNNING)
    cloud([guest])
    error = only(boot(timeout=3)).error
    assert isinstance(error, CloudTimeout)
    assert str(error) == "it is not ready after 3 seconds: cloud-init runs"


def test_a_sign_in_may_be_refused_until_cloud_init_has_made_the_user(guests, cloud):
    (guest,) = guests()
    guest.forbid()
    cloud([guest])
    watch = when("refused", guest.allow)
    with Machines("vm1", watch=watch) as machines:
        assert only(machines.boot(wait="ready", timeout=60)).status == "done"


def test_a_sign_in_that_stays_refused_is_told(guests, cloud, monkeypatch):
    monkeypatch.setattr(check, "_USER_COMES", 0.5)
    (guest,) = guests()
    guest.forbid()
    cloud([guest])
    error = only(boot()).error
    assert isinstance(error, SignInRefused)
    assert "clouds.lab.ssh.user" in str(error)


def test_a_server_that_begins_late_is_waited_for(guests, cloud):
    (guest,) = guests(started=False)
    cloud([guest])
    watch = when("ssh does not answer", guest.start)
    with Machines("vm1", watch=watch) as machines:
        assert only(machines.boot(wait="ready", timeout=60)).status == "done"
    assert f"ssh does not answer at 127.0.0.1 port {guest.port}: connection refused" in watch.steps


def test_a_server_that_says_nothing_is_told_at_once(guests, cloud):
    (guest,) = guests(started=False)
    with socket.create_server(("127.0.0.1", guest.port)) as silent:
        cloud([guest])
        watch = when("ssh", lambda: (silent.close(), guest.start()))
        with Machines("vm1", watch=watch) as machines:
            assert only(machines.boot(wait="ready", timeout=60)).status == "done"
    assert f"connecting to ssh at 127.0.0.1 port {guest.port}" in watch.steps


def test_a_stuck_machine_does_not_hold_up_the_others(guests, cloud):
    stuck, *others = guests(4)
    stuck.says(RUNNING)
    cloud([stuck, *others])
    result = boot("vm[1-4]", timeout=15)
    assert sorted(each.status for each in result) == ["done", "done", "done", "failed"]


def test_a_machine_that_vanishes_meanwhile_fails_at_once(guests, cloud):
    (guest,) = guests()
    guest.says(RUNNING)
    config = cloud([guest])

    def vanish():
        with SimulatedProvider("lab", config.cloud("lab")) as provider:
            (machine,) = provider.machines()
            provider.delete(machine.cloud_id)

    with Machines("vm1", watch=when("cloud-init runs", vanish)) as machines:
        outcome = only(machines.boot(wait="ready", timeout=600))
    assert outcome.status == "failed"
    assert "deleted" in str(outcome.error) or isinstance(outcome.error, NotFound)


def test_the_host_key_that_is_kept_is_the_one_after_cloud_init(guests, cloud, monkeypatch):
    monkeypatch.setattr(check, "_ASK_ALL", 0.0)
    (guest,) = guests()
    guest.says(RUNNING)
    cloud([guest])
    first = guest.host_key

    def go_on():
        guest.new_host_key()
        guest.says(DONE)

    with Machines("vm1", watch=when("cloud-init runs", go_on)) as machines:
        outcome = only(machines.boot(wait="ready", timeout=60))
    assert outcome.status == "done", outcome.error
    assert HostKeys().keys(outcome.machine) == [guest.host_key]
    assert guest.host_key != first


def test_a_changed_host_key_of_a_machine_that_is_known_is_an_alarm(guests, cloud):
    (guest,) = guests()
    cloud([guest])
    assert only(boot()).status == "done"
    guest.new_host_key()
    with Machines("vm1") as machines:
        error = only(machines.wait("ready", timeout=60)).error
    assert isinstance(error, HostKeyChanged)


def test_host_keys_are_learnt_from_the_console_before_the_first_sign_in(guests, cloud, monkeypatch):
    (guest,) = guests()
    shown = f"-----BEGIN SSH HOST KEY KEYS-----\n{guest.host_key} root@vm1\n-----END SSH HOST KEY KEYS-----\n"
    monkeypatch.setattr(SimulatedProvider, "console", lambda self, cloud_id: shown)
    cloud([guest])
    guest.new_host_key()
    error = only(boot()).error
    assert isinstance(error, HostKeyChanged)


def test_only_machines_that_run_can_be_ready(guests, cloud):
    cloud(guests())
    assert only(boot()).status == "done"
    with Machine("vm1") as machine:
        with pytest.raises(UsageError, match="stop leads to state stopped"):
            machine.stop(wait="ready")
        machine.stop(wait=True)
        machine.start(wait="ready", timeout=60)
        assert machine.wait("ready", timeout=60).state == "active"
        with pytest.raises(UnknownName, match="did you mean 'ready'"):
            machine.start(wait="redy")
        with pytest.raises(UnknownName, match="did you mean 'ready'"):
            machine.wait("readdy")


def test_a_simulated_machine_that_nothing_stands_for_is_never_ready(configure):
    configure({"lab": {"boot_seconds": 0}}, active=["lab"], default=["lab"])
    with Machines("vm1") as machines:
        with pytest.raises(UsageError, match="lab is a simulated cloud"):
            machines.boot(wait="ready")
        assert machines.boot().exit_code == 0
        with pytest.raises(UsageError, match="lab is a simulated cloud"):
            machines.wait("ready")


def test_many_machines_are_looked_at_side_by_side(guests, cloud):
    made = guests(6)
    began = made[0].folder.parent / "began"
    began.mkdir()
    for each in made:
        # Each goes on when all are here.
        others = f'while [ "$(ls {began} | wc -l)" -lt 6 ]; do sleep 0.1; done'
        each.program("cloud-init", f"touch {began}/{each.address}; {others}; echo '{DONE}'")
    cloud(made)
    assert boot("vm[1-6]").exit_code == 0


def test_no_thread_goes_on_afterwards(guests, cloud):
    (guest,) = guests()
    guest.says(RUNNING)
    cloud([guest])
    boot(timeout=2)
    for each in threading.enumerate():
        if each.name.startswith("ready "):
            each.join(5)
            assert not each.is_alive()


def test_a_machine_that_has_not_restarted_yet_is_not_ready(guests, cloud, monkeypatch):
    cloud(guests())
    assert only(boot()).status == "done"
    # This computer has been running for longer than a moment.
    watch = when("not restarted", lambda: monkeypatch.setattr(check, "_RESTARTS_WITHIN", 0.0))
    with Machines("vm1", watch=watch) as machines:
        assert only(machines.reboot(wait="ready", timeout=60)).status == "done"
    assert "it has not restarted yet" in watch.steps
