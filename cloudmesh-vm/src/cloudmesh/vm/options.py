"""The options by which users say what may be spent on a job: ``--parallel``, ``--timeout`` and the like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cloudmesh.plugin.errors import UsageError

if TYPE_CHECKING:
    from cloudmesh.vm.progress import Progress
    from cloudmesh.vm.work import MoreEffort

# More calls at once than any cloud takes from one user, and nearly what a process may have of open files.
_MOST = 1000


def seconds(arguments: Mapping[str, Any], option: str) -> float | None:
    """The seconds of an option; None if it was not given. Raises UsageError."""
    text = arguments[option]
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise UsageError(f"{option}={text} is no number of seconds above 0; use {option}=600")
    return number


def parallel(arguments: Mapping[str, Any]) -> int | None:
    """The number of ``--parallel``; None if it was not given. Raises UsageError."""
    text = arguments["--parallel"]
    if text is None:
        return None
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= number <= _MOST:
        raise UsageError(f"--parallel={text} is no whole number from 1 to {_MOST}; use --parallel=32")
    return number


def effort(arguments: Mapping[str, Any], progress: Progress) -> MoreEffort:
    """What ``Machines`` and ``Effort`` take of all this. Raises UsageError."""
    return {
        "parallel": parallel(arguments),
        "call_timeout": seconds(arguments, "--call-timeout"),
        "watch": progress.update,
    }
