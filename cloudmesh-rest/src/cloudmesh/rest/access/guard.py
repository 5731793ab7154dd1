"""The guard before all requests: it finds out who asks, and lets nobody else in.

It stands before the whole application, so that no route can be forgotten. What it looks at, in this order:
Host, the size of the headers, tokens in the address, Origin, who it is, the body. It also ends streams: those
of callers who are no longer valid, and all when the server stops.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from cloudmesh.rest import problems
from cloudmesh.rest.access import credentials
from cloudmesh.rest.access.bounds import Bounds, Disconnected
from cloudmesh.rest.access.caller import Caller
from cloudmesh.rest.access.exchange import Exchange
from cloudmesh.rest.access.hosts import Hosts, check_origin, foreign
from cloudmesh.rest.access.tokens import Tokens
from cloudmesh.rest.problems import Problem

App = Callable[[Any, Any, Any], Awaitable[None]]
# Gives who has this token; None for a token that is none, or no more.
FindCaller = Callable[[str], "Caller | None"]
# Is told of each answer: method, path, status, seconds, and who asked.
Log = Callable[[str, str, int, float, "Caller | None"], None]

_API = "/v1/"
_SESSION = "/v1/session"
# The page and what it consists of hold nothing of the user.
_PAGE, _PAGE_FILES = "/", "/page/"
_SAFE = ("GET", "HEAD")
# How often open streams are looked at.
_LOOK_SECONDS = 0.5
_NEEDED = (
    b"host",
    b"origin",
    b"authorization",
    b"cookie",
    b"sec-fetch-site",
    b"content-length",
    b"idempotency-key",
)


class Guard:
    """Stands before an ASGI application, which finds the ``Caller`` as ``scope["cloudmesh.caller"]``.

    Args:
        app: the application.
        find: gives who has a token, from memory.
        tokens: all that is known of tokens; without it there are no sessions, and nothing ever ends.
        hosts: the names of the server; without them all names are taken, for tests alone.
        cookie: the name of the cookie of sessions.
        bounds: the limits of a request.
        log: is told of each answer.

    Attributes:
        at_end: what is to be called, too, when streams are to end.
    """

    def __init__(
        self,
        app: App,
        find: FindCaller,
        tokens: Tokens | None = None,
        hosts: Hosts | None = None,
        cookie: str = credentials.COOKIE,
        bounds: Bounds | None = None,
        log: Log | None = None,
    ) -> None:
        self._app, self._find, self._tokens, self._hosts = app, find, tokens, hosts
        self._cookie, self._bounds, self._log = cookie.encode(), bounds or Bounds(), log
        self._streams: set[Exchange] = set()
        self._watching: asyncio.Task[None] | None = None
        self._stopping = False
        self.at_end: list[Callable[[], None]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            # Uvicorn is told not to speak WebSocket.
            await self._app(scope, receive, send)
            return
        began, path = time.perf_counter(), scope["path"]
        exchange = Exchange(receive, send, not path.startswith(_API), self._streams_on)
        try:
            await self._answer(scope, receive, exchange)
        except Disconnected:
            pass
        except asyncio.CancelledError:
            if self._stopping and not exchange.status:
                # It waited for something, and the server does not.
                await problems.response(_stopping(scope["method"]))(scope, exchange.receive, exchange.send)
            elif not exchange.is_cut:
                raise
        finally:
            self._streams.discard(exchange)
            await exchange.finish()
            if self._log:
                seconds, raw = time.perf_counter() - began, (scope.get("raw_path") or b"").decode("latin-1")
                self._log(scope["method"], raw, exchange.status, seconds, exchange.caller)

    def end_streams(self) -> None:
        """End all streams in good order, since the server stops; to be called in its event loop.

        Those that begin afterwards end at once.
        """
        self._stopping = True
        for each in list(self._streams):
            each.cut()
        for end in self.at_end:
            end()

    async def _answer(self, scope: Any, receive: Any, exchange: Exchange) -> None:
        try:
            exchange.caller = await self._let_in(scope, receive, exchange)
        except Problem as problem:
            await problems.response(problem)(scope, exchange.receive, exchange.send)
            return
        if exchange.caller is not None:
            scope["cloudmesh.caller"] = exchange.caller
        scope["cloudmesh.cookie"] = self._cookie.decode()
        await self._app(scope, exchange.receive, exchange.send)

    async def _let_in(self, scope: Any, receive: Any, exchange: Exchange) -> Caller | None:
        """Who makes a request that may pass; None where that does not matter. Raises Problem."""
        given = self._headers(scope)
        host = given.get(b"host", b"")
        if self._hosts:
            self._hosts.check(host)
        self._bounds.check_headers(scope["headers"])
        credentials.refuse_in_address(scope.get("raw_path") or b"", scope["query_string"])
        if (origin := given.get(b"origin")) is not None:
            check_origin(origin, host)
        method, path = scope["method"], scope["path"]
        caller = None if _is_public(method, path) else await self._caller(method, given)
        if given.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in given:
            exchange.give(await self._bounds.body_of(given.get(b"content-length"), receive))
        return caller

    def _headers(self, scope: Any) -> dict[bytes, bytes]:
        """The headers that count here. Raises Problem if one of them is there twice."""
        found: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in found and name in _NEEDED:
                raise Problem(400, f"the header {name.decode('latin-1').title()} is there twice")
            found[name] = value
        return found

    async def _caller(self, method: str, given: dict[bytes, bytes]) -> Caller:
        """Who asks. Raises Problem."""
        token = credentials.bearer(given.get(b"authorization"))
        if token is not None:
            return self._find(token) or await self._look_again(token)
        word = credentials.session(given.get(b"cookie"), self._cookie)
        if word is not None and self._tokens and b"authorization" not in given:
            caller = self._tokens.find_session(word)
            if caller is None and not self._tokens.throttle.wait:
                # It may have begun at another server of this store.
                self._tokens.throttle.take()
                await self._tokens.again()
                caller = self._tokens.find_session(word)
            if caller is not None:
                _check_page(method, given)
                return caller
        raise unauthorized()

    async def _look_again(self, token: str) -> Caller:
        """Who has a token that is not known; it may have been made just now. Raises Problem."""
        if self._tokens is None:
            raise unauthorized()
        take(self._tokens)
        await self._tokens.again()
        caller = self._find(token)
        if caller is None:
            raise unauthorized()
        self._tokens.throttle.give_back()
        return caller

    def _streams_on(self, exchange: Exchange) -> None:
        """Keep an eye on an answer that goes on."""
        if self._stopping:
            exchange.cut()
            return
        self._streams.add(exchange)
        if self._tokens and (self._watching is None or self._watching.done()):
            self._watching = asyncio.get_running_loop().create_task(self._watch(self._tokens))

    async def _watch(self, tokens: Tokens) -> None:
        """End the streams of those who are no longer valid, as long as there are streams."""
        while self._streams:
            for each in list(self._streams):
                if each.caller is not None and not tokens.is_valid(each.caller):
                    each.cut()
            await asyncio.sleep(_LOOK_SECONDS)


def unauthorized() -> Problem:
    """The answer to somebody whom nobody knows."""
    return Problem(
        401,
        "no valid token; send one that 'cms rest token create' has made, as a bearer token",
        headers={"WWW-Authenticate": "Bearer"},
    )


def take(tokens: Tokens) -> None:
    """Count one more unknown token, and refuse to look it up where too many were wrong. Raises Problem."""
    if wait := tokens.throttle.wait:
        raise Problem(
            429,
            "too many wrong tokens; one that was made just now is let in within a second",
            "wrong-tokens",
            headers={"Retry-After": str(int(wait) + 1)},
        )
    tokens.throttle.take()


def _stopping(method: str) -> Problem:
    """What who waits is told; a job may have been made for it just now."""
    is_read = method in _SAFE
    then = "ask again when it runs" if is_read else "it may have begun; GET /v1/jobs tells"
    return Problem(
        503,
        f"the server stops; {then}",
        "stopping",
        {} if is_read else {"outcome_unknown": True},
        headers={"Retry-After": "2", "Connection": "close"},
    )


def _is_public(method: str, path: str) -> bool:
    """Whether a request needs no token: for the page itself, and to sign in."""
    if path == _SESSION:
        return method == "POST"
    return method in _SAFE and (path == _PAGE or path.startswith(_PAGE_FILES))


def _check_page(method: str, given: dict[bytes, bytes]) -> None:
    """Refuse what another page has a browser do with our cookie. Raises Problem.

    All ports of a host are the same site to browsers, so SameSite alone does not keep their pages away.
    """
    site = given.get(b"sec-fetch-site")
    is_own = site == b"same-origin" or (site is None and b"origin" in given)
    # "none" is what somebody typed into the address bar.
    if not is_own and (method not in _SAFE or site not in (None, b"none")):
        raise foreign()
