"""The one place that knows how sqlite and PostgreSQL differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cloudmesh.config.settings.places import is_url
from cloudmesh.plugin.errors import ConfigError

if TYPE_CHECKING:
    from cloudmesh.db.dialects.base import Dialect


def dialect(place: Path | str, own: bool = False) -> Dialect:
    """The dialect that a place speaks: a PostgreSQL URL, else sqlite's, whose place is a file.

    Args:
        place: a URL, a path, or ``:memory:``.
        own: whether the file is cloudmesh's own, so that whatever stands there was once a store.
    """
    if is_url(place):
        try:
            from cloudmesh.db.dialects.postgresql import PostgreSQL
        except ImportError as error:
            raise ConfigError(
                "the store is in PostgreSQL, for which psycopg is missing; "
                "pip install 'cloudmesh-db[postgresql]'"
            ) from error

        return PostgreSQL(str(place))
    from cloudmesh.db.dialects.sqlite import SQLite

    return SQLite(place, own)
