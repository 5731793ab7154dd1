"""Commands over a connection that is open already, asked of its owner without a process of ``ssh`` for each.

What such a process takes is nearly all its own start. The owner, an ``ssh`` in the background, listens at the
socket of the connection for what OpenSSH calls mux, version 4 (PROTOCOL.mux in its source). Its client is
followed here to the letter, also in what it logs, for ``reading``. Where the owner does not take the command,
it is left to ``ssh`` itself.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from cloudmesh.vm.ssh.log import FAILED

_VERSION = 4
_HELLO, _NEW_SESSION = 0x00000001, 0x10000002
_OPENED, _EXIT = 0x80000006, 0x80000004
_NO_ESCAPE = 0xFFFFFFFF
# Seconds for the owner to greet, and between two looks whether to go on.
_GREETING, _LOOK = 5.0, 0.2
_CHUNK, _LONGEST = 4096, 256 * 1024
_ASKED, _BEGUN, _ENDED = (
    "debug2: mux_client_request_session: session request sent",
    "debug1: mux_client_request_session: master session id: {}",
    "debug2: Received exit status from master {}",
)


class Session:
    """One command on a shared connection; it looks like a process of ``subprocess``, as far as is needed.

    Attributes:
        stdout, stderr: what the command prints there.
        log: what ``ssh`` would have logged.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self._is_open, self._is_refused, self._is_over = False, False, False
        self._status = FAILED
        self._log: list[str] = []
        self.stdout: IO[bytes] | None = None
        self.stderr: IO[bytes] | None = None

    @classmethod
    def begin(
        cls,
        path: Path,
        command: str,
        environment: Sequence[bytes],
        stdin: IO[bytes] | int,
        go_on: Callable[[], bool],
    ) -> Session | None:
        """Let the owner of a connection run a command; None if it does not, and nothing was begun.

        Args:
            path: the socket of the connection.
            environment: variables, each as ``NAME=value``.
            stdin: what the command reads; ``subprocess.DEVNULL`` for nothing.
            go_on: whether somebody still wants it; if not, what was given is to be closed.
        """
        session = cls(socket.socket(socket.AF_UNIX))
        try:
            session._connection.settimeout(_GREETING)
            session._connection.connect(str(path))
            session._greet(go_on)
            session._ask(command, environment, stdin)
            if session._is_taken(go_on):
                return session
        except (OSError, EOFError, struct.error):
            # Nobody listens there any more, or somebody who speaks otherwise.
            pass
        session.close()
        return None

    @property
    def log(self) -> str:
        """The lines in which ``reading`` finds how far it came."""
        return "\n".join(self._log)

    def poll(self) -> int | None:
        """The exit status, 255 if there is none since the connection was lost; None while it runs."""
        if not self._is_over:
            with suppress(subprocess.TimeoutExpired):
                self.wait(0.0)
        return self._status if self._is_over else None

    def wait(self, seconds: float | None = None) -> int:
        """The same, when it has ended. Raises subprocess.TimeoutExpired."""
        ends = None if seconds is None else time.monotonic() + seconds
        while not self._is_over:
            left = None if ends is None else max(0.0, ends - time.monotonic())
            if not self._is_readable(left):
                raise subprocess.TimeoutExpired("ssh", seconds or 0.0)
            try:
                self._take()
            except (OSError, EOFError, struct.error):
                self.close()
        return self._status

    def close(self) -> None:
        """End it: the owner closes its part of the connection. What it printed can still be read."""
        self._is_over = True
        self._connection.close()
        if not self._is_open:
            for each in (self.stdout, self.stderr):
                if each is not None:
                    each.close()

    def _greet(self, go_on: Callable[[], bool]) -> None:
        """Raises EOFError if the other side is not one that speaks as we do, or not soon."""
        self._send(struct.pack(">II", _HELLO, _VERSION))
        ends, messages = time.monotonic() + _GREETING, self._messages_now()
        while not messages:
            if time.monotonic() >= ends or not go_on():
                raise EOFError
            messages = self._messages_now()
        kind, words = messages[0]
        if (kind, words[:4]) != (_HELLO, struct.pack(">I", _VERSION)):
            raise EOFError

    def _ask(self, command: str, environment: Sequence[bytes], stdin: IO[bytes] | int) -> None:
        """Ask for a session, without a terminal or anything that is handed on."""
        texts = [b"", os.fsencode(command), *environment]
        self._send(
            struct.pack(">III", _NEW_SESSION, 0, 0)
            + struct.pack(">IIIII", 0, 0, 0, 0, _NO_ESCAPE)
            + b"".join(struct.pack(">I", len(each)) + each for each in texts)
        )
        given: list[int] = []
        try:
            if isinstance(stdin, int):
                given.append(os.open(os.devnull, os.O_RDONLY))
            else:
                given.append(os.dup(stdin.fileno()))
            reader, writer = os.pipe()
            given.append(writer)
            self.stdout = os.fdopen(reader, "rb", buffering=0)
            reader, writer = os.pipe()
            given.append(writer)
            self.stderr = os.fdopen(reader, "rb", buffering=0)
            for each in given:
                socket.send_fds(self._connection, [b"\0"], [each])
        finally:
            for each in given:
                os.close(each)
        self._log.append(_ASKED)

    def _is_taken(self, go_on: Callable[[], bool]) -> bool:
        """Whether the owner has opened the session; True also if nobody wants to know any more."""
        while not self._is_open and go_on():
            if self._is_readable(_LOOK):
                self._take()
                if self._is_refused:
                    return False
        self._is_open = True
        return True

    def _take(self) -> None:
        """Take what the owner says. Raises EOFError if it says nothing more."""
        for kind, words in self._messages():
            if kind == _OPENED:
                self._is_open = True
                self._log.append(_BEGUN.format(*struct.unpack_from(">I", words, 4)))
            elif kind == _EXIT:
                (self._status,) = struct.unpack_from(">I", words, 4)
                self._log.append(_ENDED.format(self._status))
                # As much of it as a process can end with.
                self._status &= 0xFF
            elif not self._is_open:
                self._is_refused = True

    def _messages_now(self) -> list[tuple[int, bytes]]:
        """The messages that come within a moment, which may be none."""
        return self._messages() if self._is_readable(_LOOK) else []

    def _is_readable(self, seconds: float | None) -> bool:
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return bool(poll.poll(None if seconds is None else seconds * 1000))

    def _send(self, words: bytes) -> None:
        self._connection.sendall(struct.pack(">I", len(words)) + words)

    def _messages(self) -> list[tuple[int, bytes]]:
        """The kinds and words of the messages that have come as a whole; it waits for some bytes.

        Raises EOFError if no more come.
        """
        chunk = self._connection.recv(_CHUNK)
        if not chunk or len(self._received) > _LONGEST:
            raise EOFError
        self._received += chunk
        found = []
        while len(self._received) >= 4:
            (length,) = struct.unpack_from(">I", self._received)
            if len(self._received) < 4 + length:
                break
            (kind,) = struct.unpack_from(">I", self._received, 4)
            found.append((kind, self._received[8 : 4 + length]))
            self._received = self._received[4 + length :]
        return found
