"""Lets Python look for garbage less often while a job runs."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# A job makes some 50 objects for each machine, most of which stay until its end. Python would look through
# those at every 700th new one, which takes a tenth of what a wide job takes in all.
_LESS = (20_000, 20, 100)

_lock = threading.Lock()
# How many jobs run, what Python says that it was told for them, which some versions cut short, and what to go
# back to after the last one.
_jobs, _told, _usual = 0, _LESS, _LESS


@contextmanager
def collecting_less() -> Iterator[None]:
    """A block in which the garbage collector runs less often; what the user has set meanwhile stays."""
    global _jobs, _told, _usual  # noqa: PLW0603 the collector is one for the process, too
    with _lock:
        _jobs += 1
        # Zero is never.
        if _jobs == 1 and 0 < gc.get_threshold()[0] < _LESS[0]:
            _usual = gc.get_threshold()
            gc.set_threshold(*_LESS)
            _told = gc.get_threshold()
    try:
        yield
    finally:
        with _lock:
            _jobs -= 1
            if _jobs == 0 and gc.get_threshold() == _told:
                gc.set_threshold(*_usual)
