"""What a rule of the configuration says of a file that breaks it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """A broken rule; ``parts`` lead to the key it is about. The rest is as in ``check.Finding``."""

    level: str
    parts: tuple[str, ...]
    message: str
    remedy: str
