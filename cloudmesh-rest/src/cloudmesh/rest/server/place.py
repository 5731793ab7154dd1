"""The one server of a configuration directory: who runs it, and where it listens.

A second server of the same directory is refused. One serves all clients, and with two of them ``cms rest
stop`` and ``status`` would have to be told which one is meant. Whoever wants several, as on several computers
that share a store, gives each a directory of its own by ``CLOUDMESH_CONFIG_DIR``.

Whether a server runs is told by a lock that the system frees when its process dies. A file beside it tells
the rest; alone it means nothing, so that nobody who got the number of a dead process is taken for a server.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from cloudmesh.config.settings import places
from cloudmesh.db.locks.hold import FileHold
from cloudmesh.plugin.errors import CloudmeshError, StoreError
from cloudmesh.plugin.files import make_private_directory, replace_private

_LOCK = "server"


@dataclass(frozen=True)
class Running:
    """A server that runs.

    Attributes:
        pid: of its process.
        host: the computer where that is.
        since: seconds since the epoch.
        version: of the package.
        url: its address, with a slash at its end; empty where it listens on a socket, or is not ready yet.
        socket: the path of its socket; empty where it listens on an address.
    """

    pid: int
    host: str
    since: float
    version: str
    url: str = ""
    socket: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether it answers."""
        return bool(self.url or self.socket)

    @property
    def place(self) -> str:
        """Where it listens, for a sentence."""
        return self.url or (
            f"the socket {self.socket}" if self.socket else "an address that is not known yet"
        )


Tell = Callable[[str, str], Running]


def folder() -> Path:
    """What servers keep."""
    return places.directory() / "rest"


def log_file() -> Path:
    """The log of a server that was started with --detach."""
    return folder() / "server.log"


@contextmanager
def claim() -> Iterator[Tell]:
    """Be the server of this directory; gives a function that tells others where one listens.

    Raises CloudmeshError if there is one already, or the directory cannot be written.
    """
    try:
        make_private_directory(places.directory())
        make_private_directory(folder())
        hold = FileHold.take(folder(), _LOCK)
    except OSError as error:
        raise CloudmeshError(f"{folder()} cannot be used: {error.strerror}") from error
    if hold is None:
        there = running()
        where = f" at {there.place} (process {there.pid})" if there else ""
        raise CloudmeshError(
            f"a server of {places.directory()} is running already{where}; 'cms rest stop' ends it, and with "
            "another CLOUDMESH_CONFIG_DIR a second one can be started"
        )
    with hold:
        me = Running(os.getpid(), os.uname().nodename, time.time(), version("cloudmesh-rest"))
        _write(me)
        try:
            yield lambda url, socket: _write(replace(me, url=url, socket=socket))
        finally:
            with contextlib.suppress(OSError):
                _file().unlink(missing_ok=True)


def running() -> Running | None:
    """The server of this directory; None if there is none. Raises CloudmeshError."""
    try:
        if not is_claimed():
            return None
        data = json.loads(_file().read_text(encoding="utf-8"))
    except FileNotFoundError:
        # It is just beginning, or ending.
        return None
    except (OSError, ValueError) as error:
        raise CloudmeshError(f"{_file()} cannot be read: {error}") from error
    return Running(**{field.name: data[field.name] for field in dataclasses.fields(Running)})


def is_claimed() -> bool:
    """Whether somebody is the server of this directory. Raises CloudmeshError."""
    try:
        return folder().is_dir() and FileHold.is_taken(folder(), _LOCK)
    except (OSError, StoreError) as error:
        raise CloudmeshError(f"{folder()} cannot be looked at: {error}") from error


def _file() -> Path:
    return folder() / "server.json"


def _write(running: Running) -> Running:
    replace_private(_file(), json.dumps(dataclasses.asdict(running)).encode(), sync=False)
    return running
