"""Calls for the tests, which workers can import; each tells in a file where it was begun."""

from __future__ import annotations

import os
import time
from pathlib import Path


def trace(file: str, word: str, seconds: float = 0.0) -> str:
    """Tell that it began, take some time, and give the word back."""
    with Path(file).open("a", encoding="utf-8") as log:
        log.write(f"{os.getpid()} {word}\n")
    time.sleep(seconds)
    return word


class TwoWordError(Exception):
    """One that pickle can write and not read."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def fail(kind: str, word: str) -> None:
    """Raise an error of this kind."""
    raise {"plain": ValueError(word), "odd": TwoWordError(word, word), "lambda": ValueError(lambda: word)}[
        kind
    ]
