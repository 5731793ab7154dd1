"""``cms vm run`` of ``true`` on 64 machines beside ``clush -f 64``: same servers, keys, checks of host keys.

Real servers of OpenSSH stand for the machines, all on this computer; they do as little as they can, since
elsewhere their work would be that of the machines. Most of what is left is OpenSSH's client, which both start
once a machine. OpenSSH 9.0 and later agree on a key in a way that costs each client about 100 ms of a
processor, which hides what the tools themselves take; so the ratio that matters is measured with servers that
know only curve25519-sha256, and the other is told beside it. What the clients offer is not touched.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "ssh"))

from sshbed.bed import GOOD, QUICK, Bed
from sshbed.processes import of_home

BIN = Path(sys.executable).parent
MACHINES = 64
ROUNDS = 5
DEFAULT_ROUNDS = 3
Figure = tuple[str, list[float], list[float], float]


def figures() -> Iterator[Figure]:
    """Name, seconds of ours, seconds of what it is beside, and how many times as much it may be."""
    name = f"cms vm run of true, {MACHINES} machines"
    first, second, theirs = _measured([QUICK], ROUNDS)
    # The best of each: what else the computer does is nobody's merit.
    yield f"{name} / clush -f {MACHINES}, servers of curve25519", [min(first)], [min(theirs)], 0.8
    yield "a second run within the minute / the same clush", [min(second)], [min(theirs)], 0.4
    first, second, theirs = _measured([], DEFAULT_ROUNDS)
    yield f"{name} / clush -f {MACHINES}, OpenSSH's default keys", [min(first)], [min(theirs)], 1.0


def _measured(settings: list[str], rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Seconds of a first run, of a second one, and of clush, in turn."""
    names = [f"m{number:02}" for number in range(1, MACHINES + 1)]
    kinds = dict.fromkeys(names, GOOD)
    ours, again, theirs = [], [], []
    with (
        tempfile.TemporaryDirectory(prefix="cm-") as folder,
        Bed(Path(folder, "bed"), kinds, settings, bare=True) as bed,
        User(Path(folder, "home"), bed) as user,
    ):
        for _ in range(rounds):
            theirs.append(user.clush())
            ours.append(user.run())
            again.append(user.run())
            user.hang_up()
    return ours, again, theirs


class User:
    """Somebody who has these machines on a simulated cloud, and knows their host keys."""

    def __init__(self, home: Path, bed: Bed) -> None:
        self._bed = bed
        self._home = home
        home.mkdir()
        self._env = {**os.environ, "HOME": str(home), "CLOUDMESH_CONFIG_DIR": str(home / "cloudmesh")}
        self._names = f"m[01-{MACHINES:02}]"
        self._known = home / "known_hosts"
        self._configure(home / "cloudmesh" / "class.yaml")
        # One after the other, so that each has the address of its number.
        self._seconds("cms", "vm", "boot", self._names, "--parallel=1", "--wait")

    def __enter__(self) -> User:
        self._learn()
        return self

    def __exit__(self, *exception: object) -> None:
        self.hang_up()

    def run(self) -> float:
        """Seconds of ours."""
        return self._seconds("cms", "vm", "run", self._names, f"--parallel={MACHINES}", "--", "true")

    def clush(self) -> float:
        """Seconds of ClusterShell's command."""
        options = f"-i {self._bed.key} -p {self._bed.port} -o IdentitiesOnly=yes -o BatchMode=yes "
        options += f"-o UserKnownHostsFile={self._known} -o StrictHostKeyChecking=yes"
        addresses = f"127.0.1.[1-{MACHINES}]"
        return self._seconds("clush", "-f", str(MACHINES), "-w", addresses, "-o", options, "true")

    def hang_up(self) -> None:
        """End the connections that ours has left for what follows."""
        deadline = time.monotonic() + 20
        while left := of_home(self._home):
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            if time.monotonic() > deadline:
                raise SystemExit(f"these do not end: {left}")
            time.sleep(0.05)

    def _configure(self, file: Path) -> None:
        cloud: dict[str, Any] = {"type": "simulated", "boot_seconds": 0, "action_seconds": 0}
        cloud["reach"] = {"addresses": list(self._bed.addresses.values()), "port": self._bed.port}
        cloud["ssh"] = {"user": self._bed.user, "key": str(self._bed.key)}
        cloud["default"] = {"image": "debian-12", "flavor": "tiny"}
        common = {"default": "local", "refresh_after": "never"}
        file.parent.mkdir(mode=0o700)
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump({"cloudmesh": common, "clouds": {"local": cloud}}))

    def _learn(self) -> None:
        """Let both know the host keys, as on all days but the first."""
        words = ["ssh-keyscan", "-t", "ed25519", "-p", str(self._bed.port), *self._bed.addresses.values()]
        told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        self._known.write_text(told)
        self.run()
        self.hang_up()

    def _seconds(self, program: str, *words: str) -> float:
        began = time.perf_counter()
        ended = subprocess.run(
            [BIN / program, *words],
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise SystemExit(f"{program} {words} ended with {ended.returncode}: {ended.stderr}")
        return time.perf_counter() - began
