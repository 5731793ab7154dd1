"""Metadata as users write it on a command line: ``KEY=VALUE``."""

from __future__ import annotations

from collections.abc import Sequence

from cloudmesh.plugin.errors import UsageError


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
