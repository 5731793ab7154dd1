"""What must be installed: Debian's servers, OpenStack in a virtual environment, and the OpenID provider."""

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
    "apache2-bin": "/usr/sbin/apache2",
    "libapache2-mod-auth-openidc": "/usr/lib/apache2/modules/mod_auth_openidc.so",
    # These two may come from elsewhere too.
    "nodejs": "node",
    "npm": "npm",
}


def missing_packages() -> list[str]:
    """The Debian packages that are needed and not there."""
    return [package for package, program in DEBIAN.items() if not _is_there(program)]


def _is_there(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None


def require_packages() -> None:
    """Raise BedError, with the remedy, if Debian packages are missing."""
    if missing := missing_packages():
        raise BedError(f"Debian packages are missing; apt-get install {' '.join(missing)} brings them")


def install_openstack(bed: Bed) -> None:
    """Install OpenStack in an environment of its own, unless the very same one is there already."""
    wanted = _digest("requirements.txt", "constraints.txt")
    stamp = bed.bin.parent / "installed"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    # What is there already is kept: only what differs from the pins is fetched.
    _run(bed, [sys.executable, "-m", "venv", str(bed.bin.parent)])
    pip = [str(bed.bin / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run(bed, [*pip, "-r", str(HERE / "requirements.txt"), "-c", str(HERE / "constraints.txt")])
    stamp.write_text(wanted, encoding="utf-8")


def install_openid(bed: Bed) -> None:
    """Install the OpenID provider with npm, unless the very same one is there already."""
    names = [f"openid/{name}" for name in ("package.json", "package-lock.json", "provider.mjs")]
    wanted = _digest(*names)
    folder = bed.directory / "openid"
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    # Node looks for packages beside the program only.
    for name in names:
        (bed.directory / name).write_bytes((HERE / name).read_bytes())
    words = ["npm", "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    _run(bed, words)
    stamp.write_text(wanted, encoding="utf-8")


def _digest(*names: str) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()


def _run(bed: Bed, words: list[str]) -> None:
    log = bed.run / "log" / "install.out"
    with log.open("ab") as out:
        if subprocess.run(words, stdout=out, stderr=out, check=False).returncode:
            raise BedError(f"{' '.join(words[:4])} ... failed; see {log}")
