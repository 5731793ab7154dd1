"""Asking the user whether to go on."""

from __future__ import annotations

from cloudmesh.plugin.asking import agrees, require_terminal
from cloudmesh.plugin.errors import CloudmeshError
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
    tell(sentence)
    require_terminal(action)
    if not agrees(f"{action[:1].upper()}{action[1:]}"):
        raise CloudmeshError(f"not confirmed, nothing was done: {action}")
