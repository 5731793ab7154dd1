"""The key ``database``: where the store is, if it is not the file beside the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cloudmesh.plugin.errors import ConfigError

if TYPE_CHECKING:
    from cloudmesh.config.settings.config import Config
    from cloudmesh.config.yaml.problem import Problem

KEY = "database"
# How the URL of a PostgreSQL database begins (libpq's own two spellings).
URLS = ("postgresql://", "postgres://")
_FORM = "write postgresql://USER@HOST/DATABASE, or remove the key to use the file cloudmesh.db"


def is_url(place: object) -> bool:
    """Whether a place is the URL of a PostgreSQL database rather than a file."""
    return isinstance(place, str) and place.startswith(URLS)


def url(config: Config) -> str | None:
    """The URL of the database, decrypted or from the environment if it says so; None for the file.

    Raises:
        ConfigError: it is no such URL; CredentialsError if what it refers to is not there.
    """
    value = config.data.get(KEY)
    if value is None:
        return None
    from cloudmesh.config.settings import credentials
    from cloudmesh.config.yaml import positions, references

    resolved = value if references.is_to_be_defined(value) else credentials.resolved(config, (KEY,), value)
    if not isinstance(resolved, str) or not is_url(resolved.strip()):
        # Not the value itself: it may hold a password.
        raise ConfigError(f"{positions.place(config.path, (KEY,))}: {KEY} is no URL of a database; {_FORM}")
    return resolved.strip()


def problems(data: Mapping[Any, Any]) -> Iterator[Problem]:
    """What is wrong with it, for ``cms config check``."""
    from cloudmesh.config.secrets import age
    from cloudmesh.config.yaml import references
    from cloudmesh.config.yaml.problem import Problem

    value = data.get(KEY)
    if value is None or age.is_encrypted(value) or references.variable(value):
        return
    if not is_url(value):
        yield Problem("error", (KEY,), f"{KEY} is no URL of a database", _FORM)
    elif _holds_password(value):
        message = f"{KEY} holds a password in clear text"
        remedy = "leave it out and write it into ~/.pgpass, or let ${NAME} take the URL from the environment"
        yield Problem("warning", (KEY,), message, remedy)


def _holds_password(value: str) -> bool:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
        return bool(parts.password) or "password=" in parts.query
    except ValueError:
        return True
