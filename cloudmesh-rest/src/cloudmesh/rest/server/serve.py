"""Serves until it is told to stop, and ends in good order."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

import uvicorn

from cloudmesh.plugin.errors import CloudmeshError, Interrupted
from cloudmesh.plugin.signals import TOGETHER
from cloudmesh.rest.access.credentials import cookie_name
from cloudmesh.rest.access.guard import Guard
from cloudmesh.rest.access.hosts import Hosts, bracketed
from cloudmesh.rest.api.app import create_app
from cloudmesh.rest.api.service import Service
from cloudmesh.rest.page.files import add_page
from cloudmesh.rest.server import log, place
from cloudmesh.rest.server.listen import listening
from cloudmesh.rest.server.protocol import Protocol
from cloudmesh.rest.server.settings import Settings

# For answers that are on their way when the server stops; streams are ended before.
_FINISH_SECONDS = 1
# For threads that are still at work after everything has ended in good order.
_LEAVE_SECONDS = 0.5
_HEADER_BYTES = 32 * 1024
_IDLE_SECONDS = 15

Ready = Callable[[place.Running], None]


def serve(settings: Settings, handler: logging.Handler, ready: Ready) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        settings: where to listen.
        handler: where what is logged goes.
        ready: is called once the server answers.

    Raises:
        CloudmeshError: another server runs, or the address cannot be used.
        ConfigError: the configuration cannot be used.
        StoreError: the store cannot be read.
    """
    settings.check()
    with ExitStack() as stack:
        stack.enter_context(log.writing(handler))
        tell = stack.enter_context(place.claim())
        sockets = stack.enter_context(listening(settings))
        port = None if settings.socket else int(sockets[0].getsockname()[1])
        guard = _guarded(settings, port, stack, handler)
        url = f"http://{bracketed(settings.host)}:{port}/" if port else ""
        server = _Server(guard, lambda: ready(tell(url, settings.socket or "")), stack)
        server.run(sockets)
        server.leaving.cancel()
        if server.failure:
            raise CloudmeshError(server.failure)


def _guarded(settings: Settings, port: int | None, stack: ExitStack, handler: logging.Handler) -> Guard:
    """The application behind its guard. Raises ConfigError, StoreError."""
    service = Service()
    with service.inventory() as inventory:
        # What is wrong with the configuration or the store is said now, in a sentence.
        inventory.database.tables()
    app = create_app(service)
    add_page(app)
    access_log = log.AccessLog(handler)
    stack.callback(access_log.flush)
    hosts = Hosts(None if port is None else settings.host, port or 0, settings.allowed)
    tokens = app.state.tokens
    guard = Guard(app, tokens.find, tokens, hosts, cookie=cookie_name(port), log=access_log)
    # Who waits for a job is answered, and no call is begun, before connections are closed.
    guard.at_end += [app.state.waits.stop, app.state.runner.begin_stop]
    return guard


class _Server(uvicorn.Server):
    """uvicorn's server, which ends streams itself, and leaves no signal to others.

    Attributes:
        failure: why it could not start; empty if it could.
        leaving: ends the process where a thread still keeps it.
    """

    def __init__(self, guard: Guard, ready: Callable[[], None], stack: ExitStack) -> None:
        super().__init__(
            uvicorn.Config(
                guard,
                http=Protocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                # Nobody on loopback is to be believed where a request comes from.
                proxy_headers=False,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=_FINISH_SECONDS,
                h11_max_incomplete_event_size=_HEADER_BYTES,
            )
        )
        self._guard, self._ready = guard, ready
        self._first = float("-inf")
        self.failure = ""
        self._stack = stack
        self.leaving = threading.Timer(_LEAVE_SECONDS, self._leave)
        self.leaving.daemon = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        try:
            await super().startup(sockets)
        except SystemExit:
            self.failure, self.should_exit = "the server could not start; its log tells why", True
            return
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what is open, then what works in the background."""
        self._guard.end_streams()
        await super().shutdown(sockets)
        # A thread that waits for something would keep the process, though all that counts is over.
        self.leaving.start()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at the first SIGINT or SIGTERM, and leave at once at the second."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ask for the end; who asks twice wants it now, and jobs are resumed at the next start."""
        now = time.monotonic()
        if self.should_exit and now - self._first >= TOGETHER:
            os._exit(Interrupted.exit_code)
        self._first = now if not self.should_exit else self._first
        self.should_exit = True

    def _leave(self) -> None:
        self._stack.close()
        os._exit(0)
