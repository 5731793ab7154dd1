"""Disks of machines: what ``qemu-img`` does, the format named in each call, each failure one sentence.

``qemu-img`` is run without a shell, with absolute paths, and never guesses a format. Sizes are bytes, except
``gib``, which is GiB.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cloudmesh.cloud.errors import CloudTimeout, FlavorTooSmall, NoCapacity, Refused
from cloudmesh.cloud.providers.qemu.formats import QCOW2, require_alone
from cloudmesh.cloud.providers.qemu.install import install_line
from cloudmesh.plugin.errors import ConfigError
from cloudmesh.plugin.plain import harmless

GIB = 1 << 30
# Seconds for a call that only writes headers, and for one that reads all tables of an image.
_QUICK, _THOROUGH = 120, 1800
_FULL = ("No space left on device", "Disk quota exceeded", "File too large")
_LOCKED = ('Failed to get "write" lock', "Failed to get shared", 'Failed to get "consistent read" lock')
# Exit code of "qemu-img check": nothing is wrong but that some space is wasted.
_ONLY_LEAKS = 3


@dataclass(frozen=True)
class DiskInfo:
    """What ``qemu-img info`` tells of a disk.

    Attributes:
        format: qcow2 or raw.
        virtual_size: bytes that a guest sees.
        actual_size: bytes that it takes on this computer.
        backing_file: the file that it is the difference to, as an absolute path; empty for none.
        snapshots: names of the snapshots within it, oldest first.
    """

    format: str
    virtual_size: int
    actual_size: int
    backing_file: str = ""
    snapshots: tuple[str, ...] = ()


def info(disk: Path, format: str = QCOW2) -> DiskInfo:
    """What a disk of our own is, also one that a guest uses now.

    Do not give it a file from elsewhere that ``check_base`` has not passed. Raises Refused if it is damaged
    or cannot be read.
    """
    told = json.loads(_run(["info", "--output=json", "-U", "-f", format, str(disk.absolute())], disk))
    return DiskInfo(
        format,
        int(told["virtual-size"]),
        int(told.get("actual-size", 0)),
        str(told.get("full-backing-filename") or told.get("backing-filename") or ""),
        tuple(str(each["name"]) for each in told.get("snapshots", ())),
    )


def check_base(file: Path, format: str) -> DiskInfo:
    """Look whether a file from elsewhere can be the base of disks, and tell its size.

    Raises Refused if it is not of this format, needs another file, is encrypted, or is damaged.
    """
    require_alone(file, format)
    found = info(file, format)
    if found.backing_file:
        raise Refused(
            f"{file} is only the difference to another file, its backing file; make a whole image of it"
        )
    if format == QCOW2:
        _run(["check", "-q", "-f", QCOW2, str(file.absolute())], file, _THOROUGH)
    if not found.virtual_size:
        raise Refused(f"{file} is an image of an empty disk")
    return found


def create_overlay(base: Path, base_format: str, disk: Path, gib: int = 0) -> None:
    """Make a qcow2 disk that begins as a copy of an image, of which it keeps only the differences.

    The disk finds its base from its own directory, so that both may move together. ``gib`` is its size, 0
    for that of the image. Nothing is left where it fails.

    Raises:
        FlavorTooSmall: the image is bigger than ``gib``.
        NoCapacity: the file system is full.
        Refused: the image cannot be used, or there is such a disk already.
    """
    require_alone(base, base_format)
    needed = info(base, base_format).virtual_size
    if gib and gib * GIB < needed:
        raise FlavorTooSmall(
            f"the image needs a disk of {-(-needed // GIB)} GiB and the flavor has {gib}; use a larger flavor"
        )
    real = Path(os.path.realpath(disk.parent)) / disk.name
    backing = os.path.relpath(os.path.realpath(base), real.parent)
    # Without a slash a name such as a:b would be taken for a protocol.
    backing = backing if "/" in backing else f"./{backing}"
    _create(real, ["-b", backing, "-F", base_format], gib * GIB or needed)


def create_empty(disk: Path, gib: int) -> None:
    """Make an empty qcow2 disk. Raises NoCapacity if the file system is full."""
    _create(disk, [], gib * GIB)


def _create(disk: Path, words: list[str], size: int) -> None:
    if os.path.lexists(disk):
        raise Refused(f"the disk {disk} already exists and is not overwritten")
    try:
        _run(["create", "-q", "-f", QCOW2, *words, str(disk.absolute()), str(size)], disk)
        disk.chmod(0o600)
    except BaseException:
        disk.unlink(missing_ok=True)
        raise


def grow(disk: Path, gib: int) -> None:
    """Make a qcow2 disk, which no guest uses, as large as ``gib``; one of that size is left as it is.

    Raises:
        FlavorTooSmall: it is larger already; disks do not shrink.
        NoCapacity: the file system is full.
    """
    now = info(disk).virtual_size
    if gib * GIB < now:
        raise FlavorTooSmall(
            f"the disk {disk} has {-(-now // GIB)} GiB and cannot shrink to {gib}; use a larger flavor"
        )
    if gib * GIB > now:
        _run(["resize", "-q", "-f", QCOW2, str(disk.absolute()), str(gib * GIB)], disk)


def copy(source: Path, target: Path, snapshot: str = "") -> None:
    """Copy a qcow2 disk that no guest writes to, to one with the same base; without its snapshots.

    ``snapshot`` names one of its snapshots, whose state is copied instead of the present one. Nothing is left
    where it fails. Raises NoCapacity if the file system is full.
    """
    if os.path.lexists(target):
        raise Refused(f"the disk {target} already exists and is not overwritten")
    base = info(source).backing_file
    words = ["-l", f"snapshot.name={snapshot}"] if snapshot else []
    try:
        if base:
            found = os.path.relpath(os.path.realpath(base), os.path.realpath(target.parent))
            words += ["-B", found, "-F", _backing_format(source)]
        _run(
            [
                "convert",
                "-q",
                "-U",
                "-f",
                QCOW2,
                "-O",
                QCOW2,
                *words,
                str(source.absolute()),
                str(target.absolute()),
            ],
            target,
            _THOROUGH,
        )
        target.chmod(0o600)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _backing_format(disk: Path) -> str:
    told = json.loads(_run(["info", "--output=json", "-U", "-f", QCOW2, str(disk.absolute())], disk))
    return str(told["backing-filename-format"])


def qemu_img() -> str:
    """The path of ``qemu-img``. Raises ConfigError, with the line that installs it, if there is none."""
    found = shutil.which("qemu-img")
    if found is None:
        raise ConfigError(f"the program qemu-img is not on PATH; install it: {install_line()}")
    return found


def _run(words: list[str], file: Path, timeout: float = _QUICK) -> str:
    """The output of ``qemu-img``; ``file`` is the one that an error is about."""
    try:
        done = subprocess.run(
            [qemu_img(), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CloudTimeout(
            f"qemu-img {words[0]} of {file} did not end within {timeout:g} s; is its file system very slow?"
        ) from None
    except OSError as error:
        raise ConfigError(f"the program qemu-img cannot be run: {error.strerror}") from error
    leaks = words[0] == "check" and done.returncode == _ONLY_LEAKS
    if done.returncode and not leaks:
        raise _failure(words[0], file, done.stderr.strip() or done.stdout.strip())
    return done.stdout


def _failure(action: str, file: Path, told: str) -> Refused:
    """What ``qemu-img`` wrote, as an error of the tree."""
    if any(each in told for each in _FULL):
        return NoCapacity(f"the file system of {file} is full; free some space, then try again")
    if any(each in told for each in _LOCKED):
        return Refused(f"{file} is in use by a running machine; stop the machine first")
    last = harmless(told.splitlines()[-1] if told else "no reason was given").removeprefix("qemu-img: ")
    if action == "check":
        return Refused(f"{file} is damaged ({last}); get it again")
    return Refused(f"qemu-img {action} of {file} failed: {last}")
