"""What runs on a worker of the cluster, in a process that may be on another computer."""

from __future__ import annotations

import pickle
import platform
import threading
from collections import OrderedDict
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pyrage

from cloudmesh.vm.model.call import CallLost, WorkerUnreachable

# Calls are encrypted to this key, which exists only in this process: neither the scheduler nor a log of the
# cluster can read them, and no later process at the same address can make them.
_IDENTITY = pyrage.x25519.Identity.generate()
# Names of the calls that were begun here; Dask sends one a second time only shortly after the first.
_begun: OrderedDict[str, None] = OrderedDict()
_MOST = 50_000
_lock = threading.Lock()


@dataclass(frozen=True)
class Introduction:
    """A worker process: its public key, and the versions that run there."""

    key: str
    cloudmesh: str
    python: str

    @classmethod
    def of_this(cls) -> Introduction:
        """The introduction of the process in which it is called."""
        python = ".".join(platform.python_version_tuple()[:2])
        return cls(str(_IDENTITY.to_public()), version("cloudmesh-vm"), python)

    def difference(self, other: Introduction) -> str:
        """Which version differs between two processes; empty if they can work together."""
        for what in ("cloudmesh", "python"):
            theirs, ours = getattr(self, what), getattr(other, what)
            if theirs != ours:
                return f"{what} is {theirs} there and {ours} here"
        return ""


# A worker is asked for this by name: unpickling a function that it cannot import would end the worker.
INTRODUCTION = f"{__name__}:HERE"
HERE = Introduction.of_this()


class Delivery:
    """A call on its way to the process with this key: ``pickle.loads`` makes it there, by ``run_here``.

    A cluster's scheduler unpickles the function of a task, and writes into its log what it cannot; a worker
    even ends by that. So they are given a function that they have, and bytes that tell them nothing.
    """

    def __init__(self, name: str, key: str, pickled: bytes) -> None:
        self._words = (name, pyrage.encrypt(pickled, [pyrage.x25519.Recipient.from_str(key)]))

    def __reduce__(self) -> tuple[Any, ...]:
        return run_here, self._words


def worker_lost() -> CallLost:
    """The error for a call that was lost with its worker, and may have been made."""
    return CallLost("the worker was lost before it reported the result of the call")


def connection_lost() -> WorkerUnreachable:
    """The error for a call whose worker may still be running it, but cannot be reached."""
    return WorkerUnreachable(
        "the connection to the Dask scheduler was lost during the call; outcome unknown: wait "
        "the time of a call, then use cms job resume JOB --failed, which checks first"
    )


def run_here(name: str, sealed: bytes) -> bytes:
    """Make a call, unless it was meant for another process or was begun here before.

    Returns ``(True, answer)`` or ``(False, error)``, pickled. It raises nothing, since Dask would log that.

    Dask repeats on another worker what it lost with one. A call of a cloud may have been made by then, so
    such a repetition is refused here and the caller decides.
    """
    try:
        function, args, kwargs = pickle.loads(pyrage.decrypt(sealed, [_IDENTITY]))  # noqa: S301 our user's
    except pyrage.DecryptError:
        return pickle.dumps((False, worker_lost()))
    except Exception as error:  # noqa: BLE001 what was sent needs something that is not here
        return _failure(error)
    with _lock:
        if name in _begun:
            return pickle.dumps((False, connection_lost()))
        _begun[name] = None
        if len(_begun) > _MOST:
            _begun.popitem(last=False)
    try:
        return pickle.dumps((True, function(*args, **kwargs)))
    except Exception as error:  # noqa: BLE001 it is raised where the call was asked for
        return _failure(error)


def _failure(error: Exception) -> bytes:
    """An error, pickled; errors of any library that cannot be pickled are told by their class."""
    try:
        answer = pickle.dumps((False, error))
        pickle.loads(answer)  # noqa: S301 what was pickled here
    except Exception:  # noqa: BLE001 pickling may fail in any way
        return pickle.dumps((False, RuntimeError(f"the call failed with {type(error).__name__}")))
    return answer
