"""Asking the user whether to go on."""

from __future__ import annotations

import sys

from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.plugin.report import tell


def require_yes(sentence: str, action: str, *, yes: bool) -> None:
    """Tell what is about to be done, and let the user agree.

    Args:
        sentence: what is about to be done.
        action: the verb of the question.
        yes: whether the user has agreed already; then nothing is told.

    Raises:
        UsageError: there is no terminal to ask at.
        CloudmeshError: another answer than yes was given.
    """
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        tell(sentence)
        raise UsageError(f"refusing to {action}: no terminal to confirm at; use --yes")
    tell(sentence)
    print(f"{action[:1].upper()}{action[1:]}? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CloudmeshError(f"not confirmed, nothing was done: {action}")
