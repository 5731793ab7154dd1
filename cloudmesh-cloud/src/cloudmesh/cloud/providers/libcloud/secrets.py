"""The secrets that a cloud is told, so that no message shows one that an answer repeats."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from cloudmesh.plugin.secrets import is_secret

# Characters: of a part of user data, of what may be shown of it, and of a line that can hold a secret.
_PART, _SHOWN, _SHORTEST_LINE = 16, 400, 8


def secret_texts(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """All texts under secret names, the longest first: one may be a part of another."""
    found = set(_texts(settings, "", secret=False))
    return tuple(sorted(found, key=len, reverse=True))


def userdata_texts(userdata: str) -> tuple[str, ...]:
    """What of a machine's user data may come back: all of it, its lines, and the begin of it in base64."""
    encoded = b64encode(userdata.encode()).decode("ascii")
    # A cloud may repeat a part only; a message shows no more than the begin of that.
    parts = [encoded[start : start + _PART] for start in range(0, min(len(encoded), _SHOWN), _PART)]
    lines = [line for each in userdata.splitlines() if len(line := each.strip()) >= _SHORTEST_LINE]
    return tuple(sorted({userdata, encoded, *parts, *lines}, key=len, reverse=True))


def _texts(value: Any, path: str, secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            below = f"{path}.{name}" if path else str(name)
            yield from _texts(item, below, secret or is_secret(below))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, path, secret)
    elif secret and value not in (None, ""):
        yield str(value)
