"""What the tests with real machines share: the guest, a user's home with a cloud of them, and cleaning up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

GUEST = Path(__file__).resolve().parent / "guest"
# Without KVM on a busy machine a guest may take minutes for what takes seconds else.
PATIENCE = 240.0
CLOUD = "here"


def wait_until(true: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """What this gives, once it is something."""
    deadline = time.monotonic() + patience
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def processes_of(folder: Path) -> list[psutil.Process]:
    """What runs with a current directory, an open file or a word of its command line in this folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            places = [process.cwd(), *process.cmdline(), *(file.path for file in process.open_files())]
            if any(str(folder) in place for place in places):
                found.append(process)
    return found


def guests_of(folder: Path) -> list[psutil.Process]:
    """The machines among them; one that ends while it is looked at is none."""
    found = []
    for process in processes_of(folder):
        with suppress(psutil.NoSuchProcess):
            if process.name().startswith("qemu-system"):
                found.append(process)
    return found


def end_all(folder: Path) -> None:
    """Kill whatever still runs for the machines of this folder."""
    for process in (left := processes_of(folder)):
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=10)


@pytest.fixture(scope="session")
def guest() -> Path:
    """The disk of a small Linux with ssh; see the folder ``guest``."""
    words = [sys.executable, str(GUEST), "build"]
    built = subprocess.run(words, capture_output=True, text=True, check=False)
    if built.returncode:
        if os.environ.get("CI") == "true" or "missing" not in built.stderr:
            pytest.fail(built.stderr, pytrace=False)
        pytest.skip(built.stderr)
    return Path(built.stdout.strip())


@dataclass
class Local:
    """A user whose only cloud is of machines on this computer.

    Attributes:
        home: the home, with the program at hand.
    """

    home: Any

    @property
    def machines(self) -> Path:
        """Where the machines are."""
        return self.home.directory / "machines" / CLOUD

    def folder(self, name: str) -> Path:
        return self.machines / name

    def pid(self, name: str) -> int:
        """The process of a machine, found behind the program's back."""
        (found,) = [each.pid for each in self.guests() if each.cwd() == str(self.folder(name))]
        return found

    def guests(self) -> list[psutil.Process]:
        """Every QEMU that runs here."""
        return guests_of(self.machines)

    def run(self, names: str, command: str, code: int = 0) -> dict[str, dict[str, Any]]:
        """Run a shell command in machines; the rows of what came of it, by the name of the machine."""
        words = ["vm", "run", names, "--no-stdin", "--output=json", "--", command]
        rows = json.loads(self.home.cms(*words, code=code).stdout)
        return {row["name"]: row for row in rows}

    def said(self, name: str, command: str) -> str:
        """What a command in one machine printed."""
        return str(self.run(name, command)[name]["stdout"]).strip()

    def close_connections(self) -> None:
        """End the connections that are kept for the next commands."""
        for process in processes_of(self.home.directory / "ssh"):
            with suppress(psutil.Error):
                process.terminate()

    def boot(self, names: str, *words: str) -> None:
        """Boot machines until one can sign in to them."""
        self.home.cms("vm", "boot", names, "--key=me", "--wait=ready", *words)


@pytest.fixture(scope="session")
def make_local(guest: Path, make_home: Any) -> Iterator[Callable[[Path], Local]]:
    """Makes a user's home with a cloud, an image, and a key pair; whatever runs in it ends with the tests."""
    made: list[Path] = []

    def make(path: Path, **settings: Any) -> Local:
        made.append(path)
        home = make_home(path, patience=2 * PATIENCE)
        defaults = {"image": "guest", "flavor": "one"}
        flavors = {"one": {"vcpus": 1, "ram": 256, "disk": 1}, "two": {"vcpus": 2, "ram": 384, "disk": 2}}
        home.configure(**{CLOUD: {"type": "qemu", "flavors": flavors, "default": defaults, **settings}})
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path / ".ssh" / "id_ed25519")]
        (path / ".ssh").mkdir(mode=0o700)
        subprocess.run(words, check=True)
        home.cms("image", "add", "guest", str(guest), "--user=debian")
        home.cms("key", "add", "me")
        return Local(home)

    yield make
    for path in made:
        end_all(path)


@pytest.fixture(scope="module")
def local(make_local: Callable[[Path], Local], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """The user of the tests of one file; their machines end with them."""
    path = tmp_path_factory.mktemp("user")
    yield make_local(path)
    end_all(path)
