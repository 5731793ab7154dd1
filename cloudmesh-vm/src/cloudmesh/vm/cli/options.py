"""Asking before what is on machines is lost for good."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.model.verbs import find_verb
from cloudmesh.plugin.errors import CloudmeshError, UsageError

if TYPE_CHECKING:
    from cloudmesh.vm.cli.progress import Progress
    from cloudmesh.vm.model.limits import RunKeywords


_SHOWN = 10


# What the verbs do that lose what is on disks, for the question.
_LOSES = {
    "delete": "This deletes {machines} and {their} disks for good",
    "rebuild": "This replaces the disks of {machines}, and what is on them is lost",
}


def confirm(verb: str, machines: Sequence[MachineRecord]) -> None:
    """Let the user type how many machines are to be deleted or rebuilt.

    Raises:
        UsageError: there is no terminal to ask at.
        CloudmeshError: another answer was given.
    """
    count = len(machines)
    if count == 0:
        return
    past = find_verb(verb).past
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            f"{count} {_noun(count)} would be {past}, and nobody is there to ask; say --yes to allow it"
        )
    shown = ", ".join(machine.qualified_name for machine in machines[:_SHOWN])
    more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
    told = _LOSES[verb].format(machines=f"{count} {_noun(count)}", their="its" if count == 1 else "their")
    print(f"{told}: {shown}{more}", file=sys.stderr)
    print(f"Type {count} to {verb}: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != str(count):
        raise CloudmeshError(f"nothing was {past}, since the number was not confirmed")


def _noun(count: int) -> str:
    return "machine" if count == 1 else "machines"


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


def effort(arguments: Mapping[str, Any], progress: Progress) -> RunKeywords:
    """What ``Machines`` and ``RunOptions`` take of all this. Raises UsageError."""
    return {
        "parallel": parallel(arguments),
        "call_timeout": seconds(arguments, "--call-timeout"),
        "watch": progress.update,
    }


def read_pairs(option: str, pairs: Sequence[str]) -> dict[str, str]:
    """The values by their keys.

    Raises:
        UsageError: one has no ``=``, or no key, or a key is given twice.
    """
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
