"""HTTP/1.1 as far as clients of clouds use it: persistent connections, bodies of a known length."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from fakestack.cloud import FakeCloud


@dataclass
class Request:
    """One call."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read; None if there is none."""
        return json.loads(self.body) if self.body else None


@dataclass
class Answer:
    """What is sent back; ``json`` is None where there is no body."""

    status: int = 200
    json: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def bytes(self, body: bytes | None = None, length: int | None = None) -> bytes:
        """As it goes over the wire; another body or length is a fault that is meant."""
        if body is None:
            body = b"" if self.json is None else json.dumps(self.json).encode()
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        if self.status != 204:
            lines.append(f"Content-Length: {len(body) if length is None else length}")
        headers = {} if self.status == 204 else {"Content-Type": "application/json"}
        lines += [f"{name}: {value}" for name, value in {**headers, **self.headers}.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


class Connection(asyncio.Protocol):
    """One client's connection. A call is answered before the next one on it is looked at."""

    transport: asyncio.Transport

    def __init__(self, cloud: FakeCloud) -> None:
        self._cloud = cloud
        self._buffer = b""
        self._is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def _next(self) -> None:
        """Hand on the next call, once it is whole."""
        if self._is_busy:
            return
        head, ends, rest = self._buffer.partition(b"\r\n\r\n")
        if not ends:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._is_busy = True
        method, target, _ = first.split(" ", 2)
        path, _, query = target.partition("?")
        words = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
        self._cloud.take(self, Request(method, unquote(path), words, headers, rest[:length]))

    def send(self, data: bytes) -> None:
        """Send an answer; the next call may come."""
        self._is_busy = False
        if not self.transport.is_closing():
            self.transport.write(data)
            self._next()

    def send_some(self, data: bytes) -> bool:
        """Send a part of an answer; whether anybody still listens."""
        if self.transport.is_closing():
            return False
        self.transport.write(data)
        return True

    def close(self, data: bytes = b"") -> None:
        """Send this and close."""
        self.transport.write(data)
        self.transport.close()

    def reset(self) -> None:
        """End the connection as a crashed peer does."""
        import socket
        import struct

        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
