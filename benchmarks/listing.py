"""Listing ten thousand machines on three clouds, beside openstacksdk in three threads, each a whole process.

Ours also writes them into the store, and prints a table.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "fakes"))

from fakestack.stack import FakeStack

MACHINES, CLOUDS, ROUNDS = 10_000, 3, 3
CMS = Path(sys.executable).parent / "cms"
# Signs in as its documentation says, but for the version of Keystone, which is given.
SDK = """
import sys
from concurrent.futures import ThreadPoolExecutor
import openstack

def count(url):
    cloud = openstack.connect(
        auth_type="v3password", auth_url=url + "/v3", username="demo", password=sys.argv[1],
        user_domain_id="default", project_name="demo", project_domain_id="default", region_name="RegionOne",
    )
    return sum(1 for server in cloud.compute.servers())

with ThreadPoolExecutor(len(sys.argv) - 2) as threads:
    print(sum(threads.map(count, sys.argv[2:])))
"""

Measure = tuple[str, list[float], list[float], float, str]


def figures() -> Iterator[Measure]:
    """Name, ours, what it is beside, how many times as much it may be, and the unit."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        clouds = [stack.enter_context(FakeStack()) for _ in range(CLOUDS)]
        for number, each in enumerate(clouds):
            each.add([f"web{one:05}" for one in range(MACHINES) if one % CLOUDS == number])
        sections = {f"cloud{number}": each.section() for number, each in enumerate(clouds)}
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        file = home / "class.yaml"
        file.touch(mode=0o600)
        data = {"cloudmesh": {"active": [*sections], "default": [*sections]}, "clouds": sections}
        file.write_text(yaml.safe_dump(data), "utf-8")
        environment = {**os.environ, "HOME": str(home), "CLOUDMESH_CONFIG_DIR": str(home)}
        sdk = [sys.executable, "-c", SDK, clouds[0].settings["password"], *(each.url for each in clouds)]
        ours, theirs = [], []
        for _ in range(ROUNDS):
            theirs.append(timed(sdk, environment, str(MACHINES)))
            ours.append(timed([str(CMS), "vm", "list", "--refresh"], environment, f"web{MACHINES - 1:05}"))
    yield f"vm list --refresh of {MACHINES}, {CLOUDS} clouds / openstacksdk", ours, theirs, 0.4, "s"


def timed(words: list[str], environment: dict[str, str], expected: str) -> float:
    """Seconds that a process takes, which must print something."""
    began = time.perf_counter()
    done = subprocess.run(words, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    taken = time.perf_counter() - began
    assert expected in done.stdout, done.stdout[-500:]
    return taken
