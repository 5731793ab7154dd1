"""A gateway before a pretended cloud, which ends TLS: a real haproxy with a certificate of its own."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from fakestack.stack import FakeStack

# What it offers its clients: the better one first, or only the one that all speak.
BOTH, OLD = "h2,http/1.1", "http/1.1"
_SETTINGS = """
global
    maxconn 2000
    stats socket {folder}/stats
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend gateway
    bind 127.0.0.1:{port} ssl crt {folder}/both.pem alpn {alpn}
    default_backend cloud
backend cloud
    server nova 127.0.0.1:{behind}
"""


class Gateway:
    """haproxy, from ``start`` to ``stop`` or in a ``with`` block; the cloud tells its address for its own.

    Args:
        folder: an empty one, for its files.
        stack: the cloud, which runs.
        alpn: what it offers.

    Attributes:
        process: haproxy.
    """

    def __init__(self, folder: Path, stack: FakeStack, alpn: str) -> None:
        self._folder, self._stack, self._alpn = folder, stack, alpn
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            self._port = nobody.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Gateway:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Gateway:
        """Start it; it listens when this returns."""
        self._certify()
        told = _SETTINGS.format(
            folder=self._folder, port=self._port, alpn=self._alpn, behind=self._stack.port
        )
        file = self._folder / "haproxy.cfg"
        file.write_text(told, "utf-8")
        self._stack.tell(public=f"https://127.0.0.1:{self._port}")
        self.process = subprocess.Popen(["haproxy", "-db", "-f", file])
        for _ in range(200):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", self._port)) == 0:
                    return self
            time.sleep(0.05)
        raise AssertionError("haproxy does not listen")

    def stop(self) -> None:
        """End it; it is no error if it has ended."""
        if self.process:
            self.process.terminate()
            self.process.wait(20)

    def section(self) -> dict[str, Any]:
        """The part of the cloud in a configuration."""
        told = self._stack.section()
        told["credentials"] |= {
            "OS_AUTH_URL": f"https://127.0.0.1:{self._port}/v3",
            "OS_CACERT": str(self._folder / "ca.pem"),
        }
        return told

    def connections(self) -> int:
        """How many connections clients have opened so far."""
        with socket.socket(socket.AF_UNIX) as stats:
            stats.connect(str(self._folder / "stats"))
            stats.sendall(b"show info\n")
            told = stats.makefile().read()
        return int(next(line.split()[1] for line in told.splitlines() if line.startswith("CumConns:")))

    def _certify(self) -> None:
        key, certificate = self._folder / "key.pem", self._folder / "ca.pem"
        words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        words += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=gateway"]
        words += ["-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run(["openssl", *words], check=True, capture_output=True)
        both = f"{key.read_text('ascii')}{certificate.read_text('ascii')}"
        (self._folder / "both.pem").write_text(both, "ascii")
