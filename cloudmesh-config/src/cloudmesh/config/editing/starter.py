"""The first configuration of a newcomer: it works at once, on a cloud that is only simulated.

Where QEMU is found there is a second cloud, of real machines on this computer; it is active, and the default
stays the simulated one.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

from cloudmesh.config.check import provider_rules
from cloudmesh.config.yaml import config_file
from cloudmesh.plugin.errors import ConfigError

TEXT = """\
# The configuration of cloudmesh: your clouds, and which of them you use.
# It may hold passwords, so it is read only while nobody else can read it (chmod 600).
version: 5.0

# Who you are.
profile:
  firstname: TBD
  lastname: TBD
  email: TBD

cloudmesh:
  # Clouds used when a command names none. Without this key the only active cloud is the default.
  default:
  - local
  # Clouds that may be used; the others are never contacted. Without this key all clouds are active.
  active:
  - local

clouds:
  # A simulated cloud: it runs no real machines. They exist only in a file in this directory, so you can
  # try commands and error handling without an account and without costs.
  local:
    name: Simulated cloud, no real machines
    host: localhost
    type: simulated
    default:
      flavor: small
      image: debian-12
    # Durations, in seconds or such as 10s, 5m, 1h:
    # boot_seconds: 1.0       # until a new or started machine is active
    # action_seconds: 0.3     # until any other action is done
    # latency_seconds: 0.0    # added to each call of the cloud
    # Simulated errors:
    # failure_rate: 0.0       # fraction of calls that fail, 0.0 to 1.0
    # fault_seed: 0           # the same seed gives the same failures
    # fail: {verb: start, names: "web[01-03]"}    # this verb fails on these machines

  # A real cloud: 'cms cloud add uc --type=openstack' asks for what is needed, 'cms config import openrc.sh'
  # reads the file from your dashboard. By hand: remove the hashes, fill in the values, then run
  # 'cms cloud activate uc'. You are prompted for a value TBD when it is needed.
  # uc:
  #   name: Chameleon UC
  #   host: chameleoncloud.org
  #   type: openstack
  #   credentials:
  #     OS_AUTH_URL: https://openstack.example.org:5000/v3
  #     OS_USERNAME: TBD
  #     OS_PASSWORD: TBD
  #     OS_PROJECT_NAME: TBD
  #     OS_PROJECT_DOMAIN_ID: default
  #     OS_USER_DOMAIN_ID: default
  #     OS_REGION_NAME: RegionOne
  #   default:
  #     flavor: m1.small
  #     image: Ubuntu-22.04
"""

# Before this line the cloud of real machines is put.
_NEXT = "\n  # A real cloud: 'cms cloud add uc"
_ACTIVE = "  active:\n  - local\n"
# What runs machines on this computer, if there is a package that knows how to.
_QEMU_PROGRAM, QEMU = "qemu-system-x86_64", "qemu"
_QEMU_CLOUD = """
  # Real machines on this computer, run by QEMU without root and without an account. They need an image first:
  # 'cms image add debian-12 --cloud=qemu' downloads one, 'cms image catalog' lists what there is.
  qemu:
    name: Real machines on this computer
    host: localhost
    type: qemu
    default:
      flavor: small
      image: debian-12
"""


VERSION = 5.0
# What a configuration begins with whose first cloud is a real one.
EMPTY = """\
# The configuration of cloudmesh: your clouds, and which of them you use.
# It may hold passwords, so it is read only while nobody else can read it (chmod 600).
version: 5.0
"""


def has_qemu() -> bool:
    """Whether machines can be run on this computer: by the program, and by a provider of the type."""
    return shutil.which(_QEMU_PROGRAM) is not None and QEMU in provider_rules.installed()


def text_with_qemu() -> str:
    """The first configuration of a computer with QEMU."""
    text = TEXT.replace(_ACTIVE, f"{_ACTIVE}  - {QEMU}\n", 1)
    return text.replace(_NEXT, f"{_QEMU_CLOUD}{_NEXT}", 1)


def write(path: Path, text: str = TEXT) -> None:
    """Write a first configuration, mode 0600, in a directory of mode 0700.

    Raises ConfigError if anything of that name exists, if the directory is shared or not the user's own,
    or if it cannot be written.
    """
    if os.path.lexists(path):
        raise ConfigError(f"{path} already exists and is not overwritten; edit it, or move it away")
    try:
        _make_private(path.parent)
    except OSError as error:
        raise ConfigError(
            f"the directory {path.parent} could not be made private ({error.strerror}); "
            "set CLOUDMESH_CONFIG_DIR to another one"
        ) from None
    config_file.create(path, text)


def _make_private(directory: Path) -> None:
    """Make the directory, or tighten the user's own: cmd5 makes it as open as the umask allows."""
    for missing in reversed([d for d in (directory, *directory.parents) if not d.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    found = directory.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if found.st_mode & stat.S_ISVTX or found.st_uid != os.geteuid():
        raise ConfigError(
            f"the directory {directory} is shared or not your own, so no configuration is written there; "
            "set CLOUDMESH_CONFIG_DIR to another one"
        )
    # The home directory itself is not ours to close: a web server may serve a part of it.
    if stat.S_IMODE(found.st_mode) & 0o077 and directory.resolve() != Path.home().resolve():
        directory.chmod(0o700)
