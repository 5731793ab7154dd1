"""How the work on many machines is run: ``parallel`` and ``call_timeout`` of a cloud, and what is common.

``cloudmesh.parallel`` is how many calls may run at the same time in all; ``parallel`` in a cloud's section
how many of them on that cloud. ``cloudmesh.engine`` says who makes them: threads of this computer, or an
executor that a package brings by the entry-point group ``cloudmesh.executors``, such as the workers of a Dask
cluster, whose scheduler ``cloudmesh.scheduler`` names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from cloudmesh.plugin.errors import ConfigError, suggest

if TYPE_CHECKING:
    from cloudmesh.config.settings.config import Config
    from cloudmesh.config.yaml.problem import Problem

T = TypeVar("T")
Parts = tuple[str, ...]

THREADS, DASK = "threads", "dask"
EXECUTORS = "cloudmesh.executors"
TOP = ("parallel", "engine", "scheduler")
CLOUD = ("parallel", "call_timeout")
_SCHEMES = ("tcp", "tls")
_COUNT = "must be a whole number of 1 or more"
_SECONDS = "must be a number of seconds, more than 0"
_ADDRESS = "must be tcp://HOST:PORT or tls://HOST:PORT"


class WrongValueError(ValueError):
    """A value that cannot be used: what it must be, and what to write, never with the value itself."""

    def __init__(self, must: str, remedy: str) -> None:
        super().__init__(must)
        self.must = must
        self.remedy = remedy


def count(value: Any) -> int:
    """A number of calls at the same time. Raises WrongValueError.

    A number in quotes is one too: ``cms config set`` keeps a text a text.
    """
    text = value.strip() if isinstance(value, str) else value
    try:
        number = 0 if isinstance(text, bool | float) else int(text)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise WrongValueError(_COUNT, "write a number such as 32, or remove the key")
    return number


def seconds(value: Any) -> float:
    """A time limit. Raises WrongValueError."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or number <= 0:
        raise WrongValueError(_SECONDS, "write a number such as 60, or remove the key")
    return number


def engine(value: Any) -> str:
    """The name of an executor; whether it is installed is seen when it is used. Raises WrongValueError."""
    if not (isinstance(value, str) and value.isidentifier()):
        raise WrongValueError("must be the name of an executor", f"write {THREADS}, or remove the key")
    return value


def _installed_engine(value: Any) -> object:
    """An engine that is installed now. Raises WrongValueError."""
    name = engine(value)
    if name not in (THREADS, DASK):
        from importlib.metadata import entry_points

        known = sorted({THREADS, DASK, *(point.name for point in entry_points(group=EXECUTORS))})
        if name not in known:
            raise WrongValueError("must be the name of an installed executor", suggest(name, known))
    return name


def scheduler(value: Any) -> str:
    """The address of a scheduler; or what takes it from the environment. Raises WrongValueError."""
    from urllib.parse import urlsplit

    wrong = WrongValueError(_ADDRESS, "write the address that the scheduler shows when it starts")
    if not isinstance(value, str):
        raise wrong
    try:
        url = urlsplit(value.strip())
        whole = url.scheme in _SCHEMES and url.hostname and url.port and "@" not in url.netloc
    except ValueError:
        raise wrong from None
    if not whole or url.path not in ("", "/") or url.query or url.fragment:
        raise wrong
    return f"{url.scheme}://{url.netloc}"


def of_top(config: Config, key: str, read: Callable[[Any], T]) -> T | None:
    """The value of ``cloudmesh.KEY``; None if it is absent. Raises ConfigError."""
    section = config.data.get("cloudmesh") or {}
    if not isinstance(section, dict):
        raise ConfigError(f"{_place(config, ('cloudmesh',))}: cloudmesh must be a section")
    return _read(config, ("cloudmesh", key), section.get(key), read)


def of_cloud(config: Config, cloud: str, key: str, read: Callable[[Any], T]) -> T | None:
    """The value of a key in a cloud's section; None if it is absent. Raises UnknownName, ConfigError."""
    return _read(config, ("clouds", cloud, key), config.cloud(cloud).get(key), read)


def _read(config: Config, parts: Parts, value: Any, read: Callable[[Any], T]) -> T | None:
    from cloudmesh.config.yaml import keys, references
    from cloudmesh.plugin.plain import harmless

    if value is None:
        return None
    name = references.variable(value)
    try:
        return read(references.from_environment(name, keys.join(parts)) if name else value)
    except WrongValueError as error:
        told = f"{keys.join(parts)} {error.must}; {error.remedy}"
        raise ConfigError(harmless(f"{_place(config, parts)}: {told}")) from None


def _place(config: Config, parts: Parts) -> str:
    from cloudmesh.config.yaml import positions

    return positions.place(config.path, parts)


_TOP: Mapping[str, Callable[[Any], object]] = {
    "parallel": count,
    "engine": _installed_engine,
    "scheduler": scheduler,
}
_CLOUD: Mapping[str, Callable[[Any], object]] = {"parallel": count, "call_timeout": seconds}


def problems(data: Mapping[Any, Any]) -> Iterator[Problem]:
    """What is wrong with these keys, for ``cms config check``."""
    from cloudmesh.config.yaml.problem import Problem

    top = _section(data.get("cloudmesh"))
    for key, read in _TOP.items():
        yield from _problem(("cloudmesh", key), top.get(key), read)
    if top.get("engine") == DASK and top.get("scheduler") is None:
        message = "cloudmesh.engine is dask, and cloudmesh.scheduler does not say where"
        remedy = "use: cms config set cloudmesh.scheduler=tcp://HOST:PORT"
        yield Problem("error", ("cloudmesh", "engine"), message, remedy)
    for name, cloud in _section(data.get("clouds")).items():
        if isinstance(name, str):
            for key, read in _CLOUD.items():
                yield from _problem(("clouds", name, key), _section(cloud).get(key), read)


def _problem(parts: Parts, value: Any, read: Callable[[Any], object]) -> Iterator[Problem]:
    from cloudmesh.config.yaml import keys, references
    from cloudmesh.config.yaml.problem import Problem

    if value is None or references.variable(value):
        return
    try:
        read(value)
    except WrongValueError as error:
        yield Problem("error", parts, f"{keys.join(parts)} {error.must}", error.remedy)


def _section(value: Any) -> dict[Any, Any]:
    """A section; what is none is told elsewhere."""
    return value if isinstance(value, dict) else {}
