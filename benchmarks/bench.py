"""``make bench``: each figure is a ratio of two things measured in turn, in one run.

Times are of whole processes, as a user waits for them; medians, since machines are noisy.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

CMS = Path(sys.executable).parent / "cms"
RUNS = 21
MACHINES = 100


@dataclass
class Ratio:
    """What was measured beside what (seconds), and how many times as long it may take."""

    name: str
    ours: list[float]
    theirs: list[float]
    limit: float

    @property
    def value(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.theirs)

    def row(self) -> list[str]:
        times = [f"{statistics.median(each) * 1000:.0f} ms" for each in (self.ours, self.theirs)]
        verdict = "ok" if self.value <= self.limit else "TOO SLOW"
        return [self.name, *times, f"{self.value:.2f}", f"{self.limit:.2f}", verdict]


def seconds(*words: str) -> float:
    began = time.perf_counter()
    subprocess.run([CMS, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def list_against_banner() -> Ratio:
    """``cms vm list`` with 100 machines in the store, beside cmd5's own floor."""
    seconds("config", "init")
    seconds("config", "set", "clouds.local.boot_seconds=0")
    seconds("vm", "boot", f"vm[001-{MACHINES}]", "--wait")
    ours, theirs = [], []
    for _ in range(RUNS):
        theirs.append(seconds("banner", "x"))
        ours.append(seconds("vm", "list"))
    return Ratio(f"cms vm list, {MACHINES} machines / cms banner x", ours, theirs, 1.25)


def main() -> int:
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(HOME=home, CLOUDMESH_CONFIG_DIR=str(Path(home) / "cloudmesh"))
        ratios = [list_against_banner()]
    headers = ["what", "ours", "beside", "ratio", "at most", ""]
    print(tabulate([ratio.row() for ratio in ratios], headers=headers, disable_numparse=True))
    return int(any(ratio.value > ratio.limit for ratio in ratios))


if __name__ == "__main__":
    sys.exit(main())
