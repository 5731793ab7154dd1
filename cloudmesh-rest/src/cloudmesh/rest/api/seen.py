"""What a caller may see of the configuration and of jobs: nothing of clouds that its token does not name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cloudmesh.config import Config
from cloudmesh.rest.access.caller import Caller
from cloudmesh.vm.jobs.jobs import JobState


def seen_config(config: Config, caller: Caller) -> Config:
    """The configuration as if there were only the clouds that the caller may see.

    So whatever is looked up in it is unknown where it is on another cloud, and no message names one.
    """
    if caller.clouds is None:
        return config
    section: dict[str, Any] = dict(config.data.get("cloudmesh") or {})
    for key in ("active", "default"):
        written = config.written(key)
        if written is not None:
            section[key] = [name for name in written if caller.sees(name)]
    clouds = {name: cloud for name, cloud in config.clouds.items() if caller.sees(name)}
    return replace(config, data={**config.data, "cloudmesh": section, "clouds": clouds})


def sees_job(caller: Caller, job: JobState) -> bool:
    """Whether the caller may see all clouds that a job is about."""
    return all(map(caller.sees, job.clouds))
