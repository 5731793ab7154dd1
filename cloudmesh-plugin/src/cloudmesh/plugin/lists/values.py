"""What users write for values of columns, by the kind of the column: numbers, sizes, durations, times."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from cloudmesh.plugin import durations

# The kinds of columns; one that is not named is a text.
TEXT, NUMBER, MIB, GIB, SECONDS, TIME, YES, LIST, MAP = (
    "text",
    "number",
    "MiB",
    "GiB",
    "seconds",
    "time",
    "yes or no",
    "list",
    "map",
)


class Choice(str):
    """The kind of a column of texts that holds certain words only, such as states.

    Attributes:
        words: these words.
        near: what was probably meant by another word, if that can be told.
    """

    words: tuple[str, ...]
    near: Callable[[str, Sequence[str]], str | None]

    def __new__(cls, words: Iterable[str], near: Callable[[str, Sequence[str]], str | None]) -> Choice:
        """Make the kind of these words."""
        made = super().__new__(cls, TEXT)
        made.words, made.near = tuple(words), near
        return made


NUMBERS = frozenset({NUMBER, MIB, GIB, SECONDS})

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGTP])(?:i?B)?)?", re.ASCII | re.IGNORECASE)
_POWERS = {"K": 10, "M": 20, "G": 30, "T": 40, "P": 50}
# The first moment of a year, to fill up what is not told of a time.
_FIRST = "0001-01-01T00:00:00"
_TIME = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d)?)?)?)?Z?", re.ASCII)
_YES = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
# What a value of a kind looks like, for the sentence about a wrong one.
EXAMPLES: Mapping[str, str] = {
    NUMBER: "a number, such as 4",
    MIB: "a size, such as 4G or 4096 (MiB)",
    GIB: "a size, such as 20G or 20 (GiB)",
    SECONDS: "a duration, such as 90s, 5m, 1h30m or 2d",
    TIME: "a time in UTC, such as 2026-11-29, 2026-11-29T07:30, or -2h for two hours ago",
    YES: "yes or no",
}


def size(text: str, unit: str) -> float:
    """A size in MiB or GiB, in which a number without a letter is. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ValueError(text)
    own = _POWERS["M" if unit == MIB else "G"]
    power = _POWERS[found[2].upper()] if found[2] else own
    return float(found[1]) * 2.0 ** (power - own)


def moment(text: str) -> str:
    """A time in ISO 8601, UTC, as far as it was told: such texts compare as times do. Raises ValueError."""
    text = text.strip()
    if text.startswith("-"):
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - durations.seconds(text[1:])))
    if not _TIME.fullmatch(text):
        raise ValueError(text)
    told = text.replace(" ", "T").removesuffix("Z")
    # Raises ValueError for a month, a day or an hour that there is not.
    datetime.fromisoformat(told + _FIRST[len(told) :])
    return told


def yes(text: str) -> bool:
    """``yes`` or ``no``, and other words for them. Raises ValueError."""
    if text.strip().lower() not in _YES:
        raise ValueError(text)
    return _YES[text.strip().lower()]


def number(text: str) -> float:
    """A number. Raises ValueError."""
    value = float(text)
    if value != value:  # noqa: PLR0124 nan is no number to compare with
        raise ValueError(text)
    return value


READERS: Mapping[str, Callable[[str], float]] = {
    NUMBER: number,
    MIB: lambda text: size(text, MIB),
    GIB: lambda text: size(text, GIB),
    SECONDS: durations.seconds,
}
