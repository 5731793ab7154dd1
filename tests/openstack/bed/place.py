"""Where a test-bed lives, and what it remembers between two commands: its ports and its passwords."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
REGIONS = ("RegionOne", "RegionTwo")
# Below the ports that the kernel gives to outgoing connections, so that none of those is in the way later.
FIRST_PORT, LAST_PORT = 20000, 32000
LOOPBACK = "127.0.0.1"


class BedError(Exception):
    """One sentence on why the test-bed cannot be had."""


@dataclass
class Bed:
    """A test-bed in a directory of its own.

    Attributes:
        directory: where its configuration, data and logs are.
        ports: a TCP port on loopback by the name of each service; they stand in the databases too.
        passwords: made once; nothing of them is known beforehand.
        done: the steps that need not be done again.
    """

    directory: Path
    ports: dict[str, int] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    @classmethod
    def load(cls) -> Bed:
        """The test-bed of ``$CLOUDMESH_TESTBED``, else of the folder ``.openstack`` of the repository."""
        directory = Path(os.environ.get("CLOUDMESH_TESTBED") or ROOT / ".openstack").absolute()
        file = directory / "run" / "bed.json"
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        return cls(directory, **known)

    @property
    def run(self) -> Path:
        """All that goes away when the test-bed is wiped."""
        return self.directory / "run"

    @property
    def bin(self) -> Path:
        """The programs of OpenStack; they survive a wipe."""
        return self.directory / "venv" / "bin"

    def make(self) -> None:
        """Make the directories; nobody else may look in, for there are passwords."""
        self.run.mkdir(parents=True, exist_ok=True)
        self.run.chmod(0o700)
        for name in ("log", "etc", "lock"):
            (self.run / name).mkdir(exist_ok=True)

    def save(self) -> None:
        """Write down what is to be remembered."""
        known = {name: value for name, value in asdict(self).items() if name != "directory"}
        new = self.run / "bed.json.new"
        new.touch(mode=0o600)
        new.write_text(json.dumps(known, indent=1), encoding="utf-8")
        new.replace(self.run / "bed.json")

    def mark(self, step: str) -> None:
        """Remember that a step was done."""
        self.done.append(step)
        self.save()

    def wipe(self) -> None:
        """Delete the data, the configuration and the logs."""
        if (self.run / "bed.json").exists():
            shutil.rmtree(self.run)
        self.ports, self.passwords, self.done = {}, {}, []

    def settle(self, services: list[str]) -> None:
        """Choose what is not chosen yet: a free port for each service, and the passwords."""
        for name in services:
            if name not in self.ports:
                self.ports[name] = _free_port(set(self.ports.values()))
        for name in ("admin", "service", "federated", "client"):
            self.passwords.setdefault(name, secrets.token_hex(16))
        self.save()

    def url(self, service: str, path: str = "") -> str:
        """The address of a service."""
        return f"http://{LOOPBACK}:{self.ports[service]}{path}"

    def database(self, name: str) -> str:
        """The address of a database, as SQLAlchemy writes it."""
        return f"mysql+pymysql://bed:{self.passwords['service']}@{LOOPBACK}:{self.ports['mariadb']}/{name}"

    def queue(self, region: str) -> str:
        """The address of a region's message queue, as oslo.messaging writes it."""
        return f"rabbit://bed:{self.passwords['service']}@{LOOPBACK}:{self.ports['rabbitmq']}/{region}"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _free_port(taken: set[int]) -> int:
    for _ in range(1000):
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT)
        if port not in taken and is_free(port):
            return port
    raise BedError(f"there is no free port between {FIRST_PORT} and {LAST_PORT}")
