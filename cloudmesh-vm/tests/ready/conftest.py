"""Machines of a simulated cloud for which real ssh servers stand, on addresses of this computer alone."""

import getpass
import os
import shutil
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
DONE = '{"status": "done", "extended_status": "done", "errors": [], "recoverable_errors": {}}'
SETTINGS = """
HostKey {folder}/host_key
ListenAddress {address}:{port}
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
SetEnv PATH={folder}/bin:/usr/bin:/bin
LogLevel QUIET
"""


def free_port():
    """A port that nobody uses now, on any of our addresses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_key(path, comment=""):
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    subprocess.run(words, check=True)


class Guest:
    """One machine: an ssh server, and a program cloud-init on its PATH that says what it is told to."""

    def __init__(self, folder, address, port, key):
        self.folder, self.address, self.port, self._key = folder, address, port, key
        self._process = None
        (folder / "bin").mkdir(parents=True)
        make_key(folder / "host_key")
        (folder / "sshd_config").write_text(SETTINGS.format(**vars(self)))
        self.allow()

    def allow(self):
        """From now on the user may sign in."""
        shutil.copy(f"{self._key}.pub", self.folder / "authorized_keys")

    def forbid(self):
        """From now on nobody may sign in."""
        (self.folder / "authorized_keys").unlink()

    def start(self):
        words = [SSHD, "-D", "-f", str(self.folder / "sshd_config")]
        self._process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex((self.address, self.port)) == 0:
                    return self
            time.sleep(0.02)
        raise AssertionError("the ssh server does not begin")

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def new_host_key(self):
        """As cloud-init makes one at the first start."""
        self.stop()
        for name in ("host_key", "host_key.pub"):
            (self.folder / name).unlink()
        make_key(self.folder / "host_key")
        self.start()

    @property
    def host_key(self):
        """Kind and key, as known_hosts holds them."""
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    def program(self, name, text):
        """Put a program on the PATH of the machine."""
        draft = self.folder / f"{name}.draft"
        draft.write_text(f"#!/bin/sh\n{text}\n")
        draft.chmod(0o755)
        draft.replace(self.folder / "bin" / name)

    def says(self, text, code=0):
        """What ``cloud-init status --format=json`` prints, and its exit code."""
        self.program("cloud-init", f"cat <<'END'\n{text}\nEND\nexit {code}")


@pytest.fixture
def user_key(tmp_path):
    make_key(tmp_path / "user_key")
    return tmp_path / "user_key"


@pytest.fixture
def guests(tmp_path, user_key):
    """Makes machines ``guests(3)``, which answer at 127.0.0.1 and so on, all at one port."""
    if SSHD is None:
        pytest.skip("no sshd here")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    made = []

    def make(count=1, started=True):
        port = free_port()
        for number in range(1, count + 1):
            guest = Guest(tmp_path / f"guest{number}", f"127.0.0.{number}", port, user_key)
            made.append(guest.start() if started else guest)
        return made

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def cloud(configure, user_key, tmp_path):
    """Configures the simulated cloud ``lab``, whose machines are these guests; more settings may follow."""

    def make(guests, **more):
        reach = {"addresses": [each.address for each in guests], "port": guests[0].port}
        ssh = {"user": getpass.getuser(), "key": str(user_key)}
        section = {"reach": reach, "ssh": ssh, "boot_seconds": 0, **more}
        return configure({"lab": section}, active=["lab"], default=["lab"])

    return make


@pytest.fixture
def mute():
    """A server that accepts and says nothing until ``speak``: its address and port."""
    server = Mute()
    yield server
    server.close()


class Mute:
    """Accepts connections as a forwarding of ports does before there is a machine; keeps some of them."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address, self.port = self._listener.getsockname()
        self._taken = []
        self.banner = b""
        self.delay = 0.0
        # So many connections; those after them are closed at once.
        self.keeps = 1000
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._taken.append(connection)
            if len(self._taken) > self.keeps:
                connection.close()
            elif self.banner:
                threading.Thread(target=self._speak, args=(connection,), daemon=True).start()

    def _speak(self, connection):
        time.sleep(self.delay)
        try:
            connection.sendall(self.banner)
        except OSError:
            return

    @property
    def count(self):
        return len(self._taken)

    def close(self):
        if self._listener.fileno() >= 0:
            # One that is only closed goes on accepting as long as a thread waits in accept.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for each in self._taken:
            each.close()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)
