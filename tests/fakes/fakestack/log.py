"""Each call as it came: what a test counts."""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import Any

from fakestack.connection import Request

_ID = re.compile(r"/[0-9a-f]{8}-[0-9a-f-]{27}")


class Log:
    """All calls but the tester's own.

    A call is a dict: ``method``, ``path``, ``query``, ``kind`` (method and path with ``*`` for ids, and what
    is wanted), ``fault`` (how it failed), ``began``, and, once its answer was due, ``ended`` (of the clock
    that all processes of the machine share), ``status`` and ``servers`` (how many were listed).
    """

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def began(self, request: Request, fault: str) -> dict[str, Any]:
        """Write a call down; the entry, for its end."""
        kind = f"{request.method} {_ID.sub('/*', request.path)}"
        if kind.endswith("/action"):
            kind += f" {next(iter(request.json))}"
        entry = {
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "kind": kind,
            "fault": fault,
            "began": time.monotonic(),
            "ended": None,
            "status": 0,
            "servers": 0,
        }
        self.calls.append(entry)
        return entry

    def report(self) -> dict[str, Any]:
        """How many calls of each kind, how many failed in which way, and how many at most at one time."""
        return {
            "calls": len(self.calls),
            "kinds": Counter(each["kind"] for each in self.calls),
            "faults": Counter(each["fault"] for each in self.calls if each["fault"]),
            "most": self._most(),
        }

    def _most(self) -> int:
        marks = [(each["began"], 1) for each in self.calls]
        marks += [(each["ended"], -1) for each in self.calls if each["ended"] is not None]
        most = now = 0
        for _, step in sorted(marks):
            now += step
            most = max(most, now)
        return most
