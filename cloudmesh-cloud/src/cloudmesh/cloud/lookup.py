"""Finding by name what a new machine is made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from cloudmesh.config import Config
from cloudmesh.plugin.errors import ConfigError, UnknownName


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Thing = TypeVar("Thing", bound=_Named)


def pick(kind: str, name: str, cloud: str, things: Iterable[Thing]) -> Thing:
    """The thing of this name, or of this id of the cloud's.

    Raises:
        UnknownName: with the nearest name.
    """
    things = list(things)
    for thing in things:
        if name in (thing.name, getattr(thing, "cloud_id", thing.name)):
            return thing
    raise UnknownName(kind, name, (thing.name for thing in things), f"on cloud {cloud}")


def defaults(config: Config, cloud: str) -> dict[str, str]:
    """What the configuration says of new machines on this cloud: image, flavor, key.

    Raises:
        ConfigError: it is written in another form.
    """
    section = config.cloud(cloud).get("default")
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise ConfigError(f"clouds.{cloud}.default in {config.path} must hold image: and flavor:, one a line")
    return {str(key): str(value) for key, value in section.items() if value is not None}
