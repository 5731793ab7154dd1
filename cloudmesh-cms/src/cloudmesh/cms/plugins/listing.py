"""All commands, providers and executors that are installed, with clashes and failures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cloudmesh.cms.plugins import probe
from cloudmesh.cms.plugins.installed import GROUPS, Brought, everything
from cloudmesh.plugin import Answer, catalogue

COLUMNS = ("kind", "name", "distribution", "version", "state", "reason")
KINDS = ("command", "provider", "executor")


def listing() -> Answer:
    """A row for each thing that a package brings.

    The exit code is 1 if one of them cannot be used: it cannot be loaded, or two packages bring it.
    """
    packages = everything()
    found = sorted(_things(packages), key=lambda one: (KINDS.index(one[0].kind), one[0].name, str(one[1])))
    clashes = _clashes(found)
    reasons = dict(zip(found, probe.reasons([each for each, _ in found]), strict=True))
    good = {thing.value for (thing, _), reason in reasons.items() if not reason}
    rows = [
        _row(thing, owner, clashes.get((thing.kind, thing.name), []), reason)
        for (thing, owner), reason in reasons.items()
        # A name that only stands in the text of a module which brings other commands is none.
        if not (thing.value in good and reason.startswith(probe.NO_METHOD))
    ]
    bad = [row for row in rows if row["state"] in ("failed", "clash")]
    notes = [f"note: {each}: {each.damage}; install it again" for each in packages if each.damage]
    return Answer(rows, columns=COLUMNS, notes=notes, exit_code=1 if bad else 0)


def _things(packages: list[Brought]) -> Iterator[tuple[probe.Thing, Brought]]:
    """What each package brings, with that package."""
    for package in packages:
        for name, files in package.commands.items():
            for file in files:
                module = _module(name, file)
                yield probe.Thing("command", name, module, str(file)), package
        for point in package.points:
            yield probe.Thing(GROUPS[point.group], point.name, point.value), package


def _module(name: str, file: Path) -> str:
    places = catalogue.places()[name]
    return next(each.module for each in places if each.file.resolve() == file)


def _clashes(found: list[tuple[probe.Thing, Brought]]) -> dict[tuple[str, str], list[Brought]]:
    """The packages that bring one thing, where they are several."""
    owners: dict[tuple[str, str], dict[tuple[str, str], Brought]] = {}
    for thing, owner in found:
        # An entry point that two packages have alike leads to one class all the same.
        source = (thing.value, owner.distribution if thing.kind == "command" else "")
        owners.setdefault((thing.kind, thing.name), {})[source] = owner
    return {key: list(each.values()) for key, each in owners.items() if len(each) > 1}


def _row(thing: probe.Thing, owner: Brought, rivals: list[Brought], reason: str) -> dict[str, Any]:
    state = "failed" if reason else "ok"
    if rivals:
        others = [str(each) for each in rivals if each is not owner] or [f"{owner}, twice"]
        used = f"; the one of {in_use} is used" if (in_use := _in_use(thing, rivals)) else ""
        state = "clash" if state == "ok" else state
        said = f"also in {', '.join(others)}{used}; remove all but one"
        reason = f"{reason}; {said}" if reason else said
    return {
        "kind": thing.kind,
        "name": thing.name,
        "distribution": owner.distribution or None,
        "version": owner.version or None,
        "module": thing.value,
        "state": state,
        "reason": reason or None,
    }


def _in_use(thing: probe.Thing, rivals: list[Brought]) -> str:
    """The package whose command is run; empty where they share its file, and for what is no command."""
    if thing.kind != "command":
        return ""
    first = catalogue.places()[thing.name][0].file.resolve()
    owners = [each for each in rivals if first in each.commands[thing.name]]
    return str(owners[0]) if len(owners) == 1 else ""
