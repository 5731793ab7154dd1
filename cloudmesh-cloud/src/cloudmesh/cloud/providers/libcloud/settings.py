"""What the configuration says of a cloud over libcloud: its driver, time limits, TLS, and what is secret."""

from __future__ import annotations

import inspect
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudmesh.plugin.errors import ConfigError, CredentialsError, suggest
from cloudmesh.plugin.secrets import is_secret

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
_MOST_SECONDS = 3600.0
# The settings of a cloud's section that ConnectionSettings reads.
CONNECTION_KEYS = ("timeout", "ca_cert", "insecure")
# It only pretends machines, which the type ``simulated`` does better, and says so.
_PRETENDED = ("dummy",)
# Characters: of a part of user data, of what may be shown of it, and of a line that can hold a secret.
_PART, _SHOWN, _SHORTEST_LINE = 16, 400, 8


@dataclass(frozen=True)
class ConnectionSettings:
    """Time limits and TLS of one cloud.

    Attributes:
        timeout: seconds to wait for each part of an answer; a connection is given up after 10 of them.
        ca_file: a file of certificates (PEM) to trust instead of the system's.
        insecure: whether to take any certificate.
    """

    timeout: float = ANSWER_SECONDS
    ca_file: str = ""
    insecure: bool = False

    @classmethod
    def read(cls, cloud: str, settings: Mapping[str, Any]) -> ConnectionSettings:
        """From ``timeout``, ``ca_cert`` and ``insecure`` of a cloud's section. Raises ConfigError."""
        place = f"clouds.{cloud}"
        return cls(
            timeout=_timeout(f"{place}.timeout", settings.get("timeout")),
            ca_file=certificate_file(f"{place}.ca_cert", settings.get("ca_cert")),
            insecure=true_or_false(f"{place}.insecure", settings.get("insecure")),
        )

    @property
    def limits(self) -> tuple[float, float]:
        """Seconds for connecting, and for each part of the answer."""
        return min(CONNECT_SECONDS, self.timeout), self.timeout


def _timeout(key: str, value: Any) -> float:
    if value is None:
        return ANSWER_SECONDS
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if isinstance(value, bool) or not 0 < seconds <= _MOST_SECONDS:
        raise ConfigError(f"{key} must be a number of seconds, more than 0 and at most {_MOST_SECONDS:.0f}")
    return seconds


def true_or_false(key: str, value: Any, default: bool = False) -> bool:
    """A setting that is true or false, also as a text or as 1 and 0. Raises ConfigError."""
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": default}
    word = "" if value is None else str(value).strip().lower()
    if word not in words:
        raise ConfigError(f"{key} must be true or false")
    return words[word]


def certificate_file(key: str, value: Any) -> str:
    """The path of a file of certificates, empty if none is given; raises ConfigError if it is none."""
    if value is None or not str(value).strip():
        return ""
    import ssl

    path = Path(str(value)).expanduser()
    try:
        ssl.create_default_context().load_verify_locations(cafile=str(path))
    except ssl.SSLError as error:
        raise ConfigError(f"{key} is {path}, which is no file of certificates in PEM form") from error
    except OSError as error:
        raise ConfigError(f"{key} is {path}, which cannot be read: {error.strerror}") from error
    return str(path)


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


def secret_texts(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """All texts under secret names, the longest first: one may be a part of another."""
    return tuple(sorted(set(_secrets(settings, "", secret=False)), key=len, reverse=True))


def _secrets(value: Any, path: str, secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            below = f"{path}.{name}" if path else str(name)
            yield from _secrets(item, below, secret or is_secret(below))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item, path, secret)
    elif secret and value not in (None, ""):
        yield str(value)


def userdata_texts(userdata: str) -> tuple[str, ...]:
    """What of a machine's user data a cloud may repeat: all of it, lines, and the begin of it in base64."""
    encoded = b64encode(userdata.encode()).decode("ascii")
    # A cloud may repeat a part only; a message shows no more than the begin of that.
    parts = [encoded[start : start + _PART] for start in range(0, min(len(encoded), _SHOWN), _PART)]
    lines = [line for each in userdata.splitlines() if len(line := each.strip()) >= _SHORTEST_LINE]
    return tuple(sorted({userdata, encoded, *parts, *lines}, key=len, reverse=True))
