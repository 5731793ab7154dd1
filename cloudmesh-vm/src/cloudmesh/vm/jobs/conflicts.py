"""Checks the names of new machines: whether clouds allow them, and whether others have taken them.

Between the listing that shows which names are free and the boot itself, another process with the same store
may take one. So it is looked for once more while the job is created, which one process does after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import Refused, failed_task
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.provider.boot import require_good_name
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.db import Database
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs.claims import is_run
from cloudmesh.vm.jobs.rows import JOBS, RUNNING, TASKS, UNFINISHED
from cloudmesh.vm.model.call import BOOT

_GONE = (State.DELETING, State.DELETED)
# A cloud, and the name of a machine there.
Place = tuple[str, str]


def find_conflicts(inventory: Inventory, job: int, places: Iterable[Place]) -> dict[Place, Refused]:
    """Why machines of a job must not be booted, though a listing showed that their names are free.

    It costs a few queries, however many names there are. Raises StoreError.
    """
    names: dict[str, list[str]] = {}
    for cloud, name in places:
        names.setdefault(cloud, []).append(name)
    if not names:
        return {}
    with inventory.database.atomic():
        # Machines in the store that the listing did not show are newer than it: it would have removed older
        # ones from the store.
        booted = {
            (cloud, each.machine.name): name_taken(cloud, each.machine.name)
            for cloud, wanted in names.items()
            for each in inventory.named(cloud, wanted)
            if each.machine.state not in _GONE
        }
        return _being_booted(inventory.database, job, names) | booted


def _being_booted(database: Database, job: int, names: Mapping[str, list[str]]) -> dict[Place, Refused]:
    """The names of machines that other running jobs boot; an interrupted job boots nothing."""
    running = database.find(JOBS, verb=BOOT, status=RUNNING)
    others = [each.id for each in running if each.id != job and is_run(database, each.id)]
    if not others:
        return {}
    from cloudmesh.db.records.conditions import in_

    which = {"job": in_(others), "status": in_(UNFINISHED), "verb": BOOT}
    return {
        (cloud, row["name"]): Refused(
            f"cloud {cloud}: job {row['job']} is booting a machine {row['name']} now; "
            f"cms job show {row['job']} shows its progress"
        )
        for cloud, wanted in names.items()
        for row in database.find(TASKS, which, cloud=cloud, name=in_(wanted))
    }


def name_taken(cloud: str, name: str) -> Refused:
    """The error for a new machine whose name another machine on its cloud has."""
    return Refused(f"cloud {cloud} already has a machine {name}; use another name")


def check_name(name: str, machine: MachineRecord, session: CloudSession, is_new: bool = False) -> None:
    """Whether a machine, or a new one on its cloud, can be given this name.

    Raises:
        UsageError: no machine can have such a name.
        Refused: another machine on its cloud has it, as the cloud tells now.
    """
    require_good_name(name)
    listed = session.ask_all([machine.cloud], Cloud.machines)[machine.cloud]
    if isinstance(listed, CloudmeshError):
        raise listed
    for other in listed:
        is_itself = other.cloud_id == machine.cloud_id and not is_new
        if other.name == name and not is_itself and other.state is not State.DELETED:
            raise failed_task(name_taken(machine.cloud, name))
