"""A real Dask cluster on loopback: a scheduler and two workers, each a process, which log all they do."""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cloudmesh.config import Config
from cloudmesh.dask.connect import keep_own_pickling

PATIENCE = 60
THREADS = 4
# What is here, the workers can import.
THERE = Path(__file__).parent / "there"
# The other tests of this run are about errors as they are without Dask.
keep_own_pickling()


@dataclass
class Cluster:
    """Processes that belong together; ``folder`` has their logs."""

    folder: Path
    python: str = sys.executable
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    scheme: str = "tcp"
    port: int = 0
    dashboard: int = 0

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def start(self, workers: int = 2, begin: str = "") -> Cluster:
        """Start the scheduler, in which ``begin`` is run first, and workers."""
        self.port, self.dashboard = free_port(), free_port()
        words = f"--host {self.scheme}://127.0.0.1 --port {self.port}".split()
        words += ["--dashboard-address", f"127.0.0.1:{self.dashboard}"]
        self._start("scheduler", "dask_scheduler", *words, begin=begin)
        wait_until(lambda: answers(self.port))
        for number in range(workers):
            self.add(f"worker{number}")
        wait_until(lambda: len(self.logged("Register worker")) >= workers)
        return self

    def add(self, name: str, *words: str, begin: str = "") -> None:
        """Start another worker; its addresses are on loopback only, and no nanny starts it again."""
        usual = f"--name {name} --host {self.scheme}://127.0.0.1 --no-dashboard --no-nanny".split()
        usual += ["--nthreads", str(THREADS)]
        self._start(name, "dask_worker", self.address, *usual, *words, begin=begin)

    def _start(self, name: str, program: str, *words: str, begin: str) -> None:
        code = f"{begin}\nimport sys\nfrom distributed.cli.{program} import main\nsys.exit(main())"
        debug = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "debug"}
        env = {**os.environ, **debug, "PYTHONPATH": str(THERE), **self.extra}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [self.python, "-c", code, *words], stdout=log, stderr=log, env=env, cwd=self.folder
            )

    def logged(self, word: str) -> list[str]:
        """The lines of all logs that hold the word."""
        lines = [line for log in self.folder.glob("*.log") for line in log.read_text().splitlines()]
        return [line for line in lines if word in line]

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes.pop(name).wait()

    def kill_at_work(self, name: str) -> None:
        """Kill a worker that has calls to make: it is halted first, to see that it has."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:

            def at_work() -> bool:
                workers = client.scheduler_info(n_workers=-1)["workers"]
                (address,) = [each for each, about in workers.items() if about["name"] == name]
                self.processes[name].send_signal(signal.SIGSTOP)
                # Until then all that it has said is heard.
                time.sleep(0.3)
                if client.processing()[address]:
                    return True
                self.processes[name].send_signal(signal.SIGCONT)
                return False

            wait_until(at_work)
            self.kill(name)

    def name_of(self, pid: int) -> str:
        """Which worker has this process id."""
        return next(name for name, each in self.processes.items() if each.pid == pid)

    def end(self) -> None:
        for each in self.processes.values():
            each.send_signal(signal.SIGKILL)
        for each in self.processes.values():
            each.wait()


class Line:
    """The way from a client to the scheduler, on a port of its own; it can break off."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = True
        self._ends: list[socket.socket] = []
        self._front = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._front.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def break_off(self) -> None:
        self._whole = False
        self._hang_up()

    def mend(self) -> None:
        self._whole = True

    def end(self) -> None:
        self._front.close()
        self._hang_up()

    def _hang_up(self) -> None:
        for each in self._ends:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._front.accept()
                if not self._whole:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._port))
                self._ends += [near, far]
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with source, suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def make_line() -> Iterator[Callable[[Cluster], Line]]:
    """Makes a line to the scheduler of a cluster."""
    lines: list[Line] = []

    def make(cluster: Cluster) -> Line:
        lines.append(Line(cluster.port))
        return lines[-1]

    yield make
    for each in lines:
        each.end()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], Any]], Any]:
    """Waits until a condition holds."""
    return wait_until


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster that tests share; what they begin on it ends with them."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield cluster.start()
    finally:
        cluster.end()


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Calls that workers can import, and that leave a trace."""
    monkeypatch.syspath_prepend(str(THERE))
    return importlib.import_module("traced_calls")


@pytest.fixture
def new_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """One that was not started yet."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    cluster = Cluster(folder)
    try:
        yield cluster
    finally:
        cluster.end()


@pytest.fixture
def own_cluster(new_cluster: Cluster) -> Cluster:
    """One that the test may break."""
    return new_cluster.start()


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., Config]:
    """A configuration with these values in its section cloudmesh."""

    def write(**section: Any) -> Config:
        file = tmp_path / "class.yaml"
        file.write_text(json.dumps({"cloudmesh": section, "clouds": {}}))
        file.chmod(0o600)
        return Config.load(file)

    return write
