"""One process of OpenSSH's server, which stands for up to sixteen machines."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .processes import descendants, kill

# More addresses than this one server refuses.
MOST = 16
PATIENCE = 30
SFTP = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server")

COMMON = """\
Port {port}
HostKey {key}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 1000
LoginGraceTime 20
UseDNS no
"""


def program() -> str | None:
    """Where the server is; None if it is not installed. It wants to be started by its whole path."""
    return shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def sftp_server() -> str:
    """Where the program is that serves files."""
    return next(path for path in SFTP if Path(path).exists())


def make_key(file: Path) -> Path:
    """A new key pair without a passphrase."""
    file.unlink(missing_ok=True)
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", file.name, "-f", file]
    subprocess.run(words, check=True)
    return file


@dataclass
class Server:
    """One sshd.

    Attributes:
        folder: where its key, its configuration and its log are.
        port: on which it listens, at each address.
        environments: the address of each machine, with what is set in the environment of whoever signs in.
        settings: lines of its configuration beside those that all have; of a keyword the first line counts.
        words: options of the program.
    """

    folder: Path
    port: int
    environments: Mapping[str, Mapping[str, str]]
    settings: Sequence[str] = ()
    words: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        """What the server tells of connections and sign-ins."""
        return self.folder / "log"

    @property
    def key(self) -> Path:
        """The server's own key, by which a client knows it again."""
        return self.folder / "host_key"

    def start(self, new_key: bool = True) -> None:
        """Start it; it answers when this returns.

        Args:
            new_key: whether it shows another key than before.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if new_key:
            make_key(self.key).chmod(0o600)
        file = self.folder / "sshd_config"
        file.write_text(self._configuration())
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        words = [program() or "sshd", "-D", "-f", file, "-E", self.log, *self.words]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        while not all(answers(address, self.port) for address in self.environments):
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def end(self) -> None:
        """End it and all who are signed in, as when the machine loses its power."""
        if self.process:
            # Halted first, so that no one comes meanwhile; its children are known only while it is there.
            self.process.send_signal(signal.SIGSTOP)
            signed_in = descendants(self.process.pid)
            self.process.kill()
            self.process.wait()
            kill(signed_in)

    def _configuration(self) -> str:
        own = [f"ListenAddress {address}" for address in self.environments]
        matches = []
        for address, environment in self.environments.items():
            words = " ".join(f'"{key}={value}"' for key, value in environment.items())
            matches += [f"Match LocalAddress {address}", f"    SetEnv {words}"]
        lines = [*self.settings, COMMON.format(port=self.port, key=self.key).rstrip(), *own, *matches]
        return "\n".join(lines) + "\n"


def answers(address: str, port: int) -> bool:
    """Whether a server says at this address that it speaks ssh."""
    try:
        with socket.create_connection((address, port), 2) as line:
            line.settimeout(5)
            return line.recv(4) == b"SSH-"
    except OSError:
        return False


def split(addresses: Sequence[str]) -> list[Sequence[str]]:
    """As many at once as one server takes."""
    return [addresses[begin : begin + MOST] for begin in range(0, len(addresses), MOST)]
