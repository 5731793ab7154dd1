"""What the feed tells: a model for each kind of event, which is also the schema in the API's description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field
from pydantic_core import PydanticSerializationError

MACHINE, JOB, TASK, CLOUD, RESET = "machine", "job", "task", "cloud", "reset"
# Those that can be asked for; a reset comes to everybody whom it concerns.
KINDS = (MACHINE, JOB, TASK, CLOUD)
Kind = Literal["machine", "job", "task", "cloud"]


class EventMachine(BaseModel):
    """A machine as its cloud last told of it."""

    cloud: str
    name: str
    id: str
    state: str
    raw_state: str
    image: str
    flavor: str
    key: str
    addresses: list[str]
    address: str = Field(description="where to sign in; empty for nowhere")
    created: str | None = Field(description="when it was made; null where the cloud does not tell")
    metadata: dict[str, Any]
    owner: str
    zone: str
    fault: str
    lease: str
    rate: float | None = Field(description="what it costs per hour; null where that cannot be told")
    rate_unit: str


class MachineEvent(BaseModel):
    """A machine is new, has changed, or is gone."""

    cloud: str
    id: str
    name: str
    gone: bool = Field(description="whether the cloud has it no more; machine is null, then")
    machine: EventMachine | None
    time: str = Field(description="when its cloud told so")


class EventError(BaseModel):
    """Why something failed."""

    kind: str = Field(description="the kind of the error, such as Unreachable or QuotaExceeded")
    message: str
    outcome_unknown: bool = Field(description="whether it may have been done all the same")


class EventCounts(BaseModel):
    """How many machines of a job have fared how."""

    pending: int = 0
    running: int = 0
    done: int = 0
    already: int = 0
    failed: int = 0


class TaskEvent(BaseModel):
    """Something happened to one machine of a job."""

    job: int
    task: int = Field(description="the number of the task; the tasks of all jobs are counted together")
    kind: str = Field(
        description="what happened: begun, address, retried, done, already, failed, or reached after a wait"
    )
    time: str
    verb: str
    cloud: str
    name: str
    id: str = Field(description="that of the machine; empty as long as nobody knows it")
    status: str = Field(description="how the task stands now; it may be further than what happened")
    seconds: float
    error: EventError | None
    counts: EventCounts = Field(description="of all machines of the job")


class JobEvent(BaseModel):
    """Something happened to a job as a whole, or this is how it stands."""

    id: int
    kind: str = Field(
        description="what happened: created, started, waiting, closed, interrupted or cancelled; "
        "now for the first event of a stream of one job"
    )
    time: str
    verb: str
    names: str
    clouds: list[str]
    status: str
    machines: int
    counts: EventCounts
    waits: bool
    began: str
    ended: str | None
    made_by: str = Field(description="the name of the token that it was made with; empty for the shell")


class CloudEvent(BaseModel):
    """A cloud was listed: all its machines are as told by then."""

    name: str
    listed: str = Field(description="when the cloud was asked for the list")
    left_out: str = Field(
        description="what the list lacks since the cloud told of it in a way that cannot be right"
    )


class ResetEvent(BaseModel):
    """Events were missed and cannot be told again: read the lists anew, and go on with what comes."""

    reason: Literal["too-old", "other-epoch", "too-slow"]
    detail: str


def text_of(event: BaseModel) -> str:
    """The JSON of an event, whatever text a cloud has told."""
    try:
        return event.model_dump_json()
    except PydanticSerializationError:
        # A half of a pair of surrogates is no character, and has an escape in JSON all the same.
        return json.dumps(event.model_dump(), separators=(",", ":"))


class Told(NamedTuple):
    """One event as it is kept: whom it concerns, and the text that is sent.

    Attributes:
        kind: see ``KINDS``.
        clouds: the clouds that it is about.
        data: the JSON.
        job: the number of the job that it is about; 0 for none.
        whole: the clouds of that job; who may not see all of them does not see the job.
        ends: whether nothing more happens to the job, unless somebody resumes it.
    """

    kind: str
    clouds: tuple[str, ...]
    data: str
    job: int = 0
    whole: tuple[str, ...] = ()
    ends: bool = False


SCHEMAS: Mapping[str, type[BaseModel]] = {
    MACHINE: MachineEvent,
    JOB: JobEvent,
    TASK: TaskEvent,
    CLOUD: CloudEvent,
    RESET: ResetEvent,
}
