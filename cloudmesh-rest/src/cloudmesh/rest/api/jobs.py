"""``/v1/jobs``: what is done to many machines: asked for, followed, cancelled and resumed."""

from __future__ import annotations

import json
import time
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from starlette.concurrency import run_in_threadpool

from cloudmesh.cloud.model.boot_verb import BOOT
from cloudmesh.cloud.model.verbs import VERBS
from cloudmesh.plugin.errors import CloudmeshError, KnownNames, UnknownName
from cloudmesh.rest.access.caller import Caller, Scope
from cloudmesh.rest.access.guard import unauthorized
from cloudmesh.rest.access.tokens import Tokens
from cloudmesh.rest.api.job_body import JobBody, NewJob, Seconds
from cloudmesh.rest.api.job_models import (
    JobInfo,
    JobMachinePage,
    JobPage,
    JobPlan,
    JobStatus,
    job_info,
    machine_page,
)
from cloudmesh.rest.api.job_plans import make_dry_plan, make_plan
from cloudmesh.rest.api.job_words import read, scope_of, verb_of
from cloudmesh.rest.api.seen import seen_config, sees_job
from cloudmesh.rest.api.service import Service, caller_of, require, service_of
from cloudmesh.rest.problems import Problem
from cloudmesh.rest.running.runner import Runner
from cloudmesh.rest.running.waits import JobWaits
from cloudmesh.vm.jobs.claims import Terms
from cloudmesh.vm.jobs.job_keys import JobKey
from cloudmesh.vm.jobs.jobs import Jobs, JobState, find_job, state_of
from cloudmesh.vm.jobs.pages import job_page, task_page
from cloudmesh.vm.jobs.server import ClaimedJob
from cloudmesh.vm.model.remote import REMOTE

router = APIRouter(tags=["jobs"])
# Seconds that a client may wait for the end of a job, and after which it is to look again.
_LONGEST, _AGAIN = 60, 1
# How often is looked meanwhile whether it may still know.
_LOOK = 1.0
_VERBS = (BOOT.name, *VERBS, *REMOTE)
Number = Annotated[int, Path(alias="id", ge=1, le=2**62, description="the number of the job")]
Limit = Annotated[int, Query(ge=1, le=1000, description="the most items of a page")]
Cursor = Annotated[str | None, Query(pattern="^[0-9]{1,18}$", description="from ``next`` of a page")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="of the client's choice; the same key and body give the same job as long as it is kept",
    ),
]


class Resumption(BaseModel):
    """How a job is to be resumed."""

    model_config = ConfigDict(extra="forbid")

    failed: StrictBool = Field(False, description="also retry what has failed")
    timeout: Seconds | None = Field(None, description="seconds for all of it together")
    parallel: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="the most calls at once; else the configured number"
    )


@router.post(
    "/jobs",
    operation_id="create_job",
    status_code=202,
    response_model=JobInfo,
    responses={
        200: {"model": JobPlan, "description": "What would be done: the answer to dryrun"},
        202: {"description": "The job, which is run whether or not its client stays"},
    },
)
async def create_job(body: NewJob, request: Request, key: Key = None) -> Response:
    """Do something to many machines: a job, which can be followed by its number."""
    caller, service, runner = caller_of(request), service_of(request), runner_of(request)
    require(caller, scope_of(verb_of(body)))
    if body.dryrun:
        plan = await runner.apart(lambda: _foresee(service, caller, body))
        return JSONResponse(plan.model_dump(mode="json"))
    runner.require_running()
    asked = JobKey(caller.name, key, _same(body)) if key else None
    return _accepted(await runner.apart(lambda: _create(service, runner, caller, body, asked)))


@router.get("/jobs", operation_id="list_jobs")
def list_jobs(
    request: Request,
    limit: Limit = 50,
    cursor: Cursor = None,
    status: Annotated[list[JobStatus] | None, Query(description="only jobs that stand so")] = None,
    verb: Annotated[str | None, Query(max_length=100, description="only jobs with this verb")] = None,
) -> JobPage:
    """The jobs, the newest first: those of the shell, and those that were asked for here."""
    caller = caller_of(request)
    require(caller, Scope.READ)
    if verb is not None and verb not in _VERBS:
        raise Problem(422, str(UnknownName("verb", verb, KnownNames(_VERBS, len(_VERBS)))))

    def wanted(job: JobState) -> bool:
        return sees_job(caller, job) and (not status or job.status in [each.value for each in status])

    with service_of(request).inventory() as inventory:
        jobs, following = job_page(inventory.database, limit, int(cursor) if cursor else None, verb, wanted)
    return JobPage(items=[job_info(each) for each in jobs], next=str(following) if following else None)


@router.get("/jobs/{id}", operation_id="get_job")
async def get_job(
    number: Number,
    request: Request,
    response: Response,
    wait: Annotated[
        float,
        Query(ge=0, allow_inf_nan=False, description=f"seconds to wait for its end, at most {_LONGEST}"),
    ] = 0.0,
) -> JobInfo:
    """How a job stands; with ``wait`` when it is over, or after so many seconds."""
    caller, service = caller_of(request), service_of(request)
    require(caller, Scope.READ)
    job = await run_in_threadpool(_seen_job, service, caller, number)
    if wait > 0 and not job.over:
        waits: JobWaits = request.app.state.waits
        ends = time.monotonic() + min(wait, _LONGEST)
        while (left := ends - time.monotonic()) > 0 and not await waits.over(number, min(left, _LOOK)):
            if not _is_valid(request, caller):
                raise unauthorized()
        job = await run_in_threadpool(_seen_job, service, caller, number)
    if not job.over:
        response.headers["Retry-After"] = str(_AGAIN)
    return job_info(job)


@router.get("/jobs/{id}/machines", operation_id="list_job_machines")
def list_job_machines(
    number: Number, request: Request, limit: Limit = 200, cursor: Cursor = None
) -> JobMachinePage:
    """What became of each machine of a job."""
    caller, service = caller_of(request), service_of(request)
    require(caller, Scope.READ)
    _seen_job(service, caller, number)
    with service.inventory() as inventory:
        tasks = task_page(inventory.database, number, limit + 1, int(cursor or 0))
    return machine_page(tasks, limit)


@router.post("/jobs/{id}/cancel", operation_id="cancel_job", status_code=202)
def cancel_job(number: Number, request: Request) -> JobInfo:
    """End a job: no more calls are begun for it, and it can be resumed. One that is over answers 409."""
    caller, service = caller_of(request), service_of(request)
    require(caller, Scope.ACT)
    _seen_job(service, caller, number)
    return job_info(Jobs(service.config).cancel(number))


@router.post("/jobs/{id}/resume", operation_id="resume_job", status_code=202, response_model=JobInfo)
def resume_job(number: Number, request: Request, body: Resumption | None = None) -> Response:
    """Go on with a job that was interrupted or cancelled, or retry what failed; nothing is done twice."""
    caller, service, runner = caller_of(request), service_of(request), runner_of(request)
    require(caller, Scope.ACT)
    job = _seen_job(service, caller, number)
    require(caller, scope_of(job.verb))
    runner.require_running()
    said = body or Resumption(failed=False, timeout=None, parallel=None)
    ends = time.time() + said.timeout if said.timeout else None
    terms = Terms(said.parallel, None, ends, said.failed, said.timeout)
    claimed = runner.server.claim(number, terms)
    runner.submit(ClaimedJob(number, caller.name, terms))
    return _accepted(claimed)


def runner_of(request: Request) -> Runner:
    """What runs jobs for this application."""
    runner: Runner = request.app.state.runner
    return runner


def _is_valid(request: Request, caller: Caller) -> bool:
    """Whether a caller may still know what was asked for a while ago."""
    tokens: Tokens = request.app.state.tokens
    return not caller.key or tokens.is_valid(caller)


def _accepted(job: JobState) -> Response:
    """The answer that names a job, and says when to look at it."""
    headers = {"Location": f"/v1/jobs/{job.number}", "Retry-After": str(_AGAIN)}
    return JSONResponse(job_info(job).model_dump(mode="json"), 202, headers)


def _seen_job(service: Service, caller: Caller, number: int) -> JobState:
    """A job, if there is one that the caller may see."""
    with service.inventory() as inventory:
        try:
            job = state_of(inventory.database, find_job(inventory.database, number))
        except UnknownName:
            job = None
    if job is None or not sees_job(caller, job):
        raise Problem(404, f"there is no job {number}; GET /v1/jobs lists them", "unknown-name")
    return job


def _foresee(service: Service, caller: Caller, body: JobBody) -> JobPlan:
    config = seen_config(service.config, caller)
    return make_dry_plan(read(body, config), body, config)


def _create(service: Service, runner: Runner, caller: Caller, body: JobBody, key: JobKey | None) -> JobState:
    """Plan a job and store it, unless its key says that this was done before."""
    server = runner.server
    began = time.time()
    if key and (known := server.made_with(key)):
        return _own(caller, known)
    config = seen_config(service.config, caller)
    try:
        plan = make_plan(read(body, config), body, config)
    except (CloudmeshError, Problem):
        # Another request with this key may have made it meanwhile, and taken the names.
        if key and (known := server.made_with(key)):
            return _own(caller, known)
        raise
    ends = began + body.timeout if body.timeout else None
    terms = Terms(body.parallel, body.call_timeout, ends, timeout=body.timeout)
    job, is_new = server.create(plan, caller.name, terms, key)
    if is_new:
        userdata = getattr(body, "userdata", None) or ""
        runner.submit(ClaimedJob(job.number, caller.name, terms), userdata)
    return job if is_new else _own(caller, job)


def _own(caller: Caller, job: JobState) -> JobState:
    """The job that was made with a key, unless an earlier token of this name has made it elsewhere."""
    if not sees_job(caller, job):
        raise Problem(
            422,
            "this idempotency key was used for a job that this token may not know of; use a new key",
            "key-of-another",
        )
    return job


def _same(body: JobBody) -> bytes:
    """The body as bytes that are the same for what means the same."""
    return json.dumps(body.model_dump(mode="json"), sort_keys=True).encode()
