"""What a server writes down: a line for each answer, and what went wrong; no secret, and not without end."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any

from cloudmesh.plugin.secrets import mask_text
from cloudmesh.rest.access.caller import Caller
from cloudmesh.rest.access.token_rows import PREFIX

_BYTES, _OLD_FILES = 1 << 20, 3
_LONGEST_PATH = 300
# Lines are gathered for so long, since to write each one alone would cost as much as an answer.
_FLUSH_SECONDS = 0.5
_NOBODY = "-"
_ACCESS = "access"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class PrivateLog(RotatingFileHandler):
    """A file of mode 0600 that begins anew after a megabyte; three old ones are kept."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=_BYTES, backupCount=_OLD_FILES, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.baseFilename, flags, 0o600)
        file: IO[Any] = os.fdopen(descriptor, "a", encoding=self.encoding)
        assert isinstance(file, TextIOWrapper)  # noqa: S101 opened for text
        return file


class _Masked(logging.Formatter):
    """Lines without what looks secret, in tracebacks too."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 theirs
        return time.strftime(_TIME, time.gmtime(record.created))

    def format(self, record: logging.LogRecord) -> str:
        if record.name == _ACCESS:
            # Whole lines, which are made with care.
            return record.getMessage()
        return mask_text(super().format(record), prose=record.exc_info is not None)


def _is_worth_it(record: logging.LogRecord) -> bool:
    """Not what uvicorn says of requests that are cut off as the server stops, which is as it should be."""
    is_cut = record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not (is_cut or (record.name == "uvicorn.error" and record.getMessage().startswith("Cancel ")))


@contextmanager
def writing(handler: logging.Handler) -> Iterator[None]:
    """Let all that is logged in this process go to a handler, and what ends a thread as well."""
    handler.setFormatter(_Masked())
    handler.addFilter(_is_worth_it)
    root, before = logging.getLogger(), threading.excepthook
    root.addHandler(handler)
    threading.excepthook = _tell_of_thread
    try:
        yield
    finally:
        threading.excepthook = before
        root.removeHandler(handler)


def _tell_of_thread(ended: threading.ExceptHookArgs) -> None:
    name = ended.thread.name if ended.thread else "a thread"
    error = ended.exc_value or ended.exc_type()
    logging.getLogger(__name__).error("%s ended by an error", name, exc_info=error)


class AccessLog:
    """Writes a line for each answer; the path has no query, and the caller is told by name."""

    def __init__(self, handler: logging.Handler) -> None:
        self._handler = handler
        self._lines: list[str] = []
        self._second = 0
        self._time = ""

    def __call__(self, method: str, path: str, status: int, seconds: float, caller: Caller | None) -> None:
        """Note an answer; to be called in the event loop."""
        now = int(time.time())
        if now != self._second:
            self._second, self._time = now, time.strftime(_TIME, time.gmtime(now))
        if len(path) > _LONGEST_PATH:
            path = f"{path[:_LONGEST_PATH]}..."
        if PREFIX in path:
            path = mask_text(path)
        name = caller.name if caller else _NOBODY
        self._lines.append(f"{self._time} {name} {method} {path} {status} {seconds * 1000:.1f} ms")
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what was noted."""
        if self._lines:
            lines, self._lines = "\n".join(self._lines), []
            self._handler.handle(logging.LogRecord(_ACCESS, logging.INFO, "", 0, lines, None, None))
