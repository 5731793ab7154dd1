"""Starting the pretended cloud, and what the tester says to it; nothing of the code that is tested."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

_PACKAGES = str(Path(__file__).resolve().parents[1])
_PASSWORD = "secret-of-the-fake"


class FakeStack:
    """One pretended OpenStack, from ``start`` to ``stop`` or in a ``with`` block.

    Attributes:
        settings: what it is told at its start, see ``fakestack.settings.Settings``.
        url: where it is; its Keystone is ``url + "/v3"``.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = {"password": _PASSWORD, **settings}
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The number of its process, while it runs."""
        assert self._process
        return self._process.pid

    def __enter__(self) -> FakeStack:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> FakeStack:
        """Start it; it answers when this returns."""
        words = [sys.executable, "-m", "fakestack", json.dumps(self.settings)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        # In a group of its own: Ctrl-C is for those who call it.
        self._process = subprocess.Popen(
            words, env={**os.environ, "PYTHONPATH": _PACKAGES}, text=True, start_new_session=True, **pipes
        )
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())
        return self

    def stop(self) -> None:
        """End it; it is no error if it has ended."""
        if self._process:
            self._process.communicate(timeout=10)
            self._process = None

    def section(self, **settings: Any) -> dict[str, Any]:
        """Its part of a configuration."""
        credentials = {
            "OS_AUTH_URL": f"{self.url}/v3",
            "OS_USERNAME": "demo",
            "OS_PASSWORD": self.settings["password"],
            "OS_PROJECT_NAME": "demo",
        }
        default = {"image": "debian-12", "flavor": "small"}
        return {"type": "openstack", "credentials": credentials, "default": default, **settings}

    def tell(self, **settings: Any) -> None:
        """Change its settings from now on."""
        self._control("PUT", "settings", settings)

    def add(self, names: list[str], status: str = "SHUTOFF") -> list[str]:
        """Let servers exist; their ids."""
        ids: list[str] = self._control("POST", "servers", {"names": names, "status": status})
        return ids

    def put(self, status: str) -> None:
        """Bring all servers to this state."""
        self._control("PUT", "servers", {"status": status})

    def calls(self) -> list[dict[str, Any]]:
        """Each call since the start or ``forget``, see ``fakestack.log.Log``."""
        calls: list[dict[str, Any]] = self._control("GET", "calls")
        return calls

    def forget(self) -> None:
        """Forget the calls so far."""
        self._control("DELETE", "calls")

    def report(self) -> dict[str, Any]:
        """Numbers of ``calls`` and their ``kinds``, ``faults``, ``states`` of the servers, the ``most`` calls
        at one time, and the tokens that were used ``twice``.
        """
        report: dict[str, Any] = self._control("GET", "report")
        return report

    def servers(self) -> list[dict[str, Any]]:
        """The servers that are there, as Nova would tell of them, and what was ``done`` to each."""
        servers: list[dict[str, Any]] = self._control("GET", "servers")
        return servers

    def _control(self, method: str, what: str, data: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, f"/control/{what}", json.dumps(data) if data is not None else None)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status < 300, body
            return json.loads(body) if body else None
        finally:
            connection.close()
