"""Commands on a connection that is open already: no program is started, and all comes out as with one."""

import os
import signal
import socket
import struct
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloudmesh.vm.ssh import user_config
from cloudmesh.vm.ssh.errors import CommandFailed, CommandTimedOut, ConnectionLost
from cloudmesh.vm.ssh.shared import Session
from cloudmesh.vm.ssh.sockets import control_path

from .conftest import wait_for

FAILURE, EXIT, OPENED = 0x80000003, 0x80000004, 0x80000006


@pytest.fixture
def connected(machine, tmp_path, monkeypatch):
    """A machine with an open connection, where the program ssh is to be found no more."""
    machine.ssh("true")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        yield machine


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """Writes the user's configuration of OpenSSH; there is none for all users."""
    folder = tmp_path / "user" / ".ssh"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setattr(user_config, "_by_account", lambda: (folder / "config",))
    monkeypatch.setattr(user_config, "_OF_ALL", tmp_path / "none")

    def write(text, name="config"):
        (folder / name).write_text(text)
        user_config.forget()

    yield write
    user_config.forget()


def owner(machine):
    """The process that holds the connection."""
    words = ["ssh", "-O", "check", "-o", f"ControlPath={control_path(machine._machines.route())}", "x"]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    return int(told.partition("pid=")[2].partition(")")[0])


def test_a_second_command_starts_no_program(connected):
    result = connected.ssh("echo out; echo err >&2; exit 3", check=False)
    assert (result.exit_status, result.stdout, result.stderr) == (3, "out\n", "err\n")


def test_much_goes_in_and_out(connected):
    text = b"0123456789abcde\n" * 30_000
    result = connected.ssh("cat; wc -c >&2", stdin=text)
    assert result.stdout == text.decode() and result.stderr.strip() == "0"
    assert connected.ssh("cat").stdout == ""


def test_an_exit_status_of_255_is_that_of_the_command(connected):
    with pytest.raises(CommandFailed) as raised:
        connected.ssh("exit 255")
    assert raised.value.exit_status == 255


def test_a_command_that_was_ended_by_a_signal_may_have_been_carried_out(connected):
    with pytest.raises(ConnectionLost, match="a signal ended the command"):
        connected.ssh("kill -9 $$")


def test_a_command_that_takes_too_long_is_ended_in_the_machine(connected, tmp_path):
    with pytest.raises(CommandTimedOut, match="1 second"):
        connected.ssh(f"echo $$ > {tmp_path}/pid; exec cat /dev/zero", timeout=1)
    place = Path("/proc", (tmp_path / "pid").read_text().strip())
    wait_for(lambda: not place.exists())


def test_an_owner_that_dies_takes_the_command_along(machine, tmp_path):
    machine.ssh("true")
    pid = owner(machine)

    def end():
        wait_for((tmp_path / "begun").exists)
        os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=end)
    thread.start()
    with pytest.raises(ConnectionLost):
        machine.ssh(f"touch {tmp_path}/begun; sleep 30")
    thread.join()
    assert machine.ssh("echo again").stdout == "again\n"


def message(*words):
    text = struct.pack(f">{len(words)}I", *words)
    return struct.pack(">I", len(text)) + text


@contextmanager
def listening(path, answer):
    """Stand for the owner of a connection, which answers once."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        thread = threading.Thread(target=lambda: answer(listener.accept()[0]))
        thread.start()
        yield
        thread.join()


@pytest.mark.parametrize(
    "answers",
    [
        [message(1, 3)],
        [message(1, 4), message(FAILURE, 0, 0)],
        [message(1, 4), b""],
        [b""],
        [struct.pack(">I", 1)],
        [message(1)],
    ],
)
def test_what_an_owner_does_not_take_is_left_to_ssh(machine, answers):
    path = control_path(machine._machines.route())

    def answer(connection):
        # ssh itself finds nobody.
        path.unlink()
        with connection:
            for each in answers:
                connection.recv(4096)
                connection.sendall(each)

    with listening(path, answer):
        assert machine.ssh("echo once").stdout == "once\n"


@pytest.mark.parametrize(("said", "status"), [(3, 3), (256, 0), (0xC0000005, 5)])
def test_an_exit_status_is_cut_to_what_ssh_ends_with(machine, said, status):
    def answer(connection):
        with connection, connection.makefile("rb") as heard:
            heard.read(4 + 8)
            connection.sendall(message(1, 4))
            # The request, and a byte with each of three files.
            heard.read(struct.unpack(">I", heard.read(4))[0] + 3)
            connection.sendall(message(OPENED, 0, 7) + message(EXIT, 7, said))

    with listening(control_path(machine._machines.route()), answer):
        assert machine.ssh("whatever", check=False).exit_status == status


def test_an_owner_that_says_nothing_keeps_nobody_who_goes(tmp_path):
    path, looks = tmp_path / "owner", iter([True, False])
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        assert Session.begin(path, "true", [], subprocess.DEVNULL, lambda: next(looks)) is None
    assert not list(looks)


def test_a_socket_where_nobody_listens_is_no_hindrance(machine):
    path = control_path(machine._machines.route())
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    assert machine.ssh("echo once").stdout == "once\n"


@pytest.mark.parametrize("line", ["ForwardAgent yes", "SetEnv A=b", "Host web1\nSendEnv A", "SendEnv -A"])
def test_what_only_ssh_can_hand_on_is_left_to_it(configured, connected, line):
    configured(line)
    outcome = connected._machines.run("true")[0]
    assert "ssh is not installed" in str(outcome.error)


def test_the_variables_are_those_that_ssh_hands_on(configured):
    configured("Include more\nHost x\n  Port 22\nHost *\n  SendEnv LANG\n")
    configured("Sendenv=LC_*\n", "more")
    environment = {b"LANG": b"C", b"LC_ALL": b"C.UTF-8", b"LANGUAGE": b"en", b"HOME": b"/"}
    assert user_config.sent(environment) == [b"LANG=C", b"LC_ALL=C.UTF-8"]
    configured("Host x\n  Include more\n")
    assert user_config.sent(environment) is None
    configured("")
    assert user_config.sent(environment) == []


def test_what_another_home_says_is_not_handed_on(configured, monkeypatch):
    """OpenSSH reads only the configuration in the home of the account."""
    configured("SendEnv *\nForwardAgent yes\n")
    monkeypatch.setattr(user_config, "_by_account", tuple)
    assert user_config.sent({b"MY_PASSWORD": b"x"}) == []
    assert user_config.says("forwardagent")
