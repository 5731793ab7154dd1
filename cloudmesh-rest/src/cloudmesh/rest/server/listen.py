"""The sockets of a server: on loopback, or one of its own that nobody else can open."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.rest.server.settings import Settings

# What sockets may wait for until they are accepted.
_BACKLOG = 2048
_IN_USE = (errno.EADDRINUSE,)


@contextmanager
def listening(settings: Settings) -> Iterator[list[socket.socket]]:
    """The sockets of a server, closed at the end of the block; raises CloudmeshError."""
    with contextlib.ExitStack() as stack:
        if settings.socket is not None:
            yield [stack.enter_context(_unix(Path(settings.socket)))]
            return
        port, found = settings.port, []
        for family, address in settings.addresses():
            one = stack.enter_context(_tcp(family, address, port))
            # With port 0, those after the first take the one that it got.
            port = one.getsockname()[1]
            found.append(one)
        yield found


def _tcp(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port that was in use a moment ago may be used; not one where somebody listens.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        one.listen(_BACKLOG)
    except OSError as error:
        one.close()
        if error.errno in _IN_USE:
            raise CloudmeshError(
                f"port {port} of {address} is in use by another program; use another one, such as "
                f"--port={port + 1 if port < 65535 else 8765}"
            ) from error
        raise CloudmeshError(f"cannot listen on port {port} of {address}: {error.strerror}") from error
    return one


@contextmanager
def _unix(path: Path) -> Iterator[socket.socket]:
    """A unix socket of mode 0600, from its first moment on; removed at the end."""
    _clear(path)
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            one.bind(str(path))
        finally:
            os.umask(before)
        one.listen(_BACKLOG)
        ours = path.stat()
    except OSError as error:
        one.close()
        # A path that is too long for a socket has no number.
        reason = error.strerror or str(error)
        raise CloudmeshError(f"cannot listen on the socket {path}: {reason}") from error
    try:
        yield one
    finally:
        one.close()
        with contextlib.suppress(OSError):
            now = path.stat()
            if (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino):
                path.unlink()


def _clear(path: Path) -> None:
    """Remove a socket that a killed server has left; raises CloudmeshError if it is anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise CloudmeshError(f"cannot listen on the socket {path}: {error.strerror}") from error
    if not stat.S_ISSOCK(mode):
        raise CloudmeshError(f"{path} is there already and no socket; use another path for --socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise CloudmeshError(f"the socket {path} cannot be looked at: {error.strerror}") from error
    raise CloudmeshError(f"the socket {path} is in use by another program; use another path for --socket")
