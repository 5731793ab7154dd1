"""What a worker of a cluster does, in a process that may be on another computer."""

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

# What is sent to this process is encrypted to this key, which nobody else ever has: so neither the scheduler
# nor any log of the cluster can tell it, and no process that comes after this one can make its calls.
_IDENTITY = pyrage.x25519.Identity.generate()
# The calls that were begun here. One is given a second time only shortly after the first.
_begun: OrderedDict[str, None] = OrderedDict()
_MOST = 50_000
_lock = threading.Lock()


@dataclass(frozen=True)
class Introduction:
    """Who a worker process is: the key that is its own, and what runs there."""

    key: str
    cloudmesh: str
    python: str

    @classmethod
    def of_this(cls) -> Introduction:
        """That of the process in which it is called."""
        python = ".".join(platform.python_version_tuple()[:2])
        return cls(str(_IDENTITY.to_public()), version("cloudmesh-vm"), python)

    def difference(self, other: Introduction) -> str:
        """What keeps two processes from working together, if anything does."""
        for what in ("cloudmesh", "python"):
            theirs, ours = getattr(self, what), getattr(other, what)
            if theirs != ours:
                return f"{what} is {theirs} there and {ours} here"
        return ""


# A worker is asked for this by its name: a function of ours that it cannot import would end the worker.
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
    """A call was lost with its worker, and may have been made."""
    return CallLost("the worker was lost before it told what came of the call")


def line_lost() -> WorkerUnreachable:
    """The worker of a call may be well and still at it, but will not be heard."""
    return WorkerUnreachable(
        "the line to the Dask scheduler was lost during the call, so it may have been done or be done yet; "
        "give it the time of a call, then cms job resume JOB --failed looks first"
    )


def run_here(name: str, sealed: bytes) -> bytes:
    """Make a call, unless another process was meant or it was begun here before.

    It gives, pickled, ``(True, answer)`` or ``(False, error)``.

    A cluster gives what it lost with a worker to another one. That must not happen to a call of a cloud,
    which may have been made: then whoever asked for it has to decide. It raises nothing, since a cluster
    would log that.
    """
    try:
        function, args, kwargs = pickle.loads(pyrage.decrypt(sealed, [_IDENTITY]))  # noqa: S301 our user's
    except pyrage.DecryptError:
        return pickle.dumps((False, worker_lost()))
    except Exception as error:  # noqa: BLE001 what was sent needs something that is not here
        return _failure(error)
    if not _begin(name):
        return pickle.dumps((False, line_lost()))
    try:
        return pickle.dumps((True, function(*args, **kwargs)))
    except Exception as error:  # noqa: BLE001 it is raised where the call was asked for
        return _failure(error)


def _begin(name: str) -> bool:
    """Whether the call was not begun here before; now it is."""
    with _lock:
        if name in _begun:
            return False
        _begun[name] = None
        if len(_begun) > _MOST:
            _begun.popitem(last=False)
        return True


def _failure(error: Exception) -> bytes:
    try:
        answer = pickle.dumps((False, error))
        pickle.loads(answer)  # noqa: S301 what was pickled here
    except Exception:  # noqa: BLE001 errors of any library, of which some cannot be sent
        return pickle.dumps((False, RuntimeError(f"the call ended by {type(error).__name__}")))
    return answer
