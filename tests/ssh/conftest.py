"""A bed of pretended machines for these tests, and homes of users who have them on a simulated cloud."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Home
from .sshbed import bed as beds
from .sshbed.bed import Bed, wait_until
from .sshbed.processes import command_line, kill, of_home
from .sshbed.servers import program

# Fifty machines, seventeen of which are no good: a third.
BROKEN = {
    **dict.fromkeys(("m34", "m35", "m36", "m37"), beds.REFUSES),
    **dict.fromkeys(("m38", "m39", "m40"), beds.DENIES),
    **dict.fromkeys(("m41", "m42"), beds.SILENT),
    **dict.fromkeys(("m43", "m44"), beds.HANGS),
    "m45": beds.SWALLOWS,
}
DROPPING = ("m46", "m47")
FAILING = ("m48", "m49", "m50")
KINDS = {**{f"m{number:02}": beds.GOOD for number in range(1, 51)}, **BROKEN}
# With habits of their own, which tests about one machine use.
OTHERS = {
    **{"own1": beds.OWN, "own2": beds.OWN},
    # One that has only rsync, one that has only sftp, and one that has neither.
    **{"rsync1": beds.NO_SFTP, "sftp1": beds.GOOD, "neither1": beds.NO_SFTP},
}


@pytest.fixture(scope="session")
def bed() -> Iterator[Bed]:
    """The machines m01 to m50, m01 to m33 of which are sound, and some others."""
    if program() is None:
        if os.environ.get("CI"):
            pytest.fail("OpenSSH's server is not installed; .ci/run should have done so")
        pytest.skip("OpenSSH's server is not installed (apt-get install openssh-server)")
    kinds = {**KINDS, **OTHERS}
    with tempfile.TemporaryDirectory(prefix="cloudmesh-ssh-") as folder, Bed(Path(folder), kinds) as bed:
        for name in DROPPING:
            bed.set_door(name, beds.DROPS)
        for name in FAILING:
            bed.set_door(name, "echo broken >&2; exit 3\n")
        for name in ("sftp1", "neither1"):
            bed.set_door(name, beds.NO_RSYNC)
        yield bed


@pytest.fixture(autouse=True)
def _nothing_left(bed: Bed) -> None:
    """Each test counts connections anew."""
    bed.forget_log()


@pytest.fixture(scope="session")
def _known(bed: Bed, make_home: type[Home]) -> Iterator[Path]:
    """The cloudmesh directory of a user who has all machines of the bed."""
    with tempfile.TemporaryDirectory(prefix="cm-") as folder:
        home = make_home(Path(folder))
        home.configure(local=cloud_of(bed))
        # One after the other, so that each has the address that the bed has for it.
        home.cms("vm", "boot", *bed.addresses, "--parallel=1", "--wait", "--quiet")
        rows = home.json("vm", "list", "--refresh")
        assert {row["name"]: row["addresses"][0] for row in rows} == bed.addresses
        yield home.directory


def cloud_of(bed: Bed, **settings: Any) -> dict[str, Any]:
    """The configuration of a simulated cloud whose machines are those of the bed."""
    quick = {"type": "simulated", "boot_seconds": 0, "action_seconds": 0}
    reach = {"addresses": list(bed.addresses.values()), "port": bed.port}
    ssh = {"user": bed.user, "key": str(bed.key)}
    return {
        **quick,
        "reach": reach,
        "ssh": ssh,
        "default": {"image": "debian-12", "flavor": "tiny"},
        **settings,
    }


@contextmanager
def user_of(known: Path, make_home: type[Home]) -> Iterator[Home]:
    """A user with all machines of the bed; what was started there ends with the test.

    Its path is short, as that of a home is: sockets lie in it.
    """
    with tempfile.TemporaryDirectory(prefix="cm-") as folder:
        home = make_home(Path(folder))
        shutil.copytree(known, home.directory)
        try:
            yield home
        finally:
            end_all(home)


@pytest.fixture
def home(make_home: type[Home], _known: Path) -> Iterator[Home]:
    """A user with all machines of the bed."""
    with user_of(_known, make_home) as home:
        yield home


@pytest.fixture(scope="module")
def home_of_module(make_home: type[Home], _known: Path) -> Iterator[Home]:
    """The same for all tests of a module, which begin nothing that others would notice."""
    with user_of(_known, make_home) as home:
        yield home


def end_all(home: Home) -> None:
    """End every process that was started with this home."""
    wait_until(lambda: not kill(of_home(home.path)) and not of_home(home.path))


def only_connections(home: Home) -> set[int]:
    """What still runs with this home: soon nothing but connections of ssh, which are kept for a minute."""
    kept: set[int] = set()

    def is_quiet() -> bool:
        kept.clear()
        kept.update(of_home(home.path))
        # A kept connection shows its socket in place of its words.
        return all((command_line(pid) or ["ssh: "])[0].startswith("ssh: ") for pid in kept)

    wait_until(is_quiet)
    return kept
