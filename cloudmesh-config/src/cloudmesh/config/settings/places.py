"""Where cloudmesh keeps its files. Every other module asks here, so that tests can point it elsewhere."""

from __future__ import annotations

import os
from pathlib import Path


def directory() -> Path:
    """``$CLOUDMESH_CONFIG_DIR``, else ``~/.cloudmesh``."""
    return Path(os.environ.get("CLOUDMESH_CONFIG_DIR") or "~/.cloudmesh").expanduser()


def config_file() -> Path:
    """The configuration: ``$CLOUDMESH_CONFIG``, else ``class.yaml`` in the directory."""
    named = os.environ.get("CLOUDMESH_CONFIG")
    return Path(named).expanduser() if named else directory() / "class.yaml"


def store_file() -> Path:
    """The sqlite store."""
    return directory() / "cloudmesh.db"


def machines_directory() -> Path:
    """What local clouds keep of their machines."""
    return directory() / "machines"


def tokens_directory() -> Path:
    """Where signing in once is remembered; as secret as the configuration."""
    return directory() / "tokens"


def is_url(place: object) -> bool:
    """Whether a place of the store is the URL of a PostgreSQL database rather than a file."""
    # libpq's own two spellings.
    return isinstance(place, str) and place.startswith(("postgresql://", "postgres://"))
