"""What installed packages bring, as their metadata say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint


# Those by which packages bring the types of clouds.
PROVIDERS = "cloudmesh.providers"


def entry_points(group: str) -> list[EntryPoint]:
    """The entry points of a group, of all installed packages.

    A package whose metadata cannot be read is left out; for ``importlib.metadata.entry_points`` one such
    package hides what all others bring. ``cms plugin list`` names it.
    """
    from importlib import metadata  # loads much, and many commands ask for none

    try:
        return list(metadata.entry_points(group=group))
    except Exception:  # noqa: BLE001 whatever a parser meets in the file of somebody else
        found: dict[str, list[EntryPoint]] = {}
        for each in metadata.distributions():
            # As for imports, the first of one name hides those that follow on the path.
            found.setdefault(_name(each), _points(each, group))
        return [point for points in found.values() for point in points]


def _name(distribution: Distribution) -> str:
    try:
        return str(distribution.metadata["Name"]).lower()
    except Exception:  # noqa: BLE001 as above
        return ""


def _points(distribution: Distribution, group: str) -> list[EntryPoint]:
    try:
        return [point for point in distribution.entry_points if point.group == group]
    except Exception:  # noqa: BLE001 as above
        return []
