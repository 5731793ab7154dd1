"""The starts of ``fleet``, with a real haproxy that ends TLS before each cloud: HTTP/2 beside HTTP/1.1.

The gateways take processor of this computer as well, as no gateway of a cloud does.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

from fakestack.gateway import BOTH, OLD, Gateway
from fakestack.stack import FakeStack
from fleet import FEW, WIDE, Fleet, Measure

ROUNDS = 5


def figures() -> Iterator[Measure]:
    """Name, by HTTP/2, by HTTP/1.1, how many times as much it may be, and the unit."""
    if not which("haproxy"):
        print("NOT MEASURED: a gateway before the clouds, which needs haproxy", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        new, old = (GatewayFleet(Path(folder) / name, alpn) for name, alpn in (("new", BOTH), ("old", OLD)))
        with new, old:
            for each in (new, old):
                each.run("ours", WIDE)
            told = [[each.run("ours", WIDE) for each in (new, old)] for _ in range(ROUNDS)]
    mine, beside = zip(*told, strict=True)
    name = f"{FEW} starts, {WIDE} at once, haproxy: HTTP/2 / HTTP/1.1"
    for what, title, unit, factor in (
        ("seconds", name, "s", 1.0),
        ("processor", "the same: processor for each", "ms", 1000 / FEW),
        ("memory", "the same: peak memory", "MiB", 2**-20),
    ):
        yield title, *([each[what] * factor for each in side] for side in (mine, beside)), 1.0, unit


class GatewayFleet(Fleet):
    """Clouds with a gateway before each, which offers these protocols."""

    def __init__(self, folder: Path, alpn: str) -> None:
        super().__init__(folder, FEW)
        self._alpn = alpn

    def _section(self, stack: FakeStack) -> dict[str, Any]:
        place = self._folder / f"gateway{stack.port}"
        place.mkdir(parents=True)
        return self._open.enter_context(Gateway(place, stack, self._alpn)).section()
