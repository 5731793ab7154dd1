"""Answers within limits of time and size, whatever a cloud sends and however slowly it does."""

from __future__ import annotations

import http.client
import io
import os
import ssl
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter

from cloudmesh.cloud.errors import UNSURE, BadAnswer, CloudTimeout
from cloudmesh.plugin.durations import span_text

if TYPE_CHECKING:
    from requests import Response

    from cloudmesh.cloud.providers.libcloud.connection_settings import ConnectionSettings

_MEBIBYTE = 2**20
_CHUNK = 2**16


class AnswerBudget:
    """How long the answers to one call may take, redirections included, and how large each may be."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        self._cloud, self._ends = settings.cloud, 0.0

    def begin(self, place: str, ends: float) -> None:
        """Count the time of a call to host and port from now on; it must be over at ``ends`` as well."""
        self._cloud = f"cloud {self._settings.cloud} ({place})"
        self._ends = min(ends, time.monotonic() + self._settings.call_timeout)

    def left(self) -> float:
        """Seconds that the next part of the answer may take. Raises CloudTimeout if there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            seconds = self._settings.call_timeout
            error = CloudTimeout(
                f"{self._cloud}: timeout: its answer was not complete after {span_text(seconds)}; {UNSURE}"
            )
            error.outcome_unknown = True
            raise error
        return min(left, self._settings.timeout)

    def require(self, count: int) -> None:
        """Raises BadAnswer if an answer of so many bytes is too large."""
        most = self._settings.answer_mib
        if count > most * _MEBIBYTE:
            raise BadAnswer(
                f"{self._cloud} sent an answer larger than {most} MiB; {UNSURE}; if this is expected, "
                f"cms config set clouds.{self._settings.cloud}.answer_mib=NUMBER"
            )

    def read(self, answer: Response) -> None:
        """Read all of an answer's content, which may be much larger than what came over the network."""
        count, chunks = 0, []
        for chunk in answer.iter_content(_CHUNK):
            count += len(chunk)
            self.require(count)
            chunks.append(chunk)
        # As requests keeps it.
        answer._content = b"".join(chunks)


class BoundedAdapter(HTTPAdapter):
    """Keeps the connections of a session, all of which read within a budget."""

    def __init__(self, budget: AnswerBudget) -> None:
        self._response_class = _response_class(budget)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As requests does, for connections without a proxy."""
        super().init_poolmanager(*args, **kwargs)
        self._bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """As requests does, for those through a proxy."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        return manager if known else self._bound(manager)

    def _bound(self, manager: Any) -> Any:
        """Let a manager of connections make such as read within the budget."""

        def bound(pool: type[Any]) -> type[Any]:
            kind = pool.ConnectionCls
            reading = type(kind.__name__, (kind,), {"response_class": self._response_class})
            return type(pool.__name__, (pool,), {"ConnectionCls": reading})

        pools = manager.pool_classes_by_scheme.items()
        manager.pool_classes_by_scheme = {scheme: bound(pool) for scheme, pool in pools}
        return manager

    @cached_property
    def _has_system_store(self) -> bool:
        """Whether there are certificates where OpenSSL looks for them (SSL_CERT_FILE, SSL_CERT_DIR)."""
        paths = ssl.get_default_verify_paths()
        return bool(paths.cafile) or (bool(paths.capath) and any(os.scandir(paths.capath)))

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Trust the system's certificates where no others are named; those of a package only without them."""
        super().cert_verify(conn, url, verify, cert)
        if verify is True and self._has_system_store:
            conn.ca_certs = conn.ca_cert_dir = None


class _BoundedStream(io.RawIOBase):
    """What comes from a socket, within a budget."""

    def __init__(self, connected: Any, budget: AnswerBudget) -> None:
        self._socket, self._raw = connected, connected.makefile("rb", 0)
        self._budget, self._received = budget, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._budget.left())
        try:
            count: int | None = self._raw.readinto(buffer)
        except TimeoutError:
            # Which of the two times was over is told.
            self._budget.left()
            raise
        self._received += count or 0
        self._budget.require(self._received)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _response_class(budget: AnswerBudget) -> type[http.client.HTTPResponse]:
    class BoundedResponse(http.client.HTTPResponse):
        """Status, headers and content of one answer."""

        def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            self.fp.close()
            self.fp = io.BufferedReader(_BoundedStream(sock, budget))

    return BoundedResponse
