"""A small Linux with a real OpenSSH, as a disk that QEMU boots in seconds even without KVM.

    python tests/qemu/guest build      print the path of the disk, which is built if it is not in the cache
    python tests/qemu/guest missing    the Debian packages that are missing

It is made of files of Debian's packages alone and needs neither root nor a network, but for the kernel's
package, which apt downloads once. ``$CLOUDMESH_TEST_GUEST`` names another cache than ``.venv/guest``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from pathlib import Path

from disk import build
from packages import GuestError, contents, kernel, missing

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[2] / ".venv" / "guest"


def image() -> Path:
    """The disk, built if need be; a change of anything that it is made of makes another one.

    Raises:
        GuestError: something is missing, or a program failed.
    """
    if absent := missing():
        raise GuestError(f"these Debian packages are missing: {' '.join(absent)}")
    cache = Path(os.environ.get("CLOUDMESH_TEST_GUEST", CACHE))
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        package = kernel(cache)
        disk = cache / f"{_digest(package)}.qcow2"
        if not disk.exists():
            for old in cache.glob("*.qcow2"):
                old.unlink()
            build(package, disk)
    return disk


def _digest(package: Path) -> str:
    """What tells one guest from another: the kernel, the files of the system, and this folder."""
    digest = hashlib.sha256(package.name.encode())
    ours = sorted(file for file in HERE.rglob("*") if file.is_file() and file.suffix != ".pyc")
    for file in [*map(Path, contents()), *ours]:
        digest.update(str(file.relative_to(HERE) if file in ours else file).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def main(words: list[str]) -> int:
    """Do what the first word says; 1 if packages are missing or the build failed."""
    match words:
        case ["build"]:
            try:
                print(image())
            except GuestError as error:
                print(f"guest: {error}", file=sys.stderr)
                return 1
        case ["missing"]:
            print(" ".join(missing()))
            return int(bool(missing()))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
