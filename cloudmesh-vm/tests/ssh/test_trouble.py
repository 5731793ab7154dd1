"""Servers that hang, keys that are locked and disks that are full, told as what they are."""

import os
import socket
import subprocess
from contextlib import closing, suppress

import pytest

from cloudmesh.vm import Machines
from cloudmesh.vm.ssh.command import CommandRunner, Outputs
from cloudmesh.vm.ssh.copy import Copier
from cloudmesh.vm.ssh.errors import MachineUnreachable, SignInRefused
from cloudmesh.vm.ssh.processes import Processes


def test_an_output_that_cannot_be_written_is_no_success(machine, tmp_path):
    (tmp_path / "full.out").symlink_to("/dev/full")
    (tmp_path / "folder.out").mkdir()
    route = machine._machines.route()
    for name, why, is_unsure in (("full", "no space left", True), ("folder", "is a directory", False)):
        files = Outputs(tmp_path / f"{name}.out", tmp_path / f"{name}.err")
        with closing(Processes()) as processes, pytest.MonkeyPatch.context() as patch:
            # Nobody's outputs are written through a link; that one stands for a disk that is full.
            patch.setattr(os, "O_NOFOLLOW", 0)
            _, error = CommandRunner(processes, outputs=lambda _, files=files: files).run(route, "echo hi")
        assert why in str(error) and f"{name}.out" in str(error)
        assert error.outcome_unknown is is_unsure


def test_who_hangs_in_the_exchange_of_keys_was_surely_not_reached(cloud):
    import threading

    def greet():
        with suppress(OSError):
            while True:
                connection, _ = door.accept()
                connection.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
                kept.append(connection)

    kept = []
    with socket.create_server(("127.0.0.1", 0)) as door, Machines("web1", config=cloud) as machines:
        threading.Thread(target=greet, daemon=True).start()
        cloud.data["clouds"]["a"]["reach"]["port"] = door.getsockname()[1]
        machines.session.cloud("a").machines()
        route = machines.route()
        with closing(Processes()) as processes:
            result, error = CommandRunner(processes, connect_timeout=0.5).run(route, "true")
            with pytest.raises(MachineUnreachable, match="within 2 s"):
                Copier(processes, 10.0, 2.0).put(route, __file__, "/nowhere/")
        door.shutdown(socket.SHUT_RDWR)
    for each in kept:
        each.close()
    assert isinstance(error, MachineUnreachable) and "exchange of keys within 1.5 s" in str(error)
    assert result.exit_status is None and not error.outcome_unknown


def test_a_key_with_a_passphrase_is_to_be_added_to_the_agent(cloud, server, tmp_path, monkeypatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    key = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", key], check=True)
    cloud.data["clouds"]["a"]["ssh"]["key"] = str(key)
    before = (server.folder / "authorized").read_text()
    (server.folder / "authorized").write_text(before + key.with_suffix(".pub").read_text())
    try:
        with Machines("web1", config=cloud) as machines:
            (outcome,) = machines.run("true")
    finally:
        (server.folder / "authorized").write_text(before)
    assert isinstance(outcome.error, SignInRefused)
    assert str(outcome.error).endswith(f"add it to your agent: ssh-add {key}")
