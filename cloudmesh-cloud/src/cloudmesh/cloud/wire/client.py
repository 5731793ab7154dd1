"""Calls of servers by their addresses, over connections that are shared in this process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from urllib.parse import SplitResult

from cloudmesh.cloud.wire.answer import PACKED, Answer
from cloudmesh.cloud.wire.budget import AnswerBudget
from cloudmesh.cloud.wire.errors import NotTakenError
from cloudmesh.cloud.wire.pool import POOLS, Pool, Server, Tls
from cloudmesh.cloud.wire.waiting import is_shared

_PORTS = {"http": 80, "https": 443}
# So often a call is made at most that a server has not begun with, if it answers no other either.
_TRIES = 3
# Characters of a head that each gateway takes; for a longer one some end the connection with all calls.
_SHORT = 8192


class WireClient:
    """Makes calls; for one thread at a time, as all that belongs to one call.

    It follows no redirection, knows no proxy and keeps no cookie.

    Args:
        budget: how long answers may take, and how large they may be.
        connect_seconds: how long a connection may take to come about.
        tls: how TLS is spoken.
    """

    def __init__(self, budget: AnswerBudget, connect_seconds: float, tls: Tls) -> None:
        self._budget, self._seconds, self._tls = budget, connect_seconds, tls
        self._pools: dict[str, tuple[Server, Pool, str]] = {}

    def twin(self, budget: AnswerBudget) -> WireClient:
        """One for another call at the same time."""
        return WireClient(budget, self._seconds, self._tls)

    @staticmethod
    def accepts(url: SplitResult, headers: Mapping[str, str]) -> bool:
        """Whether a call can be written down as it is: nothing in it has to be coded, or be left out."""
        place = url.path + url.query
        text = "".join([place, *headers.values()])
        return text.isascii() and text.isprintable() and " " not in place

    def exchange(self, method: str, url: SplitResult, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to a request that ``reaches`` and ``accepts`` allow; see ``Connection`` for errors."""
        pool, usual = self._pool(url)
        if url.scheme == "https" and is_shared() and _is_short(url, headers):
            answer = self._exchange_by_http2(pool, method, url, headers, body)
            if answer is not None:
                return answer
        lines = [f"{method} {url.path or '/'}{f'?{url.query}' if url.query else ''} HTTP/1.1{usual}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method != "GET":
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        with pool.connection(min(self._seconds, self._budget.left())) as connection:
            return connection.exchange(head + body, self._budget)

    def _exchange_by_http2(
        self, pool: Pool, method: str, url: SplitResult, headers: Mapping[str, str], body: bytes
    ) -> Answer | None:
        """The answer to a request by HTTP/2; None if the server does not speak it."""
        path = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
        told = [(":method", method), (":scheme", url.scheme), (":authority", url.netloc), (":path", path)]
        told += [("user-agent", _user_agent()), ("accept-encoding", PACKED)]
        told += [(name.lower(), value) for name, value in headers.items()]
        if body or method != "GET":
            told.append(("content-length", str(len(body))))
        tries = _TRIES
        while (connection := pool.http2(min(self._seconds, self._budget.left()))) is not None:
            try:
                return connection.exchange(told, body, self._budget)
            except NotTakenError:
                # Its connection comes to its end; where it was of use to others, its turn comes too.
                tries -= not connection.was_of_use
                if not tries:
                    raise
        return None

    def _pool(self, url: SplitResult) -> tuple[Pool, str]:
        """The connections to the server of an address, and what every call to it says."""
        key = f"{url.scheme}://{url.netloc}"
        if key not in self._pools:
            tls = self._tls if url.scheme == "https" else None
            server = Server(str(url.hostname), url.port or _PORTS[url.scheme], tls)
            usual = f"\r\nHost: {url.netloc}\r\nUser-Agent: {_user_agent()}"
            usual += f"\r\nAccept-Encoding: {PACKED}"
            self._pools[key] = server, POOLS.open(server), usual
        _, pool, usual = self._pools[key]
        return pool, usual

    def close(self) -> None:
        """Let the connections go."""
        while self._pools:
            server, pool, _ = self._pools.popitem()[1]
            POOLS.close(server, pool)


def reaches(url: SplitResult) -> bool:
    """Whether the server of an address can be called: it has a plain name, and no password comes with it."""
    try:
        port, host = url.port, str(url.hostname or "")
        host.encode("idna")
    except ValueError:
        return False
    plain = url.netloc.isascii() and url.netloc.isprintable() and " " not in url.netloc
    return url.scheme in _PORTS and bool(host) and port != 0 and plain and "@" not in url.netloc


def _is_short(url: SplitResult, headers: Mapping[str, str]) -> bool:
    return sum(map(len, [url.path, url.query, *headers, *headers.values()])) < _SHORT


@cache
def _user_agent() -> str:
    return f"cloudmesh/{version('cloudmesh-cloud')}"
