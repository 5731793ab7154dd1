"""The body of a new job, made from the table of verbs: what a verb takes stands beside what all jobs have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, create_model

from cloudmesh.cloud.model.boot_verb import BOOT
from cloudmesh.cloud.model.parameters import Kind, Parameter
from cloudmesh.cloud.model.verbs import VERBS, Verb

# So many names are taken, each of so many characters; a range counts as one.
_NAMES, _LONGEST = 10_000, 2000
# What clouds take of user data is less.
_USERDATA = 1_000_000
Seconds = Annotated[float, Field(gt=0, le=31_536_000, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1, max_length=_LONGEST)]
# What may be empty. That its length is looked at keeps out what is no text, as half a pair of surrogates.
Value = Annotated[str, Field(max_length=_USERDATA)]
_TYPES: dict[Kind, Any] = {
    Kind.NETWORKS: list[Text],
    Kind.SECURITY_GROUPS: list[Text],
    Kind.FILE: Value,
    Kind.METADATA: dict[Value, Value | None],
    Kind.HINTS: dict[Value, Value | list[Value]],
    Kind.FLAG: StrictBool,
}
# What the shell tells in its own words: there it is a word or a file.
_HELP: dict[Kind, str] = {
    Kind.NETWORKS: "names or ids of networks; else the default",
    Kind.SECURITY_GROUPS: "names of security groups; else the default",
    Kind.FILE: "user data for cloud-init, as text; else the default",
    Kind.HINTS: "hints for the scheduler, by key, such as group: ID",
}


class JobBody(BaseModel):
    """What is to be done, and to which machines. What only some verbs take is told by /v1/verbs."""

    model_config = ConfigDict(extra="forbid")

    verb: Annotated[str, Field(max_length=100)] = Field(description="boot, or one of /v1/verbs")
    names: Annotated[list[Text], Field(min_length=1, max_length=_NAMES)] | None = Field(
        None, description="names, ranges such as web[01-20], globs such as web*; cloud:name, =exact, id=ID"
    )
    all: StrictBool = Field(False, description="every machine of these clouds, in place of names")
    clouds: Annotated[list[Text], Field(min_length=1, max_length=1000)] | None = Field(
        None, description="the clouds that are meant where a name does not say; else the defaults"
    )
    mine: StrictBool | None = Field(
        None, description="only machines of our own; null for what the configuration of each cloud says"
    )
    wait: StrictBool | Literal["ready"] = Field(
        False, description="also wait for the state that the verb leads to, or until one can sign in"
    )
    timeout: Seconds | None = Field(None, description="seconds for all of it together")
    parallel: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="the most calls at once; else the configured number"
    )
    call_timeout: Seconds | None = Field(None, description="seconds for one call; else as configured")
    dryrun: StrictBool = Field(False, description="only tell what would be done")
    expect: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None,
        description="how many machines are meant; a verb that destroys needs it unless each name is given "
        "in full",
    )
    extra: dict[Value, Value | int | float | bool] = Field(
        default_factory=dict, description="for boot: what only clouds of one type take"
    )


def parameters_of(verb: Verb) -> dict[str, Parameter]:
    """What a verb takes, by its key in the body."""
    return {each.name: each for each in verb.parameters}


def _fields() -> dict[str, Any]:
    """A field for each parameter of any verb, told with the verbs that take it."""
    takers: dict[str, dict[str, list[str]]] = {}
    kinds: dict[str, Parameter] = {}
    for verb in (BOOT, *VERBS.values()):
        for each in verb.parameters:
            takers.setdefault(each.name, {}).setdefault(parameter_help(each), []).append(verb.name)
            kinds.setdefault(each.name, each)
    return {
        name: (
            _TYPES.get(each.kind, Text) | None,
            Field(
                None,
                description="; ".join(
                    f"for {', '.join(verbs)}: {told}" for told, verbs in takers[name].items()
                ),
                repr=each.kind is not Kind.FILE,
            ),
        )
        for name, each in kinds.items()
    }


def parameter_help(parameter: Parameter) -> str:
    """What a parameter means, where it is a member of a body."""
    if parameter.kind is Kind.METADATA:
        return "values by key" if parameter.name == "metadata" else "new values by key; null removes a key"
    return _HELP.get(parameter.kind, parameter.help)


if TYPE_CHECKING:
    NewJob = JobBody
else:
    NewJob = create_model("NewJob", __base__=JobBody, __doc__=JobBody.__doc__, **_fields())
