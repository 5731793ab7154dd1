"""What is wrong with a section of a cloud in the configuration."""

from __future__ import annotations

from typing import NamedTuple


class Mistake(NamedTuple):
    """What is wrong with a part of the section: the keys that lead there, what it must be, what to write."""

    parts: tuple[str, ...]
    must: str
    remedy: str
