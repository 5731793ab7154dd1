"""The keys that cloudmesh knows, and the shape of their values: the part of ``check`` that finds slips.

A key that nobody knows is only a warning, since users keep notes of their own in the file; one that is almost
a known key which is missing is an error.
"""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cloudmesh.config.settings import options, places
from cloudmesh.config.settings.mistake import Mistake
from cloudmesh.config.yaml.keys import hidden, is_encrypted, join, text_of, variable

TOP = ("version", "profile", "cloudmesh", "clouds", "database")
CHOICES = ("default", "active", "encryption", *options.TOP)
CLOUD = ("name", "host", "type", "version", "credentials", "default", *options.CLOUD)
DEFAULTS = ("image", "flavor", "key", "network", "secgroup", "userdata", "host")
# One letter of four may be wrong.
_ALIKE = 0.75


@dataclass(frozen=True)
class Problem:
    """A broken rule; ``parts`` lead to the key it is about. The rest is as in ``findings.Finding``."""

    level: str
    parts: tuple[str, ...]
    message: str
    remedy: str


def top(data: Mapping[Any, Any]) -> Iterator[Problem]:
    """What is wrong with the keys outside of the clouds."""
    yield from _unknown((), data, TOP)
    choices = data.get("cloudmesh")
    if isinstance(choices, dict):
        yield from _unknown(("cloudmesh",), choices, CHOICES)


def cloud(name: str, section: Mapping[Any, Any], settings: Collection[str] | None) -> Iterator[Problem]:
    """What is wrong with the keys of one cloud, and with the shape of its values.

    ``settings``: the keys of its type beside the common ones; None if they are not known.
    """
    parts = ("clouds", name)
    yield from _unknown(parts, section, (*CLOUD, *(settings or ())), notes=settings is not None)
    for key in ("name", "host"):
        yield from _no_text((*parts, key), section.get(key))
    credentials = section.get("credentials")
    for key, value in credentials.items() if isinstance(credentials, dict) else ():
        yield from _no_text((*parts, "credentials", text_of(key)), value)
    defaults = section.get("default")
    if isinstance(defaults, dict):
        yield from _unknown((*parts, "default"), defaults, DEFAULTS)
        for key in DEFAULTS:
            yield from _no_text((*parts, "default", key), defaults.get(key))
    elif defaults is not None:
        message = f"{join((*parts, 'default'))} is not a section"
        yield Problem(
            "error", (*parts, "default"), message, "write 'image: NAME' and 'flavor: NAME' under it"
        )


def _unknown(
    parts: tuple[str, ...], section: Mapping[Any, Any], known: tuple[str, ...], notes: bool = True
) -> Iterator[Problem]:
    """The keys that are not known; with ``notes`` also those that are like no known one."""
    missing = [key for key in known if key not in section]
    for key in section:
        if key in known:
            continue
        where = (*parts, text_of(key))
        message = f"{join(where)} is not a known key"
        near = difflib.get_close_matches(text_of(key).lower(), missing, n=1, cutoff=_ALIKE)
        if near:
            yield Problem("error", where, message, f"did you mean {near[0]!r}? known: {', '.join(known)}")
        elif notes:
            remedy = f"ignore this if it is a note of your own; known: {', '.join(known)}"
            yield Problem("warning", where, message, remedy)


def _no_text(parts: tuple[str, ...], value: Any) -> Iterator[Problem]:
    """What is wrong with a value that must be a text: YAML reads 0123 as the number 123."""
    if isinstance(value, dict | list):
        what = "a list" if isinstance(value, list) else "a section"
        message = f"{join(parts)} is {what}, but must be a single value"
        yield Problem("error", parts, message, "write it on the line of its key")
    elif isinstance(value, bool | int | float | datetime.date | bytes):
        level = "error" if hidden(parts) else "warning"
        kinds = {bool: "true or false", int: "a number", float: "a number", bytes: "bytes"}
        message = (
            f"{join(parts)} is read as {kinds.get(type(value), 'a date')}, which may change its spelling"
        )
        yield Problem(level, parts, message, "put the value in quotes")


_TOP: Mapping[str, Callable[[Any], object]] = {
    "parallel": options.count,
    "engine": options.installed_engine,
    "scheduler": options.scheduler,
    "refresh_after": options.refresh_after,
}
_CLOUD: Mapping[str, Callable[[Any], object]] = {
    "parallel": options.count,
    "call_timeout": options.seconds,
    "wait_timeout": options.seconds,
    "mine": options.yes,
    "refresh_after": options.refresh_after,
}


def option_problems(data: Mapping[Any, Any]) -> Iterator[Problem]:
    """What is wrong with the options: how calls are made, and the URL of the store."""
    yield from _database_problems(data.get("database"))
    top = _section(data.get("cloudmesh"))
    for key, read in _TOP.items():
        yield from _option(("cloudmesh", key), top.get(key), read)
    if top.get("engine") == options.DASK and top.get("scheduler") is None:
        message = "cloudmesh.engine is dask, but cloudmesh.scheduler is not set"
        remedy = "use: cms config set cloudmesh.scheduler=tcp://HOST:PORT"
        yield Problem("error", ("cloudmesh", "engine"), message, remedy)
    for name, cloud in _section(data.get("clouds")).items():
        if isinstance(name, str):
            for key, read in _CLOUD.items():
                yield from _option(("clouds", name, key), _section(cloud).get(key), read)
            if (section := _section(cloud).get("rates")) is not None:
                from cloudmesh.config.settings import rates  # few files have them

                yield from _section_problems(("clouds", name, "rates"), rates.mistakes(section))
            if (section := _section(cloud).get("ssh")) is not None:
                from cloudmesh.config.settings import ssh  # few files have it

                known = [each for each in _section(data.get("clouds")) if isinstance(each, str)]
                yield from _section_problems(("clouds", name, "ssh"), ssh.mistakes(section, known))


def _section_problems(parts: tuple[str, ...], mistakes: Iterable[Mistake]) -> Iterator[Problem]:
    for wrong in mistakes:
        where = (*parts, *wrong.parts)
        yield Problem("error", where, f"{join(where)} {wrong.must}", wrong.remedy)


def _option(parts: tuple[str, ...], value: Any, read: Callable[[Any], object]) -> Iterator[Problem]:
    if value is None or variable(value):
        return
    try:
        read(value)
    except options.WrongValueError as error:
        yield Problem("error", parts, f"{join(parts)} {error.must}", error.remedy)


def _section(value: Any) -> dict[Any, Any]:
    """A section; what is none is told elsewhere."""
    return value if isinstance(value, dict) else {}


def _database_problems(value: Any) -> Iterator[Problem]:
    if value is None or is_encrypted(value) or variable(value):
        return
    if not places.is_url(value):
        yield Problem("error", ("database",), "database is not a database URL", options.DATABASE_FORM)
        return
    try:
        url = urlsplit(value)
        holds_password = bool(url.password) or "password=" in url.query
    except ValueError:
        holds_password = True
    if holds_password:
        message = "database holds a password in clear text"
        remedy = "move it to ~/.pgpass, or take the URL from the environment with: database: ${NAME}"
        yield Problem("warning", ("database",), message, remedy)
