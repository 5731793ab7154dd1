"""The application: all resources under /v1, behind the guard, with problem documents for whatever fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cloudmesh.db import open_store
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.rest import problems
from cloudmesh.rest.access.tokens import Tokens
from cloudmesh.rest.api import clouds, events, health, jobs, machines, session, verbs
from cloudmesh.rest.api.answers import Answers
from cloudmesh.rest.api.documented import document
from cloudmesh.rest.api.head import Head
from cloudmesh.rest.api.quick import QuickRoad
from cloudmesh.rest.api.service import Service
from cloudmesh.rest.api.strict import allowed, strict, told
from cloudmesh.rest.feed.feed import Feed
from cloudmesh.rest.problems import Problem
from cloudmesh.rest.running.runner import Runner
from cloudmesh.rest.running.waits import JobWaits

ROUTERS: Sequence[APIRouter] = (
    clouds.router,
    events.router,
    health.router,
    jobs.router,
    machines.router,
    session.router,
    verbs.router,
)
# What works in the background, by its name on ``app.state``: it is started in this order, and stopped in the
# other one. Each has ``start()`` and ``stop()``, which may take their time.
BACKGROUND = ("tokens", "runner", "waits", "feed", "answers")


class Application(FastAPI):
    """FastAPI, which is asked only for what is not kept: to pass through it costs more than to answer."""

    def begin_with(self, answers: Answers) -> None:
        """Look among these answers first."""
        self._front = Head(QuickRoad(super().__call__, answers))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        await self._front(scope, receive, send)


def create_app(service: Service | None = None) -> FastAPI:
    """The application of one server, which the guard of ``cloudmesh.rest.access`` has to stand before."""
    app = Application(
        title="cloudmesh",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        lifespan=_background,
        dependencies=[Depends(strict)],
    )
    app.state.service = service = service or Service()
    app.state.tokens = Tokens(lambda: open_store(service.config))
    app.state.feed = Feed(lambda: service.config)
    app.state.runner = Runner(lambda: service.config)
    app.state.waits = JobWaits(lambda: service.config)
    app.state.answers = Answers(service)
    app.begin_with(app.state.answers)
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
    document(app)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(CloudmeshError, _error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
    return app


@contextlib.asynccontextmanager
async def _background(app: FastAPI) -> AsyncIterator[None]:
    """What works in the background, while the server runs."""
    async with AsyncExitStack() as stack:
        for name in BACKGROUND:
            thing = getattr(app.state, name)
            await asyncio.to_thread(thing.start)
            stack.push_async_callback(asyncio.to_thread, thing.stop)
        yield


async def _problem(_: Request, problem: Any) -> Response:
    return problems.response(problem)


async def _error(_: Request, error: Any) -> Response:
    return problems.response(problems.problem_of(error))


async def _invalid(request: Request, error: Any) -> Response:
    return problems.response(told(request, error.errors()))


async def _http(request: Request, error: Any) -> Response:
    headers, detail = dict(error.headers or {}), str(error.detail)
    if error.status_code == 404:
        detail = "nothing is at this address; /v1/openapi.json describes what there is"
    if error.status_code == 405:
        # Starlette names the methods of the first route alone.
        headers["Allow"] = methods = ", ".join(allowed(request.app.router.routes, request.scope))
        detail = f"{request.method} has no meaning at this address, which takes {methods}"
    return problems.response(Problem(error.status_code, detail, headers=headers))


async def _unexpected(_: Request, error: Exception) -> Response:
    """An error of the program itself: its traceback is for the server's log, not for the client."""
    return problems.response(Problem(500, f"an error of the program itself: {type(error).__name__}"))
