"""What must be installed: Debian's MariaDB and RabbitMQ, and OpenStack in a virtual environment."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from place import Bed, BedError

HERE = Path(__file__).resolve().parent
# What of each package is used.
DEBIAN = {
    "mariadb-server-core": "/usr/sbin/mariadbd",
    "mariadb-client-core": "/usr/bin/my_print_defaults",
    "rabbitmq-server": "/usr/lib/rabbitmq/bin/rabbitmq-server",
}


def missing_packages() -> list[str]:
    """The Debian packages that are needed and not there."""
    return [package for package, program in DEBIAN.items() if not Path(program).exists()]


def require_packages() -> None:
    """Raise BedError, with the remedy, if Debian packages are missing."""
    if missing := missing_packages():
        raise BedError(f"Debian packages are missing; apt-get install {' '.join(missing)} brings them")


def install_openstack(bed: Bed) -> None:
    """Install OpenStack in an environment of its own, unless the very same one is there already."""
    wanted = hashlib.sha256()
    for name in ("requirements.txt", "constraints.txt"):
        wanted.update((HERE / name).read_bytes())
    stamp = bed.bin.parent / "installed"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted.hexdigest():
        return
    shutil.rmtree(bed.bin.parent, ignore_errors=True)
    _run(bed, [sys.executable, "-m", "venv", str(bed.bin.parent)])
    pip = [str(bed.bin / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run(bed, [*pip, "-r", str(HERE / "requirements.txt"), "-c", str(HERE / "constraints.txt")])
    stamp.write_text(wanted.hexdigest(), encoding="utf-8")


def _run(bed: Bed, words: list[str]) -> None:
    log = bed.run / "log" / "install.out"
    with log.open("ab") as out:
        if subprocess.run(words, stdout=out, stderr=out, check=False).returncode:
            raise BedError(f"{' '.join(words[:4])} ... failed; see {log}")
