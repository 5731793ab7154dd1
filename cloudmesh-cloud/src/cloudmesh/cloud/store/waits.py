"""How long machines of each cloud took last time until they were where a verb leads, in the store."""

from __future__ import annotations

from contextlib import suppress

from cloudmesh.db import Database
from cloudmesh.plugin.errors import StoreError

_WAITS = "waited"
# A time that differs by less is not written again.
_SAME = 0.1


def usual_seconds(database: Database, cloud: str, verb: str) -> float:
    """For how many seconds the slowest machine was waited for last time; 0 where nobody knows."""
    # A wait without it takes the same ticks as the first one.
    with suppress(StoreError):
        found = database.find(_WAITS, cloud=cloud, verb=verb) if database.has(_WAITS) else []
        return float(found[0]["seconds"]) if found else 0.0
    return 0.0


def keep_seconds(database: Database, cloud: str, verb: str, seconds: float) -> None:
    """Write down how long the slowest machine took; nothing is written if that is about as before."""
    if abs(usual_seconds(database, cloud, verb) - seconds) <= _SAME * seconds:
        return
    # What was waited for has come all the same.
    with suppress(StoreError):
        database.upsert(_WAITS, {"cloud": cloud, "verb": verb, "seconds": seconds}, key=["cloud", "verb"])
