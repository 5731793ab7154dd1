"""What people write of leases: when one starts and ends, and what its hosts must be like."""

from __future__ import annotations

import json
import math
import re
import time
from datetime import datetime

from cloudmesh.cloud.model.leases import SHORTEST
from cloudmesh.plugin import durations
from cloudmesh.plugin.errors import UsageError

_FORMS = "'2026-12-24 14:00' (local time), 2026-12-24T14:00Z, +2h or now"
_NAME = re.compile(r"\w([\w .-]{0,78}[\w.-])?")
_CONDITION = re.compile(r"\s*([A-Za-z_][\w.:-]*)\s*(>=|<=|!=|==|=|>|<)\s*(.*?)\s*", re.DOTALL)


def moment(option: str, text: str, now: float | None = None) -> float:
    """A time in seconds since the epoch, 0 for ``now``; local unless it names its zone. Raises UsageError."""
    word = text.strip()
    now = time.time() if now is None else now
    if word.lower() == "now":
        return 0.0
    try:
        if word.startswith("+"):
            return now + durations.positive_seconds(word[1:])
        # Before Python 3.11 fromisoformat knows no Z.
        found = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", word))
    except ValueError:
        raise UsageError(f"{option}={text} is not a time; use {_FORMS}") from None
    # What names no zone is taken as local time.
    return found.timestamp()


def start_moment(option: str, text: str, now: float | None = None) -> float:
    """When a lease starts, as ``moment`` has it. Raises UsageError for a time that has passed."""
    now = time.time() if now is None else now
    found = moment(option, text, now)
    # The minute that has begun is meant by who writes it.
    if found and found < now - SHORTEST:
        raise UsageError(f"{option}={text} has passed; use a later time, or now")
    return found


def require_lease_name(name: str) -> None:
    """Raise UsageError unless a lease of this name can be meant by it: no glob, no range, no duration."""
    if not _NAME.fullmatch(name) or is_duration(name):
        raise UsageError(
            f"{name!r} cannot name a lease; use up to 80 letters, digits, '-', '_', '.' and blanks, "
            "and no duration"
        )


def lease_seconds(option: str, text: str) -> float:
    """How long a lease lasts, in whole minutes. Raises UsageError."""
    try:
        seconds = durations.positive_seconds(text)
    except ValueError as error:
        raise UsageError(f"{option}={text} {error}") from None
    if seconds < SHORTEST:
        told = durations.span_text(seconds)
        raise UsageError(f"{option}={text} is {told}, and a lease lasts a minute at least; use {option}=3h")
    return math.ceil(seconds / SHORTEST) * SHORTEST


def is_duration(text: str) -> bool:
    """Whether this reads as a duration, and not as the name of a lease."""
    try:
        durations.seconds(text)
    except ValueError:
        return False
    return True


def host_conditions(option: str, text: str) -> str:
    """Blazar's expression for conditions as ``node_type=compute_skylake,gpu.gpu=True``; empty for any host.

    JSON is taken as it is.

    Raises:
        UsageError: a condition has no operator, or the JSON is none.
    """
    text = text.strip()
    if text in ("", "any", "*"):
        return ""
    if text.startswith("["):
        try:
            json.loads(text)
        except ValueError as error:
            raise UsageError(f"{option}={text} is no JSON: {error}") from None
        return text
    terms = []
    for part in text.split(","):
        found = _CONDITION.fullmatch(part)
        if not found or not found[3]:
            raise UsageError(
                f"{option}: {part.strip()!r} is not a condition; use PROPERTY=VALUE, comma-separated, with "
                "=, !=, >=, <=, > or <, such as 'node_type=compute_skylake,vcpus>=16'"
            )
        key, sign, value = found.groups()
        terms.append([{"=": "=="}.get(sign, sign), f"${key}", value])
    return json.dumps(terms[0] if len(terms) == 1 else ["and", *terms])
