"""Finds providers by the entry-point group ``cloudmesh.providers``; loads one only when it is used."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.plugin.errors import ConfigError, suggest
from cloudmesh.plugin.packages import PROVIDERS, entry_points

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def provider_types() -> list[str]:
    """The types that installed packages bring, sorted."""
    return sorted({point.name for point in entry_points(PROVIDERS)})


def provider_class(kind: object, cloud: str) -> type[Provider]:
    """The class that serves clouds of the type ``kind``, as it stands in the configuration of ``cloud``.

    Raises:
        ConfigError: there is none, no installed package brings it, several do, or it cannot be loaded.
    """
    if not kind or not isinstance(kind, str):
        raise ConfigError(f"cloud {cloud} has no type; cms config set clouds.{cloud}.type=TYPE sets it")
    points = _installed(kind, tuple(sys.path))
    if not points:
        # One that is installed by now is found the next time.
        _installed.cache_clear()
        raise ConfigError(
            f"cloud {cloud} has type {kind!r}, which no installed package provides; "
            f"{suggest(kind, provider_types())}"
        )
    if len(points) > 1:
        raise ConfigError(
            f"type {kind!r} of cloud {cloud} is brought by several packages; "
            f"uninstall all but one of {', '.join(point.value for point in points)}"
        )
    (point,) = points
    place = f"provider {point.name!r} ({point.value}, entry-point group {PROVIDERS})"
    try:
        loaded: Any = point.load()
    except Exception as error:  # another package's module may raise anything
        raise ConfigError(f"{place} cannot be loaded: {error}; install it again") from error
    if not Provider.is_base_of(loaded):
        raise ConfigError(f"{place} is not a subclass of cloudmesh.cloud.Provider; report it to its author")
    return loaded


@lru_cache
def _installed(kind: str, path: tuple[str, ...]) -> list[EntryPoint]:
    """What packages on this path bring under a name; a thread that opens a cloud need not read them all."""
    from importlib import metadata  # loads much, and many commands ask no cloud

    try:
        found = list(metadata.entry_points(group=PROVIDERS, name=kind))
    except Exception:  # noqa: BLE001 one package is damaged; the others are read one by one
        found = [point for point in entry_points(PROVIDERS) if point.name == kind]
    return list({point.value: point for point in found}.values())
