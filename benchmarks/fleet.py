"""A thousand machines on three clouds that answer over HTTP after 100 ms, started by our Python classes.

Beside a loop written by hand: a ThreadPoolExecutor of as many threads, in each of them a driver of libcloud
for each cloud, and nothing but the starts. What is timed is ``ms.start()`` on the one side, with selection
and journal, and on the other the loop. Both have their imports, the tokens of the clouds and a new list of
machines before: ours from another process, the loop its own. Both open their drivers within the time, in each
thread when it needs one.

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
PARALLEL, WIDE = 32, 256
FEW, MANY = 1_000, 10_000
ROUNDS = 7
MANY_ROUNDS = 2
MOST_BYTES = 4096
# Bytes of memory at the peak of 1,000 starts with 256 threads, measured before calls shared one. Today those
# threads take less, since what they leave behind is not kept.
BEFORE = 92e6
# Names the file of what our side imports in the course of a start: the first start writes it.
IMPORTS = "CLOUDMESH_BENCH_IMPORTS"

Measure = tuple[str, list[float], list[float], float, str]
Told = dict[str, float]


def figures() -> Iterator[Measure]:
    """Name, ours, what it is beside, how many times as much it may be, and the unit."""
    with tempfile.TemporaryDirectory() as folder:
        with Fleet(Path(folder) / "few", FEW) as fleet:
            yield from few(fleet)
            wide = [*wider(fleet)]
            yield from wide
        with Fleet(Path(folder) / "many", MANY) as fleet:
            many = [fleet.run("ours", WIDE) for _ in range(MANY_ROUNDS)]
    (_, times, *_), memory = wide[0], wide[-1][1]
    yield f"{MANY} starts, {WIDE} at once / {FEW}", [each["seconds"] for each in many], times, 10.2, "s"
    growth = (least("memory", many) / 2**20 - min(memory)) * 2**20 / (MANY - FEW)
    yield "the same: peak memory for each machine more", [growth], [MOST_BYTES], 1.0, "bytes"


def few(fleet: Fleet) -> Iterator[Measure]:
    """With as many calls at once as jobs have without being told."""
    fleet.run("ours", PARALLEL)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        theirs.append(fleet.run("theirs", PARALLEL)["seconds"])
        ours.append(fleet.run("ours", PARALLEL))
    times = [each["seconds"] for each in ours]
    ideal = [math.ceil(FEW / PARALLEL) * LATENCY]
    yield f"{FEW} starts, {CLOUDS} clouds / ThreadPoolExecutor and libcloud", times, theirs, 1.00, "s"
    yield "the same / ideal: rounds of the threads x latency", times, ideal, 1.35, "s"
    calls = [each["calls"] for each in ours]
    yield "the same: API calls / machines, no listing", calls, [FEW], 1.0, "calls"


def wider(fleet: Fleet) -> Iterator[Measure]:
    """With many calls at once."""
    ours, before, theirs = [], [], []
    fleet.run("before", WIDE)
    for _ in range(ROUNDS):
        theirs.append(fleet.run("theirs", WIDE)["seconds"])
        before.append(fleet.run("before", WIDE))
        ours.append(fleet.run("ours", WIDE))
    times = [each["seconds"] for each in ours]
    yield f"{FEW} starts, {WIDE} at once / the same number of threads and libcloud", times, theirs, 0.45, "s"
    ideal = [math.ceil(FEW / WIDE) * LATENCY]
    yield "the same / ideal: rounds of the calls x latency", times, ideal, 2.0, "s"
    clouds = [each["clouds"] for each in ours]
    yield "the same: the clouds' own processor / time taken, on one core", clouds, times, 1.0, "s"
    mine, old = ([each["processor"] * 1000 / FEW for each in told] for told in (ours, before))
    yield "the same: processor for each / threads and requests", mine, old, 0.35, "ms"
    mine, old = ([each["memory"] / 2**20 for each in told] for told in (ours, before))
    yield "the same: peak memory / before calls shared a thread", mine, [BEFORE / 2**20], 0.7, "MiB"
    yield "the same: peak memory / threads and requests", mine, old, 1.0, "MiB"


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
        clouds = {f"cloud{number}": self._section(stack) for number, stack in enumerate(self._stacks)}
        data = {"cloudmesh": {"active": [*clouds], "default": [*clouds]}, "clouds": clouds}
        known = self._folder / "known"
        known.mkdir(mode=0o700, parents=True)
        file = known / "class.yaml"
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(data), encoding="utf-8")
        self._python("prepare", known)
        return self

    def _section(self, stack: FakeStack) -> dict[str, Any]:
        """How the user reaches a cloud."""
        return stack.section()

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def run(self, who: str, parallel: int) -> Told:
        """Start all machines: seconds, processor, bytes of memory at its peak, and what the clouds took."""
        home = self._folder / "home"
        shutil.copytree(self._folder / "known", home)
        for stack in self._stacks:
            stack.put("SHUTOFF")
            stack.tell(latency=0.0)
        if who != "theirs":
            self._python("prepare", home)
        for stack in self._stacks:
            stack.tell(latency=LATENCY)
            stack.forget()
        busy = self._clouds_processor()
        told = self._python(who, home, parallel)
        busy = self._clouds_processor() - busy
        shutil.rmtree(home)
        reports = [stack.report() for stack in self._stacks]
        assert [set(each["states"]) for each in reports] == [{"ACTIVE"}] * CLOUDS, "all were started"
        if who != "theirs":
            kinds = {kind for each in reports for kind in each["kinds"]}
            assert kinds == {"POST /compute/v2.1/servers/*/action os-start"}, kinds
        return {**told, "calls": sum(each["calls"] for each in reports), "clouds": busy}

    def _clouds_processor(self) -> float:
        """Processor seconds that the clouds have taken by now."""
        ticks = 0
        for stack in self._stacks:
            fields = Path(f"/proc/{stack.pid}/stat").read_text("ascii").rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def _python(self, who: str, home: Path, parallel: int = PARALLEL) -> Told:
        words = [sys.executable, __file__, who, str(self._machines), str(parallel)]
        words += [stack.url for stack in self._stacks]
        env = {**os.environ, "HOME": str(home), "CLOUDMESH_CONFIG_DIR": str(home)}
        env[IMPORTS] = str(self._folder.parent / f"imports-{who}")
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, env=env)
        told: Told = json.loads(done.stdout)
        return told


def prepare(machines: int, parallel: int, urls: list[str]) -> Told:
    """List the machines once, so that they are known and there is a token; in a process of its own."""
    from cloudmesh.cloud import Cloud

    listed = 0
    for number in range(len(urls)):
        with Cloud(f"cloud{number}") as cloud:
            listed += len(cloud.machines())
    assert listed == machines
    return {}


def before(machines: int, parallel: int, urls: list[str]) -> Told:
    """As ``ours``, but each call in a thread of its own, and over requests."""
    from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider
    from cloudmesh.cloud.providers.openstack.rest import RestClient

    OpenStackProvider.shares_threads = False
    RestClient._lean_client = lambda self, url: None  # type: ignore[method-assign]
    return ours(machines, parallel, urls)


def ours(machines: int, parallel: int, urls: list[str]) -> Told:
    """``ms.start()``, in a process of its own."""
    from cloudmesh.vm import Machines

    imports = Path(os.environ[IMPORTS])
    for name in imports.read_text("utf-8").split() if imports.exists() else ():
        import_module(name)
    clouds = [f"cloud{number}" for number in range(len(urls))]
    with Machines(f"web[00001-{machines:05}]", cloud=clouds, parallel=parallel) as ms:
        began, busy = time.perf_counter(), time.process_time()
        result = ms.start()
        taken, busy = time.perf_counter() - began, time.process_time() - busy
    result.raise_for_failures()
    assert len(result) == machines
    # Compiled libraries put names there that cannot be imported.
    names = [name for name, module in sys.modules.items() if getattr(module, "__spec__", None)]
    imports.write_text("\n".join(names), "utf-8")
    return {"seconds": taken, "memory": peak_memory(), "processor": busy}


def theirs(machines: int, parallel: int, urls: list[str]) -> Told:
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
    with ThreadPoolExecutor(parallel) as threads:
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


def main(who: str, machines: str, parallel: str, *urls: str) -> None:
    """One measurement, told as JSON."""
    measured: dict[str, Callable[[int, int, list[str]], Told]] = {
        "prepare": prepare,
        "ours": ours,
        "before": before,
        "theirs": theirs,
    }
    json.dump(measured[who](int(machines), int(parallel), list(urls)), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
