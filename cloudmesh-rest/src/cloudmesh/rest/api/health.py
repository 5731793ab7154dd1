"""``/v1/health``: whether the server can do its work, which is to run jobs."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from cloudmesh.rest.access.caller import Scope
from cloudmesh.rest.api.events import feed_of
from cloudmesh.rest.api.service import caller_of, require, service_of
from cloudmesh.rest.problems import Problem
from cloudmesh.rest.running.runner import Runner, RunnerState
from cloudmesh.vm.jobs import claims

router = APIRouter(tags=["health"])
# Seconds within which an idle thread has looked for a job, and a job waits while threads are idle.
_LOOKED, _WAITED = 10.0, 15.0


class Health(BaseModel):
    """How the server is, where all is well."""

    status: str = Field(description="ok")
    workers: int = Field(description="how many jobs can run at the same time")
    busy: int = Field(description="how many jobs run now")
    queued: int = Field(description="how many jobs wait for their turn")
    oldest: float = Field(description="for how many seconds the one that has waited longest")
    written: float = Field(description="how many seconds ago the store was last written")


@router.get("/health", operation_id="get_health")
def get_health(request: Request) -> Health:
    """Whether jobs really run: the threads live and look for jobs, and the store is written and read."""
    require(caller_of(request), Scope.READ)
    runner: Runner = request.app.state.runner
    state = runner.state()
    if wrong := _wrong(state):
        told = {"busy": state.busy, "queued": state.queued, "oldest": round(state.oldest, 1)}
        raise Problem(503, f"jobs do not run: {wrong}", "unhealthy", told, {"Retry-After": "5"})
    with service_of(request).inventory() as inventory:
        database = inventory.database
        if not database.has(claims.SERVERS) or not database.find(claims.SERVERS, name=runner.server.name):
            raise Problem(503, "jobs do not run: this server is not in the store", "unhealthy")
    if error := feed_of(request).error:
        raise Problem(503, f"events are not told: {error}", "unhealthy", headers={"Retry-After": "5"})
    return Health(
        status="ok",
        workers=state.workers,
        busy=state.busy,
        queued=state.queued,
        oldest=round(state.oldest, 1),
        written=round(state.renewed, 1),
    )


def _wrong(state: RunnerState) -> str:
    """Why jobs do not run; empty if they do."""
    dead = state.workers - state.alive
    idle = state.busy < state.workers
    again = "restart the server"
    found = (
        (dead, f"{dead} of {state.workers} threads have ended; {again}"),
        (state.trouble, state.trouble),
        (
            state.renewed > claims.LEASE,
            f"the store was last written {state.renewed:.0f} seconds ago; look whether it can be",
        ),
        (not state.may_run, "the server is stopping, or has lost its store a moment ago"),
        (
            state.looked > _LOOKED,
            f"an idle thread has not looked for a job for {state.looked:.0f} seconds; {again}",
        ),
        (
            idle and state.oldest > _WAITED,
            f"a job has waited for {state.oldest:.0f} seconds though threads are idle; {again}",
        ),
    )
    return next((sentence for is_so, sentence in found if is_so), "")
