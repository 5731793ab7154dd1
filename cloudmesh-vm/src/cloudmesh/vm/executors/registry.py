"""Finds executors by the entry-point group ``cloudmesh.executors``: who makes the calls of clouds.

The name of an entry point is what ``cloudmesh.engine`` of the configuration says. It leads to a function that
takes the configuration and the most calls at once, and gives a context manager of a ``concurrent.futures``
executor. The threads of this process (``DaemonThreads``) are built in and stand in no such group.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager

from cloudmesh.config import Config
from cloudmesh.plugin.errors import ConfigError, suggest
from cloudmesh.vm.executors.threads import THREADS

GROUP = "cloudmesh.executors"
# How to install the executors of ours that are packages of their own.
_INSTALL = {"dask": "pip install ./cloudmesh-dask"}


def open_executor(config: Config, parallel: int) -> AbstractContextManager[Executor]:
    """An executor that a package of its own brings, open for a block; up to ``parallel`` calls at once.

    An executor that can make only fewer at once says how many by its attribute ``max_workers``.

    Raises:
        ConfigError: no installed package brings it, several do, or it cannot be loaded or used.
        CloudError: what it stands on, such as a cluster, does not answer.
    """
    from importlib.metadata import entry_points

    engine = config.engine()
    points = list({point.value: point for point in entry_points(group=GROUP, name=engine)}.values())
    if not points:
        known = sorted({THREADS, *(point.name for point in entry_points(group=GROUP))})
        remedy = f"use: {_INSTALL[engine]}" if engine in _INSTALL else suggest(engine, known)
        raise ConfigError(
            f"{config.path}: cloudmesh.engine is {engine}, which no installed package brings; {remedy}"
        )
    if len(points) > 1:
        raise ConfigError(
            f"cloudmesh.engine {engine} is brought by several packages; "
            f"uninstall all but one of {', '.join(point.value for point in points)}"
        )
    try:
        opener: Callable[[Config, int], AbstractContextManager[Executor]] = points[0].load()
    except ImportError as error:
        remedy = _INSTALL.get(engine, "install its package again")
        raise ConfigError(
            f"cloudmesh.engine is {engine}, which needs a library that is not there ({error}); use: {remedy}"
        ) from error
    except Exception as error:  # another package's module may raise anything
        raise ConfigError(
            f"cloudmesh.engine is {engine}, whose package cannot be loaded ({points[0].value}): {error}; "
            "install it again"
        ) from error
    return opener(config, parallel)
