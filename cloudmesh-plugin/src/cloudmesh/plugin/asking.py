"""Asking the user who is at the terminal whether to go on."""

from __future__ import annotations

import sys
from collections.abc import Container

from cloudmesh.plugin.errors import UsageError

YES = ("y", "yes")


def require_terminal(action: str) -> None:
    """Raise UsageError if there is no terminal to agree at to ``action``, such as ``delete 3 machines``."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"refusing to {action}: no terminal to confirm at; use --yes")


def agrees(question: str, hint: str = "[y/N]", answers: Container[str] = YES) -> bool:
    """Whether the user gives one of these answers to a question; call ``require_terminal`` before."""
    print(f"{question}? {hint} ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in answers
