"""Whose machines are, so that a glob touches none of a colleague's: ``--mine``.

A machine is ours if its cloud says that it was made by who we are there, or if it was booted from here, which
the token of its boot tells. A store that a team shares holds the boots of all: from here are then those of
our own login on this computer. To what cannot be told to be ours nothing is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.machine_rows import machine_rows
from cloudmesh.cloud.store.owners import ACCOUNT, known_users
from cloudmesh.config import Config
from cloudmesh.db import Database
from cloudmesh.plugin.errors import UnknownName
from cloudmesh.plugin.lists.rows import Rows
from cloudmesh.vm.model.call import BOOT
from cloudmesh.vm.model.plan import TABLES

_JOBS, _, _TASKS, _ = TABLES


class Whose(Enum):
    """Whose a machine is, as far as that can be told."""

    OURS, OTHERS, UNKNOWN = "ours", "others", "unknown"


class _Row(NamedTuple):
    """What tells whose a machine is."""

    cloud: str
    cloud_id: str
    owner: str
    boot_id: str


class _Boots(NamedTuple):
    """What was booted from here: the tokens of the boots, and the ids of machines by their clouds."""

    tokens: frozenset[str]
    machines: frozenset[tuple[str, str]]


class Owners:
    """Tells whose machines are.

    Attributes:
        users: by cloud, who we are there; empty where the cloud does not tell.
    """

    def __init__(self, config: Config, database: Database, users: Mapping[str, str] | None = None) -> None:
        """Look into this store; ``users`` as they are known, else as they were when each cloud was listed."""
        self._config = config
        self._database = database
        self.users = dict(known_users(database) if users is None else users)

    def whose(self, cloud: str, cloud_id: str, owner: str | None, boot_id: str | None) -> Whose:
        """Whose a machine with these values of its record is."""
        user = self.users.get(cloud, "")
        if user and owner == user:
            return Whose.OURS
        booted = boot_id in self._boots.tokens if boot_id else (cloud, cloud_id) in self._boots.machines
        if booted:
            return Whose.OURS
        return Whose.OTHERS if user and owner else Whose.UNKNOWN

    def of(self, machine: MachineRecord) -> Whose:
        """Whose a machine is."""
        return self.whose(machine.cloud, machine.cloud_id, machine.owner, machine.boot_id)

    @cached_property
    def _boots(self) -> _Boots:
        """The boots of this store that are ours."""
        if not self._database.has(_TASKS):
            return _Boots(frozenset(), frozenset())
        columns = ("job", "cloud", "cloud_id", "token")
        found = self._database.series(_TASKS, columns, verb=BOOT)
        rows = list(zip(*(found[each] for each in columns), strict=True))
        if is_shared(self._config):
            own = self._own_jobs()
            rows = [row for row in rows if row[0] in own]
        return _Boots(
            frozenset(token for *_, token in rows if token),
            frozenset((cloud, cloud_id) for _, cloud, cloud_id, _ in rows if cloud_id),
        )

    def _own_jobs(self) -> set[int]:
        """The numbers of the jobs that we made."""
        try:
            return {job.id for job in self._database.find(_JOBS, account=ACCOUNT)}
        except UnknownName:
            # Earlier versions did not write whose a job is.
            return set()


def is_shared(config: Config) -> bool:
    """Whether others may have written into the store: a file has one user, a database server many."""
    return config.database() is not None


def doubtful(config: Config, inventory: Inventory, clouds: Sequence[str]) -> list[str]:
    """The clouds of which the store does not know who we are there, or whose some machine is."""
    users = known_users(inventory.database)
    unsure = [cloud for cloud in clouds if cloud not in users]
    asked = [cloud for cloud in clouds if users.get(cloud)]
    if asked:
        owners = Owners(config, inventory.database, users)
        for row in _told(machine_rows(inventory, asked, ("owner", "boot_id"))):
            if not row.owner and row.cloud not in unsure and owners.whose(*row) is Whose.UNKNOWN:
                unsure.append(row.cloud)
    return unsure


def own_rows(
    config: Config, inventory: Inventory, clouds: Collection[str], rows: Rows
) -> tuple[Rows, tuple[int, int]]:
    """The rows without machines of these clouds that are not ours: how many are others', and unknown."""
    owners = Owners(config, inventory.database)
    whose = [owners.whose(*row) if row.cloud in clouds else Whose.OURS for row in _told(rows)]
    kept = rows.take([place for place, each in enumerate(whose) if each is Whose.OURS])
    return kept, (whose.count(Whose.OTHERS), whose.count(Whose.UNKNOWN))


def _told(rows: Rows) -> Iterator[_Row]:
    """What tells whose the machines of these rows are."""
    return map(_Row, *(rows.values(each) for each in ("cloud", "id", "owner", "boot_id")))
