"""Durations as people write them: ``90``, ``10s``, ``5m``, ``1h``, ``1h30m``, ``2d``.

The only parser of them: for options such as ``--timeout``, for settings of the configuration, for filters.
"""

from __future__ import annotations

import math
import re

#: The accepted forms, as error messages and help texts show them.
FORMS = "10s, 5m, 1h, or a number of seconds such as 90"
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_PARTS = re.compile("".join(rf"(?:(?P<{unit}>{_NUMBER}){unit})?" for unit in _UNITS), re.ASCII)
_SECONDS = re.compile(rf"[+-]?(?:{_NUMBER})(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def seconds(value: object) -> float:
    """A duration in seconds, of 0 or more: a number of seconds, or a text with units.

    The units are s (seconds), m (minutes), h (hours) and d (days); several go from the largest to the
    smallest, as in ``1h30m``.

    Raises:
        ValueError: it is no duration, or not a finite one, or less than 0; the message names the forms.
    """
    found = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = _finite(value)
    elif isinstance(value, str):
        text = value.strip()
        parts = _PARTS.fullmatch(text)
        if _SECONDS.fullmatch(text):
            found = float(text)
        elif text and parts:
            found = sum(_UNITS[unit] * float(part) for unit, part in parts.groupdict("0").items())
    if not 0 <= found < math.inf:
        raise ValueError(f"is not a duration; use {FORMS}")
    return found


def positive_seconds(value: object) -> float:
    """The same for a limit of time, which must be more than 0. Raises ValueError."""
    found = seconds(value)
    if not found:
        raise ValueError(f"must be more than 0; use {FORMS}")
    return found


def _finite(number: float) -> float:
    """A number as a float; one that is too large for that is not finite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf


def span_text(seconds: float) -> str:
    """A span of time for a sentence: ``0.3 seconds``, ``1 second``, ``2 hours``, ``30 days``."""
    unit, length = "second", 1
    for name, each in (("minute", 60), ("hour", 3600), ("day", 86400)):
        if seconds >= 2 * each:
            unit, length = name, each
    amount = seconds / length
    shown = f"{amount:.2g}" if 0.01 <= amount < 10 else f"{amount:.0f}"
    return f"{shown} {unit}{'' if shown == '1' else 's'}"
