"""A server of HTTP/2 over TLS on loopback that does what a test says."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from h2.settings import SettingCodes

from .peer import Peer
from .plain import serve
from .steps import Close, Request, Settings, answer

# A server says nothing for so long at most.
LONG = 30.0


@dataclass
class Ways:
    """How a server behaves, whatever is asked for.

    Attributes:
        alpn: what it speaks, the dearest first.
        settings: those that it tells, and after how many seconds it does so.
        at_head: whether steps begin when the head of a request has come, not all of it.
        acknowledges: asked before what was received is acknowledged; if it says no, that is put off.
        handshake: how many seconds pass before it, or an event that has to be set first.
        greeting: sent in place of what begins HTTP/2.
        closes: the number of a connection to "during" or "after" the handshake, when it is closed.
    """

    alpn: Sequence[str] = ("h2", "http/1.1")
    settings: dict[SettingCodes, int] = field(default_factory=dict)
    settings_delay: float = 0.0
    at_head: bool = False
    acknowledges: Callable[[], bool] = lambda: True
    handshake: float | threading.Event = 0.0
    greeting: bytes | None = None
    closes: dict[int, str] = field(default_factory=dict)


class Http2Server:
    """Takes for each request the steps that a function gives for it, those of all requests side by side.

    Attributes:
        url: of the server.
        connections: how many came.
        offered: what the client offered in each handshake that began, as ALPN has it.
        protocols: which one each connection speaks; None if TLS did not choose one.
        requests: all that came, in this order, without those that were refused.
        refused, most: how many streams were, and were open on one connection at most.
        early: the same, before the connection had said how many there may be.
        resets: the path and code of each stream that a client reset.
        goodbyes: the code of each GOAWAY that a client sent.
        pongs: how many answers came to ``Ping``.
        faults: what clients did that HTTP/2 forbids.
    """

    def __init__(
        self, context: ssl.SSLContext, script: Callable[[Request], Any] | None = None, **ways: Any
    ) -> None:
        self.script = script or (lambda request: answer(request.path.encode()))
        self.ways = Ways(**ways)
        self.connections = self.refused = self.most = self.early = self.pongs = 0
        self.offered: list[list[str]] = []
        self.protocols: list[str | None] = []
        self.requests: list[Request] = []
        self.resets: list[tuple[str, int]] = []
        self.goodbyes: list[int] = []
        self.faults: list[Exception] = []
        self.stopping = False
        self.lock = threading.Lock()
        self._context = context
        if self.ways.alpn:
            context.set_alpn_protocols([*self.ways.alpn])
        self._peers: list[Peer] = []
        self._plain: list[ssl.SSLSocket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        """Close all connections, and take no more."""
        self.stopping = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._plain:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for each in [self._acceptor, *self._threads]:
            each.join(LONG)

    def tell(self, step: Any) -> None:
        """Take a step on each connection that is open, though nobody asked for anything."""
        for each in self._peers:
            each.told.append(step)

    @property
    def open(self) -> int:
        """How many connections by HTTP/2 are open now."""
        return len(self._peers)

    def allow(self, streams: int) -> None:
        """Allow so many streams at once from now on."""
        self.tell(Settings({SettingCodes.MAX_CONCURRENT_STREAMS: streams}))

    def paths(self) -> list[str]:
        """What was asked for, in this order."""
        return [each.path for each in self.requests]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                here.settimeout(LONG)
                here.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                thread = threading.Thread(target=self._meet, args=[here, self.connections], daemon=True)
                self._threads.append(thread)
                thread.start()

    def _meet(self, here: socket.socket, number: int) -> None:
        # A client may go whenever it likes.
        with suppress(OSError), here:
            if not self._wait(here):
                return
            self.offered.append(_offered(here))
            if self.ways.closes.get(number) == "during":
                return
            with self._context.wrap_socket(here, server_side=True) as secured:
                self.protocols.append(secured.selected_alpn_protocol())
                self._serve(secured, number)

    def _wait(self, here: socket.socket) -> bool:
        """Let the time before the handshake pass; False if the server ends meanwhile, or the client goes."""
        until, begun = self.ways.handshake, time.monotonic()
        while not self.stopping:
            over = time.monotonic() - begun >= until if isinstance(until, float) else until.is_set()
            if over:
                return True
            with suppress(BlockingIOError):
                if not here.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                    return False
            time.sleep(0.01)
        return False

    def _serve(self, secured: ssl.SSLSocket, number: int) -> None:
        if self.ways.closes.get(number) == "after":
            return
        if secured.selected_alpn_protocol() != "h2":
            self._plain.append(secured)
            serve(self, secured, number)
            return
        peer = Peer(self, secured, number)
        self._peers.append(peer)
        try:
            peer.run()
        finally:
            self._peers.remove(peer)

    def end_idle(self, how: str = "tls") -> None:
        """Close all connections, and wait until that is done."""
        self.tell(Close(how))
        assert until(lambda: not self.open)


def until(condition: Callable[[], Any]) -> bool:
    """Wait until something is the case; False if that takes too long."""
    ends = time.monotonic() + LONG
    while time.monotonic() < ends:
        if condition():
            return True
        time.sleep(0.005)
    return False


def _offered(here: socket.socket) -> list[str]:
    """The protocols that a client offers; Python tells only which one is chosen."""
    data = b""
    while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
        seen = len(data)
        data = here.recv(2**16, socket.MSG_PEEK)
        if not data:
            raise ConnectionResetError
        if len(data) == seen:
            time.sleep(0.001)
    # It is extension 16: its number, its length, that of the list, and that of each name before it.
    start = data.find(b"\0\x10\0")
    while start >= 0:
        size, inner = (int.from_bytes(data[start + each : start + each + 2], "big") for each in (2, 4))
        names, rest = [], data[start + 6 : start + 4 + size]
        while rest and size == inner + 2:
            names.append(rest[1 : 1 + rest[0]].decode("latin-1"))
            rest = rest[1 + rest[0] :]
        if names:
            return names
        start = data.find(b"\0\x10\0", start + 1)
    return []
