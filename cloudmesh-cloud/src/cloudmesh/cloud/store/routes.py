"""Routes to the machines of the store, by what it knows of images and key pairs, and by the configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from cloudmesh.cloud.access.find import ImageNote, RouteFinder
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.store.listings import kept_listing
from cloudmesh.cloud.store.new_names import GOING

if TYPE_CHECKING:
    from cloudmesh.config import Config
    from cloudmesh.db import Database

# Who machines said is to sign in.
USERS = "ssh_user"


class Known(Protocol):
    """A machine as it was last seen."""

    @property
    def machine(self) -> MachineRecord:
        """As its cloud told of it."""
        ...


class KnownMachines(Protocol):
    """The part of ``Inventory``, which keeps ``ssh_file`` up to date, that this and ``ssh_file`` need."""

    @property
    def database(self) -> Database:
        """The store that they are in."""
        ...

    def known(self, cloud: str) -> Sequence[Known]:
        """The machines of a cloud."""
        ...

    def named(self, cloud: str, names: Iterable[str]) -> Sequence[Known]:
        """The machines of a cloud that have one of these names."""
        ...


def route_finder(config: Config, inventory: KnownMachines) -> RouteFinder:
    """Finds routes to machines of any cloud, which are looked up in the store.

    It reads the store when it is asked, and remembers that. Finding may raise NoRoute, ConfigError and
    StoreError.
    """
    database = inventory.database
    images = _kept(database, "image")
    keys = _kept(database, "key")

    @cache
    def settings(cloud: str) -> Mapping[str, Any] | None:
        return config.clouds.get(cloud)

    @cache
    def known(word: str) -> MachineRecord | None:
        cloud, _, name = word.partition(":")
        found = [each.machine for each in inventory.named(cloud, [name])]
        machines = [machine for machine in found if machine.state not in GOING]
        return machines[0] if len(machines) == 1 else None

    def image(machine: MachineRecord) -> ImageNote:
        row = images(machine.cloud).get(machine.image) or {}
        return ImageNote(str(row.get("name") or ""), str(row.get("login_user") or ""))

    def key_fingerprint(machine: MachineRecord) -> str:
        return str((keys(machine.cloud).get(machine.key) or {}).get("fingerprint") or "")

    @cache
    def users() -> Mapping[tuple[str, str], str]:
        rows = database.find(USERS) if database.has(USERS) else []
        return {(str(row["cloud"]), str(row["cloud_id"])): str(row["user"]) for row in rows}

    def told_user(machine: MachineRecord) -> str:
        return users().get((machine.cloud, machine.cloud_id), "")

    return RouteFinder(settings, known, image, key_fingerprint, told_user=told_user)


def keep_users(database: Database, told: Mapping[tuple[str, str], str]) -> None:
    """Remember who signs in to machines, by cloud and id, as they said themselves. Raises StoreError."""
    rows = [{"cloud": cloud, "cloud_id": own, "user": user} for (cloud, own), user in told.items()]
    database.upsert_many(USERS, rows, key=["cloud", "cloud_id"])


def _kept(database: Database, kind: str) -> Callable[[str], Mapping[str, Mapping[str, Any]]]:
    """The last listing of a kind on a cloud, by id and by name."""

    @cache
    def rows(cloud: str) -> Mapping[str, Mapping[str, Any]]:
        listing = kept_listing(database, kind, cloud)
        things = listing.rows if listing else []
        by_id = {str(each["cloud_id"]): each for each in things if each.get("cloud_id")}
        return {**{str(each.get("name")): each for each in things}, **by_id}

    return rows


def forget_users(database: Database, machines: Iterable[MachineRecord]) -> None:
    """Forget who signs in to these machines. Raises StoreError."""
    if not database.has(USERS):
        return
    for machine in machines:
        database.delete(USERS, cloud=machine.cloud, cloud_id=machine.cloud_id)
