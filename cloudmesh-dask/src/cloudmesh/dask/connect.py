"""Connects to a Dask cluster whose versions fit ours: the entry point ``dask`` of ``cloudmesh.executors``."""

from __future__ import annotations

import copyreg
import logging
import os
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

import distributed as typed_in_parts

from cloudmesh.config import Config
from cloudmesh.dask.executor import DaskExecutor
from cloudmesh.plugin.errors import CloudError, CloudmeshError, ConfigError

distributed: Any = typed_in_parts
# Seconds to wait for the scheduler's answer, for the first worker, and for closing the connection.
_CONNECT, _MEET, _LEAVE = 10.0, 20.0, 3.0
# Seconds to wait for further workers, once there is one that can be used.
_MEET_ALL = 2.0
# What must have the same version on both sides, for what is sent to be understood.
_SAME = ("python", "distributed", "dask", "msgpack", "cloudpickle")


@contextmanager
def open_cluster(config: Config, parallel: int) -> Iterator[Executor]:
    """The workers of the cluster at ``cloudmesh.scheduler`` as an executor, connected for a block.

    They make as many calls at once as they have threads, whatever ``parallel`` is; see ``max_workers``.

    Raises:
        ConfigError: no address is configured, certificates are missing, or versions differ.
        CloudError: the scheduler does not answer, or has no free workers.
    """
    address = config.scheduler()
    if address is None:
        raise config.key_error(
            "cloudmesh.engine",
            "cloudmesh.engine is dask, but cloudmesh.scheduler is not set; "
            "use: cms config set cloudmesh.scheduler=tcp://HOST:PORT",
        )
    keep_own_pickling()
    with _silence():
        client = _connect(address)
        try:
            executor = DaskExecutor(client)
            try:
                _meet(executor, address)
                yield executor
            finally:
                executor.shutdown(wait=False, cancel_futures=True)
        finally:
            client.close(timeout=_LEAVE)


def keep_own_pickling() -> None:
    """Let our errors be pickled in their own way, once Dask is imported.

    Its import registers a reducer for all exceptions that pickles their causes too, and a cause may hold a
    secret (``tblib.pickling_support.install``).
    """
    for kind in list(copyreg.dispatch_table):
        if issubclass(kind, CloudmeshError):
            del copyreg.dispatch_table[kind]


def _connect(address: str) -> Any:
    """A client of the scheduler, whose versions are the same as here."""
    if address.startswith("tls://"):
        _require_certificates(address)
    try:
        with warnings.catch_warnings():
            # Versions that differ are told below, in one sentence.
            warnings.simplefilter("ignore")
            client = distributed.Client(address, timeout=_CONNECT, set_as_default=False, name="cloudmesh")
    except Exception as error:
        raise CloudError(
            f"no answer from a Dask scheduler at {address} (cloudmesh.scheduler); start one there with "
            "'dask scheduler', or use: cms config set cloudmesh.engine=threads"
        ) from error
    try:
        _compare(client.get_versions(), address)
    except BaseException:
        client.close(timeout=_LEAVE)
        raise
    return client


def _require_certificates(address: str) -> None:
    """Raise ConfigError if Dask's configuration has no certificates that can be used."""
    try:
        if distributed.Security().get_connection_args("client")["ssl_context"]:
            return
        why = "none are set"
    except (OSError, ValueError, TypeError) as error:
        why = str(error)
    raise ConfigError(
        f"the Dask scheduler {address} requires TLS certificates in distributed.comm.tls of Dask's "
        f"configuration: {why}"
    )


def _compare(versions: dict[str, Any], address: str) -> None:
    """Raise ConfigError unless scheduler and workers run the same versions as this process."""
    mine = _versions(versions["client"])
    others = {address: versions["scheduler"], **versions["workers"]}
    for place, told in others.items():
        for name, theirs in _versions(told).items():
            if theirs != mine[name]:
                raise ConfigError(
                    f"the Dask cluster of {address} has another version: {name} is {theirs} at {place} and "
                    f"{mine[name]} here; install the same version on both sides"
                )


def _versions(told: dict[str, Any]) -> dict[str, str]:
    """The versions that must be the same on both sides."""
    packages = {name: str(told["packages"].get(name)) for name in _SAME}
    # 3.11.4 and 3.11.7 understand each other.
    packages["python"] = ".".join(packages["python"].split(".")[:2])
    return packages


def _meet(executor: DaskExecutor, address: str) -> None:
    """Wait until a worker can be used.

    Raises:
        ConfigError: a worker cannot be used, for what is installed there.
        CloudError: no worker is free.
    """
    ends = time.monotonic() + _MEET
    while executor.max_workers == 0:
        if executor.trouble:
            place, sentence = next(iter(executor.trouble.items()))
            raise ConfigError(f"the Dask worker {place} of {address} cannot be used: {sentence}")
        if time.monotonic() > ends:
            raise CloudError(
                f"the Dask scheduler {address} has no free workers; start one with 'dask worker {address}'"
            )
        time.sleep(0.02)
    ends = time.monotonic() + _MEET_ALL
    while executor.unknown and time.monotonic() < ends:
        time.sleep(0.02)


@contextmanager
def _silence() -> Iterator[None]:
    """Drop Dask's log lines in this block, unless CLOUDMESH_DEBUG is 1; what matters is raised as errors."""
    if os.environ.get("CLOUDMESH_DEBUG") == "1":
        yield
        return
    names = ("distributed", *logging.root.manager.loggerDict)
    loggers = [logging.getLogger(name) for name in names if name.split(".")[0] == "distributed"]
    handlers = {handler for logger in loggers for handler in logger.handlers}
    # It lets only the lines of this logger pass, which has none.
    nothing = logging.Filter(__name__)
    for handler in handlers:
        handler.addFilter(nothing)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(nothing)
