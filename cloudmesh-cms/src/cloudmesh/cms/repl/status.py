"""What the line at the bottom of the shell shows, and which jobs have ended meanwhile.

It is found out in a thread, at each prompt and every few seconds while the shell waits there, so that nobody
who types waits for it. Nothing is asked, and whatever is wrong is shown in a few words, or not at all.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cloudmesh.config.settings import places
from cloudmesh.plugin import variables
from cloudmesh.plugin.errors import CloudmeshError, ConfigError
from cloudmesh.plugin.plain import harmless

if TYPE_CHECKING:
    from cloudmesh.config import Config

# Seconds between two looks at the jobs in the file of the store, and in a database on a server.
_PAUSE, _SERVER_PAUSE = 1.0, 10.0
# So many clouds are named.
_NAMED = 4
BROKEN = "configuration: error, see cms config check"


class Status:
    """The line at the bottom, and the sentences about jobs that have ended, each kept until it is told.

    Attributes:
        text: the line as it was found last; empty at first.
        told: sentences that are still to be told.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        """``changed`` is called in the thread that looks, when there is something new to show."""
        self.text = ""
        self.told: deque[str] = deque()
        self._changed = changed
        self._waits = threading.Event()
        self._look = threading.Event()
        # A daemon: a server that does not answer must not keep the shell from being left.
        threading.Thread(target=self._watch, daemon=True, name="cloudmesh-status").start()

    @contextmanager
    def at_prompt(self) -> Iterator[None]:
        """Within the block the shell waits at its prompt, and the status is kept fresh."""
        self._waits.set()
        self._look.set()
        try:
            yield
        finally:
            self._waits.clear()

    def _watch(self) -> None:
        reader: _Reader | None = None
        while True:
            self._waits.wait()
            self._look.clear()
            try:
                # Here, since what it imports takes as long as the prompt itself.
                reader = reader or _Reader()
                text, told = reader.read()
            except Exception:  # noqa: BLE001 the shell goes on without it
                text, told = "", []
            self.told.extend(told)
            if told or text != self.text:
                self.text = text
                self._changed()
            self._look.wait(_SERVER_PAUSE if reader and reader.is_on_server else _PAUSE)


class _Reader:
    """Reads what is shown; the configuration only if its file has changed, and the store likewise."""

    def __init__(self) -> None:
        from cloudmesh.vm.jobs.watch import JobWatch

        self.is_on_server = False
        self._config: Config | None = None
        self._read: Any = None
        self._store_read: Any = None
        self._jobs = JobWatch()
        self._running = 0

    def read(self) -> tuple[str, list[str]]:
        """The line, and the sentences about jobs that have ended."""
        parts = [*_modes(), self._clouds()]
        told: list[str] = []
        try:
            told = self._look_at_jobs()
            number = self._running or "no"
            parts.append(f"{number} {'job' if self._running == 1 else 'jobs'} running")
        except Exception:  # noqa: BLE001 the shell goes on without it
            self._store_read = None
        return " | ".join(parts), told

    def _clouds(self) -> str:
        """The clouds that a command without --cloud is for."""
        from cloudmesh.cloud.fanout.query import chosen_clouds
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import RefusingPrompter
        from cloudmesh.config.yaml import config_file, reader

        path = places.config_file()
        try:
            if not path.exists():
                self._config = self._read = None
                return "no configuration, see cms config init"
            if (read := _stamp(path)) != self._read:
                self._config = None
                # Not by Config.load, whose cache is for one thread.
                data = reader.parse(config_file.read(path), path)
                self._config, self._read = Config(path, data, RefusingPrompter()), read
            config = self._config
            if config is None or config.default_clouds() is None:
                return BROKEN
        except Exception:  # noqa: BLE001 whatever is in the file
            self._config = self._read = None
            return BROKEN
        try:
            names = chosen_clouds(config)
        except ConfigError:
            return "no default cloud"
        except CloudmeshError:
            return "variable cloud: error, see cms set"
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return harmless(f"cloud: {', '.join(names[:_NAMED])}{more}")

    def _look_at_jobs(self) -> list[str]:
        """Count the jobs that run; the sentences about those that have ended."""
        from cloudmesh.db import Database
        from cloudmesh.vm.jobs.watch import JobWatch, sentence

        self.is_on_server = bool(self._config and self._config.data.get("database"))
        url = self._config.database() if self._config else None
        file = places.store_file()
        if url is None:
            if not file.exists():
                self._running, self._jobs = 0, JobWatch(0)
                return []
            read = (_stamp(file), _stamp(file.with_name(f"{file.name}-wal")))
            if read == self._store_read and not self._running:
                return []
            self._store_read = read
        with Database(url) if url else Database(file, own=True) as database:
            look = self._jobs.look(database, own=False)
        self._running = look.running
        return [sentence(job) for job in look.ended]


def _modes() -> list[str]:
    """What is switched on and changes what commands do."""
    found = []
    try:
        if variables.dryrun_is_on():
            found.append("dryrun on")
        switched = (variables.variable("debug") or "").lower() in ("true", "on", "1")
    except CloudmeshError:
        # Of a file that is damaged commands tell.
        return ["variables: error, see cms set"]
    if switched or os.environ.get("CLOUDMESH_DEBUG") == "1":
        found.append("debug on")
    return found


def _stamp(path: Any) -> tuple[int, ...]:
    """What changes when a file is written or replaced; nothing if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns)
