"""The question before machines lose what is on their disks: how many, which, and on which clouds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.model.verbs import find_verb
from cloudmesh.plugin.asking import agrees, require_terminal
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.names import expand, fold
from cloudmesh.plugin.plain import harmless

if TYPE_CHECKING:
    from cloudmesh.vm.jobs.planning import GivenArgument

# So many characters of names are shown of all clouds together, and at least so many of each.
_WIDTH = 200
_LEAST = 40
# So many clouds are named.
_CLOUDS = 8


def confirm(
    action: str,
    machines: Sequence[MachineRecord],
    alike: Collection[str] = (),
    argument: GivenArgument = None,
) -> None:
    """Ask whether these machines may lose what is on their disks.

    One machine is agreed to by y or yes, several by their number: who typed a glob that means more than was
    thought notices it.

    Args:
        alike: names, with their cloud, that several machines have: ids are shown beside them.
        argument: what the verb takes beside the machines.

    Raises:
        UsageError: there is no terminal to ask at.
        CloudmeshError: the answer was another one.
    """
    count = len(machines)
    if count == 0:
        return
    verb = find_verb(action)
    counted = "1 machine" if count == 1 else f"{count} machines"
    require_terminal(f"{verb.words} {counted}")
    question = verb.destroys.format(machines=f"{counted} {_places(machines, alike)}", argument=argument)
    how = () if count == 1 else (f"Type {count} to confirm:", (str(count),))
    if not agrees(harmless(question), *how):
        raise CloudmeshError(f"nothing was {verb.past}: not confirmed")


def _places(machines: Sequence[MachineRecord], alike: Collection[str]) -> str:
    """``web[01-20] on uc, db1 and 3 more on tacc``: names folded, as far as there is room."""
    by_cloud: dict[str, list[MachineRecord]] = {}
    for each in machines:
        by_cloud.setdefault(each.cloud, []).append(each)
    shown = list(by_cloud)[:_CLOUDS]
    width = max(_LEAST, _WIDTH // len(by_cloud))
    told = [f"{_names(by_cloud[cloud], alike, width)} on {cloud}" for cloud in shown]
    if len(by_cloud) > len(shown):
        rest = sum(len(found) for cloud, found in by_cloud.items() if cloud not in shown)
        told.append(f"and {rest} more on {len(by_cloud) - len(shown)} other clouds")
    return ", ".join(told)


def _names(machines: Sequence[MachineRecord], alike: Collection[str], width: int) -> str:
    """The names of machines of one cloud, folded, up to so many characters; what is left is counted."""
    twins = [f"{each.name} ({each.cloud_id})" for each in machines if each.qualified_name in alike]
    single = [each.name for each in machines if each.qualified_name not in alike]
    # By how many machines each stands for.
    pieces = [(text, 1 if text in single else len(expand(text))) for text in fold(single, width)]
    pieces += [(text, 1) for text in twins]
    shown, left = [pieces[0][0]], len(machines) - pieces[0][1]
    for text, count in pieces[1:]:
        if len(",".join([*shown, text])) > width:
            break
        shown.append(text)
        left -= count
    return ",".join(shown) + (f" and {left} more" if left else "")
