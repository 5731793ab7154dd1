"""Names that somebody else has taken for new machines since a boot was planned.

Between the listing that shows which names are free and the boot itself, another process of the same store
may have done the same. So it is looked for once more where jobs are founded one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable

from cloudmesh.cloud.errors import Refused
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.vm.jobs.plan_boot import name_taken
from cloudmesh.vm.jobs.store import JOBS, RUNNING, TASKS, UNFINISHED, lock_name
from cloudmesh.vm.model.call import BOOT

_GONE = (State.DELETING, State.DELETED)


def claimed(
    inventory: Inventory, places: Iterable[tuple[str, str]], job: int
) -> dict[tuple[str, str], Refused]:
    """Why machines must not be booted by a job, though a listing showed that their names are free.

    A few queries, however many names there are. Raises StoreError.
    """
    wanted: dict[str, list[str]] = {}
    for cloud, name in places:
        wanted.setdefault(cloud, []).append(name)
    if not wanted:
        return {}
    with inventory.database.atomic():
        return _being_booted(inventory, wanted, job) | _booted(inventory, wanted)


def _booted(inventory: Inventory, wanted: dict[str, list[str]]) -> dict[tuple[str, str], Refused]:
    """The names of machines that are known, though the listing did not show them: they are newer than that.

    Had they been older, taking over the listing would have forgotten them.
    """
    return {
        (cloud, each.machine.name): name_taken(cloud, each.machine.name)
        for cloud, names in wanted.items()
        for each in inventory.named(cloud, names)
        if each.machine.state not in _GONE
    }


def _being_booted(
    inventory: Inventory, wanted: dict[str, list[str]], job: int
) -> dict[tuple[str, str], Refused]:
    """The names of machines that jobs boot which a process runs; one that was interrupted boots nothing."""
    database = inventory.database
    running = database.find(JOBS, verb=BOOT, status=RUNNING)
    others = [each.id for each in running if each.id != job and database.is_held(lock_name(each.id))]
    if not others:
        return {}
    from cloudmesh.db.records.conditions import in_

    found: dict[tuple[str, str], Refused] = {}
    for cloud, names in wanted.items():
        lines = database.find(
            TASKS, job=in_(others), cloud=cloud, name=in_(names), status=in_(UNFINISHED), verb=BOOT
        )
        for line in lines:
            found[cloud, line["name"]] = _claimed(cloud, line["name"], line["job"])
    return found


def _claimed(cloud: str, name: str, job: int) -> Refused:
    return Refused(
        f"cloud {cloud}: job {job} is booting a machine {name} at this moment; "
        f"cms job show {job} tells what becomes of it"
    )
