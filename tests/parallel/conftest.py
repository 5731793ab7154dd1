"""Several pretended OpenStacks, and a user who has them all in one configuration."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloudmesh.cloud import Cloud
from cloudmesh.vm import Machines


@dataclass
class Fleet:
    """Clouds ``a``, ``b``, ... over HTTP.

    Attributes:
        home: the user's home, with the program.
        stacks: the clouds by their names.
    """

    home: Any
    stacks: dict[str, Any]

    @property
    def clouds(self) -> list[str]:
        return list(self.stacks)

    def configure(self, clouds: dict[str, dict[str, Any]] | None = None, **settings: Any) -> None:
        """Write the configuration: these settings for all clouds, and those of some beside them."""
        sections = {name: stack.section(**settings) for name, stack in self.stacks.items()}
        for name, section in (clouds or {}).items():
            sections[name].update(section)
        common = {"active": self.clouds, "default": self.clouds, "refresh_after": "never"}
        data = {"cloudmesh": common, "clouds": sections}
        self.home.directory.mkdir(mode=0o700, exist_ok=True)
        self.home.config.touch(mode=0o600)
        self.home.config.write_text(yaml.safe_dump(data), encoding="utf-8")

    def add(self, count: int, status: str = "SHUTOFF") -> None:
        """So many machines on each cloud, ``a001``, ``a002``, ... on the first one, that the user knows."""
        for name, stack in self.stacks.items():
            stack.add([f"{name}{number:03}" for number in range(1, count + 1)], status)
            with Cloud(name) as cloud:
                assert len(cloud.machines()) == count
            stack.forget()

    def tell(self, **settings: Any) -> None:
        """Tell all clouds the same."""
        for stack in self.stacks.values():
            stack.tell(**settings)

    def machines(self, names: str, **effort: Any) -> Machines:
        return Machines(names, cloud=self.clouds, **effort)

    def kinds(self) -> Counter[str]:
        """How many calls of each kind the clouds had."""
        return Counter(each["kind"] for stack in self.stacks.values() for each in stack.calls())

    def states(self) -> dict[str, str]:
        """The true state of each machine by ``cloud:name``, behind everybody's back."""
        return {
            f"{name}:{server['name']}": server["status"]
            for name, stack in self.stacks.items()
            for server in stack.servers()
        }

    def forget_tokens(self) -> None:
        """Let the user sign in anew."""
        shutil.rmtree(self.home.directory / "tokens", ignore_errors=True)


@pytest.fixture
def make_fleet(
    tmp_path: Path, make_home: Any, make_stack: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Fleet]:
    """Starts so many clouds; other words are settings of all of them in the configuration."""

    def make(count: int = 3, **settings: Any) -> Fleet:
        path = tmp_path / "home"
        path.mkdir()
        home = make_home(path)
        fleet = Fleet(home, {name: make_stack(seed=ord(name)) for name in "abcdefgh"[:count]})
        monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(home.directory))
        fleet.configure(**settings)
        return fleet

    return make
