"""Machines that accept a connection and then behave as broken ones do."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Listener:
    """Accepts connections, says a greeting and nothing more, until it is closed."""

    def __init__(self, address: str, port: int, greeting: bytes = b"") -> None:
        self._greeting = greeting
        self._lines: list[socket.socket] = []
        self._door = socket.create_server((address, port), backlog=64)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        """How many connections came."""
        return len(self._lines)

    def close(self) -> None:
        """Hang up on all."""
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join(10)
        for each in self._lines:
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._door.accept()
                self._lines.append(line)
                line.sendall(self._greeting)


class FullQueue:
    """A machine whose network swallows what is sent: a connection neither comes about nor is refused."""

    def __init__(self, address: str, port: int) -> None:
        self._door = socket.socket()
        self._door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._door.bind((address, port))
        # Linux lets one connection wait; what comes after it is dropped.
        self._door.listen(0)
        self._waiting = socket.create_connection((address, port), 5)

    def close(self) -> None:
        """Let go of the address."""
        self._waiting.close()
        self._door.close()
