"""The list of a thousand machines by ``cms rest start``, beside a bare route that returns the same bytes.

Both are servers in processes of their own on loopback, with uvicorn as it comes. The bare one has a route of
FastAPI that returns the very bytes that ours has answered, from memory, to everybody: without tokens, without
looking whether anything has changed. They are asked in turn by connections that stay open, each of which asks
again as soon as it was answered.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import lists

CMS = Path(sys.executable).parent / "cms"
MACHINES, MANY = 1_000, 10_000
CLIENTS = 32
ROUNDS = 7
SECONDS = 2.0
MOST_MEGABYTES = 150
PAGE = 5_000
PATH = "/v1/machines"
LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
Measure = tuple[str, list[float], list[float], float, str]

BARE = """
import sys
from pathlib import Path
import uvicorn
from fastapi import FastAPI, Response

body = Path(sys.argv[2]).read_bytes()
app = FastAPI()

@app.get(sys.argv[3])
async def machines() -> Response:
    return Response(body, media_type="application/json")

uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="error")
"""


def figures() -> Iterator[Measure]:
    """Name, ours, what it is beside, how many times as much it may be, and the unit."""
    with tempfile.TemporaryDirectory(prefix="cm-") as folder:
        few, many = Path(folder) / "few", Path(folder) / "many"
        with Ours(few, MACHINES) as ours, Bare(Path(folder), ours.body()) as bare:
            yield from _beside(ours, bare)
        with Ours(many, MANY) as ours:
            yield f"memory of cms rest with {MANY} machines", [ours.memory()], [MOST_MEGABYTES], 1.0, "MB"


def _beside(ours: Ours, bare: Bare) -> Iterator[Measure]:
    """The same requests to both, in turn."""
    full, unchanged, theirs = [], [], []
    tails: list[list[float]] = []
    for _ in range(ROUNDS):
        theirs.append(_per_request(bare.load()))
        tails.append(ours.load())
        full.append(_per_request(tails[-1]))
        unchanged.append(_per_request(ours.load({"If-None-Match": ours.etag})))
    name = f"GET {PATH} with {MACHINES} machines, {CLIENTS} clients"
    # The best of each: what else the computer does is nobody's merit.
    yield f"{name} / bare FastAPI route", [min(full)], [min(theirs)], 1 / 0.8, "s"
    yield "the same, nothing changed (304) / bare FastAPI route", [min(unchanged)], [min(theirs)], 1.0, "s"
    cuts = [statistics.quantiles(each, n=100) for each in tails]
    best = min(cuts, key=lambda each: each[98] / each[49])
    yield "the same: p99 / p50", [best[98]], [best[49]], 5.0, "s"


def _per_request(times: list[float]) -> float:
    """Seconds of the server for each request."""
    return SECONDS / len(times)


class Ours:
    """``cms rest start`` with so many machines in the store."""

    def __init__(self, home: Path, machines: int) -> None:
        self._machines = machines
        self._env = {**os.environ, "HOME": str(home), "CLOUDMESH_CONFIG_DIR": str(home / "cloudmesh")}
        home.mkdir()
        self._log = home / "log"
        for words in (("config", "init"), ("config", "set", "cloudmesh.refresh_after=never")):
            self._cms(*words)
        subprocess.run([sys.executable, "-c", lists.KNOW, str(machines)], check=True, env=self._env)
        self._headers = {"Authorization": f"Bearer {self._token()}"}
        self.port = free_port()
        self.etag = ""

    def __enter__(self) -> Ours:
        words = [CMS, "rest", "start", f"--port={self.port}"]
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(words, env=self._env, stdout=log, stderr=log)
        wait_for(self.port, self._server)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.send_signal(signal.SIGTERM)
        self._server.wait(20)

    def body(self, query: str = "") -> bytes:
        """What it answers."""
        address = f"http://127.0.0.1:{self.port}{PATH}{query}"
        with urllib.request.urlopen(urllib.request.Request(address, headers=self._headers)) as answer:
            self.etag = answer.headers["ETag"]
            return bytes(answer.read())

    def load(self, headers: dict[str, str] | None = None) -> list[float]:
        """Seconds of each request, in the time of one round."""
        return load(self.port, {**self._headers, **(headers or {})}, 304 if headers else 200)

    def memory(self) -> float:
        """The most megabytes that it had, when all its machines were asked for in many ways."""
        for query in (f"?limit={PAGE}", "?sort=-created", "?filter=name=*9", "?columns=*"):
            assert self.body(query)
        status = Path(f"/proc/{self._server.pid}/status").read_text(encoding="ascii")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024

    def _token(self) -> str:
        told = self._cms("rest", "token", "create", "bench", "--scope=read")
        return next(word for word in told.split() if word.startswith("cms_"))

    def _cms(self, *words: str) -> str:
        told = subprocess.run([CMS, *words], env=self._env, check=True, capture_output=True, text=True)
        return told.stdout


class Bare:
    """A server whose only route returns these bytes."""

    def __init__(self, folder: Path, body: bytes) -> None:
        self._file = folder / "body"
        self._file.write_bytes(body)
        self.port = free_port()

    def __enter__(self) -> Bare:
        words = [sys.executable, "-c", BARE, str(self.port), self._file, PATH]
        self._server = subprocess.Popen(words)
        wait_for(self.port, self._server)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.kill()
        self._server.wait()

    def load(self) -> list[float]:
        """Seconds of each request, in the time of one round."""
        return load(self.port, {}, 200)


class Client(asyncio.BufferedProtocol):
    """One connection, which asks again as soon as it was answered; the body is read and not kept."""

    def __init__(self, request: bytes, status: int, times: list[float]) -> None:
        self._request, self._times = request, times
        self._start = f"HTTP/1.1 {status} ".encode()
        self._buffer = bytearray(1 << 20)
        self._head = b""
        self._left = 0
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if not self._left:
            self._head += self._buffer[:nbytes]
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(self._start), head
            length = next(
                (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0"
            )
            self._left, nbytes = int(length.partition(b":")[2]), len(rest)
        self._left -= nbytes
        if not self._left:
            self._times.append(time.perf_counter() - self._began)
            self._ask()

    def _ask(self) -> None:
        self._head, self._began = b"", time.perf_counter()
        self._transport.write(self._request)


def load(port: int, headers: dict[str, str], status: int) -> list[float]:
    """The seconds of each request that is answered in one round with this status."""
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{told}\r\n".encode()
    times: list[float] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        made = [
            await loop.create_connection(lambda: Client(request, status, times), "127.0.0.1", port)
            for _ in range(CLIENTS)
        ]
        await asyncio.sleep(0.2)
        times.clear()
        await asyncio.sleep(SECONDS)
        for transport, _ in made:
            transport.abort()

    asyncio.run(run())
    return list(times)


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until a server listens."""
    end = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > end:
                raise SystemExit("a server did not start") from None
            time.sleep(0.05)
