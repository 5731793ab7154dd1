"""Finds an image, a flavor, a key ... of a cloud by its name, its id, or a glob that matches only one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Protocol, TypeVar

from cloudmesh.config import Config
from cloudmesh.plugin.errors import ConfigError, UnknownName, UsageError

_SHOWN = 8


class Named(Protocol):
    """What has a name."""

    @property
    def name(self) -> str:
        """The name."""


Thing = TypeVar("Thing", bound=Named)


def pick(kind: str, name: str, cloud: str, things: Iterable[Thing]) -> Thing:
    """The only thing that is meant: of this id, else of this name, else the one that the glob matches.

    Raises:
        UsageError: several are meant; they are listed with their ids.
        UnknownName: none is; the nearest is named.
    """
    things = list(things)
    found = _meant(name, things)
    if not found:
        raise UnknownName(kind, name, (thing.name for thing in things), f"on cloud {cloud}")
    if len(found) > 1:
        shown = ", ".join(f"{thing.name} ({id_of(thing)})" for thing in found[:_SHOWN])
        more = f", ... ({len(found)} in all)" if len(found) > _SHOWN else ""
        raise UsageError(
            f"{kind} {name!r} is ambiguous on cloud {cloud}: {shown}{more}; use the full name or the id"
        )
    return found[0]


def _meant(name: str, things: Sequence[Thing]) -> list[Thing]:
    """An id is nobody else's; a name may hold what looks like a glob."""
    return (
        [thing for thing in things if id_of(thing) == name]
        or [thing for thing in things if thing.name == name]
        or [thing for thing in things if fnmatchcase(thing.name, name)]
    )


def id_of(thing: Named) -> str:
    """The cloud's id of a thing; its name where things of its kind have none."""
    return str(getattr(thing, "cloud_id", thing.name))


def defaults(config: Config, cloud: str) -> dict[str, str]:
    """What the configuration says of new machines on this cloud: image, flavor, key, network, ...

    Raises:
        ConfigError: it is written in another form.
    """
    section = config.cloud(cloud).get("default")
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise ConfigError(
            f"clouds.{cloud}.default in {config.path} must be a section with lines such as image: NAME"
        )
    return {str(key): str(value) for key, value in section.items() if value is not None}
