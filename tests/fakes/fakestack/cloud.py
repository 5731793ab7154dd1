"""From a call to its answer, with the latency and the faults that were asked for, all of it written down."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import Any

from fakestack import control, keystone, neutron, nova
from fakestack.connection import Answer, Connection, Request
from fakestack.log import Log
from fakestack.servers import Servers
from fakestack.settings import Settings

# Of the calls that are answered with an error and not done.
_STATUS = {"error": 500, "unavailable": 503, "gateway": 502, "rate": 429}
_PAGE = b"<html><title>Welcome</title></html>"
_HTML = {"Content-Type": "text/html"}
_LIES = {
    "page": (Answer(200, headers=_HTML), _PAGE),
    "accepted-page": (Answer(202, headers=_HTML), _PAGE),
    "empty": (Answer(200), b""),
    "object": (Answer(200), b"{}"),
    "no-content": (Answer(204), b""),
}


class FakeCloud:
    """One OpenStack. Calls under ``/control`` are the tester's, neither delayed nor counted."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = url
        self.settings = settings
        self.log = Log()
        self.tokens: set[str] = set()
        self.keys: dict[str, str] = {}
        self.servers = Servers(settings)

    @property
    def url(self) -> str:
        """The address that it tells of itself."""
        return self.settings.public or self._url

    def take(self, connection: Connection, request: Request) -> None:
        """Answer a call in due time, or fail it as asked for."""
        if request.path.startswith("/control/"):
            connection.send(control.answer(self, request).bytes())
            return
        fault = self.settings.fault(request.path)
        entry = self.log.began(request, fault)
        if fault in ("silence", "trickle"):
            self._never(connection, fault)
            return
        answer = self._failed(fault) or self._answer(request)
        if fault == "error-after":
            answer = _problem(500, "it was done, and then something broke")
        loop = asyncio.get_running_loop()
        finish = (self._finish, connection, answer, fault, entry)
        if self.settings.latency:
            loop.call_later(self.settings.latency, *finish)
        else:
            self._finish(*finish[1:])

    def _failed(self, fault: str) -> Answer | None:
        """The answer of a call that is not done at all; None if it is done."""
        if fault == "reset" or fault in _LIES:
            return Answer()
        status = _STATUS.get(fault, 0)
        if not status:
            return None
        answer = _problem(status, "the pretended cloud was told to fail")
        if status == 429:
            answer.headers["Retry-After"] = f"{self.settings.retry_after:g}"
        return answer

    def _finish(self, connection: Connection, answer: Answer, fault: str, entry: dict[str, Any]) -> None:
        entry["ended"], entry["status"] = time.monotonic(), answer.status
        entry["servers"] = len((answer.json or {}).get("servers", ()))
        if self.settings.dates:
            answer.headers["Date"] = formatdate(time.time() + self.settings.clock, usegmt=True)
        if fault in ("reset", "reset-after"):
            connection.reset()
        elif fault == "silence-after":
            pass
        elif fault in _LIES:
            lie, body = _LIES[fault]
            connection.send(lie.bytes(body))
        elif fault == "malformed":
            connection.send(
                Answer(answer.status if answer.status != 204 else 200).bytes(b'{"servers": [<html>')
            )
        elif fault == "truncated":
            whole = answer.bytes()
            connection.close(Answer(200).bytes(whole[-20:], length=len(whole) + 100))
        else:
            connection.send(answer.bytes())

    def _never(self, connection: Connection, fault: str) -> None:
        """Keep the client waiting: in silence, or with a byte now and then."""
        if fault != "trickle":
            return
        loop = asyncio.get_running_loop()

        def drop() -> None:
            if connection.send_some(b" "):
                loop.call_later(self.settings.trickle or 1.0, drop)

        connection.send_some(Answer().bytes(b"{", length=1 << 30))
        drop()

    def _answer(self, request: Request) -> Answer:
        """What the service says, having done it."""
        service, _, rest = request.path[1:].partition("/")
        if service == "v3":
            return keystone.answer(self, request, rest)
        if request.headers.get("x-auth-token") not in self.tokens:
            return _problem(401, "The request you have made requires authentication.")
        services = {"compute": nova.answer, "image": nova.images, "network": neutron.answer}
        if service not in services:
            return _problem(404, f"no such service: {service}")
        return services[service](self, request, rest)


def _problem(status: int, words: str) -> Answer:
    return Answer(status, {"error": {"code": status, "message": words, "title": "Problem"}})
