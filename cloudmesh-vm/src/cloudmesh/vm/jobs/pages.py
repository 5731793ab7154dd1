"""Jobs and their machines in pages, for whoever reads more than the last ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudmesh.db import Database
from cloudmesh.vm.jobs import rows
from cloudmesh.vm.jobs.jobs import JobState, find_job, state_of
from cloudmesh.vm.jobs.store import find_all

# So many jobs are read at once, and looked at for one page.
_READ, _LOOKED_AT = 100, 2000


def job_page(
    database: Database,
    limit: int,
    before: int | None = None,
    verb: str | None = None,
    wanted: Callable[[JobState], bool] = lambda _: True,
) -> tuple[list[JobState], int | None]:
    """Some jobs, the newest first, and the number before which the next page begins; None after the last one.

    A page may have fewer than it could: of those that are not wanted only so many are looked at.

    Args:
        database: the store.
        limit: the most jobs.
        before: only jobs with a smaller number.
        verb: only jobs with this verb.
        wanted: tells which jobs are meant.

    Raises StoreError.
    """
    from cloudmesh.db.records.conditions import lt
    from cloudmesh.db.records.ordering import desc

    found: list[JobState] = []
    looked = 0
    while True:
        where: dict[str, Any] = {} if before is None else {"id": lt(before)}
        where |= {} if verb is None else {"verb": verb}
        page = find_all(database, rows.JOBS, where=where, order=desc("id"), limit=_READ)
        for job in page:
            if len(found) == limit or looked == _LOOKED_AT:
                return found, before
            looked, before = looked + 1, job.id
            state = state_of(database, job)
            if wanted(state):
                found.append(state)
        if len(page) < _READ:
            return found, None


def task_page(database: Database, number: int, limit: int, after: int = 0) -> list[dict[str, Any]]:
    """Some machines of a job in their order, those with a row after this one; at most ``limit``.

    Each is the row of its task, with its ``number`` and with a ``result`` as ``Jobs.show`` gives it.

    Raises UnknownName, StoreError.
    """
    from cloudmesh.db.records.conditions import gt

    state = state_of(database, find_job(database, number))
    tasks = find_all(database, rows.TASKS, where={"job": number, "id": gt(after)}, limit=limit)
    return [{**rows.told(each, state.over), "number": each.id} for each in tasks]
