"""For the tests of all packages: signals as usual, and a real PostgreSQL of our own when one asks for it."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import hypothesis
import pytest

from cloudmesh.config import Config

# A busy machine must not fail a test. What is made at random is the same in each run, so
# that a failure comes from the change that is tested; make test-long searches further.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# Debian keeps the programs of each version here, and only clients in PATH.
DEBIAN = Path("/usr/lib/postgresql")
USER = "cloudmesh"


def pytest_configure() -> None:
    """Let Ctrl-C reach the programs under test, also where the tests run in the background of a script.

    A shell without job control starts such a process with SIGINT ignored, and its children inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Where sockets lie whose own place has too long a path, as folders of tests have; it ends with them.
    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="cm-")


def pytest_unconfigure() -> None:
    """Remove what tests have left in the place of sockets."""
    shutil.rmtree(os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)


class Server:
    """One PostgreSQL with a data directory that vanishes with it, and a password."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self.password = secrets.token_urlsafe(12)
        self.port = free_port()
        self._numbers = itertools.count(1)

    def another(self, folder: Path) -> Server:
        """A second server, with its own data in this folder."""
        return Server(self._programs, folder)

    def url(self, schema: str = "public", password: str | None = None) -> str:
        """Where tables are in this schema."""
        return (
            f"postgresql://{USER}:{password or self.password}@127.0.0.1:{self.port}/postgres"
            f"?options={quote(f'-csearch_path={schema}')}"
        )

    def new_place(self) -> str:
        """The URL of a new, empty store."""
        import psycopg

        schema = f"store{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
        return self.url(schema)

    def start(self) -> subprocess.Popen[bytes]:
        """Make the data and start the server; it answers when this returns."""
        word = self._folder / "password"
        word.write_text(self.password)
        data = self._folder / "data"
        if os.geteuid() == 0:
            # PostgreSQL does not run as root.
            for path in (self._folder, word):
                shutil.chown(path, "postgres", "postgres")
        words = ["-D", data, "-U", USER, "-A", "scram-sha-256", "--pwfile", word]
        words += ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run([*self._as_user(), self._programs / "initdb", *words], check=True, capture_output=True)
        return self.run()

    def run(self) -> subprocess.Popen[bytes]:
        """Start the server with the data that it had; it answers when this returns."""
        data = self._folder / "data"
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "fsync": "off",
            "max_connections": 60,
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with (self._folder / "log").open("ab") as log:
            server = subprocess.Popen(
                [*self._as_user(), self._programs / "postgres", "-D", data, *options], stdout=log, stderr=log
            )
        self._wait(server)
        return server

    def _as_user(self) -> list[str]:
        switch = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        return switch if os.geteuid() == 0 else []

    def _wait(self, server: subprocess.Popen[bytes]) -> None:
        import psycopg

        end = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                alive = server.poll() is None
                assert alive and time.monotonic() < end, (self._folder / "log").read_text()
                time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, the newest version; None if the server is not installed."""
    found = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    in_path = shutil.which("initdb")
    return Path(in_path).resolve().parent if in_path else None


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """The server; the test is skipped where PostgreSQL is not installed, but never in CI."""
    found = programs()
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL's server is not installed; .ci/run should have done so")
        pytest.skip("PostgreSQL's server is not installed (apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="cloudmesh-postgresql-") as folder:
        server = Server(found, Path(folder))
        process = server.start()
        try:
            yield server
        finally:
            # An immediate shutdown: the data vanish anyway.
            process.send_signal(signal.SIGQUIT)
            process.wait(30)


@pytest.fixture(scope="session")
def wheels_of_make(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheels of all packages, made once by the command that the README gives."""
    root, source = Path(__file__).parent, tmp_path_factory.mktemp("source")
    ignore = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    for folder in root.glob("cloudmesh-*"):
        shutil.copytree(folder, source / folder.name, ignore=ignore)
    shutil.copy(root / "Makefile", source)
    # The environment of these tests is that of the checkout, and complete.
    words = ["make", "wheels", f"VENV={sys.prefix}", f"--assume-old={sys.prefix}/installed"]
    ended = subprocess.run(words, cwd=source, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    return source / "dist"


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def new_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Gives the place of a new, empty store each time: a file, or a schema of the server."""
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        return server.new_place
    folder = tmp_path_factory.mktemp("stores")
    numbers = itertools.count(1)
    return lambda: str(folder / f"{next(numbers)}" / "x.db")


@pytest.fixture
def place(new_place: Callable[[], str]) -> str:
    """The place of a new, empty store."""
    return new_place()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A directory of its own for the configuration and the store."""
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(directory))
    monkeypatch.delenv("CLOUDMESH_CONFIG", raising=False)
    return directory


@pytest.fixture
def configure(home: Path) -> Callable[..., Config]:
    """Writes a configuration; each cloud is simulated and fast unless its settings say otherwise."""

    def write(clouds: dict[str, Any], **section: Any) -> Config:
        settings = {"type": "simulated", "boot_seconds": 0, "action_seconds": 0}
        settings["default"] = {"image": "debian-12", "flavor": "tiny"}
        data = {
            "cloudmesh": section or {"default": next(iter(clouds))},
            "clouds": {name: {**settings, **own} for name, own in clouds.items()},
        }
        file = home / "class.yaml"
        file.write_text(json.dumps(data))
        file.chmod(0o600)
        return Config.load()

    return write
