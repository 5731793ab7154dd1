"""``cms vm list`` loads nothing heavy beyond what the shell itself loads."""

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
    "cloudmesh.cloud.provider.registry",
    "cloudmesh.cloud.client.cloud",
    "cloudmesh.vm.machines",
    "cloudmesh.vm.jobs.jobs",
    "cloudmesh.vm.scheduler.scheduler",
    "tenacity",
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
    assert "cloudmesh.vm.cli.listing" in modules and "sqlite3" in modules
    found = [name for heavy in HEAVY for name in among(modules, heavy)]
    assert found == []


def test_a_refresh_is_seen_to_load_a_provider(own):
    """The check above can fail: the same measurement finds a provider where one is used."""
    modules = own("vm", "list", "web[01-02]", "--refresh")
    for heavy in ("cloudmesh.cloud.providers", "cloudmesh.cloud.provider.registry", "ClusterShell"):
        assert among(modules, heavy), heavy


# What the shell itself brings is in the floor above, so it cannot be seen there.
LIST_ALONE = """
import sys
from cloudmesh.config import Config
from cloudmesh.plugin.output import render
from cloudmesh.vm.cli.listing import list_machines

cloud = sys.argv[1] or None
print(render(list_machines(Config.load(), [], cloud, False), "table"), file=sys.stderr)
print(*sys.modules)
"""
NEVER = (
    "requests",
    "rich",
    "urllib3",
    "libcloud",
    "ClusterShell",
    "cloudmesh.shell",
    "cloudmesh.cloud.client.cloud",
    "cloudmesh.cloud.provider.registry",
    "cloudmesh.cloud.providers",
)


def bare(home, code, *words):
    """The modules that a piece of Python without the shell ends with, and what it tells on stderr."""
    ended = home.python(code, *words)
    return set(ended.stdout.split()), ended.stderr


@pytest.mark.parametrize("cloud", ["", "local"])
def test_a_list_without_the_shell_loads_nothing_heavy_at_all(machines, cloud):
    modules, told = bare(machines, LIST_ALONE, cloud)
    assert all(name in told for name in ("web01", "web02", "web03"))
    assert "cloudmesh.vm.cli.listing" in modules and "sqlite3" in modules
    # Only the variables of the shell, which say the cloud if nobody does, are read with PyYAML.
    never = [*NEVER, "yaml"] if cloud else NEVER
    assert [name for heavy in never for name in among(modules, heavy)] == []


def test_a_refresh_without_the_shell_is_seen_to_load_a_provider(machines):
    modules, _ = bare(machines, LIST_ALONE.replace("False", "True"), "local")
    assert among(modules, "cloudmesh.cloud.providers") and among(modules, "cloudmesh.cloud.provider.registry")
