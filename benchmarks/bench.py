"""``make bench``: each figure is a ratio of two things measured in turn, in one run.

Times are of whole processes, as a user waits for them, unless the name of the figure says otherwise; medians,
since machines are noisy.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boot
import completion
import fleet
import gateway
import journal
import listing
import lists
import on_openstack
import remote
import rest
import rest_events
from tabulate import tabulate

CMS = Path(sys.executable).parent / "cms"
CMD5 = "import sys; from cloudmesh.shell.shell import main; sys.argv[0] = 'cms'; main()"
RUNS = 21
MACHINES = 100
CLOUDS = 1000
LINES = 1000
# Machines that are booted and waited for, so many at once; seconds of a call, and of building a machine.
BOOTED, PARALLEL, LATENCY, BUILDING = 1000, 64, 0.1, 20.0


@dataclass
class Ratio:
    """What was measured beside what, and how many times as much it may be; in seconds, unless it says."""

    name: str
    ours: list[float]
    theirs: list[float]
    limit: float
    unit: str = "s"

    @property
    def value(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.theirs)

    def row(self) -> list[str]:
        told = [self._told(statistics.median(each)) for each in (self.ours, self.theirs)]
        verdict = "ok" if self.value <= self.limit else "TOO SLOW" if self.unit == "s" else "TOO MUCH"
        return [self.name, *told, f"{self.value:.2f}", f"{self.limit:.2f}", verdict]

    def _told(self, amount: float) -> str:
        return f"{amount * 1000:.0f} ms" if self.unit == "s" else f"{amount:.0f} {self.unit}"


def seconds(*words: str, program: tuple[str | Path, ...] = (CMS,), code: int = 0) -> float:
    began = time.perf_counter()
    ended = subprocess.run(
        [*program, *words], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert ended.returncode == code, (words, ended.returncode)
    return time.perf_counter() - began


def banner() -> float:
    """``cms banner x`` by cmd5's own program, which was the floor of every command."""
    return seconds("banner", "x", program=(sys.executable, "-c", CMD5))


def list_against_banner() -> list[Ratio]:
    """``cms vm list`` with 100 machines in the store, and a command that there is not."""
    seconds("config", "init")
    seconds("config", "set", "clouds.local.boot_seconds=0")
    seconds("config", "set", "cloudmesh.refresh_after=never")
    seconds("vm", "boot", f"vm[001-{MACHINES}]", "--wait")
    ours, unknown, theirs = [], [], []
    for _ in range(RUNS):
        theirs.append(banner())
        ours.append(seconds("vm", "list"))
        unknown.append(seconds("nosuch", code=2))
    return [
        Ratio(f"cms vm list, {MACHINES} machines / cmd5's cms banner x", ours, theirs, 0.5),
        Ratio("cms nosuch / cmd5's cms banner x", unknown, theirs, 0.5),
    ]


def line_of_a_batch() -> Ratio:
    """A line of a long script, with the machines of ``list_against_banner``: 8 ms, the banner takes 180."""
    script = Path(os.environ["HOME"]) / "lists.txt"
    script.write_text("vm list\n" * LINES)
    ours, theirs = [], []
    for _ in range(min(RUNS, 3)):
        theirs.append(banner())
        ours.append(seconds("batch", str(script)) / LINES)
    return Ratio(f"each of {LINES} lines vm list of a batch / cmd5's cms banner x", ours, theirs, 0.045)


# Both in one fresh process a round, in turn; the garbage of the one is no burden of the other.
READ = """
import gc, sys, time
from pathlib import Path
from ruamel.yaml import YAML
from cloudmesh.config import Config

path = Path(sys.argv[1])

def ours():
    config = Config.load(path)
    return len(config.clouds), config.cloud("cloud0999")

def bare():
    return YAML(typ="safe").load(path.read_text())

for name in sys.argv[2:]:
    read = {"ours": ours, "bare": bare}[name]
    gc.collect()
    began = time.perf_counter()
    read()
    print(name, time.perf_counter() - began)
"""
CLOUD = """\
  {name}:
    name: Cloud {name}
    host: {name}.example.org
    type: openstack
    version: liberty
    credentials:
      OS_AUTH_URL: https://openstack.{name}.example.org:5000/v3
      OS_PASSWORD: TBD
      OS_TENANT_NAME: CH-818664
      OS_TENANT_ID: CH-818664
      OS_PROJECT_NAME: CH-818664
      OS_USERNAME: TBD
      OS_VERSION: liberty
      OS_REGION_NAME: RegionOne
    default:
      flavor: m1.small
      image: Ubuntu-Server-14.04-LTS
      key: laptop
"""


def config_against_parser() -> Ratio:
    """Reading a configuration of many clouds, beside ruamel.yaml's parser in C on the same text."""
    path = Path(os.environ["HOME"]) / "many.yaml"
    head = "version: 5.0\ncloudmesh:\n  default:\n  - cloud0000\nclouds:\n"
    path.write_text(head + "".join(CLOUD.format(name=f"cloud{number:04}") for number in range(CLOUDS)))
    path.chmod(0o600)
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    for turn in range(RUNS):
        order = ("ours", "bare") if turn % 2 else ("bare", "ours")
        words = [sys.executable, "-c", READ, str(path), *order]
        for line in subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines():
            name, taken = line.split()
            times[name].append(float(taken))
    return Ratio(f"reading {CLOUDS} clouds in a process / bare C parser", times["ours"], times["bare"], 1.3)


def store_against_sqlite() -> list[Ratio]:
    """The store beside bare sqlite and sqlite-utils, see store.py."""
    script = Path(__file__).with_name("store.py")
    told = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True).stdout
    times: dict[str, list[float]] = json.loads(told)
    return [
        Ratio(
            "add_many of 100,000 records / sqlite-utils", times["our many"], times["sqlite-utils many"], 1 / 3
        ),
        Ratio("the same / bare executemany of flat rows", times["our many"], times["bare many"], 2.0),
        Ratio(
            "upsert_many of 10,000 records / bare ON CONFLICT", times["our upsert"], times["bare upsert"], 2.0
        ),
        Ratio("100 adds / bare INSERTs in transactions", times["our add"], times["bare add"], 1.5),
        Ratio("100 finds by an indexed key / bare SELECTs", times["our find"], times["bare find"], 2.0),
    ]


def boots_that_are_waited_for() -> list[Ratio]:
    """``cms vm boot --wait`` of many machines, beside the rounds of calls and the building of the last."""
    seconds("config", "init")
    for name, value in (("latency_seconds", LATENCY), ("boot_seconds", BUILDING)):
        seconds("config", "set", f"clouds.local.{name}={value}")
    ours = []
    for _ in range(min(RUNS, 2)):
        ours.append(seconds("vm", "boot", f"x[1-{BOOTED}]", "--wait", f"--parallel={PARALLEL}"))
        seconds("vm", "delete", "x*", "--yes", f"--parallel={PARALLEL}")
    ideal = [math.ceil(BOOTED / PARALLEL) * LATENCY + BUILDING]
    return [Ratio(f"vm boot x[1-{BOOTED}] --wait, simulated / ideal", ours, ideal, 1.3)]


def groups(home: Path) -> dict[str, Callable[[], Iterable[Ratio]]]:
    """What can be measured, by its name: ``bench.py boot rest`` measures these two alone."""

    def made(figures: Callable[[], Iterable[tuple[Any, ...]]]) -> Callable[[], Iterable[Ratio]]:
        return lambda: (Ratio(*figure) for figure in figures())

    return {
        "banner": lambda: [*list_against_banner(), line_of_a_batch(), config_against_parser()],
        "store": store_against_sqlite,
        "completion": made(completion.figures),
        "lists": made(lambda: lists.figures(home)),
        "fleet": made(fleet.figures),
        "gateway": made(gateway.figures),
        "journal": made(journal.figures),
        "listing": made(listing.figures),
        "waiting": boots_that_are_waited_for,
        "remote": made(remote.figures),
        "rest": made(rest.figures),
        "events": made(rest_events.figures),
        "boot": made(boot.figures),
        "openstack": made(on_openstack.figures),
    }


def main(chosen: Sequence[str]) -> int:
    # Python keeps what it compiled, as for users; else each start compiles our modules, and only ours.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    ratios = []
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(HOME=home, CLOUDMESH_CONFIG_DIR=str(Path(home) / "cloudmesh"))
        known = groups(Path(home))
        if unknown := [name for name in chosen if name not in known]:
            print(f"there is no group {unknown[0]!r}; known: {', '.join(known)}", file=sys.stderr)
            return 2
        for name in chosen or known:
            for ratio in known[name]():
                # All of them take a quarter of an hour: what is there is told at once.
                print(f"{ratio.name}: {ratio.value:.2f}", file=sys.stderr, flush=True)
                ratios.append(ratio)
    headers = ["what", "ours", "beside", "ratio", "at most", ""]
    print(tabulate([ratio.row() for ratio in ratios], headers=headers, disable_numparse=True))
    return int(any(ratio.value > ratio.limit for ratio in ratios))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
