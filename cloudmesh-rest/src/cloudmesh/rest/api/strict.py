"""What a request must be like: nothing of it is passed over that the client may have meant."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, get_args

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from starlette.routing import BaseRoute, Match

from cloudmesh.plugin.errors import suggest
from cloudmesh.rest.problems import Problem

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_JSON = "application/json"


async def strict(request: Request) -> None:
    """Refuse parameters that there are not, bodies of which nobody says that they are JSON, and twins.

    A parameter that is passed over, since its name has a slip, would mean more machines than were meant. Is
    asked before each resource. Raises Problem.
    """
    dependant: Dependant = request.scope["route"].dependant
    single, several = _parameters(dependant)
    counts = Counter(name for name, _ in request.query_params.multi_items())
    for name, count in counts.items():
        if name not in single | several:
            known = sorted(single | several)
            near = suggest(name, known, 20) if known else "this resource has none"
            raise Problem(422, f"there is no parameter {name[:100]!r}; {near}", "unknown-parameter")
        if count > 1 and name in single:
            raise Problem(422, f"the parameter {name!r} is there {count} times; give it once", "parameter")
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if dependant.body_params and has_body:
        _check_type(request.headers.get("content-type"))
        _check_members(await request.body())


def told(request: Request, errors: Sequence[Any]) -> Problem:
    """What of a request is wrong, and where; not what it was, which may be secret.

    ``errors``: those of pydantic, whose words stand where it alone knows what is wrong.
    """
    wrong = [{"where": ".".join(map(str, each["loc"])), "what": _what(request, each)} for each in errors]
    detail = "; ".join(f"{each['where']}: {each['what']}" for each in wrong)
    return Problem(422, detail, more={"errors": wrong})


def allowed(routes: Sequence[BaseRoute], scope: Any) -> list[str]:
    """All methods that the address of a request has."""
    found = [
        method
        for method in _METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    return ["GET", "HEAD", *found[1:]] if found[:1] == ["GET"] else found


def _parameters(dependant: Dependant) -> tuple[frozenset[str], frozenset[str]]:
    """The parameters of a resource: those that are given once, and those that may be given several times."""
    single: set[str] = set()
    several: set[str] = set()
    for field in get_flat_params(dependant):
        if isinstance(field.field_info, Query):
            is_list = "list[" in str(field.field_info.annotation)
            (several if is_list else single).add(field.alias)
    return frozenset(single), frozenset(several)


def _check_members(body: bytes) -> None:
    """Refuse a body that says something twice: of ``names`` that are given twice the last would count."""

    def once(pairs: list[tuple[str, Any]]) -> None:
        counts = Counter(name for name, _ in pairs)
        for name, count in counts.items():
            if count > 1:
                raise Problem(
                    422, f"the member {name[:100]!r} is there {count} times; give it once", "member"
                )

    # What is no JSON at all is told by who reads it.
    with suppress(ValueError, RecursionError):
        json.loads(body, object_pairs_hook=once)


def _what(request: Request, error: Any) -> str:
    """What is wrong at one place of a request."""
    kind, place = error["type"], error["loc"]
    if kind == "missing":
        return "it is missing"
    if kind == "list_type":
        return f"it is no list; put it into brackets, as in {place[-1]}: [...]"
    if kind == "extra_forbidden" and len(place) == 2:
        dependant: Dependant = request.scope["route"].dependant
        bodies = (field.field_info.annotation for field in dependant.body_params)
        # One that may be left out is a union.
        models = (each for body in bodies for each in (get_args(body) or (body,)))
        known = sorted({name for model in models for name in getattr(model, "model_fields", ())})
        return f"there is no such member; {suggest(str(place[-1])[:100], known, 20)}"
    return str(error["msg"])


def _check_type(given: str | None) -> None:
    """Refuse a body that is not called JSON."""
    kind = (given or "").partition(";")[0].strip().lower()
    if kind != _JSON:
        what = f"the body is called {kind[:100]!r}" if kind else "the body has no content type"
        raise Problem(
            415,
            f"{what}, and JSON is needed; send the header 'Content-Type: {_JSON}' with it",
            headers={"Accept": _JSON},
        )
