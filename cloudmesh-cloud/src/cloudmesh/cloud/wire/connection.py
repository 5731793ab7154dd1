"""One connection to a server, with or without TLS, over which one call at a time goes."""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from cloudmesh.cloud.wire.answer import Answer, AnswerReader
from cloudmesh.cloud.wire.budget import AnswerBudget
from cloudmesh.cloud.wire.errors import (
    AnswerTimeoutError,
    ConnectionLostError,
    ConnectTimeoutError,
    NoConnectionError,
)
from cloudmesh.cloud.wire.waiting import aside, until_ready

# An entry of what ``socket.getaddrinfo`` gives.
Address = tuple[Any, ...]

_CHUNK = 2**16
_IN_PROGRESS = (errno.EINPROGRESS, errno.EWOULDBLOCK)


class Connection:
    """A connection that is open.

    Attributes:
        keeps: whether another call may follow.
        session_is_ours: whether what TLS resumes serves for connections that offer no protocols, too.
    """

    def __init__(self, connected: socket.socket) -> None:
        self.keeps = self.session_is_ours = True
        self._socket = connected
        self._readable = select.poll()
        self._readable.register(connected, select.POLLIN)

    def close(self) -> None:
        """Close it."""
        self.keeps = False
        with suppress(OSError):
            self._socket.close()

    def is_alive(self) -> bool:
        """Whether the server has left it open; what it sends unasked, as an announced end, ends it."""
        return self.keeps and not self._readable.poll(0)

    @property
    def protocol(self) -> str:
        """What the server has chosen by TLS, of what was offered to it; empty for nothing."""
        chosen = self._socket.selected_alpn_protocol() if isinstance(self._socket, ssl.SSLSocket) else None
        return chosen or ""

    def give_up_socket(self) -> socket.socket:
        """The socket, for somebody else; nothing was said over it yet."""
        return self._socket

    @property
    def session(self) -> ssl.SSLSession | None:
        """With what TLS of another connection to this server comes about sooner."""
        return self._socket.session if isinstance(self._socket, ssl.SSLSocket) else None

    def exchange(self, request: bytes, budget: AnswerBudget) -> Answer:
        """The answer to a request, which is sent once.

        Raises:
            WireError, OSError, ssl.SSLError: there is none.
            CloudTimeout, BadAnswer: it takes too long in all, or is too large.
        """
        self.keeps = False
        # A server may answer, and close, before it has read all.
        with suppress(BrokenPipeError):
            self._send(request, budget)
        reader = AnswerReader(budget)
        while not reader.complete:
            data = self._receive(budget)
            if data:
                reader.take(data)
            else:
                reader.end()
        self.keeps = reader.keeps
        return reader.answer()

    def _send(self, data: bytes, budget: AnswerBudget) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(True, budget)
            except ssl.SSLWantReadError:
                self._wait(False, budget)

    def _receive(self, budget: AnswerBudget) -> bytes:
        """The next part of what the server sends; nothing if it has closed the connection."""
        # It is hardly ever there at once, but TLS may have read it already.
        if not (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()):
            self._wait(False, budget)
        while True:
            try:
                return self._socket.recv(_CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait(False, budget)
            except ssl.SSLWantWriteError:
                self._wait(True, budget)
            except ConnectionResetError as error:
                raise ConnectionLostError from error

    def _wait(self, writing: bool, budget: AnswerBudget) -> None:
        if not until_ready(self._socket, writing, budget.left()):
            # Which of the two times was over is told.
            budget.left()
            raise AnswerTimeoutError


def connect(
    addresses: Sequence[Address],
    host: str,
    seconds: float,
    context: ssl.SSLContext | None = None,
    session: ssl.SSLSession | None = None,
) -> Connection:
    """Open a connection, with TLS if there is a context for it.

    Args:
        addresses: of the host, see ``addresses_of``.
        seconds: how long each address of the host may take, and TLS.
        session: of TLS, from an earlier connection.

    Raises:
        NoConnectionError, OSError, ssl.SSLError: that did not come about; nothing was sent.
    """
    plain = _connected(addresses, seconds)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Connection(plain if context is None else _with_tls(plain, host, seconds, context, session))
    except BaseException:
        plain.close()
        raise


def _connected(addresses: Sequence[Address], seconds: float) -> socket.socket:
    last: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        try:
            return _connected_to(socket.socket(family, kind, protocol), address, seconds)
        except OSError as error:
            last = error
    if isinstance(last, NoConnectionError):
        raise last
    raise NoConnectionError from last


def addresses_of(host: str, port: int) -> list[Address]:
    """Where connections to a host may go, as ``socket.getaddrinfo`` tells. Raises OSError."""
    try:
        return [*socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)]
    except socket.gaierror:
        # It is no address but a name, and a name server may take its time.
        return [*aside(lambda: socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))]


def _connected_to(opened: socket.socket, address: Any, seconds: float) -> socket.socket:
    try:
        opened.setblocking(False)
        code = opened.connect_ex(address)
        if code in _IN_PROGRESS:
            if not until_ready(opened, True, seconds):
                raise ConnectTimeoutError
            code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
    except BaseException:
        opened.close()
        raise
    return opened


def _with_tls(
    plain: socket.socket,
    host: str,
    seconds: float,
    context: ssl.SSLContext,
    session: ssl.SSLSession | None,
) -> ssl.SSLSocket:
    secured = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False, session=session)
    ends = time.monotonic() + seconds
    try:
        while True:
            try:
                secured.do_handshake()
                return secured
            except ssl.SSLWantReadError:
                writing = False
            except ssl.SSLWantWriteError:
                writing = True
            if not until_ready(secured, writing, ends - time.monotonic()):
                raise ConnectTimeoutError
    except ssl.SSLError:
        secured.close()
        raise
    except OSError as error:
        secured.close()
        raise error if isinstance(error, NoConnectionError) else NoConnectionError from error
    except BaseException:
        secured.close()
        raise
