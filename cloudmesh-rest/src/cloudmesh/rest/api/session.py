"""``/v1/session``: who one is, and how a browser signs in and out."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from cloudmesh.rest.access import credentials, token_rows
from cloudmesh.rest.access.caller import Caller
from cloudmesh.rest.access.guard import take, unauthorized
from cloudmesh.rest.access.tokens import Tokens
from cloudmesh.rest.api.service import caller_of, service_of
from cloudmesh.rest.problems import Problem

router = APIRouter(tags=["session"])


class SignIn(BaseModel):
    """What a browser signs in with: a token, or the code that ``cms rest open`` has made."""

    model_config = ConfigDict(extra="forbid")

    token: str | None = Field(None, max_length=200, description="a token of 'cms rest token create'")
    code: str | None = Field(None, max_length=200, description="works once, for a minute")


class SessionInfo(BaseModel):
    """Who makes requests, and what they may do."""

    name: str = Field(description="the name of the token, which stands on jobs that are made with it")
    scope: Literal["read", "act", "destroy"]
    clouds: list[str] | None = Field(description="the clouds that are seen, as names and globs; null for all")
    expires: datetime | None = Field(description="when it ends by itself")


@router.post(
    "/session",
    operation_id="begin_session",
    status_code=201,
    # What one signs in with is in the body.
    openapi_extra={"security": []},
)
def begin_session(request: Request, response: Response, given: SignIn) -> SessionInfo:
    """Sign a browser in: it gets a cookie that no script can read, and which ends with the token."""
    tokens: Tokens = request.app.state.tokens
    if (given.token is None) == (given.code is None):
        raise Problem(422, "give either a token or a code")
    known = tokens.find if given.token else tokens.has_code
    shown = given.token or given.code or ""
    if not known(shown):
        take(tokens)
        # It may have been made just now.
        tokens.read()
        if not known(shown):
            raise unauthorized()
        tokens.throttle.give_back()
    with service_of(request).inventory() as inventory:
        database = inventory.database
        caller = tokens.find(shown) if given.token else token_rows.use_code(database, shown)
        if caller is None:
            raise unauthorized()
        word, end = token_rows.begin_session(database, caller)
    # The browser comes with it at once.
    tokens.read()
    # A reverse proxy that speaks TLS is known by the page's own address.
    secure = request.headers.get("origin", "").startswith("https:") or request.url.scheme == "https"
    cookie = credentials.set_cookie(_cookie(request), word, end - time.time(), secure=secure)
    response.headers["Set-Cookie"] = cookie
    return _info(Caller(caller.name, caller.scope, caller.clouds, end))


@router.get("/session", operation_id="get_session")
def get_session(request: Request) -> SessionInfo:
    """Who makes this request, by a token or by a session."""
    return _info(caller_of(request))


@router.delete("/session", operation_id="end_session", status_code=204)
def end_session(request: Request) -> Response:
    """Sign the browser out."""
    word = request.cookies.get(_cookie(request))
    if word is None or "authorization" in request.headers:
        raise Problem(409, "a token is no session; 'cms rest token revoke' ends it")
    with service_of(request).inventory() as inventory:
        token_rows.end_session(inventory.database, word)
    request.app.state.tokens.read()
    cookie = credentials.set_cookie(_cookie(request), "", 0, secure=False)
    return Response(status_code=204, headers={"Set-Cookie": cookie})


def _cookie(request: Request) -> str:
    """The name of the cookie; the guard knows it."""
    name: str = request.scope["cloudmesh.cookie"]
    return name


def _info(caller: Caller) -> SessionInfo:
    expires = datetime.fromtimestamp(int(caller.expires), timezone.utc) if caller.expires else None
    clouds = list(caller.clouds) if caller.clouds is not None else None
    return SessionInfo.model_validate(
        {"name": caller.name, "scope": caller.scope.word, "clouds": clouds, "expires": expires}
    )
