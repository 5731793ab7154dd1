"""The values of the options of ``cms vm`` and ``cms job``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloudmesh.plugin.errors import UsageError

if TYPE_CHECKING:
    from cloudmesh.vm.cli.progress import Progress
    from cloudmesh.vm.model.limits import RunKeywords

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


def run_options(arguments: Mapping[str, Any], progress: Progress) -> RunKeywords:
    """What ``Machines`` and ``RunOptions`` take of all this. Raises UsageError."""
    text, parallel = arguments["--parallel"], None
    if text is not None:
        parallel = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        if not 1 <= parallel <= _MOST:
            raise UsageError(f"--parallel={text} is no whole number from 1 to {_MOST}; use --parallel=32")
    return {
        "parallel": parallel,
        "call_timeout": seconds(arguments, "--call-timeout"),
        "watch": progress.update,
    }


def read_pairs(option: str, pairs: Sequence[str]) -> dict[str, str]:
    """The values by their keys. Raises UsageError: one has no ``=``, or no key, or a key is given twice."""
    found: dict[str, str] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise UsageError(f"{option}={pair} is no pair; write {option}=KEY=VALUE")
        if key in found:
            raise UsageError(f"{option} gives {key} twice; give it once")
        found[key] = value
    return found


def read_changes(to_set: Sequence[str], to_remove: Sequence[str]) -> dict[str, str | None]:
    """What is to be set, and None for what is to be removed; raises UsageError as ``read_pairs``."""
    changes: dict[str, str | None] = {**read_pairs("--set", to_set)}
    for key in to_remove:
        if key in changes:
            raise UsageError(f"{key} is both set and removed; say one of them")
        changes[key] = None
    return changes
