"""``/v1/verbs``: the table of verbs, with what each takes and where it leads."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from cloudmesh.cloud.model.boot_verb import BOOT
from cloudmesh.cloud.model.verbs import VERBS, capability_of
from cloudmesh.rest.api.job_body import parameter_help

router = APIRouter(tags=["verbs"])


class ParameterInfo(BaseModel):
    """What a verb takes."""

    name: str
    kind: str
    help: str
    required: bool


class VerbInfo(BaseModel):
    """One thing that can be done to machines."""

    name: str
    help: str
    sources: list[str]
    already: list[str]
    target: str | None
    passing: str | None
    destroys: bool
    capability: str | None
    parameters: list[ParameterInfo]


@router.get("/verbs", operation_id="list_verbs")
def list_verbs() -> list[VerbInfo]:
    """All that can be done to machines."""
    return [
        VerbInfo(
            name=verb.name,
            help=verb.help or verb.deed,
            sources=sorted(state.value for state in verb.sources),
            already=sorted(state.value for state in verb.already),
            target=verb.target.value if verb.target else None,
            passing=verb.passing.value if verb.passing else None,
            destroys=bool(verb.destroys),
            capability=capability.value if (capability := capability_of(verb)) else None,
            parameters=[
                ParameterInfo(
                    name=each.name, kind=each.kind.value, help=parameter_help(each), required=each.required
                )
                for each in verb.parameters
            ],
        )
        for verb in (BOOT, *VERBS.values())
    ]
