"""Whether an ssh server answers at an address: by what it says, since a port alone tells nothing.

QEMU, and any other forwarding of ports, accepts connections before a machine is there. Such a connection may
come to life late, or never: so others are tried beside it, and the oldest one is given up for them. But each
that reaches a server gives it work, even if it is closed again, and a machine that is busy with its start
would never come to an answer if it got ever more of them: so they become rarer, and each one gets longer.
Where one is closed, the network of the machine is there and its server is about to be: the next comes soon.
"""

from __future__ import annotations

import ipaddress
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

# What an ssh server may send before its own line, in bytes.
_MOST = 64 * 1024
_BEGIN = b"SSH-"
_SILENT, _NOT_THERE = "it accepts connections and says nothing", "it does not respond"
# So many connections are open at once; a server refuses more than ten that have not signed in.
_OPEN = 8
# Seconds between two looks whether to go on.
_LOOK = 0.2


@dataclass
class Pace:
    """How soon another connection is tried beside those that say nothing: ever later.

    Attributes:
        pause: seconds until the next one.
        growth: by what that grows with each.
        longest: how long it becomes.
        again: seconds until the next one after one that was closed; it grows with each.
    """

    pause: float = 1.0
    growth: float = 1.5
    longest: float = 8.0
    again: float = 0.1

    @classmethod
    def towards(cls, address: str) -> Pace:
        """That for an address; one of this computer is tried more often, since it is likely a forwarding."""
        return cls(0.5, 1.03, 3.0) if is_here(address) else cls()

    def next(self) -> float:
        """Seconds until another connection; the one after that comes later."""
        pause = self.pause
        self.pause = min(pause * self.growth, self.longest)
        return pause

    def next_of_closed(self) -> float:
        """Seconds until another connection after one that the other side has closed."""
        again = self.again
        self.again = again * self.growth
        return min(again, self.pause)


def answers(
    address: str, port: int, seconds: float, pace: Pace, go_on: Callable[[], bool] = lambda: True
) -> tuple[bool, str]:
    """Whether an ssh server says who it is, and what was seen in its place: ``connection refused``.

    Args:
        address: an IP address.
        seconds: for how long it is given time to speak.
        pace: that of earlier questions to the same server, or a new one.
        go_on: whether somebody still wants to know.
    """
    with selectors.DefaultSelector() as selector:
        race = _Race((address, port), selector, pace)
        try:
            return race.run(time.monotonic() + seconds, go_on), race.seen
        finally:
            race.close()


@dataclass
class _Race:
    """Some connections to one server, of which the first that it speaks on decides."""

    place: tuple[str, int]
    selector: selectors.BaseSelector
    pace: Pace
    seen: str = _NOT_THERE
    _due: float = 0.0
    _said: dict[socket.socket, bytes] = field(default_factory=dict)

    def run(self, ends: float, go_on: Callable[[], bool]) -> bool:
        """Connect until somebody speaks, all connections are refused, or the time is over."""
        while (now := time.monotonic()) < ends and go_on():
            if now >= self._due:
                self._due = now + self.pace.next()
                if len(self._said) >= _OPEN:
                    self._close(next(iter(self._said)))
                self._connect()
            if not self._said:
                # Refused, or closed without a word: asked again a little later, by the caller.
                break
            wait = max(0.0, min(_LOOK, ends - now, self._due - now))
            if any(self._read(key.fileobj) for key, _ in self.selector.select(wait)):
                return True
        return False

    def close(self) -> None:
        """Close all connections."""
        for each in list(self._said):
            self._close(each)

    def _connect(self) -> None:
        family = socket.AF_INET6 if ":" in self.place[0] else socket.AF_INET
        try:
            connection = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            self._note(error)
            return
        connection.setblocking(False)
        self._said[connection] = b""
        try:
            with suppress(BlockingIOError):
                connection.connect(self.place)
            self.selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
        except OSError as error:
            self._note(error)
            self._close(connection)

    def _read(self, connection: object) -> bool:
        """Whether the server says on this connection that it is one for ssh."""
        if not isinstance(connection, socket.socket):
            return False
        try:
            chunk = connection.recv(4096)
        except BlockingIOError:
            # It has just come about.
            self.seen = _SILENT
            self.selector.modify(connection, selectors.EVENT_READ)
            return False
        except OSError as error:
            self._note(error)
            self._closed(connection)
            return False
        said = self._said[connection] + chunk
        if any(line.startswith(_BEGIN) for line in said.splitlines()):
            return True
        if not chunk or len(said) > _MOST:
            self.seen = "something else than an ssh server answers" if said else "it closes each connection"
            self._closed(connection)
            return False
        self._said[connection] = said
        return False

    def _note(self, error: OSError) -> None:
        self.seen = (error.strerror or str(error)).lower()

    def _closed(self, connection: socket.socket) -> None:
        """Close one that the other side has closed, or that is of no use, and try another one soon."""
        self._close(connection)
        self._due = min(self._due, time.monotonic() + self.pace.next_of_closed())

    def _close(self, connection: socket.socket) -> None:
        with suppress(KeyError, ValueError):
            self.selector.unregister(connection)
        del self._said[connection]
        connection.close()


def is_here(address: str) -> bool:
    """Whether the address is one of this computer."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
