"""The server where HTTP/1.1 is spoken: the same steps, for one request after the other."""

from __future__ import annotations

import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .steps import Close, Data, End, Head, Request

if TYPE_CHECKING:
    from .server import Http2Server

# Seconds between two looks at what is awaited.
_LOOK = 0.01


def serve(server: Http2Server, secured: ssl.SSLSocket, number: int) -> None:
    """Answer the requests of a connection until the client closes it, or the server ends."""
    with suppress(OSError), secured.makefile("rb") as reader:
        try:
            while (request := _read(server, reader, number)) is not None:
                server.requests.append(request)
                if not _answer(server, secured, server.script(request)):
                    return
        except ValueError as error:
            server.faults.append(error)


def _read(server: Http2Server, reader: Any, number: int) -> Request | None:
    first = _line(server, reader)
    if not first:
        return None
    method, path, _ = first.split(" ")
    headers = {}
    while line := _line(server, reader):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = bytearray(reader.read(int(headers.get("content-length", 0))))
    request = Request(method, path, headers, 0, number, body)
    request.whole.set()
    return request


def _line(server: Http2Server, reader: Any) -> str:
    """The next line; nothing if there is none."""
    return "" if server.stopping else str(reader.readline(2**16).decode("latin-1").strip())


def _answer(server: Http2Server, secured: ssl.SSLSocket, steps: Any) -> bool:
    """Take the steps; whether another request may follow."""
    head, content = Head(), b""
    for step in steps:
        if isinstance(step, float | int | threading.Event):
            if not _wait(server, step):
                return False
        elif isinstance(step, Head):
            head = step
        elif isinstance(step, Data):
            content += step.content
        elif isinstance(step, End):
            lines = [f"HTTP/1.1 {head.status} Said", f"Content-Length: {len(content)}"]
            lines += [f"{name}: {value}" for name, value in head.headers]
            secured.sendall("\r\n".join([*lines, "", ""]).encode() + content)
        elif isinstance(step, Close):
            return False
        else:
            raise ValueError(f"no step of HTTP/1.1: {step}")
    return True


def _wait(server: Http2Server, until: float | threading.Event) -> bool:
    begun = time.monotonic()
    while not server.stopping:
        if until.is_set() if isinstance(until, threading.Event) else time.monotonic() - begun >= until:
            return True
        time.sleep(_LOOK)
    return False
