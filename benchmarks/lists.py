"""``cms vm list`` with thousands of machines in the store, beside a hundred: whole processes, in turn."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

CMS = Path(sys.executable).parent / "cms"
FEW, MANY = 100, 5_000
ROUNDS = 21

Measure = tuple[str, list[float], list[float], float]

# Writes machines into the user's store, as if their cloud had just been listed.
KNOW = """
import sys, time
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.store.inventory import Inventory

now = time.time()
images, flavors = ["ubuntu-24.04", "debian-12"], ["small", "medium", "large"]
machines = [
    MachineRecord(
        "local", f"vm{n:04}", f"3f1c{n:08x}-7a1e-4a55", State.ACTIVE, "ACTIVE", images[n % 2], flavors[n % 3],
        "laptop", [f"10.0.{n // 250}.{n % 250}"], created=now - n, metadata={"role": f"r{n % 5}"},
    )
    for n in range(int(sys.argv[1]))
]
with Inventory() as inventory:
    inventory.replace("local", machines, now)
"""


def figures(folder: Path) -> Iterator[Measure]:
    """Name, our times with many machines, those with few (seconds), how many times as long it may take."""
    homes = {count: _home(folder / str(count), count) for count in (FEW, MANY)}
    # As JSON there is ten times as much to write.
    for form, limit in (("table", 1.3), ("json", 1.5)):
        times: dict[int, list[float]] = {FEW: [], MANY: []}
        for _ in range(ROUNDS):
            for count, home in homes.items():
                times[count].append(_seconds(home, "vm", "list", f"--output={form}"))
        yield f"cms vm list as {form}, {MANY} machines / {FEW}", times[MANY], times[FEW], limit


def _home(folder: Path, count: int) -> dict[str, str]:
    """The environment of a user who has so many machines, and whose lists ask no cloud."""
    home = {**os.environ, "HOME": str(folder), "CLOUDMESH_CONFIG_DIR": str(folder / "cloudmesh")}
    folder.mkdir()
    _seconds(home, "config", "init")
    _seconds(home, "config", "set", "cloudmesh.refresh_after=never")
    subprocess.run([sys.executable, "-c", KNOW, str(count)], check=True, env=home)
    return home


def _seconds(home: dict[str, str], *words: str) -> float:
    nowhere = subprocess.DEVNULL
    began = time.perf_counter()
    subprocess.run([CMS, *words], check=True, env=home, stdout=nowhere, stderr=nowhere)
    return time.perf_counter() - began
