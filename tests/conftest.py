"""For each test a home of its own, and the real ``cms`` program to use in it."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

CMS = Path(sys.executable).parent / "cms"
TIMEOUT = 60

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
    """

    path: Path
    program: list[str] = field(default_factory=lambda: [str(CMS)])
    extra: dict[str, str] = field(default_factory=dict)

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
            **self.extra,
        }

    def configure(self, **clouds: dict[str, Any]) -> None:
        """Write the configuration: all clouds active but those of OpenStack, the first the default."""
        active = [name for name, cloud in clouds.items() if cloud.get("type") != "openstack"]
        data = {"cloudmesh": {"active": active, "default": active[:1]}, "clouds": clouds}
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
        ended = subprocess.run(
            [*self.program, *words],
            env={**self.env, **env},
            cwd=self.path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        if code is not None:
            told = f"cms {' '.join(words)}: exit {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
            assert ended.returncode == code, told
        return ended

    def json(self, *words: str, code: int | None = 0) -> Any:
        """What the program says as data."""
        return json.loads(self.cms(*words, "--output=json", code=code).stdout)

    def states(self) -> dict[str, str]:
        """The state of each machine on the default cloud, asked from it now."""
        return {row["name"]: row["state"] for row in self.json("vm", "list", "--refresh")}


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
