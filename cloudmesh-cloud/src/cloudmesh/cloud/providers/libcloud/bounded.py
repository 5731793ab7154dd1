"""Answers within limits of time and size, whatever a cloud sends and however slowly it does."""

from __future__ import annotations

import http.client
import io
from functools import cached_property
from typing import TYPE_CHECKING, Any

from requests import adapters

from cloudmesh.cloud.wire.budget import AnswerBudget
from cloudmesh.cloud.wire.pool import has_system_store

if TYPE_CHECKING:
    from requests import Response

_CHUNK = 2**16


def read(answer: Response, budget: AnswerBudget) -> None:
    """Read all of an answer's content, which may be much larger than what came over the network."""
    count, chunks = 0, []
    for chunk in answer.iter_content(_CHUNK):
        count += len(chunk)
        budget.require(count)
        chunks.append(chunk)
    # As requests keeps it.
    answer._content = b"".join(chunks)


class BoundedAdapter(adapters.HTTPAdapter):
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
        return has_system_store()

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
