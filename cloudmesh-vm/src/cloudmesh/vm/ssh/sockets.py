"""Where the sockets of shared ssh connections lie: in a private directory, under short names."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from cloudmesh.cloud.access.route import Route
from cloudmesh.config.settings import places
from cloudmesh.plugin.files import make_private_directory
from cloudmesh.vm.ssh.known import former

# The path of a socket has at most 107 bytes, of which ssh needs 17 for a name in between.
_LONGEST = 90
_DIGITS = 20


def control_path(route: Route | str) -> Path | None:
    """The socket of the connection to a machine, or to a host of the user's own configuration.

    It stands for all that the connection depends on: another user, address or key has another one, and so has
    a machine whose host keys were forgotten, as at a rebuild. None if there is no place where a socket can
    lie; then each command has a connection of its own.
    """
    directory = socket_directory()
    if directory is None:
        return None
    return directory / _digest(_identity(route))


def socket_directory() -> Path | None:
    """The directory, made if need be; None if none of the possible ones can be used."""
    home = places.directory() / "ssh"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    mark = _digest(str(home))[:10]
    # Anybody may write in the last one: see _usable.
    shared = f"/tmp/cm-{os.getuid()}-{mark}"  # noqa: S108
    return _usable((str(home), *([f"{runtime}/cm-{mark}"] if runtime else []), shared))


@lru_cache(maxsize=8)
def _usable(candidates: tuple[str, ...]) -> Path | None:
    """The first of these directories that is short enough, ours alone, and can be made."""
    for each in candidates:
        directory = Path(each)
        if len(os.fsencode(directory)) + 1 + _DIGITS > _LONGEST:
            continue
        try:
            if directory.parent.is_dir() or each == candidates[0]:
                if not directory.is_symlink():
                    make_private_directory(directory)
                if not directory.is_symlink() and directory.stat().st_uid == os.getuid():
                    return directory
        except OSError:
            # Somebody else's, or on a disk that cannot be written: the next one.
            continue
    return None


def _identity(route: Route | str) -> str:
    """All that tells one connection from another, as a text."""
    if isinstance(route, str):
        return route
    jumps = [_identity(each) for each in route.jumps]
    own = (route.host_key_alias, former(route.host_key_alias), route.machine.cloud, route.machine.cloud_id)
    return repr((own, route.user, route.address, route.port, str(route.key_file or ""), jumps))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
