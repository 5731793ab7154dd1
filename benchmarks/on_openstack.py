"""Commands on the real OpenStack of the test-bed, beside the client of the OpenStack project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CMS = Path(sys.executable).parent / "cms"
ROUNDS = 9
MACHINES = 10

Measure = tuple[str, list[float], list[float], float]


def figures() -> Iterator[Measure]:
    """Name, our times, theirs (seconds), and how many times as long we may take.

    None without the test-bed, which ``make bench`` starts where its Debian packages are.
    """
    if not os.environ.get("CLOUDMESH_TESTBED_NEEDED"):
        return
    bed = Path(os.environ.get("CLOUDMESH_TESTBED") or ROOT / ".openstack")
    known = json.loads((bed / "run" / "bed.json").read_text(encoding="utf-8"))
    client = str(bed / "venv" / "bin" / "openstack")
    with _user(known):
        cms("vm", "boot", f"bench[01-{MACHINES}]", "--wait")
        try:
            yield _list(client)
            yield _sign_in(client)
            yield _start(client)
        finally:
            cms("vm", "delete", "--all", "--yes", "--wait")


@contextmanager
def _user(known: dict[str, Any]) -> Iterator[None]:
    """A configuration for the administrator, and the same in the environment for the other client."""
    credentials = {
        "OS_AUTH_URL": f"http://127.0.0.1:{known['ports']['keystone']}/v3",
        "OS_USERNAME": "admin",
        "OS_PASSWORD": known["passwords"]["admin"],
        "OS_PROJECT_NAME": "admin",
        "OS_USER_DOMAIN_ID": "default",
        "OS_PROJECT_DOMAIN_ID": "default",
        "OS_REGION_NAME": "RegionOne",
    }
    default = {"image": "cirros-0.6", "flavor": "m1.tiny"}
    cloud = {"type": "openstack", "credentials": credentials, "default": default}
    data = {"cloudmesh": {"active": ["bed"], "default": ["bed"]}, "clouds": {"bed": cloud}}
    file = Path(os.environ["CLOUDMESH_CONFIG_DIR"]) / "openstack.yaml"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    ours = {**credentials, "OS_IDENTITY_API_VERSION": "3", "CLOUDMESH_CONFIG": str(file)}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]


def _list(client: str) -> Measure:
    ours, theirs = [], []
    for _ in range(ROUNDS):
        theirs.append(seconds(lambda: run(client, "server", "list")))
        ours.append(seconds(lambda: cms("vm", "list", "--refresh")))
    return f"cms vm list --refresh, {MACHINES} machines / openstack server list", ours, theirs, 0.45


def _sign_in(client: str) -> Measure:
    """A short list without a kept token, which signs in and asks once more, beside what only signs in."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        shutil.rmtree(Path(os.environ["CLOUDMESH_CONFIG_DIR"]) / "tokens")
        theirs.append(seconds(lambda: run(client, "token", "issue")))
        ours.append(seconds(lambda: cms("flavor", "list", "--refresh")))
    return "first sign-in: cms flavor list --refresh / openstack token issue", ours, theirs, 1 / 3


def _start(client: str) -> Measure:
    """One machine by each client; both are stopped before."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        cms("vm", "list", "--refresh")
        cms("vm", "stop", "bench[01-02]", "--wait")
        theirs.append(seconds(lambda: run(client, "server", "start", "bench01")))
        ours.append(seconds(lambda: cms("vm", "start", "bench02")))
        _settle()
    return "cms vm start / openstack server start, one known machine", ours, theirs, 0.4


def _settle() -> None:
    """Return when both machines run."""
    while True:
        listed = subprocess.run(
            [CMS, "vm", "list", "--refresh", "--output=json"], check=True, capture_output=True, text=True
        )
        states = {row["name"]: row["state"] for row in json.loads(listed.stdout)}
        if states["bench01"] == states["bench02"] == "active":
            return
        time.sleep(0.2)


def seconds(act: Callable[[], None]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def cms(*words: str) -> None:
    run(str(CMS), *words)


def run(*words: str) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
