"""Asking before what is on machines is lost for good."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cloudmesh.cloud.model import Machine
from cloudmesh.cloud.verbs import find_verb
from cloudmesh.plugin.errors import CloudmeshError, UsageError

_SHOWN = 10


# What the verbs do that lose what is on disks, for the question.
_LOSES = {
    "delete": "This deletes {machines} and {their} disks for good",
    "rebuild": "This replaces the disks of {machines}, and what is on them is lost",
}


def confirm(verb: str, machines: Sequence[Machine]) -> None:
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
