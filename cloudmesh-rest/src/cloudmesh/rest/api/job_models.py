"""What is told of jobs: the models of their resources, and how they are made from what the store has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from enum import Enum
from typing import Any

from pydantic import BaseModel, Field

from cloudmesh.plugin.secrets import mask_text
from cloudmesh.vm.jobs.jobs import JobState


class JobStatus(str, Enum):
    """How a job stands.

    ``pending``: a server is to run it; ``interrupted``: nobody goes on with it by itself; it can be resumed.
    """

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"


class JobCounts(BaseModel):
    """How many machines of a job have fared how."""

    pending: int = Field(description="not begun yet")
    running: int = Field(description="begun, and not at their end")
    done: int = Field(description="done")
    already: int = Field(description="there was nothing to do")
    failed: int = Field(description="failed, each with its reason")


class JobInfo(BaseModel):
    """One thing that is done to many machines."""

    id: int
    verb: str
    names: str = Field(description="the machines as they were named")
    clouds: list[str]
    status: JobStatus
    machines: int = Field(description="how many machines it is about")
    counts: JobCounts
    waits: bool = Field(description="whether it also waits until the machines are in their states")
    began: datetime = Field(description="when it was made")
    ended: datetime | None = Field(description="when it ended; null as long as it has not")
    made_by: str = Field(description="the token that it was made with; empty if the shell has made it")
    leases: list[str] = Field(description="leases that it may have left, as cloud:name")


class JobPage(BaseModel):
    """Some jobs, the newest first."""

    items: list[JobInfo]
    next: str | None = Field(description="the cursor of the next page; null on the last one")


class Failure(BaseModel):
    """Why a machine failed, or is left."""

    kind: str = Field(description="the kind of the error, such as Unreachable or QuotaExceeded")
    message: str
    outcome_unknown: bool = Field(description="whether it may have been done all the same")


class JobMachine(BaseModel):
    """What became of one machine of a job."""

    cloud: str = Field(description="empty if no cloud is known to have the name")
    name: str
    id: str = Field(description="the id that the cloud gave it; empty as long as it is not known")
    status: str = Field(description="pending, running, done, already, failed, interrupted or not started")
    seconds: float = Field(description="how long it took")
    error: Failure | None = Field(description="why it failed, or why it is left by an interrupted job")


class JobMachinePage(BaseModel):
    """Some machines of a job, in the order in which they were named."""

    items: list[JobMachine]
    next: str | None = Field(description="the cursor of the next page; null on the last one")


class PlannedMachine(BaseModel):
    """What would become of one machine."""

    cloud: str
    name: str
    id: str = Field(description="empty for a machine that is yet to be booted")
    state: str = Field(description="the state in which it is; empty for one that is yet to be booted")
    result: str = Field(description="possible: it would be done; already: nothing is left to do; impossible")
    error: Failure | None = Field(description="why it is impossible")
    image: str | None = None
    flavor: str | None = None
    key: str | None = None
    networks: list[str] = []
    secgroup: list[str] = []
    public: bool = False


class JobPlan(BaseModel):
    """What a job would do; nothing was done."""

    verb: str
    possible: int = Field(description="for how many machines it would be done")
    already: int = Field(description="with how many there is nothing to do")
    impossible: int = Field(description="how many would fail")
    expect: int = Field(description="how many machines are meant, to be sent as expect; locked ones are not")
    machines: list[PlannedMachine]
    notes: list[str] = Field(description="sentences on what was left out, and on leases")


def job_info(job: JobState) -> JobInfo:
    """What is told of a job."""
    known = JobCounts.model_fields
    counts = {**dict.fromkeys(known, 0), **{key: job.counts[key] for key in job.counts if key in known}}
    return JobInfo(
        id=job.number,
        verb=job.verb,
        names=job.names,
        clouds=list(job.clouds),
        status=JobStatus(job.status),
        machines=job.machines,
        counts=JobCounts(**counts),
        waits=job.waits,
        began=moment(job.began),
        ended=moment(job.ended) if job.ended and job.over else None,
        made_by=job.made_by,
        leases=list(job.leases),
    )


def machine_page(tasks: Sequence[Mapping[str, Any]], limit: int) -> JobMachinePage:
    """What is told of some machines; there is a next page if there are more than ``limit``."""
    shown = tasks[:limit]
    items = [
        JobMachine(
            cloud=task["cloud"],
            name=task["name"],
            id=task["cloud_id"],
            status=task["result"],
            seconds=round(task["seconds"], 3),
            error=_failure(task),
        )
        for task in shown
    ]
    return JobMachinePage(items=items, next=str(shown[-1]["number"]) if len(tasks) > limit else None)


def failure(record: Mapping[str, Any]) -> Failure:
    """What is told of an error, of which ``CloudmeshError.to_record`` gave the record."""
    return Failure(
        kind=record["kind"],
        message=mask_text(record["message"]),
        outcome_unknown=bool(record.get("outcome_unknown")),
    )


def moment(seconds: float) -> datetime:
    """A time as answers have it, in UTC and whole seconds."""
    return datetime.fromtimestamp(int(seconds), timezone.utc)


def _failure(task: Mapping[str, Any]) -> Failure | None:
    if not task["error"]:
        return None
    if task.get("failure"):
        return failure(json.loads(task["failure"]))
    # Rows of early versions have only the sentence.
    return failure({"kind": "CloudmeshError", "message": task["error"]})
