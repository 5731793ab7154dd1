"""A thousand machines on three clouds that answer over HTTP after 100 ms, started by our Python classes.

Beside a loop written by hand: a ThreadPoolExecutor of as many threads, in each of them a driver of libcloud
for each cloud, and nothing but the starts. What is timed is ``ms.start()`` on the one side, with selection
and journal, and on the other the loop. Both have their imports and the tokens of the clouds before, the loop
also its list of machines; both open their drivers within the time, in each thread when it needs one.

Each measurement is a process of its own, with a home in which the machines are known as stopped.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "fakes"))

from fakestack.stack import FakeStack

CLOUDS = 3
LATENCY = 0.1
PARALLEL = 32
FEW, MANY = 1_000, 10_000
ROUNDS = 7
MANY_ROUNDS = 2
MOST_BYTES = 4096
# Names the file of what our side imports in the course of a start: the first start writes it.
IMPORTS = "CLOUDMESH_BENCH_IMPORTS"

Measure = tuple[str, list[float], list[float], float, str]
Told = dict[str, float]


def figures() -> Iterator[Measure]:
    """Name, ours, what it is beside, how many times as much it may be, and the unit."""
    with tempfile.TemporaryDirectory() as folder:
        with Fleet(Path(folder) / "few", FEW) as fleet:
            fleet.run("ours")
            ours, theirs = [], []
            for _ in range(ROUNDS):
                theirs.append(fleet.run("theirs")["seconds"])
                ours.append(fleet.run("ours"))
            times = [each["seconds"] for each in ours]
            ideal = [math.ceil(FEW / PARALLEL) * LATENCY]
            yield f"{FEW} starts, {CLOUDS} clouds / ThreadPoolExecutor and libcloud", times, theirs, 1.10, "s"
            yield "the same / ideal: rounds of the threads x latency", times, ideal, 1.35, "s"
            yield (
                "the same: API calls / machines, no listing",
                [each["calls"] for each in ours],
                [FEW],
                1.0,
                "calls",
            )
        with Fleet(Path(folder) / "many", MANY) as fleet:
            many = [fleet.run("ours") for _ in range(MANY_ROUNDS)]
    growth = (least("memory", many) - least("memory", ours)) / (MANY - FEW)
    yield f"{MANY} starts / {FEW}", [each["seconds"] for each in many], times, 10.5, "s"
    yield "the same: peak memory for each machine more", [growth], [MOST_BYTES], 1.0, "bytes"


def least(what: str, told: list[Told]) -> float:
    return min(each[what] for each in told)


class Fleet:
    """Clouds with stopped machines, and a user who knows them."""

    def __init__(self, folder: Path, machines: int) -> None:
        self._folder = folder
        self._machines = machines
        self._stacks: list[FakeStack] = []
        self._open = ExitStack()

    def __enter__(self) -> Fleet:
        self._stacks = [self._open.enter_context(FakeStack()) for _ in range(CLOUDS)]
        for number, stack in enumerate(self._stacks):
            stack.add([f"web{each:05}" for each in range(1, self._machines + 1) if each % CLOUDS == number])
        clouds = {f"cloud{number}": stack.section() for number, stack in enumerate(self._stacks)}
        data = {"cloudmesh": {"active": [*clouds], "default": [*clouds]}, "clouds": clouds}
        known = self._folder / "known"
        known.mkdir(mode=0o700, parents=True)
        file = known / "class.yaml"
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(data), encoding="utf-8")
        self._python("prepare", known)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def run(self, who: str) -> Told:
        """Start all machines; seconds, bytes of memory at its peak, and calls of the clouds."""
        home = self._folder / "home"
        shutil.copytree(self._folder / "known", home)
        for stack in self._stacks:
            stack.put("SHUTOFF")
            stack.tell(latency=LATENCY)
            stack.forget()
        told = self._python(who, home)
        shutil.rmtree(home)
        reports = [stack.report() for stack in self._stacks]
        assert [set(each["states"]) for each in reports] == [{"ACTIVE"}] * CLOUDS, "all were started"
        if who == "ours":
            kinds = {kind for each in reports for kind in each["kinds"]}
            assert kinds == {"POST /compute/v2.1/servers/*/action os-start"}, kinds
        return {**told, "calls": sum(each["calls"] for each in reports)}

    def _python(self, who: str, home: Path) -> Told:
        words = [sys.executable, __file__, who, str(self._machines), *(stack.url for stack in self._stacks)]
        env = {**os.environ, "HOME": str(home), "CLOUDMESH_CONFIG_DIR": str(home)}
        env[IMPORTS] = str(self._folder.parent / "imports")
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, env=env)
        told: Told = json.loads(done.stdout)
        return told


def prepare(machines: int, urls: list[str]) -> Told:
    """List the machines once, so that they are known and there is a token; in a process of its own."""
    from cloudmesh.cloud import Cloud

    listed = 0
    for number in range(len(urls)):
        with Cloud(f"cloud{number}") as cloud:
            listed += len(cloud.machines())
    assert listed == machines
    return {}


def ours(machines: int, urls: list[str]) -> Told:
    """``ms.start()``, in a process of its own."""
    from cloudmesh.vm import Machines

    imports = Path(os.environ[IMPORTS])
    for name in imports.read_text("utf-8").split() if imports.exists() else ():
        import_module(name)
    clouds = [f"cloud{number}" for number in range(len(urls))]
    with Machines(f"web[00001-{machines:05}]", cloud=clouds, parallel=PARALLEL) as ms:
        began = time.perf_counter()
        result = ms.start()
        taken = time.perf_counter() - began
    result.raise_for_failures()
    assert len(result) == machines
    # Compiled libraries put names there that cannot be imported.
    names = [name for name, module in sys.modules.items() if getattr(module, "__spec__", None)]
    imports.write_text("\n".join(names), "utf-8")
    return {"seconds": taken, "memory": peak_memory()}


def theirs(machines: int, urls: list[str]) -> Told:
    """The loop by hand, in a process of its own."""
    import threading
    from concurrent.futures import ThreadPoolExecutor

    signed_in = [driver(url) for url in urls]
    listed = [(number, node) for number, each in enumerate(signed_in) for node in each.list_nodes()]
    access = [
        (each.connection.auth_token, f"{url}/compute/v2.1") for each, url in zip(signed_in, urls, strict=True)
    ]
    mine = threading.local()

    def start(number: int, node: Any) -> bool:
        drivers = mine.__dict__.setdefault("drivers", {})
        if number not in drivers:
            drivers[number] = driver(urls[number], *access[number])
        return bool(drivers[number].ex_start_node(node))

    began = time.perf_counter()
    with ThreadPoolExecutor(PARALLEL) as threads:
        done = [each.result() for each in [threads.submit(start, *one) for one in listed]]
    taken = time.perf_counter() - began
    assert len(done) == machines and all(done)
    return {"seconds": taken, "memory": peak_memory()}


def driver(url: str, token: str | None = None, service: str | None = None) -> Any:
    """libcloud's driver, as its documentation says; with a token it need not sign in."""
    from libcloud.compute.providers import get_driver
    from libcloud.compute.types import Provider

    return get_driver(Provider.OPENSTACK)(
        "demo",
        FakeStack().settings["password"],
        api_version="2.2",
        ex_force_auth_url=url,
        ex_force_auth_version="3.x_password",
        ex_force_auth_token=token,
        ex_force_base_url=service,
        ex_domain_name="default",
        ex_tenant_name="demo",
        ex_tenant_domain_id="default",
        ex_force_service_region="RegionOne",
    )


def peak_memory() -> float:
    """The most memory that this process had, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024.0


def main(who: str, machines: str, *urls: str) -> None:
    """One measurement, told as JSON."""
    measured: dict[str, Callable[[int, list[str]], Told]] = {
        "prepare": prepare,
        "ours": ours,
        "theirs": theirs,
    }
    json.dump(measured[who](int(machines), list(urls)), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
