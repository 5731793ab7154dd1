"""For each test a home of its own, and the real ``cms`` program to use in it."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

CMS = Path(sys.executable).parent / "cms"
TIMEOUT = 60
# Of a terminal.
LINES, COLUMNS = 40, 200

Ended = subprocess.CompletedProcess[str]


def simulated(**settings: Any) -> dict[str, Any]:
    """The configuration of a simulated cloud that is quick."""
    quick = {"type": "simulated", "boot_seconds": 0.1, "action_seconds": 0.02}
    return {**quick, **settings, "default": {"image": "debian-12", "flavor": "small"}}


@dataclass
class Home:
    """A user's home, with the program at hand.

    Attributes:
        path: the home itself.
        program: the words that start the program.
        extra: environment variables beside those that every user has.
        patience: how many seconds a program may take.
    """

    path: Path
    program: list[str] = field(default_factory=lambda: [str(CMS)])
    extra: dict[str, str] = field(default_factory=dict)
    patience: float = 2 * TIMEOUT

    @property
    def directory(self) -> Path:
        return self.path / "cloudmesh"

    @property
    def config(self) -> Path:
        return self.directory / "class.yaml"

    @property
    def env(self) -> dict[str, str]:
        """An environment in which nothing of the real user is left."""
        return {
            "PATH": f"{Path(self.program[0]).parent}:{os.environ['PATH']}",
            "HOME": str(self.path),
            "CLOUDMESH_CONFIG_DIR": str(self.directory),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            # A place of sockets that ends with the tests.
            "XDG_RUNTIME_DIR": os.environ["XDG_RUNTIME_DIR"],
            **self.extra,
        }

    def configure(self, **clouds: dict[str, Any]) -> None:
        """Write the configuration: all clouds active but those of OpenStack, the first the default.

        No list asks a cloud by itself, however long a test takes; ``test_freshness.py`` is about that.
        """
        active = [name for name, cloud in clouds.items() if cloud.get("type") != "openstack"]
        common = {"active": active, "default": active[:1], "refresh_after": "never"}
        data = {"cloudmesh": common, "clouds": clouds}
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self.config.touch(mode=0o600)
        self.config.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")

    def change(self, cloud: str, **settings: Any) -> None:
        """Change settings of one cloud, as a user with an editor does."""
        data = yaml.safe_load(self.config.read_text(encoding="utf-8"))
        data["clouds"][cloud].update(settings)
        self.config.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start the program in a process group of its own, and do not wait for it."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        options = {**pipes, "text": True, "start_new_session": True, **options}
        return subprocess.Popen([*self.program, *words], env=self.env, cwd=self.path, **options)

    def cms(self, *words: str, code: int | None = 0, stdin: str = "", **env: str) -> Ended:
        """Run the program to its end; the exit code must be ``code`` unless that is None."""
        return self.run(*self.program, *words, code=code, stdin=stdin, **env)

    def python(self, source: str, *words: str, code: int | None = 0) -> Ended:
        """Run a program of Python."""
        return self.run(sys.executable, "-c", textwrap.dedent(source), *words, code=code)

    def run(self, *words: str | Path, code: int | None = 0, stdin: str = "", **env: str) -> Ended:
        """Run any program here, as ``cms`` is run."""
        pipes: dict[str, Any] = {"input": stdin, "capture_output": True, "text": True}
        options = {"env": {**self.env, **env}, "cwd": self.path, "timeout": self.patience, **pipes}
        ended = subprocess.run(words, check=False, **options)
        told = f"{words}: exit {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        assert code is None or ended.returncode == code, told
        return ended

    def terminal(self, *words: str, program: Sequence[str] = (), **env: str) -> pexpect.spawn[str]:
        """Start the program, or another one, at a terminal."""
        first, *more = [*(program or self.program), *words]
        options = {"env": {**self.env, **env}, "cwd": str(self.path), "dimensions": (LINES, COLUMNS)}
        return pexpect.spawn(first, more, encoding="utf-8", timeout=TIMEOUT, **options)

    @property
    def world(self) -> Path:
        """The file in which the simulated cloud ``local`` keeps its machines."""
        return self.directory / "machines" / "simulated-local.db"

    def holding(self, words: Sequence[str]) -> list[str]:
        """The files in which one of these words stands, but for the configuration."""
        files = [file for file in self.path.rglob("*") if file.is_file() and file != self.config]
        texts = {str(file.relative_to(self.path)): file.read_bytes() for file in files}
        return [name for name, text in texts.items() if any(word.encode() in text for word in words)]

    def json(self, *words: str, code: int | None = 0) -> Any:
        """What the program says as data."""
        return json.loads(self.cms(*words, "--output=json", code=code).stdout)

    def states(self) -> dict[str, str]:
        """The state of each machine on the default cloud, asked from it now."""
        return {row["name"]: row["state"] for row in self.json("vm", "list", "--refresh")}


def query(file: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows of an sqlite file, looked up behind everybody's back; none if file or table is not there."""
    if not file.exists():
        return []
    with closing(sqlite3.connect(file, timeout=10)) as connection:
        try:
            return connection.execute(statement, values).fetchall()
        except sqlite3.OperationalError:
            return []


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until it is so, while the process runs."""
    deadline = time.monotonic() + 30
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with one quick simulated cloud ``local``."""
    path = tmp_path / "home"
    path.mkdir()
    home = Home(path)
    home.configure(local=simulated())
    return home


@pytest.fixture(scope="session")
def _booted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cloudmesh directory of a user with three active machines."""
    home = Home(tmp_path_factory.mktemp("booted"))
    home.configure(local=simulated())
    home.cms("vm", "boot", "web[01-03]", "--wait")
    home.cms("vm", "list", "--refresh")
    return home.directory


@pytest.fixture
def machines(home: Home, _booted: Path) -> Home:
    """A home with three active machines on its cloud."""
    shutil.copytree(_booted, home.directory, dirs_exist_ok=True)
    return home


@pytest.fixture(scope="session")
def cloud_settings() -> Callable[..., dict[str, Any]]:
    """Makes the configuration of a quick simulated cloud."""
    return simulated


@pytest.fixture(scope="session")
def make_home() -> type[Home]:
    """Makes a home in a folder."""
    return Home


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the repository."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def _stack_class() -> Any:
    """The class that starts a pretended OpenStack; it lives beside the tests, where benchmarks use it too."""
    folder = str(Path(__file__).resolve().parent / "fakes")
    sys.path.append(folder)
    try:
        return importlib.import_module("fakestack.stack").FakeStack
    finally:
        sys.path.remove(folder)


@pytest.fixture
def make_stack(_stack_class: Any) -> Iterator[Callable[..., Any]]:
    """Starts a pretended OpenStack with these settings, in a process that ends with the test."""
    with ExitStack() as stacks:
        yield lambda **settings: stacks.enter_context(_stack_class(**settings))
