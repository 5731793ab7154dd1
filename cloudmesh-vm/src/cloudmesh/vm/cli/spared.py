"""Locked machines, which are spared where disks would be lost: not in the question, named at the end."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cloudmesh.cloud.errors import Locked, NotFound
from cloudmesh.cloud.model.refusals import locked
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.names import fold
from cloudmesh.vm.clouds.select import Selection
from cloudmesh.vm.model.outcome import UnresolvedName

if TYPE_CHECKING:
    from cloudmesh.cloud.client.cloud import Cloud
    from cloudmesh.cloud.model.records import MachineRecord
    from cloudmesh.cloud.model.verbs import Verb
    from cloudmesh.vm.machines import Machines

# So many expressions of names are shown.
_SHOWN = 8


def without_locked(machines: Machines, verb: Verb, selection: Selection) -> Selection:
    """The selection, with the machines that a lock spares among the missing: nobody is asked about them.

    The clouds are asked whether those that are known as locked still are. Where one does not answer, the
    machine stays locked: it must not be deleted by an answer to a question that did not name it.
    """
    doubtful = [each for each in selection.machines if verb.spares(each)]
    if not doubtful:
        return selection
    now = _now(machines, doubtful)
    kept: list[MachineRecord] = []
    spared: list[UnresolvedName] = []
    for each in selection.machines:
        known = now.get((each.cloud, each.cloud_id), each)
        if verb.spares(known):
            spared.append(UnresolvedName(each.cloud, each.name, locked(verb, known)))
        else:
            kept.append(known)
    return Selection(kept, [*selection.missing, *spared])


def _now(machines: Machines, doubtful: Iterable[MachineRecord]) -> Mapping[tuple[str, str], MachineRecord]:
    """The machines as their clouds tell of them now, as far as they do."""
    of_cloud: dict[str, list[MachineRecord]] = {}
    for each in doubtful:
        of_cloud.setdefault(each.cloud, []).append(each)

    def ask(cloud: Cloud) -> list[MachineRecord]:
        found = []
        for each in of_cloud[cloud.name]:
            try:
                found.append(cloud.actions.machines.ask(each))
            except NotFound:
                found.append(replace(each, locked=None))
            except CloudmeshError:
                found.append(each)
        return found

    told = machines.session.ask_all([*of_cloud], ask)
    return {
        (each.cloud, each.cloud_id): each
        for answer in told.values()
        if not isinstance(answer, CloudmeshError)
        for each in answer
    }


def spared_notes(
    verb: Verb, failed: Iterable[tuple[str, str, CloudmeshError | None]], verbal: str = "were"
) -> list[str]:
    """One sentence that names the machines which a lock has spared; none if there are none.

    Args:
        failed: cloud, name and error of each machine that failed.
        verbal: were or would be.
    """
    names: dict[str, list[str]] = {}
    for cloud, name, error in failed:
        if verb.destroys and isinstance(error, Locked):
            names.setdefault(cloud, []).append(name)
    count = sum(map(len, names.values()))
    if not count:
        return []
    words = [f"{cloud}:{each}" for cloud, found in names.items() for each in fold(found)]
    shown = ",".join(words[:_SHOWN])
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    unlock = "NAMES" if more else shlex.quote(shown)
    counted = "1 machine is" if count == 1 else f"{count} machines are"
    verbal = "was" if (verbal, count) == ("were", 1) else verbal
    return [f"{counted} locked and {verbal} spared: {shown}{more}; unlock first: cms vm unlock {unlock}"]


def untold_notes(machines: Machines, verb: Verb, known: Iterable[MachineRecord]) -> list[str]:
    """One sentence on the clouds that have locks and did not tell of them: a dry run cannot know them."""
    places = dict.fromkeys(each.cloud for each in known if verb.destroys and each.locked is None)
    clouds = [name for name in places if Capability.LOCK in machines.session.declared(name).capabilities]
    if not clouds:
        return []
    return [
        f"lists of {', '.join(clouds)} do not tell which machines are locked; such machines will be refused"
    ]
