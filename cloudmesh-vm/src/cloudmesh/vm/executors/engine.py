"""Who makes the calls: threads of this process, or the workers of a Dask cluster."""

from __future__ import annotations

import copyreg
import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudError, CloudmeshError, ConfigError
from cloudmesh.vm.executors.threads import DaemonThreads

if TYPE_CHECKING:
    from cloudmesh.vm.executors.cluster import ClusterExecutor

# Seconds until a scheduler has answered, until its workers have, and for taking leave.
_CONNECT, _MEET, _LEAVE = 10.0, 20.0, 3.0
# Seconds that are spent on workers that are busy, once there is one that can be used.
_MEET_ALL = 2.0
# What must be the same on both sides, for what is sent to be understood.
_SAME = ("python", "distributed", "dask", "msgpack", "cloudpickle")


def open_engine(config: Config, parallel: int) -> AbstractContextManager[Executor]:
    """The configured executor, open for a block; it makes up to ``parallel`` calls at once.

    An executor of a cluster may be able to make fewer; ``max_workers`` says how many.

    Raises:
        ConfigError: the configuration names none that can be used, or what it needs is not installed.
        CloudError: the scheduler does not answer, or has no workers.
    """
    if config.engine() == "dask":
        return _cluster(config)
    return _threads(parallel)


@contextmanager
def _threads(parallel: int) -> Iterator[Executor]:
    executor = DaemonThreads(parallel)
    try:
        yield executor
    finally:
        # All that is wanted has ended; what hangs must not keep the user.
        executor.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _cluster(config: Config) -> Iterator[Executor]:
    address = config.scheduler()
    if address is None:
        raise ConfigError(
            f"{config.path}: cloudmesh.engine is dask, and cloudmesh.scheduler does not say where; "
            "use: cms config set cloudmesh.scheduler=tcp://HOST:PORT"
        )
    distributed = _distributed()
    from cloudmesh.vm.executors.cluster import ClusterExecutor

    with _silence():
        client = _connect(distributed, address)
        try:
            executor = ClusterExecutor(client)
            try:
                _meet(executor, address)
                yield executor
            finally:
                executor.shutdown(wait=False, cancel_futures=True)
        finally:
            client.close(timeout=_LEAVE)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise ConfigError(
            f"cloudmesh.engine is dask, which needs a library that is not there ({error}); "
            "use: pip install 'cloudmesh-vm[dask]'"
        ) from error
    keep_own_pickling()
    return distributed


def keep_own_pickling() -> None:
    """Let our errors travel as they are made to, once Dask is loaded.

    When it is imported it has all kinds of errors that there are pickled with their causes, and a cause can
    hold what nobody must see (``tblib.pickling_support.install``).
    """
    for kind in list(copyreg.dispatch_table):
        if issubclass(kind, CloudmeshError):
            del copyreg.dispatch_table[kind]


def _connect(distributed: Any, address: str) -> Any:
    """A client of the scheduler, whose versions are the same as here."""
    import warnings

    if address.startswith("tls://"):
        _require_certificates(distributed, address)
    try:
        with warnings.catch_warnings():
            # What differs is told below, in one sentence.
            warnings.simplefilter("ignore")
            client = distributed.Client(address, timeout=_CONNECT, set_as_default=False, name="cloudmesh")
    except Exception as error:
        raise CloudError(
            f"no Dask scheduler answers at {address} (cloudmesh.scheduler); start one there with "
            "'dask scheduler', or use: cms config set cloudmesh.engine=threads"
        ) from error
    try:
        _compare(client.get_versions(), address)
    except BaseException:
        client.close(timeout=_LEAVE)
        raise
    return client


def _require_certificates(distributed: Any, address: str) -> None:
    """Raise ConfigError if Dask's configuration has no certificates that can be used."""
    try:
        why = "" if distributed.Security().get_connection_args("client")["ssl_context"] else "it names none"
    except (OSError, ValueError, TypeError) as error:
        why = str(error)
    if why:
        raise ConfigError(
            f"the Dask scheduler {address} needs certificates, by distributed.comm.tls of Dask's "
            f"configuration: {why}"
        )


def _compare(versions: dict[str, Any], address: str) -> None:
    """Whether what runs on the cluster fits what runs here.

    Raises:
        ConfigError: it does not.
    """
    mine = _versions(versions["client"])
    others = {address: versions["scheduler"], **versions["workers"]}
    for place, told in others.items():
        for name, theirs in _versions(told).items():
            if theirs != mine[name]:
                raise ConfigError(
                    f"the Dask cluster of {address} does not fit: {name} is {theirs} at {place} and "
                    f"{mine[name]} here; install the same version on both sides"
                )


def _versions(told: dict[str, Any]) -> dict[str, str]:
    packages = {name: str(told["packages"].get(name)) for name in _SAME}
    # 3.11.4 and 3.11.7 understand each other.
    packages["python"] = ".".join(packages["python"].split(".")[:2])
    return packages


def _meet(executor: ClusterExecutor, address: str) -> None:
    """Wait until a worker can be used.

    Raises:
        ConfigError: none can, for what is installed there.
        CloudError: there is none.
    """
    ends = time.monotonic() + _MEET
    while executor.max_workers == 0:
        if executor.trouble:
            place, sentence = next(iter(executor.trouble.items()))
            raise ConfigError(f"the Dask worker {place} of {address} cannot be used: {sentence}")
        if time.monotonic() > ends:
            raise CloudError(
                f"the Dask scheduler {address} has no workers that are free; "
                f"start one with 'dask worker {address}'"
            )
        time.sleep(0.02)
    ends = time.monotonic() + _MEET_ALL
    while executor.unknown and time.monotonic() < ends:
        time.sleep(0.02)


@contextmanager
def _silence() -> Iterator[None]:
    """Dask writes to stderr what it thinks of a cluster; what matters of that is told as errors."""
    if os.environ.get("CLOUDMESH_DEBUG") == "1":
        yield
        return
    names = ("distributed", *logging.root.manager.loggerDict)
    loggers = [logging.getLogger(name) for name in names if name.split(".")[0] == "distributed"]
    handlers = {handler for logger in loggers for handler in logger.handlers}
    for handler in handlers:
        handler.addFilter(_nothing)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False
