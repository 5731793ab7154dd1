"""Starting, finding and ending the processes of a test-bed, and no others.

Each is the leader of a session of its own. Its id is written down together with the time at which the kernel
started it, so that an id which by now belongs to another program is never signalled.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil
from place import LOOPBACK, Bed, BedError

PATIENCE = 120.0
# Ended last, and in this order.
BASE = ("mariadb", "rabbitmq", "epmd")


class Processes:
    """The processes that a test-bed has started, by name."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._folder = bed.run / "pid"
        self._stopping = self._starting = self._interrupted = False
        self._lock = threading.Lock()
        self._children: list[subprocess.Popen[bytes]] = []
        self._numbers = itertools.count(1)

    def names(self) -> list[str]:
        """The processes that were started and not ended yet, the first one first."""
        files = self._folder.glob("*.json") if self._folder.exists() else ()
        return [file.stem for file in sorted(files, key=lambda each: each.stat().st_mtime_ns)]

    def start(self, name: str, words: Iterable[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Start a program, unless it runs already."""
        if not self.leader(name):
            self._start(name, words, env or {})

    def run(self, name: str, words: Iterable[str | Path], env: Mapping[str, str]) -> None:
        """Run a program to its end. Raises BedError unless that is a good one."""
        name = f"{name}-{next(self._numbers)}"
        process = self._start(name, words, env)
        code = process.wait()
        self._note(name).unlink(missing_ok=True)
        if code:
            raise BedError(f"{name} failed; see {self.log(name)}")
        self.log(name).unlink()

    def _start(
        self, name: str, words: Iterable[str | Path], env: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopping:
                raise BedError("the test-bed is being stopped")
            # Ctrl-C between the start and the note would leave a process that nobody knows of.
            self._starting = True
            try:
                process = self._launch(name, words, env)
                self._children.append(process)
            finally:
                self._starting = False
        if self._interrupted:
            raise KeyboardInterrupt
        return process

    def _launch(
        self, name: str, words: Iterable[str | Path], env: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        self._folder.mkdir(exist_ok=True)
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                [str(word) for word in words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**environment(), **env},
                cwd=self._bed.run,
                start_new_session=True,
            )
        note = {"pid": process.pid, "created": psutil.Process(process.pid).create_time()}
        self._note(name).write_text(json.dumps(note), encoding="utf-8")
        return process

    def interrupt(self, number: int, frame: object) -> None:
        """What a signal that asks to stop comes to; a process that is just being started is noted first."""
        self._interrupted = True
        if not self._starting:
            raise KeyboardInterrupt

    def log(self, name: str) -> Path:
        """Where a program writes what it has to say."""
        return self._bed.run / "log" / f"{name}.out"

    def leader(self, name: str) -> psutil.Process | None:
        """The running process of this name."""
        pid, created = self._noted(name)
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            alive = process.create_time() == created and process.status() != psutil.STATUS_ZOMBIE
            return process if alive else None
        return None

    def family(self, name: str) -> list[psutil.Process]:
        """The process and all of its session, also when the leader itself is gone."""
        pid, created = self._noted(name)
        if not pid or (psutil.pid_exists(pid) and not self.leader(name) and not _is_zombie(pid)):
            return []
        return [each for each in psutil.process_iter() if _in_session(each, pid, created)]

    def wait_for_port(self, name: str, port: int, patience: float = PATIENCE) -> None:
        """Return when the process listens.

        Raises:
            BedError: it ended, or does not listen in time.
        """
        deadline = time.monotonic() + patience
        while not _listens(port):
            if not self.leader(name):
                raise BedError(f"{name} ended by itself; see {self.log(name)}")
            if time.monotonic() > deadline:
                raise BedError(f"{name} does not listen on port {port}; see {self.log(name)}")
            time.sleep(0.1)

    def stop(self, names: Iterable[str], patience: float) -> None:
        """Ask these to end, and after ``patience`` seconds make them."""
        names = list(names)
        everybody = [each for name in names for each in self.family(name)]
        leaders = [leader for name in names if (leader := self.leader(name))]
        _signal(leaders, signal.SIGTERM)
        psutil.wait_procs(leaders, timeout=patience)
        # What a leader leaves behind has no work of its own.
        _signal(everybody, signal.SIGKILL)
        psutil.wait_procs(everybody, timeout=5)
        for name in names:
            self._note(name).unlink(missing_ok=True)
        for child in self._children:
            child.poll()

    def stop_all(self) -> None:
        """End everything that was started, the base last; nothing starts any more."""
        with self._lock:
            self._stopping = True
        names = self.names()
        self.stop([name for name in names if name not in BASE], patience=5)
        self.stop([name for name in names if name in BASE[:2]], patience=30)
        self.stop(BASE[2:], patience=5)

    def _note(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _noted(self, name: str) -> tuple[int, float]:
        try:
            note = json.loads(self._note(name).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return 0, 0.0
        return note["pid"], note["created"]


def environment() -> dict[str, str]:
    """What every process of a test-bed is told: nothing of the clouds and proxies of the user."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTHON"))}
    return {**kept, "no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost"}


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _in_session(process: psutil.Process, session: int, created: float) -> bool:
    """Whether a process is one of a session; who is older than its leader has the number from elsewhere."""
    try:
        return os.getsid(process.pid) == session and process.create_time() >= created
    except (OSError, psutil.Error):
        return False


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False
