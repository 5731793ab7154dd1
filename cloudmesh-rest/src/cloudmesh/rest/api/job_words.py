"""Reads the body of a new job: which verb is meant with which argument, and for which machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cloudmesh.cloud.client.booter import BootOptions
from cloudmesh.cloud.model.boot_verb import BOOT
from cloudmesh.cloud.model.parameters import Kind
from cloudmesh.cloud.model.verbs import VERBS, Verb, find_verb
from cloudmesh.config import Config
from cloudmesh.plugin.errors import UnknownName
from cloudmesh.plugin.names import Name, expand
from cloudmesh.rest.access.caller import Scope
from cloudmesh.rest.api.job_body import JobBody, parameters_of
from cloudmesh.rest.problems import Problem
from cloudmesh.vm.jobs.planning import GivenArgument
from cloudmesh.vm.machines import Machines

_NO_NAMES = "no machine is named; give names, such as web[01-20], or all: true for every machine"


@dataclass(frozen=True)
class Wanted:
    """What a body means, as far as can be told without asking a cloud.

    Attributes:
        verb: what is to be done; the one that a flag chooses.
        argument: what the verb takes.
        names: the names as they were given; None for every machine.
        named: what these names are.
        clouds: those that are meant where a name does not say; None if every name does.
    """

    verb: Verb
    argument: GivenArgument | BootOptions = field(repr=False)
    names: Sequence[str] | None
    named: Sequence[Name]
    clouds: Sequence[str] | None

    @property
    def boots(self) -> bool:
        """Whether it makes machines of these names."""
        return self.verb is BOOT

    def machines(self, config: Config, body: JobBody) -> Machines:
        """The machines that are meant. Raises UsageError."""
        more: dict[str, Any] = {"parallel": body.parallel, "call_timeout": body.call_timeout}
        if self.names is None:
            return Machines.all(self.clouds, config, body.mine, **more)
        return Machines(self.names, self.clouds, config, mine=body.mine, **more)


def verb_of(body: JobBody) -> Verb:
    """The verb of a body, with the one that a flag stands for. Raises Problem for one that there is not."""
    try:
        verb = BOOT if body.verb == BOOT.name else find_verb(body.verb)
    except UnknownName:
        raise Problem(422, str(UnknownName("verb", body.verb, [BOOT.name, *VERBS])), "unknown-name") from None
    flags = (each for each in verb.parameters if each.kind is Kind.FLAG and each.verb)
    return next((VERBS[each.verb] for each in flags if getattr(body, each.name, None)), verb)


def scope_of(verb: Verb | str) -> Scope:
    """The scope that doing this needs."""
    known = VERBS.get(verb) if isinstance(verb, str) else verb
    return Scope.DESTROY if known is not None and known.destroys else Scope.ACT


def read(body: JobBody, config: Config) -> Wanted:
    """What a body means; asks no cloud.

    Raises:
        Problem: something is missing, does not go together, or is not taken by the verb.
        UsageError: the names cannot be read.
        UnknownName, ConfigError: there is no such cloud, or it is not active.
    """
    verb = verb_of(body)
    argument = _argument(verb, body)
    if body.names is not None and body.all:
        raise Problem(422, "names and all are both given; use one of them")
    if body.names is None and not body.all:
        raise Problem(422, _NO_NAMES)
    if body.names is None and verb is BOOT:
        raise Problem(422, "booting needs names, such as web[01-03]")
    named = expand(body.names) if body.names is not None else []
    _require_safe(verb, body, named)
    clouds = _clouds(verb, body, named, config)
    return Wanted(verb, argument, body.names, named, clouds)


def _require_safe(verb: Verb, body: JobBody, named: Sequence[Name]) -> None:
    """Refuse what would destroy machines of which nobody has said how many they are."""
    if not verb.destroys or body.dryrun or body.expect is not None or in_full(body, named):
        return
    raise Problem(
        422,
        f"{verb.words} destroys what is on disks: give expect with the number of machines, or each name in "
        "full, without ranges and globs; dryrun tells the number",
        "expect-needed",
    )


def in_full(body: JobBody, named: Sequence[Name]) -> bool:
    """Whether each machine is named by a word of its own, which is no range and no glob."""
    names = body.names or ()
    # A range or a comma makes several of one word, unless it means one only.
    return (
        bool(names)
        and len(named) == len(set(names))
        and not any(
            name.is_glob or (not name.sign and str(name) != word.strip())
            for name, word in zip(named, dict.fromkeys(names), strict=True)
        )
    )


def _clouds(verb: Verb, body: JobBody, named: Sequence[Name], config: Config) -> Sequence[str] | None:
    """The clouds that are meant where a name does not say."""
    if body.clouds is not None:
        return body.clouds
    if body.names is not None and all(each.cloud is not None for each in named):
        return None
    defaults = config.default_clouds()
    if not defaults:
        raise Problem(422, "no cloud is named, and there is no default cloud; give clouds")
    if verb is BOOT and len(defaults) > 1:
        raise Problem(422, f"{', '.join(defaults)} are all default clouds; choose with clouds where to boot")
    return defaults


def _argument(verb: Verb, body: JobBody) -> GivenArgument | BootOptions:
    """What the verb takes; raises Problem for what it does not take, or for what is missing."""
    said = find_verb(body.verb) if verb is not BOOT else BOOT
    known = parameters_of(said)
    common = set(JobBody.model_fields)
    given = {
        name: value
        for name in type(body).model_fields
        if name not in common and (value := getattr(body, name)) is not None
    }
    for name in given:
        if name not in known:
            takes = ", ".join(known) or "nothing beside machines"
            raise Problem(422, f"{said.name} does not take {name}; it takes {takes}")
    if verb is BOOT:
        if None in (given.get("metadata") or {}).values():
            raise Problem(422, "metadata of a new machine cannot be null; leave the key out")
        return BootOptions(**given, extra=body.extra)
    if body.extra:
        raise Problem(422, "extra is for booting only")
    if verb.value is None:
        return None
    argument: GivenArgument = given.get(verb.value.name)
    if not argument:
        raise Problem(422, f"{verb.name} needs {verb.value.name}: {verb.value.help}")
    return argument
