"""A real OpenSSH server on the loopback, for the tests of this folder."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@dataclass
class Server:
    """A server, the private key that it lets in, and the user that it knows."""

    port: int
    user: str
    key: Path
    folder: Path

    def host_key(self) -> str:
        """Its public key, as ``KIND BASE64``."""
        return " ".join((self.folder / "host.pub").read_text().split()[:2])


def make_key(file: Path, kind: str = "ed25519") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", file], check=True)
    return file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a folder for keys, and the directory of cloudmesh in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(tmp_path / ".cloudmesh"))
    (tmp_path / ".ssh").mkdir(mode=0o700)
    (tmp_path / ".cloudmesh").mkdir(mode=0o700)
    return tmp_path


@pytest.fixture
def start_sshd(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers, each with a key of its own, which end with the test."""
    if SSHD is None or not shutil.which("ssh-keygen"):
        pytest.skip("needs sshd")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    key = make_key(tmp_path / "user_key")
    with contextlib.ExitStack() as running:

        def start(port: int = 0, kind: str = "ed25519") -> Server:
            return running.enter_context(_running(tmp_path, key, port, kind))

        yield start


@contextlib.contextmanager
def _running(place: Path, key: Path, port: int, kind: str) -> Iterator[Any]:
    if not port:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    folder = place / f"sshd-{port}-{time.monotonic_ns()}"
    folder.mkdir()
    make_key(folder / "host", kind)
    config = folder / "config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {key}.pub\nPasswordAuthentication no\nPermitRootLogin yes\n"
    )
    assert SSHD
    process = subprocess.Popen([SSHD, "-D", "-f", config, "-E", folder / "log"])
    try:
        server = Server(port, getpass.getuser(), key, folder)
        _await_banner(process, server)
        yield server
    finally:
        process.terminate()
        process.wait(10)


def _await_banner(process: subprocess.Popen[bytes], server: Server) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, (server.folder / "log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 5) as there:
            if there.recv(4) == b"SSH-":
                return
        time.sleep(0.05)
    raise AssertionError("sshd does not answer")
