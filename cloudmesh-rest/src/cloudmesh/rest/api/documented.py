"""The description of the interface as OpenAPI 3.1, with what FastAPI does not know of."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

from cloudmesh.rest.problems import MEDIA_TYPE, TITLES

DESCRIPTION = """\
Machines on all clouds of a configuration, as the shell `cms` has them.

Each request carries a token of `cms rest token create` as a bearer token. Every error is a problem document
(RFC 9457). Lists come in pages: `next` of one is the `cursor` of the one behind it. GET and HEAD answer 304
to `If-None-Match` with the ETag of what the client has already.
"""
_REF = "#/components/schemas/"
_SCHEME = "token"
# What FastAPI tells of wrong requests, in place of which we send problem documents.
_THEIRS = ("HTTPValidationError", "ValidationError")
# Which statuses any operation may have; those with a body, and with a parameter in the path, have more.
_ALWAYS = (400, 401, 403, 404, 405, 409, 421, 422, 429, 431, 500, 502, 503)
_WITH_BODY = (408, 413, 415)
_METHODS = ("get", "put", "post", "delete", "patch")


class WrongPart(BaseModel):
    """What is wrong with one part of a request."""

    where: str
    what: str


class ProblemDocument(BaseModel):
    """Why a request failed (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:cloudmesh:problem:` and the kind of the problem")
    title: str = Field(description="the same for all problems with this status")
    status: int
    detail: str = Field(description="one sentence: what is wrong, where, and what to do")
    errors: list[WrongPart] = Field([], description="what is wrong with the parts of the request")
    exit_code: int = Field(0, description="what the shell's command would have ended with")
    outcome_unknown: bool = Field(False, description="whether what was asked for may have been done")


def document(app: FastAPI) -> None:
    """Have an application describe itself with its problems and its tokens."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _complete(
                get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(schema: dict[str, Any]) -> dict[str, Any]:
    """The description with problem documents and the way to sign in."""
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _THEIRS:
        schemas.pop(name, None)
    problem = ProblemDocument.model_json_schema(ref_template=f"{_REF}{{model}}")
    schemas |= problem.pop("$defs", {})
    schemas[ProblemDocument.__name__] = problem
    components["securitySchemes"] = {
        _SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": "a token that 'cms rest token create NAME --scope=...' has made",
        }
    }
    schema["security"] = [{_SCHEME: []}]
    for path in schema["paths"].values():
        for method in _METHODS:
            if operation := path.get(method):
                _add_problems(operation)
    return schema


def _add_problems(operation: dict[str, Any]) -> None:
    """Add the answers of an operation that failed."""
    responses = operation["responses"]
    for status in sorted((*_ALWAYS, *(_WITH_BODY if "requestBody" in operation else ()))):
        content = {MEDIA_TYPE: {"schema": {"$ref": f"{_REF}{ProblemDocument.__name__}"}}}
        known = responses.get(str(status), {})
        told = known.get("description") if str(status) != "422" else None
        responses[str(status)] = {
            **{key: value for key, value in known.items() if key == "headers"},
            "description": told or TITLES.get(status, "Error"),
            "content": content,
        }
