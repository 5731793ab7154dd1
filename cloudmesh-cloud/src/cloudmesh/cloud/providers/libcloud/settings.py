"""What the configuration says of a cloud over libcloud: its driver, that one's arguments, and the secrets."""

from __future__ import annotations

import inspect
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from cloudmesh.plugin.errors import ConfigError, CredentialsError, suggest
from cloudmesh.plugin.secrets import is_secret

# It only pretends machines, which the type ``simulated`` does better, and says so.
_PRETENDED = ("dummy",)
# Characters: of a part of user data, of what may be shown of it, and of a line that can hold a secret.
_PART, _SHOWN, _SHORTEST_LINE = 16, 400, 8


def find_driver_class(cloud: str, name: Any) -> type[Any]:
    """The driver of libcloud that ``driver:`` of a cloud's section names. Raises ConfigError."""
    from libcloud.compute.providers import DRIVERS, get_driver

    if not name or not isinstance(name, str):
        raise ConfigError(
            f"cloud {cloud} of type libcloud has no driver; "
            f"cms config set clouds.{cloud}.driver=NAME, as vultr"
        )
    name = name.strip().lower()
    if name in _PRETENDED:
        raise ConfigError(f"the driver {name} of cloud {cloud} only pretends; use the type simulated")
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


def driver_arguments(cloud: str, driver: type[Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What ``arguments:`` holds, if the driver takes it. Raises ConfigError, which shows no value."""
    given = section(f"clouds.{cloud}.arguments", settings.get("arguments"))
    parameters = inspect.signature(driver.__init__).parameters
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    known = [name for name, each in parameters.items() if name != "self" and each.kind in by_name]
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    for name in given:
        if name not in known and not takes_any:
            raise ConfigError(
                f"clouds.{cloud}.arguments: the driver takes no {name!r}; {suggest(name, known, 20)}"
            )
    for name in known:
        if parameters[name].default is inspect.Parameter.empty and name not in given:
            raise ConfigError(
                f"clouds.{cloud}.arguments lacks {name!r}, which the driver needs; "
                f"cms config set clouds.{cloud}.arguments.{name}"
            )
    return given


def section(key: str, value: Any) -> dict[str, Any]:
    """A section of the configuration by its keys as texts; empty if there is none. Raises ConfigError."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{key} must be a section of 'key: value' lines")
    return {str(name): item for name, item in value.items()}


def required_setting(cloud: str, settings: Mapping[str, Any], key: str, sentence: str) -> str:
    """A setting that must be there, as text. Raises ConfigError with this sentence."""
    value = settings.get(key)
    if not value:
        raise ConfigError(f"cloud {cloud} {sentence}")
    return str(value)


def credential(cloud: str, settings: Mapping[str, Any], key: str) -> str:
    """A value of ``credentials:`` that must be there. Raises CredentialsError."""
    credentials = settings.get("credentials")
    value = credentials.get(key) if isinstance(credentials, Mapping) else None
    if value is None or not str(value).strip():
        raise CredentialsError(
            f"cloud {cloud} lacks {key}; cms config set clouds.{cloud}.credentials.{key} asks for it"
        )
    return str(value)


def secret_texts(value: Any, path: str = "", secret: bool = False) -> Iterator[str]:
    """All texts under secret names in the settings, or in a part of them that stands at ``path``."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            below = f"{path}.{name}" if path else str(name)
            yield from secret_texts(item, below, secret or is_secret(below))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secret_texts(item, path, secret)
    elif secret and value not in (None, ""):
        yield str(value)


def userdata_texts(userdata: str) -> set[str]:
    """What of a machine's user data a cloud may repeat: all of it, lines, and the begin of it in base64."""
    encoded = b64encode(userdata.encode()).decode("ascii")
    # A cloud may repeat a part only; a message shows no more than the begin of that.
    parts = [encoded[start : start + _PART] for start in range(0, min(len(encoded), _SHOWN), _PART)]
    lines = [line for each in userdata.splitlines() if len(line := each.strip()) >= _SHORTEST_LINE]
    return {userdata, encoded, *parts, *lines}
