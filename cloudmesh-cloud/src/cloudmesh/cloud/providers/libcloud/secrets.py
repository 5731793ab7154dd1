"""The secrets in the settings of a cloud, so that no message shows one that an answer repeats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cloudmesh.plugin.secrets import is_secret


def secret_texts(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """All texts under secret names, the longest first: one may be a part of another."""
    found = set(_texts(settings, "", secret=False))
    return tuple(sorted(found, key=len, reverse=True))


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
