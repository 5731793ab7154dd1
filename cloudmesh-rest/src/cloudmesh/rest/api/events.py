"""``/v1/events`` and ``/v1/jobs/{id}/events``: what happens, as it happens (server-sent events)."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import GetJsonSchemaHandler, RootModel, TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from cloudmesh.cloud.fanout.query import chosen_clouds
from cloudmesh.plugin.errors import UnknownName
from cloudmesh.rest.access.caller import Caller, Scope
from cloudmesh.rest.api.service import Service, caller_of, require, service_of
from cloudmesh.rest.feed.events import (
    KINDS,
    CloudEvent,
    JobEvent,
    MachineEvent,
    ResetEvent,
    TaskEvent,
    Told,
)
from cloudmesh.rest.feed.feed import Feed
from cloudmesh.rest.feed.job_look import job_now, newest
from cloudmesh.rest.feed.listeners import Wanted, sees_all
from cloudmesh.rest.feed.ring import message
from cloudmesh.rest.feed.stream import MEDIA_TYPE, EventStream

router = APIRouter(tags=["events"])

Event = MachineEvent | JobEvent | TaskEvent | CloudEvent | ResetEvent


class EventStreamText(RootModel[str]):
    """A stream of events, which are told apart by ``event:``; ``data:`` of each is one of these documents."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The text, and among the named schemas those of the data."""
        told = handler.resolve_ref_schema(handler(schema))
        data = handler(TypeAdapter(Event).core_schema)
        return {**told, "contentMediaType": MEDIA_TYPE, "contentSchema": data}


class _Stream(Response):
    media_type = MEDIA_TYPE


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": EventStreamText, "description": "The stream, until either side ends it"}
}

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        description="the id of the last event that was received; a browser sends it when it comes back",
        max_length=64,
    ),
]
LastEventIdInAddress = Annotated[
    str | None,
    Query(
        alias="last_event_id",
        description="the same where a header cannot be given; the header wins",
        max_length=64,
    ),
]
Seconds = Annotated[
    float | None,
    Query(gt=0, le=86400, description="end the stream after so many seconds; else it has no end"),
]


@router.get("/events", operation_id="stream_events", response_class=_Stream, responses=_ANSWERS)
async def stream_events(
    request: Request,
    clouds: Annotated[
        str | None, Query(description="only of these clouds: names, ranges and globs, comma-separated")
    ] = None,
    kinds: Annotated[
        str | None,
        Query(
            description="only these kinds: machine, job, task, cloud, comma-separated",
            pattern=rf"^({'|'.join(KINDS)})(,({'|'.join(KINDS)}))*$",
        ),
    ] = None,
    seconds: Seconds = None,
    last_event_id: LastEventId = None,
    last_event_id_in_address: LastEventIdInAddress = None,
) -> Response:
    """All that happens from now on, or after the event ``Last-Event-ID``: machines, jobs, clouds.

    An id that is not known any more is answered by an event ``reset``: read the lists again, and go on with
    what comes. Each event has an id, and a comment comes every 15 seconds when nothing happens.
    """
    caller, service, feed = caller_of(request), service_of(request), feed_of(request)
    require(caller, Scope.READ)
    chosen = await run_in_threadpool(_chosen, service, caller, clouds) if clouds is not None else None
    wanted = Wanted(chosen, kinds.split(",") if kinds else KINDS)
    listener = feed.listen(caller, wanted, last_event_id or last_event_id_in_address)
    return EventStream(feed, listener, seconds=seconds)


@router.get(
    "/jobs/{id}/events",
    operation_id="stream_job_events",
    response_class=_Stream,
    responses={**_ANSWERS, 204: {"description": "The job is over, and all was told: do not come back"}},
)
async def stream_job_events(
    request: Request,
    id: int,
    seconds: Seconds = None,
    last_event_id: LastEventId = None,
    last_event_id_in_address: LastEventIdInAddress = None,
) -> Response:
    """How a job stands now, and all that happens to it from now on; the stream ends when the job does.

    With ``Last-Event-ID`` it goes on after that event.
    """
    caller, service, feed = caller_of(request), service_of(request), feed_of(request)
    require(caller, Scope.READ)
    last = last_event_id or last_event_id_in_address
    # Before the job is read: what happens to it meanwhile is told, too.
    listener = feed.listen(caller, Wanted(job=id), last)
    try:
        now, last_told = await run_in_threadpool(_job, service, caller, id)
    except BaseException:
        feed.leave(listener)
        raise
    begin = b""
    if last is None or not listener.goes_on:
        begin = message(now.kind, now.data, listener.id)
        if now.ends:
            listener.end()
    elif now.ends and feed.told >= last_told and not listener.has_more():
        feed.leave(listener)
        return Response(status_code=204)
    return EventStream(feed, listener, begin, seconds)


def feed_of(request: Request) -> Feed:
    """The feed of the server that is asked."""
    feed: Feed = request.app.state.feed
    return feed


def _chosen(service: Service, caller: Caller, clouds: str) -> frozenset[str]:
    """The clouds that are meant. Raises UnknownName for one that the caller may not know of."""
    config = service.config
    chosen = chosen_clouds(config, clouds)
    hidden = [name for name in chosen if not caller.sees(name)]
    if hidden and all(sign not in clouds for sign in "*?["):
        raise UnknownName("cloud", hidden[0], [name for name in config.active_clouds() if caller.sees(name)])
    return frozenset(chosen) - frozenset(hidden)


def _job(service: Service, caller: Caller, number: int) -> tuple[Told, int]:
    """How a job stands, and the number of the last event of any job by then.

    Raises UnknownName for a job that the caller may not know of.
    """
    with service.inventory() as inventory:
        now = job_now(inventory.database, number, time.time())
        last = newest(inventory.database)
    if now is None or not sees_all(caller, now.whole):
        raise UnknownName("job", str(number), [])
    return now, last
