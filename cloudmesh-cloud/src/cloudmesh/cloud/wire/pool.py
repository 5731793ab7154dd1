"""The open connections to one server, shared by all threads that call it in the same way."""

from __future__ import annotations

import errno
import os
import ssl
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from cloudmesh.cloud.wire.connection import Address, Connection, addresses_of, connect
from cloudmesh.cloud.wire.errors import ConnectTimeoutError, NoConnectionError
from cloudmesh.cloud.wire.together import Together
from cloudmesh.cloud.wire.waiting import acquire, at_end

if TYPE_CHECKING:
    from cloudmesh.cloud.wire.http2 import Http2Connection

_NO_FILE = (errno.EMFILE, errno.ENFILE)
_HTTP2 = "h2"
_OFFERED = (_HTTP2, "http/1.1")
# Seconds for which the addresses of a host are kept.
_LOOK_UP_AGAIN = 10.0


@dataclass(frozen=True)
class Tls:
    """How TLS is spoken.

    Attributes:
        ca_file: a file or folder of certificates to trust instead of the system's; empty for those.
        insecure: whether to take any certificate.
        client_certificate: a file that says who we are, with its private key or beside it; None for none.
    """

    ca_file: str = ""
    insecure: bool = False
    client_certificate: str | tuple[str, str] | None = None

    def context(self, offers: Sequence[str] = ()) -> ssl.SSLContext:
        """What connections are secured by. Raises OSError or ssl.SSLError if a file cannot be used.

        ``offers``: the protocols that the server may choose from, the best one first; empty to offer none.
        """
        if self.insecure:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.ca_file:
            is_folder = Path(self.ca_file).is_dir()
            context = ssl.create_default_context(
                cafile=None if is_folder else self.ca_file, capath=self.ca_file if is_folder else None
            )
        elif has_system_store():
            context = ssl.create_default_context()
        else:
            import certifi

            context = ssl.create_default_context(cafile=certifi.where())
        if self.client_certificate is not None:
            given = self.client_certificate
            certificate, key = (given, None) if isinstance(given, str) else given
            context.load_cert_chain(certificate, key)
        if offers:
            context.set_alpn_protocols(offers)
        return context


def has_system_store() -> bool:
    """Whether there are certificates where OpenSSL looks for them (SSL_CERT_FILE, SSL_CERT_DIR)."""
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile) or (bool(paths.capath) and any(os.scandir(paths.capath)))


@dataclass(frozen=True)
class Server:
    """Whom connections lead to.

    Attributes:
        host, port: its address.
        tls: how TLS is spoken with it; None for without.
    """

    host: str
    port: int
    tls: Tls | None = None


class Pool:
    """The connections to one server that nobody uses now."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        # By whether HTTP/2 is offered.
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._session: ssl.SSLSession | None = None
        # Those that were opened to find out what the server speaks, which is HTTP/1.1.
        self._unused: list[Connection] = []
        # By thread.
        self._together: dict[int, Together] = {}
        self._found: list[Address] = []
        self._looked_up = -inf
        self._looking = threading.Lock()
        # How many have it open.
        self.users = 0

    def _secured(self, offering: bool) -> ssl.SSLContext | None:
        """What connections are secured by, made once: what TLS resumes belongs to it."""
        if self._server.tls is None:
            return None
        with self._lock:
            if offering not in self._contexts:
                try:
                    made = self._server.tls.context(_OFFERED if offering else ())
                except OSError as error:
                    # Of TLS, too: a file that cannot be used any more.
                    raise NoConnectionError from error
                self._contexts[offering] = made
            return self._contexts[offering]

    def http2(self, seconds: float) -> Http2Connection | None:
        """A connection that has room for a call of this thread, which must be shared.

        None if the server does not speak HTTP/2 over TLS. See ``connect`` for what it raises.
        """
        thread = threading.get_ident()
        if thread not in self._together:
            self._together[thread] = Together(self._offering)
            # It does not live as long as the thread.
            mine = weakref.ref(self)
            at_end(lambda: _close_together(mine(), thread))
        return self._together[thread].take(seconds)

    def _close_together(self, thread: int) -> None:
        if (together := self._together.pop(thread, None)) is not None:
            together.close()

    def _offering(self, seconds: float) -> Http2Connection | None:
        """A new connection by HTTP/2; if the server speaks HTTP/1.1 alone, it is kept for the next call."""
        ends = time.monotonic() + seconds
        taken = self._connected(seconds, offering=True)
        if taken.protocol != _HTTP2:
            taken.session_is_ours = False
            with self._lock:
                self._unused.append(taken)
            return None
        from cloudmesh.cloud.wire.http2 import Http2Connection  # few servers speak it

        made = Http2Connection(taken.give_up_socket())
        try:
            made.settle(ends - time.monotonic())
        except BaseException:
            made.close()
            raise
        return made

    @contextmanager
    def connection(self, seconds: float) -> Iterator[Connection]:
        """A connection for one call, kept from before if there is one; see ``connect`` for what it raises."""
        taken = self._kept() or self._connected(seconds)
        try:
            yield taken
        finally:
            self._put_back(taken)

    def _connected(self, seconds: float, offering: bool = False) -> Connection:
        """A new connection; if no more files may be open, in place of one that nobody uses.

        ``offering``: whether the server may choose HTTP/2.
        """
        host, context, addresses = self._server.host, self._secured(offering), self._addresses(seconds)
        session = None if offering else self._session
        try:
            try:
                return connect(addresses, host, seconds, context, session)
            except NoConnectionError as error:
                if getattr(error.__cause__, "errno", None) not in _NO_FILE or not POOLS.drop_idle():
                    raise
            return connect(addresses, host, seconds, context, session)
        except (NoConnectionError, ssl.SSLError):
            # The host may have moved.
            self._looked_up = -inf
            raise

    def _addresses(self, seconds: float) -> list[Address]:
        """Those of the server: one call looks them up, the others wait or take those of before.

        Raises OSError if there are none, ConnectTimeoutError if another call takes longer to look them up.
        """
        if self._are_new():
            return self._found
        if acquire(self._looking, 0.0 if self._found else seconds):
            try:
                if not self._are_new():
                    self._found = addresses_of(self._server.host, self._server.port)
                    self._looked_up = time.monotonic()
            finally:
                self._looking.release()
        elif not self._found:
            raise ConnectTimeoutError
        return self._found

    def _are_new(self) -> bool:
        return time.monotonic() - self._looked_up < _LOOK_UP_AGAIN

    def _kept(self) -> Connection | None:
        while True:
            with self._lock:
                if self._unused:
                    # Opened by this call just now: what TLS has sent meanwhile is no sign of an end.
                    return self._unused.pop()
                if not self._idle:
                    return None
                taken = self._idle.pop()
            if taken.is_alive():
                return taken
            taken.close()

    def _put_back(self, taken: Connection) -> None:
        if taken.keeps:
            if taken.session_is_ours:
                self._session = taken.session
            with self._lock:
                if self.users:
                    self._idle.append(taken)
                    return
        taken.close()

    def close(self) -> int:
        """Close those that nobody uses, but for those that calls share; how many these were."""
        with self._lock:
            idle, self._idle, self._unused = self._idle + self._unused, [], []
        for each in idle:
            each.close()
        return len(idle)

    def end(self) -> None:
        """Close all; nobody calls the server any more."""
        self.close()
        for thread in list(self._together):
            self._close_together(thread)


def _close_together(pool: Pool | None, thread: int) -> None:
    if pool is not None:
        pool._close_together(thread)


class Pools:
    """The pools of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._pools: dict[Server, Pool] = {}

    def open(self, server: Server) -> Pool:
        """The pool of a server; ``close`` must follow."""
        with self._lock:
            if self._process != os.getpid():
                # Of the process that this one was made from, which goes on using its connections.
                self._process, self._pools = os.getpid(), {}
            pool = self._pools.setdefault(server, Pool(server))
            pool.users += 1
            return pool

    def drop_idle(self) -> bool:
        """Close all connections that nobody uses; whether there were any."""
        with self._lock:
            pools = list(self._pools.values())
        return sum(each.close() for each in pools) > 0

    def close(self, server: Server, pool: Pool) -> None:
        """Let a pool go; its connections are closed with the last who has it open."""
        with self._lock:
            pool.users -= 1
            if pool.users:
                return
            if self._pools.get(server) is pool:
                del self._pools[server]
        pool.end()


POOLS = Pools()
