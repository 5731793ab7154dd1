"""Parameters that several resources take, and what they mean."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import Query

from cloudmesh.cloud.errors import IncompleteListing
from cloudmesh.cloud.fanout.query import expand_clouds
from cloudmesh.cloud.store.machine_rows import time_text
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.rest.problems import Problem

MaxAge = Annotated[
    float | None,
    Query(
        ge=0,
        le=10 * 365 * 86400,
        allow_inf_nan=False,
        description="seconds; a cloud whose listing is older is asked and waited for, with 0 in any case. "
        "Without it only a cloud that was never listed is asked",
    ),
]
# The answer to who has it already, for the description of the interface.
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "It is still as the ETag says"}}
# For how many seconds a cloud is waited for; a client can come again.
CALL_TIMEOUT = 60.0
# For how many seconds a cloud that was never listed is not asked again, after it did not answer.
_AGAIN = 10.0


def seconds_of(max_age: float | None) -> float:
    """The greatest age that will do; any if none is given."""
    return math.inf if max_age is None else max_age


def active_cloud(config: Config, name: str) -> str:
    """A cloud by its name. Raises UnknownName, and Problem if it is not active."""
    config.cloud(name)
    if name not in config.active_clouds():
        raise Problem(409, f"the cloud {name!r} is not active; 'cms cloud activate' activates it", "inactive")
    return name


def chosen_clouds(config: Config, expression: str | None) -> list[str]:
    """The clouds that an expression names; all active ones if there is none.

    Raises UnknownName, UsageError, and Problem if one is not active.
    """
    if expression is None:
        return config.active_clouds()
    if not expression.strip():
        raise UsageError("clouds= is empty; name clouds, or leave it out for all active ones")
    return [active_cloud(config, name) for name in expand_clouds(config, expression, active=False)]


def lasts(errors: Iterable[CloudmeshError], listed: Iterable[float | None], max_age: float | None) -> float:
    """Until when an answer holds if nothing is written, in seconds since the epoch.

    Args:
        errors: those of the clouds.
        listed: when each cloud was listed, in seconds since the epoch.
        max_age: as the client has given it.
    """
    times = [each for each in listed if each is not None]
    until = math.inf if max_age is None else min(times, default=-math.inf) + max_age
    # What a listing left out stands in the store with it.
    failed = any(not isinstance(error, IncompleteListing) for error in errors)
    return min(until, time.time() + _AGAIN) if failed else until


def error_item(cloud: str | None, error: CloudmeshError, refreshed: str | None) -> Mapping[str, Any]:
    """An error as it stands in a list."""
    record = error.to_record()
    return {"cloud": cloud, "kind": record["kind"], "message": record["message"], "refreshed": refreshed}


def time_or_null(seconds: float | None) -> str | None:
    """A time as JSON has it."""
    return time_text(seconds) or None
