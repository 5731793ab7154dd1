"""Where requests may be sent to, and which pages may send them: the headers Host and Origin.

A page of anybody can have a browser send requests to loopback, and by DNS rebinding under a name of its own
(RFC 9110 says in 17.1 what follows from a wrong Host). Such a name stands in Host, so only those are taken
that are known to mean this server. An address cannot be rebound to another one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from cloudmesh.plugin.errors import UsageError
from cloudmesh.rest.problems import Problem

_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_ANY = ("0.0.0.0", "::")  # noqa: S104 they are looked for, not bound
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>\d{1,5}))?", re.ASCII)


class Hosts:
    """The names of one server.

    Args:
        host: the address it listens on; None for a unix socket, to which any port may be forwarded.
        port: there.
        allowed: more names, ``NAME`` or ``NAME:PORT``, such as those of a reverse proxy.
    """

    def __init__(self, host: str | None, port: int = 0, allowed: Iterable[str] = ()) -> None:
        self._port = port if host is not None else None
        # With a wildcard address a request may be sent to each address of this computer.
        self._takes_addresses = host in _ANY
        names = {*_LOCAL, *([bracketed(host)] if host and host not in _ANY else [])}
        self._known = {(name.lower(), self._port) for name in names}
        for text in allowed:
            match = _HOST.fullmatch(text.lower())
            if not match:
                raise UsageError(f"--allow-host={text} is no name of a host; use NAME or NAME:PORT")
            self._known.add((match["name"], int(match["port"]) if match["port"] else None))
        # Nearly all requests have the same few.
        self._seen: dict[bytes, bool] = {}

    def check(self, host: bytes) -> None:
        """Refuse a request that is for somebody else. Raises Problem."""
        good = self._seen.get(host)
        if good is None:
            good = self._is_known(host.decode("latin-1").lower())
            if good and len(self._seen) < 100:
                self._seen[host] = True
        if not good:
            raise Problem(
                421,
                "this server does not go by the name in the header Host; use the address that "
                "'cms rest status' shows, or start it with --allow-host=NAME",
            )

    def _is_known(self, text: str) -> bool:
        match = _HOST.fullmatch(text)
        if not match:
            return False
        name, port = match["name"], int(match["port"] or 80)
        if (name, port) in self._known or (name, None) in self._known:
            return True
        return self._takes_addresses and port == self._port and is_address(name)


def check_origin(origin: bytes, host: bytes) -> None:
    """Refuse what a page of another origin asks, with or without a token. Raises Problem."""
    scheme, _, rest = origin.lower().partition(b"://")
    # A reverse proxy may speak TLS for us.
    if scheme not in (b"http", b"https") or rest != host.lower():
        raise foreign()


def foreign() -> Problem:
    """The answer to a page of somebody else."""
    return Problem(
        403,
        "a page of another origin asks for this; only this server's own page is answered",
        "origin",
    )


def is_address(name: str) -> bool:
    """Whether it is an IP address, as it stands in URLs."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def bracketed(host: str) -> str:
    """A host as it stands in URLs: ``::1`` as ``[::1]``."""
    return f"[{host}]" if ":" in host else host
