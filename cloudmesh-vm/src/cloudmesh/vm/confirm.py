"""Asking before machines are deleted for good."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cloudmesh.cloud.model import Machine
from cloudmesh.plugin.errors import CloudmeshError, UsageError

_SHOWN = 10


def confirm_delete(machines: Sequence[Machine]) -> None:
    """Let the user type how many machines are to be deleted.

    Raises:
        UsageError: there is no terminal to ask at.
        CloudmeshError: another answer was given.
    """
    count = len(machines)
    if count == 0:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            f"{count} {_noun(count)} would be deleted, and nobody is there to ask; say --yes to allow it"
        )
    shown = ", ".join(machine.qualified_name for machine in machines[:_SHOWN])
    more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
    print(f"This deletes {count} {_noun(count)} and their disks for good: {shown}{more}", file=sys.stderr)
    print(f"Type {count} to delete: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != str(count):
        raise CloudmeshError("nothing was deleted, since the number was not confirmed")


def _noun(count: int) -> str:
    return "machine" if count == 1 else "machines"
