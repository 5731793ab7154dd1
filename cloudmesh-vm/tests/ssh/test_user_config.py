"""What a user's own configuration of OpenSSH may say, and commands and copies come out right even so."""

import os
import shutil
import socket

import pytest

from cloudmesh.vm import Machines
from cloudmesh.vm.ssh import user_config


@pytest.fixture
def configured(cloud, tmp_path, monkeypatch):
    """Writes the configuration, which ssh itself looks for without asking for HOME."""
    folder = tmp_path / "user" / ".ssh"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder.parent))
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("ssh", "sftp"):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {shutil.which(name)} -F {folder}/config "$@"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    def write(text):
        (folder / "config").write_text(text)
        user_config.forget()

    yield write
    user_config.forget()


@pytest.mark.parametrize(
    "line",
    [
        *("RemoteCommand uptime", "SessionType none", "StdinNull yes", "ForkAfterAuthentication yes"),
        *("RequestTTY force", "LogLevel QUIET", "PermitLocalCommand yes\nLocalCommand echo local"),
        "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null",
    ],
)
def test_a_command_is_run_and_a_file_copied(configured, tmp_path, line):
    configured(f"Host *\n{line}\n")
    (tmp_path / "file").write_text("content")
    with Machines("web[1-2]") as machines:
        done = machines.run("cat; sleep 0.3; echo end", stdin=b"given\n")
        assert [each.value.stdout for each in done] == ["given\nend\n"] * 2, [each.error for each in done]
        assert machines.put(tmp_path / "file", f"{tmp_path}/copy").exit_code == 0
    assert (tmp_path / "copy").read_text() == "content"


def test_copies_by_sftp_too(configured, tmp_path, monkeypatch):
    configured("Host *\nRemoteCommand uptime\n")
    monkeypatch.setattr("shutil.which", lambda name: None)
    (tmp_path / "file").write_text("content")
    with Machines("web1") as machines:
        assert machines.put(tmp_path / "file", f"{tmp_path}/copy").exit_code == 0
    assert (tmp_path / "copy").read_text() == "content"


def test_a_port_that_is_forwarded_for_all_hosts_is_in_nobodys_way(configured):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        configured(f"Host *\nLocalForward {port} localhost:22\nExitOnForwardFailure yes\n")
        with Machines("web[1-2]") as machines:
            assert machines.run("true").exit_code == 0


def test_a_mistake_in_it_is_told_with_its_line(configured):
    configured("Host *\n  Nonsense yes\n")
    with Machines("web1") as machines:
        (outcome,) = machines.run("true")
    assert "line 2: Bad configuration option: nonsense" in str(outcome.error)
