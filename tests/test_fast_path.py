"""``cms vm list`` loads nothing heavy beyond what the shell itself loads."""

from __future__ import annotations

import re
import sys

import pytest

HEAVY = (
    "libcloud",
    "requests",
    "urllib3",
    "rich",
    "ClusterShell",
    "importlib.metadata",
    "hypothesis",
    "cloudmesh.cloud.providers",
    "cloudmesh.cloud.registry",
    "cloudmesh.cloud.cloud",
    "cloudmesh.vm.machines",
)


def loaded(home, *words):
    """The modules that the program loads, as Python itself tells."""
    script = home.program[0]
    home.program = [sys.executable, "-X", "importtime", script]
    try:
        told = home.cms(*words).stderr
    finally:
        home.program = [script]
    return set(re.findall(r"^import time:[ \d|]+\| +([\w.]+)$", told, re.MULTILINE))


def among(modules, heavy):
    return sorted(name for name in modules if name == heavy or name.startswith(heavy + "."))


@pytest.fixture
def own(machines):
    """What ``cms WORDS`` loads and ``cms banner x`` does not, with machines in the store."""
    floor = loaded(machines, "banner", "x")
    assert "cmd" in floor, "the measurement works"
    return lambda *words: loaded(machines, *words) - floor


def test_a_list_from_the_store_loads_no_cloud_and_no_http(own):
    modules = own("vm", "list")
    assert "cloudmesh.vm.listing" in modules and "sqlite3" in modules
    found = [name for heavy in HEAVY for name in among(modules, heavy)]
    assert found == []


def test_a_refresh_is_seen_to_load_a_provider(own):
    """The check above can fail: the same measurement finds a provider where one is used."""
    modules = own("vm", "list", "web[01-02]", "--refresh")
    for heavy in ("cloudmesh.cloud.providers", "cloudmesh.cloud.registry", "ClusterShell"):
        assert among(modules, heavy), heavy
