"""The open connections to one server, shared by all threads that call it in the same way."""

from __future__ import annotations

import errno
import os
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

from cloudmesh.cloud.wire.connection import Address, Connection, addresses_of, connect
from cloudmesh.cloud.wire.errors import ConnectTimeoutError, NoConnectionError
from cloudmesh.cloud.wire.waiting import acquire

_NO_FILE = (errno.EMFILE, errno.ENFILE)
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

    def context(self) -> ssl.SSLContext:
        """What connections are secured by. Raises OSError or ssl.SSLError if a file cannot be used."""
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
        self._context: ssl.SSLContext | None = None
        self._session: ssl.SSLSession | None = None
        self._found: list[Address] = []
        self._looked_up = -inf
        self._looking = threading.Lock()
        # How many have it open.
        self.users = 0

    def _secured(self) -> ssl.SSLContext | None:
        """What connections are secured by, made once: what TLS resumes belongs to it."""
        if self._server.tls is None:
            return None
        with self._lock:
            if self._context is None:
                try:
                    self._context = self._server.tls.context()
                except OSError as error:
                    # Of TLS, too: a file that cannot be used any more.
                    raise NoConnectionError from error
            return self._context

    @contextmanager
    def connection(self, seconds: float) -> Iterator[Connection]:
        """A connection for one call, kept from before if there is one; see ``connect`` for what it raises."""
        taken = self._kept() or self._connected(seconds)
        try:
            yield taken
        finally:
            self._put_back(taken)

    def _connected(self, seconds: float) -> Connection:
        """A new connection; if no more files may be open, in place of one that nobody uses."""
        host, context, addresses = self._server.host, self._secured(), self._addresses(seconds)
        try:
            try:
                return connect(addresses, host, seconds, context, self._session)
            except NoConnectionError as error:
                if getattr(error.__cause__, "errno", None) not in _NO_FILE or not POOLS.drop_idle():
                    raise
            return connect(addresses, host, seconds, context, self._session)
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
                if not self._idle:
                    return None
                taken = self._idle.pop()
            if taken.is_alive():
                return taken
            taken.close()

    def _put_back(self, taken: Connection) -> None:
        if taken.keeps:
            self._session = taken.session
            with self._lock:
                if self.users:
                    self._idle.append(taken)
                    return
        taken.close()

    def close(self) -> int:
        """Close those that nobody uses; how many these were."""
        with self._lock:
            idle, self._idle = self._idle, []
        for each in idle:
            each.close()
        return len(idle)


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
        pool.close()


POOLS = Pools()
