"""A home with one simulated cloud whose calls are counted, and which can be told to make trouble."""

from __future__ import annotations

import json

import pytest

from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.config import Config
from cloudmesh.vm import Machines


class Spy:
    """The calls of the cloud, by cloud, method and machine; ``trouble`` is called with the machine's name."""

    def __init__(self):
        self.calls = []
        self.trouble = {}

    def taken(self):
        """What was called since the last look."""
        calls, self.calls = self.calls, []
        return calls


def spied(spy, method):
    original = getattr(SimulatedProvider, method)

    def call(self, about, *more):
        name = getattr(about, "name", "") or SimulatedProvider.machine(self, about).name
        spy.calls.append((self.name, method, name))
        if trouble := spy.trouble.get((self.name, method)):
            trouble(name)
        return original(self, about, *more)

    return call


@pytest.fixture
def spy(monkeypatch):
    spy = Spy()
    methods = {name: spied(spy, name) for name in ("boot", "stop")}
    provider = type("SpiedProvider", (SimulatedProvider,), methods)
    monkeypatch.setattr("cloudmesh.cloud.client.cloud.provider_class", lambda kind, cloud: provider)
    return spy


@pytest.fixture
def config(monkeypatch, tmp_path, spy):
    """Cloud a, simulated and without delays."""
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("CLOUDMESH_CONFIG", raising=False)
    tmp_path.chmod(0o700)
    cloud = {"type": "simulated", "boot_seconds": 0, "action_seconds": 0}
    cloud["default"] = {"image": "debian-12", "flavor": "tiny"}
    file = tmp_path / "class.yaml"
    file.write_text(json.dumps({"cloudmesh": {"default": "a"}, "clouds": {"a": cloud}}))
    file.chmod(0o600)
    return Config.load()


@pytest.fixture
def boot(config, spy):
    """Boots machines, and forgets that it called the cloud: ``boot("web1", "a")``."""

    def make(names, cloud):
        with Machines(names, cloud) as machines:
            machines.boot().raise_for_failures()
            machines.session.cloud(cloud).machines()
        spy.taken()

    return make
