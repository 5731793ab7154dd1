"""The arguments that a configuration gives to a driver of libcloud, looked at before it is built."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from cloudmesh.plugin.errors import ConfigError, CredentialsError, suggest

# It only pretends machines, which the type ``simulated`` does better, and says so.
_PRETENDED = ("dummy",)


def driver_name(cloud: str, settings: Mapping[str, Any]) -> str:
    """The driver that ``driver:`` names. Raises ConfigError."""
    name = settings.get("driver")
    if not name or not isinstance(name, str):
        raise ConfigError(
            f"cloud {cloud} of type libcloud has no driver; "
            f"cms config set clouds.{cloud}.driver=NAME, as vultr"
        )
    name = name.strip().lower()
    if name in _PRETENDED:
        raise ConfigError(f"the driver {name} of cloud {cloud} only pretends; use the type simulated")
    return name


def driver_class(cloud: str, name: str) -> type[Any]:
    """libcloud's class of this name. Raises ConfigError."""
    from libcloud.compute.providers import DRIVERS, get_driver

    known = sorted(str(getattr(each, "value", each)) for each in DRIVERS)
    if name not in known:
        raise ConfigError(f"cloud {cloud}: libcloud has no driver {name!r}; {suggest(name, known)}")
    try:
        found: type[Any] = get_driver(name)
    except ImportError as error:
        raise ConfigError(
            f"cloud {cloud}: the driver {name} needs another library ({error}); install it with pip"
        ) from error
    return found


def given(cloud: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What ``arguments:`` holds. Raises ConfigError."""
    arguments = settings.get("arguments")
    if arguments is None:
        return {}
    if not isinstance(arguments, Mapping):
        raise ConfigError(f"clouds.{cloud}.arguments must be a section of 'key: value' lines")
    return {str(key): value for key, value in arguments.items()}


def fitting(cloud: str, made: type[Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, if the driver takes them. Raises ConfigError, which names none of the values."""
    parameters = inspect.signature(made.__init__).parameters
    known = [name for name, each in parameters.items() if name != "self" and _is_named(each)]
    open_ended = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    for name in arguments:
        if name not in known and not open_ended:
            raise ConfigError(
                f"clouds.{cloud}.arguments: the driver takes no {name!r}; {suggest(name, known, 20)}"
            )
    for name in known:
        if parameters[name].default is inspect.Parameter.empty and name not in arguments:
            raise ConfigError(
                f"clouds.{cloud}.arguments lacks {name!r}, which the driver needs; "
                f"cms config set clouds.{cloud}.arguments.{name}"
            )
    return dict(arguments)


def _is_named(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


def credential(cloud: str, settings: Mapping[str, Any], key: str) -> str:
    """A value of ``credentials:`` that must be there. Raises CredentialsError."""
    credentials = settings.get("credentials")
    value = credentials.get(key) if isinstance(credentials, Mapping) else None
    if value is None or not str(value).strip():
        raise CredentialsError(
            f"cloud {cloud} lacks {key}; cms config set clouds.{cloud}.credentials.{key} asks for it"
        )
    return str(value)
