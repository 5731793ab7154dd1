"""A real OpenSSH server of our own on this computer, and a simulated cloud whose machines it stands for."""

import io
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloudmesh.vm.ssh.sockets import socket_directory

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
SETTINGS = """
Port {port}
{listen}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile {folder}/pid
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KexAlgorithms curve25519-sha256
Subsystem sftp internal-sftp
# With it bash reads no files of the user who runs the tests.
SetEnv SHLVL=1
"""


def keygen(file):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)


@pytest.fixture(scope="module")
def server():
    """The server: its port, the folder of its files, and the key that it lets in."""
    if SSHD is None:
        if os.environ.get("CI"):
            pytest.fail("OpenSSH's server is not installed; .ci/run should have done so")
        pytest.skip("OpenSSH's server is not installed (apt-get install openssh-server)")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cms-sshd-") as name:
        folder, port = Path(name), free_port()
        keygen(folder / "host")
        keygen(folder / "user")
        (folder / "authorized").write_text((folder / "user.pub").read_text())
        listen = "\n".join(f"ListenAddress {each}" for each in ADDRESSES)
        (folder / "config").write_text(SETTINGS.format(port=port, listen=listen, folder=folder))
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=subprocess.DEVNULL)
        try:
            wait_for((folder / "pid").exists)
            yield SimpleNamespace(port=port, folder=folder, key=folder / "user", pid=process.pid)
        finally:
            process.terminate()
            process.wait()


def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def wait_for(condition, seconds=30):
    """Wait until something holds; a busy machine may take its time."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "this took too long"
        time.sleep(0.02)


@pytest.fixture
def cloud(configure, server, monkeypatch):
    """The cloud a with web1 to web3, which answer; nobody pipes anything in."""
    from cloudmesh.vm import Machines

    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    reach = {"addresses": ADDRESSES, "port": server.port}
    section = {"reach": reach, "ssh": {"user": user, "key": str(server.key)}}
    config = configure({"a": section})
    with Machines("web[1-3]", "a", parallel=1) as machines:
        machines.boot().raise_for_failures()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    yield config
    for each in socket_directory().iterdir():
        subprocess.run(
            ["ssh", "-O", "exit", "-o", f"ControlPath={each}", "x"], capture_output=True, check=False
        )


@pytest.fixture
def machines(cloud):
    from cloudmesh.vm import Machines

    with Machines("web[1-3]") as opened:
        yield opened


@pytest.fixture
def machine(cloud):
    from cloudmesh.vm import Machine

    with Machine("web1") as opened:
        yield opened
