"""Errors as problem documents (RFC 9457): one table from the error tree to the statuses of HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.errors import NotFound
from cloudmesh.plugin.errors import (
    CloudError,
    CloudmeshError,
    ConfigError,
    CredentialsError,
    Interrupted,
    StoreError,
    UnknownName,
    UsageError,
)
from cloudmesh.plugin.secrets import mask_text

if TYPE_CHECKING:
    from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"

# The first class that fits, from the most special one.
STATUSES: tuple[tuple[type[CloudmeshError], int], ...] = (
    (NotFound, 404),
    (UnknownName, 404),
    (UsageError, 422),
    (CredentialsError, 502),
    (ConfigError, 500),
    (CloudError, 502),
    (StoreError, 503),
    (Interrupted, 503),
    (CloudmeshError, 409),
)

TITLES: Mapping[int, str] = {
    400: "The request cannot be read",
    401: "No valid token",
    403: "Not allowed with this token",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    408: "The request came too slowly",
    409: "Conflict",
    412: "Precondition failed",
    413: "The request is too large",
    415: "Wrong media type",
    421: "Wrong host",
    422: "The request cannot be understood",
    429: "Too many requests",
    431: "The headers are too large",
    500: "The server cannot do it",
    502: "A cloud failed",
    503: "Not available now",
}


class Problem(Exception):
    """A request that is answered with a problem document.

    Attributes:
        status: the status of HTTP.
        detail: one sentence: what is wrong, where, and what to do.
        kind: the last part of the document's ``type``; else the name of the status's title.
        more: further members of the document.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        kind: str = "",
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.kind = status, detail, kind
        self.more, self.headers = more or {}, headers or {}


def status_of(error: CloudmeshError) -> int:
    """The status that stands for an error of our tree."""
    return next(status for kind, status in STATUSES if isinstance(error, kind))


def problem_of(error: CloudmeshError) -> Problem:
    """The problem that an error of our tree is to a client."""
    record = error.to_record()
    more = {key: record[key] for key in ("exit_code", "outcome_unknown")}
    return Problem(status_of(error), str(error), _hyphenated(record["kind"]), more)


def document(problem: Problem) -> dict[str, Any]:
    """The members of the document; no secret is among them."""
    title = TITLES.get(problem.status, "Error")
    kind = problem.kind or _hyphenated(title.title().replace(" ", ""))
    return {
        "type": f"urn:cloudmesh:problem:{kind}",
        "title": title,
        "status": problem.status,
        "detail": mask_text(problem.detail),
        **problem.more,
    }


def response(problem: Problem) -> Response:
    """The answer to a request that failed."""
    from starlette.responses import Response  # who only makes tokens does without

    body = json.dumps(document(problem)).encode()
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(body, problem.status, headers, MEDIA_TYPE)


def _hyphenated(name: str) -> str:
    """``UnknownName`` as ``unknown-name``."""
    return "".join(f"-{each.lower()}" if each.isupper() else each for each in name).strip("-")
