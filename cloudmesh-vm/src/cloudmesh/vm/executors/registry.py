"""Finds executors by the entry-point group ``cloudmesh.executors``: who makes the calls of clouds.

The name of an entry point is what ``cloudmesh.engine`` of the configuration says. It leads to a function that
takes the configuration and the most calls at once, and gives a context manager of a ``concurrent.futures``
executor. The threads of this process (``DaemonThreads``) are built in and stand in no such group.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, suggest
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.secrets import mask_text
from cloudmesh.vm.executors.threads import THREADS

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "cloudmesh.executors"
# How to install the executors of ours that are packages of their own.
_INSTALL = {"dask": "pip install ./cloudmesh-dask"}


@contextmanager
def open_executor(config: Config, parallel: int) -> Iterator[Executor]:
    """An executor that a package of its own brings, open for a block; up to ``parallel`` calls at once.

    An executor that can make only fewer at once says how many by its attribute ``max_workers``. If it fails
    while it is closed, that changes no outcome of a call, and is a RuntimeWarning.

    Raises:
        ConfigError: no installed package brings it, several do, or it cannot be loaded, opened or used.
        CloudError: what it stands on, such as a cluster, does not answer.
    """
    engine = config.engine()
    point = _entry_point(config, engine)
    named = f"the executor {engine} ({point.value})"
    stack = ExitStack()
    try:
        executor = stack.enter_context(_load(config, engine, point)(config, parallel))
    except CloudmeshError:
        raise
    except Exception as error:
        sentence = f"{named} cannot be opened: {_told(error)}"
        raise config.key_error("cloudmesh.engine", sentence) from error
    if not callable(getattr(executor, "submit", None)):
        sentence = (
            f"{named} gives {type(executor).__name__}, which is not an executor; report it to its author"
        )
        raise config.key_error("cloudmesh.engine", sentence)
    try:
        yield executor
    finally:
        try:
            stack.close()
        except Exception as error:  # noqa: BLE001 another package may raise anything
            warnings.warn(f"{named} failed on close: {_told(error)}", RuntimeWarning, stacklevel=2)


def _entry_point(config: Config, engine: str) -> EntryPoint:
    """The one entry point of this name. Raises ConfigError."""
    from cloudmesh.plugin.packages import entry_points

    points = list({point.value: point for point in entry_points(GROUP) if point.name == engine}.values())
    if len(points) == 1:
        return points[0]
    if points:
        places = ", ".join(point.value for point in points)
        why = f"is provided by several packages; uninstall all but one of {places}"
    else:
        known = sorted({THREADS, *(point.name for point in entry_points(GROUP))})
        remedy = f"use: {_INSTALL[engine]}" if engine in _INSTALL else suggest(engine, known)
        why = f"is not provided by any installed package; {remedy}"
    raise config.key_error("cloudmesh.engine", f"the executor {engine} {why}")


def _load(
    config: Config, engine: str, point: EntryPoint
) -> Callable[[Config, int], AbstractContextManager[Executor]]:
    """The function that an entry point leads to. Raises ConfigError."""
    try:
        opener: Callable[[Config, int], AbstractContextManager[Executor]] = point.load()
    except ImportError as error:
        remedy = _INSTALL.get(engine, "install its package again")
        why = f"requires a library that is not installed ({error}); use: {remedy}"
    except Exception as error:  # noqa: BLE001 another package's module may raise anything
        why = f"cannot be loaded ({point.value}): {_told(error)}; install its package again"
    else:
        return opener
    raise config.key_error("cloudmesh.engine", f"the executor {engine} {why}")


def _told(error: Exception) -> str:
    """The kind of an error, and what it says."""
    return mask_text(harmless(f"{type(error).__name__}: {error}"), prose=True)
