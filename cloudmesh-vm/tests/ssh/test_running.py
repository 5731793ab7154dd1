"""Commands in machines, by Python and by the shell, against a real OpenSSH server."""

import io
import json
import os
import socket
import subprocess

import pytest

from cloudmesh.cloud.access.host_keys import HostKeys
from cloudmesh.db import open_store
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.vm import Machines
from cloudmesh.vm.jobs import Jobs
from cloudmesh.vm.model.limits import RunOptions
from cloudmesh.vm.model.outcome import Status
from cloudmesh.vm.ssh.errors import (
    CommandFailed,
    CommandTimedOut,
    ConnectionLost,
    HostKeyChanged,
    MachineUnreachable,
    SignInRefused,
)
from cloudmesh.vm.ssh.sockets import socket_directory


def piped(monkeypatch, content):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_command_gives_its_outputs_and_its_exit_status(machine):
    done = machine.ssh("echo out; echo err >&2")
    assert (done.exit_status, done.stdout, done.stderr) == (0, "out\n", "err\n")
    with pytest.raises(CommandFailed, match="exit status 255") as failed:
        machine.ssh("exit 255")
    assert failed.value.exit_status == 255
    assert machine.ssh("exit 7", check=False).exit_status == 7


def test_many_machines_fare_each_for_itself(machines):
    done = machines.run("case $SSH_CONNECTION in *127.0.0.2*) exit 3;; esac")
    assert [each.value.exit_status for each in done] == [0, 3, 0]
    assert [each.status for each in done] == [Status.DONE, Status.FAILED, Status.DONE]
    assert done.exit_code == 1


def test_each_machine_reads_all_that_is_piped_in_and_none_of_it_is_stored(machines, home):
    content = b"very secret \xff\n" * 200_000
    done = machines.run("cksum", stdin=content)
    (told,) = {each.value.stdout for each in done}
    assert told.split()[1] == str(len(content))
    for file in home.rglob("*"):
        assert not file.is_file() or b"very secret" not in file.read_bytes(), file


def test_what_is_printed_is_kept_up_to_a_limit(machine):
    done = machine.ssh("yes | head -c 3000000")
    assert len(done.stdout) == 1024 * 1024
    assert done.truncated


def test_the_second_command_uses_the_connection_of_the_first(machine):
    first, second = (machine.ssh("echo $SSH_CONNECTION").stdout for _ in range(2))
    assert first == second
    directory = socket_directory()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert len(list(directory.iterdir())) == 1


def test_who_does_not_answer_is_unreachable(cloud, configure, server):
    cloud.data["clouds"]["a"]["reach"]["port"] = 1
    with Machines("web1", config=cloud) as machines:
        machines.session.cloud("a").machines()
        (outcome,) = machines.run("true")
    assert isinstance(outcome.error, MachineUnreachable)
    assert "web1 at 127.0.0.1 port 1 cannot be reached: Connection refused" in str(outcome.error)
    assert not outcome.error.outcome_unknown


@pytest.mark.parametrize(
    ("verb", "state", "wakes"), [("stop", "stopp", "start"), ("pause", "paus", "unpause")]
)
def test_who_does_not_run_is_told_with_what_makes_it_run(cloud, configure, server, verb, state, wakes):
    cloud.data["clouds"]["a"]["reach"]["port"] = 1
    with Machines("web1", config=cloud) as machines:
        getattr(machines, verb)()
        (outcome,) = machines.run("true")
    assert f"Connection refused; it was {state}" in str(outcome.error)
    assert str(outcome.error).endswith(f"when it was last seen: cms vm {wakes} a:web1")


def test_who_is_not_let_in_is_told_with_user_and_key(cloud, server, tmp_path):
    key = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    cloud.data["clouds"]["a"]["ssh"]["key"] = str(key)
    with Machines("web1", config=cloud) as machines:
        (outcome,) = machines.run("true")
    assert isinstance(outcome.error, SignInRefused)
    assert str(key) in str(outcome.error)


def test_another_host_key_is_an_alarm_and_nothing_is_sent(cloud, server, tmp_path):
    with Machines("web1") as machines:
        (machine,) = machines
        keys = HostKeys()
        other = tmp_path / "other"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
        kind, key, *_ = other.with_suffix(".pub").read_text().split()
        keys.path.write_text(f"{keys.alias(machine)} {kind} {key}\n")
        mark = tmp_path / "was here"
        (outcome,) = machines.run(f"touch '{mark}'")
    assert isinstance(outcome.error, HostKeyChanged)
    assert "a:web1" in str(outcome.error)
    assert not mark.exists()


def test_a_key_is_taken_at_first_use_alone(machine):
    machine.ssh("true")
    record = machine.info()
    assert HostKeys().known(record)


def test_a_stopped_machine_is_not_tried(cloud):
    with Machines("web[1-2]") as machines:
        with Machines("web1") as one:
            one.stop(wait=True)
        stopped, up = machines.run("true")
    assert "web1 is stopped; use cms vm start a:web1" in str(stopped.error)
    assert up.succeeded


def test_a_command_that_takes_too_long_is_ended(cloud):
    with Machines("web1", call_timeout=1.0) as machines:
        (outcome,) = machines.run("echo begun; sleep 60")
    assert isinstance(outcome.error, CommandTimedOut)
    assert outcome.value.stdout == "begun\n"
    with Machines("web[1-2]", parallel=1) as machines:
        first, second = machines.run("sleep 60", timeout=2.0)
    assert isinstance(first.error, CommandTimedOut)
    assert second.status is Status.NOT_STARTED


def test_a_lost_connection_leaves_it_unknown_whether_it_was_done(machine):
    with pytest.raises(ConnectionLost) as lost:
        machine.ssh("kill -9 $PPID; sleep 5")
    assert lost.value.outcome_unknown


def test_resuming_runs_what_did_not_begin_and_nothing_twice(cloud, tmp_path):
    log = tmp_path / "log"
    with Machines("web[1-3]", parallel=1) as machines:
        done = machines.run(f"echo x >> {log}; test $(wc -l < {log}) = 1 || sleep 60", timeout=4.0)
    assert [each.status for each in done] == [Status.DONE, Status.FAILED, Status.NOT_STARTED]
    assert len(log.read_text().split()) == 2
    log.unlink()
    again = Jobs().resume(done.job, failed=True)
    told = {each.name: each for each in again}
    assert told["web3"].status is Status.DONE
    assert "use a new cms vm run" in str(told["web2"].error)
    assert log.read_text().split() == ["x"]


def test_a_job_that_read_what_was_piped_in_needs_it_again(cloud, cms, monkeypatch):
    with Machines("web[1-2]") as machines, pytest.MonkeyPatch.context() as patch:
        patch.setattr("cloudmesh.vm.jobs.remote.RemoteRunner._performed", _interrupted)
        done = machines.run("cat", stdin=b"hello\n")
    assert done.exit_code == 130
    with open_store() as database:
        database.update("task", {"status": "pending"}, job=done.job)
    code, _, err = cms(f"job resume {done.job}")
    assert (code, "pipe it in again" in err) == (2, True)
    piped(monkeypatch, b"hello\n")
    code, out, _ = cms(f"job resume {done.job}")
    assert (code, out) == (0, "---------------\nweb[1-2] (2)\n---------------\nhello\n")


def _interrupted(self, machine):
    from cloudmesh.vm.ssh.command import interrupted

    raise interrupted()


def test_equal_outputs_are_shown_once(cloud, cms):
    code, out, err = cms("vm run 'web*' -- 'echo same; echo $SSH_CONNECTION | cut -d\" \" -f3 >&2'")
    assert (code, out) == (0, "---------------\nweb[1-3] (3)\n---------------\nsame\n")
    assert "---------------\nweb2, stderr\n---------------\n127.0.0.2\n" in err
    assert "3 machines in" in err.splitlines()[-1]
    assert err.endswith(": 3 done\n")


def test_one_machine_is_shown_as_it_is(cloud, cms):
    assert cms("vm run web1 -- echo 'a  b'")[1] == "a  b\n"


def test_words_after_two_dashes_are_the_command_with_its_quotes(cloud, cms):
    assert cms("vm run web1 -- printf '%s|' 'a  b' --output=json -h")[1] == "a  b|--output=json|-h|\n"
    assert cms("vm run web1 --output=json -- 'echo a | tr a b'")[0] == 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("vm run web1 uptime", "'vm run' needs -- COMMAND..."),
        ("vm run web1 --", "nothing follows '--'"),
        ("vm run -- uptime", "'vm run' needs NAMES or --all"),
        ("vm run web1 --outdri=x -- uptime", "did you mean '--outdir'"),
    ],
)
def test_wrong_words_are_told(cloud, cms, line, told):
    code, _, err = cms(line)
    assert code == 2
    assert told in err


def test_data_has_a_row_for_each_machine(cloud, cms):
    code, out, _ = cms("vm run 'web*' --output=json -- 'echo x; exit 4'")
    rows = json.loads(out)
    assert code == 1
    assert [(row["name"], row["exit"], row["stdout"], row["result"]) for row in rows] == [
        (f"web{number}", 4, "x\n", "failed") for number in (1, 2, 3)
    ]


def test_a_file_of_each_machine_holds_all_of_its_output(cloud, cms, tmp_path):
    code, out, _ = cms(f"vm run 'web*' --outdir={tmp_path}/new -- 'yes | head -c 3000000; echo e >&2'")
    assert (code, out) == (0, "")
    files = {each.name: each.stat() for each in (tmp_path / "new").iterdir()}
    assert sorted(files) == [f"web{number}.{kind}" for number in (1, 2, 3) for kind in ("err", "out")]
    assert files["web2.out"].st_size == 3_000_000
    assert {each.st_mode & 0o777 for each in files.values()} == {0o600}


def test_the_job_tells_the_command_and_keeps_no_output(cloud, cms, home):
    cms("vm run 'web*' -- 'echo secret-$((40+2)); exit 3'")
    code, out, err = cms("job show 2")
    assert code == 0
    assert "exit status 3" in out
    assert "note: run: echo secret-$((40+2)); exit 3" in err
    files = [each for each in home.rglob("*.db*") if each.is_file()]
    assert files
    assert not any(b"secret-42" in each.read_bytes() for each in files)


def test_a_machine_that_names_another_user_is_asked_as_that_one(cloud, server, monkeypatch):
    user = cloud.data["clouds"]["a"]["ssh"].pop("user")
    script = server.folder / "greeting"
    script.write_text(
        '#!/bin/sh\necho \'Please login as the user "ubuntu" rather than the user "x".\'; exit 142\n'
    )
    script.chmod(0o755)
    real, asked = subprocess.Popen, []

    def popen(words, *args, **more):
        # Only the user of the tests can sign in here, under whatever name.
        if any(each.startswith("User=") for each in words):
            asked.append(next(each for each in words if each.startswith("User=")))
            told = [f"User={user}" if each == "User=ubuntu" else each for each in words]
            words = told if "User=ubuntu" in words else [str(script)]
        return real(words, *args, **more)

    monkeypatch.setattr("cloudmesh.vm.ssh.processes.subprocess.Popen", popen)
    # Each command has a program of its own.
    monkeypatch.setattr("cloudmesh.vm.ssh.shared.Session.begin", lambda *given: None)
    for expected in (["User=debian", "User=ubuntu"], ["User=ubuntu"]):
        with Machines("web1", config=cloud) as machines:
            (outcome,) = machines.run("id -un")
        assert outcome.value.stdout == f"{user}\n", outcome.error
        assert asked == expected
        asked.clear()


def test_a_jump_of_ours_is_checked_too(cloud, server):
    from dataclasses import replace

    from cloudmesh.vm.ssh.command import CommandRunner
    from cloudmesh.vm.ssh.processes import Processes

    processes = Processes()
    runner = CommandRunner(processes)
    with Machines("web1") as one, Machines("web2") as two:
        target, jump = one.route(), two.route()
    route = replace(target, jumps=(jump,))
    try:
        _, error = runner.run(route, "echo $SSH_CONNECTION")
        assert error is None
        known = HostKeys()
        assert known.known(jump.machine)
        assert known.known(target.machine)
        lines = known.path.read_text().splitlines()
        wrong = [line[:-8] + "AAAAAAAA" if line.startswith(jump.host_key_alias) else line for line in lines]
        known.path.write_text("\n".join(wrong) + "\n")
        for each in socket_directory().iterdir():
            subprocess.run(
                ["ssh", "-O", "exit", "-o", f"ControlPath={each}", "x"], capture_output=True, check=False
            )
        _, error = runner.run(route, "true")
        assert isinstance(error, HostKeyChanged)
        assert "a:web2" in str(error)
    finally:
        processes.close()


def test_a_server_that_accepts_and_says_nothing_is_given_up(cloud):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cloud.data["clouds"]["a"]["reach"]["port"] = silent.getsockname()[1]
        from cloudmesh.vm.jobs import remote

        with pytest.MonkeyPatch.context() as patch, Machines("web1", config=cloud) as machines:
            patch.setattr(remote.RemoteOptions, "connect_timeout", 1.0)
            machines.session.cloud("a").machines()
            (outcome,) = machines.run("true", timeout=30)
    assert isinstance(outcome.error, MachineUnreachable)
    assert "timed out" in str(outcome.error)


def test_ssh_gives_the_exit_status_of_the_command(cloud, cms):
    assert cms("vm ssh web1 --command='exit 7'")[0] == 7
    assert cms("vm ssh web1 --command='echo $HOME'")[0] == 0
    code, _, err = cms("vm ssh 'web*' --command=true")
    assert (code, "exactly one machine is required" in err) == (2, True)


def test_jobs_of_runs_take_their_options(cloud):
    with Machines("web[1-2]") as machines:
        done = machines.run("true")
    assert not Jobs().resume(done.job, options=RunOptions(parallel=2))
    assert Jobs().work(done.job).command == "true"
    assert os.environ["HOME"]


def test_machines_share_one_connection_to_their_jump(cloud, monkeypatch):
    from dataclasses import replace

    from cloudmesh.vm.ssh.routes import Routes

    with Machines("web3") as one:
        jump = one.route()
    find = Routes.find
    monkeypatch.setattr(Routes, "find", lambda self, machine: replace(find(self, machine), jumps=(jump,)))
    with Machines("web[1-2]") as machines:
        done = machines.run("echo $SSH_CONNECTION")
    done.raise_for_failures()
    assert len(list(socket_directory().iterdir())) == 3


@pytest.mark.parametrize("command", ["", "echo a\0b", "echo \ud800"])
def test_what_no_program_can_be_told_is_refused_before_anything_is_done(machines, command):
    with pytest.raises(UsageError, match="the command"):
        machines.run(command)
    assert Jobs(machines.session.config).list(1)[0].verb == "boot"


def test_a_command_that_is_too_long_is_told_as_that(machine):
    with pytest.raises(CloudmeshError, match="too long to be handed on; pipe it in"):
        machine.ssh(f": {'x' * 200_000}")
