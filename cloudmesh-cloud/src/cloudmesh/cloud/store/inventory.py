"""``Inventory``: the machines of all clouds in the store, each with the time when it was last seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from cloudmesh.cloud.model.records import MACHINE_COLUMNS, LeftOut, MachineRecord, State, machines_of
from cloudmesh.cloud.store.known import KnownMachine, known_of, record_of, stored
from cloudmesh.cloud.store.new_names import GOING, MACHINES, VANISHED, NewNames
from cloudmesh.config.settings import places
from cloudmesh.db import Database, open_store

if TYPE_CHECKING:
    from cloudmesh.cloud.model.networks import FloatingIP
    from cloudmesh.cloud.store.vanished import VanishedMachines
    from cloudmesh.db import Condition

REFRESHES = "refresh"
ADDRESSES = "address"
_KEY = ["cloud", "cloud_id"]
# In place of an address that nobody has told yet.
_EXPECTED = ""
# For how many seconds a cloud may not list a machine that it has just made. EC2 mostly needs less than one,
# and promises nothing; what is deleted elsewhere so soon is told of that much later.
HIDES_NEW = 30.0
# How many machines are written in one transaction, for which other processes wait.
_PAGE = 200
# So many machines are read by column.
_MANY = 100
# How many things that a listing left out are kept.
_TOLD = 8


class Inventory(AbstractContextManager["Inventory"]):
    """The machines of all clouds as they were last seen, in the store.

    Attributes:
        new_jobs: the numbers of new jobs and what they do, for completion as ``new_names``.
    """

    def __init__(self, database: Database | None = None) -> None:
        """Use this database, or the user's own store."""
        self._database = database or open_store()
        self.new_jobs: list[tuple[str, str]] = []
        self._gone: list[MachineRecord] = []

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def database(self) -> Database:
        """The store itself, for what else belongs there."""
        return self._database

    def close(self) -> None:
        """Leave the store, after what is made of it is brought up to date: for completion, and for ssh."""
        has_new = bool(self.__dict__.get("new_names"))
        if has_new or self.new_jobs:
            from cloudmesh.cloud.store import names_file

            names_file.keep(self.new_names, self.new_jobs, self._database)
        if has_new and (self._gone or (places.directory() / "ssh_config").exists()):
            from cloudmesh.cloud.store import ssh_file  # few change anything

            ssh_file.forget_gone(self._database, self._gone)
            ssh_file.keep(self)
        self._database.close()

    @cached_property
    def _vanished(self) -> VanishedMachines:
        from cloudmesh.cloud.store.vanished import VanishedMachines  # not for one machine from the store

        return VanishedMachines(self._database)

    @cached_property
    def new_names(self) -> NewNames:
        """What changes of the names that completion offers; it is written when the store is left."""
        return NewNames()

    def save(self, machine: MachineRecord, asked: float | None = None) -> None:
        """Write down a machine that its cloud told of when it was ``asked``, or that was just acted on.

        What another process wrote down since then is newer, and stays.
        """
        self.save_many([machine], asked)

    def save_many(self, machines: Iterable[MachineRecord], asked: float | None = None) -> None:
        """As ``save`` for each of them, all or none, in one transaction."""
        if asked is None:
            # Nothing is looked up before it is written, so that this is all or none by itself.
            now, found = time.time(), list(machines)
            self._database.upsert_many(MACHINES, [stored(machine, now) for machine in found], key=_KEY)
            self.new_names.saved(found)
            return
        rest = iter(machines)
        with self._database.atomic():
            while page := list(islice(rest, _PAGE)):
                newer = self._newer(page, asked)
                kept = [machine for machine in page if (machine.cloud, machine.cloud_id) not in newer]
                self.new_names.saved(kept)
                records = [stored(machine, asked) for machine in kept]
                self._database.upsert_many(MACHINES, records, key=_KEY)

    def _newer(self, machines: Sequence[MachineRecord], asked: float) -> set[tuple[str, str]]:
        """Which of the machines were written down after the time ``asked``, by cloud and id."""
        from cloudmesh.db import gt, in_, le  # who only looks does without

        found = self._find(
            cloud=in_({machine.cloud for machine in machines}),
            cloud_id=in_([machine.cloud_id for machine in machines]),
            # A time to come was written before the clock was set back, and tells nothing.
            refreshed=gt(asked) & le(time.time()),
        )
        return {(each.machine.cloud, each.machine.cloud_id) for each in found}

    def forget(self, machine: MachineRecord) -> None:
        """Remove a machine that its cloud no longer has; one in state deleted was deleted from here."""
        self.new_names.changed.add(machine.cloud)
        self._gone.append(machine)
        if self._database.has(MACHINES):
            self._database.delete(MACHINES, cloud=machine.cloud, cloud_id=machine.cloud_id)
        if machine.state is State.DELETED and self._database.has(VANISHED):
            # A listing may have come before, as when a job is resumed.
            self._database.delete(VANISHED, cloud=machine.cloud, cloud_id=machine.cloud_id)

    def forget_host_keys(self, machine: MachineRecord) -> None:
        """Forget the keys of a machine that we are deleting, or whose disk we have made anew."""
        if machine.state in GOING:
            self._gone.append(machine)
            return
        from cloudmesh.cloud.store import ssh_file  # few machines are rebuilt

        ssh_file.forget_disk(self._database, machine)

    def replace(
        self,
        cloud: str,
        machines: Iterable[MachineRecord],
        asked: float,
        left_out: Callable[[], Sequence[LeftOut]] = list,
        user: Callable[[], str] = str,
    ) -> list[KnownMachine]:
        """Take over a full listing of a cloud that was asked for at the time ``asked``.

        The listing may be an iterator: it is written page by page, each in one short transaction. What
        another process wrote down since then is newer than the listing, and stays. Only when the listing
        has come to its end are the machines that it lacks taken as vanished; if it raises, none is. One that
        was booted moments before it was asked for stays: a cloud may not list it yet, and it costs money.
        So does one that the listing left out, by its id, else by its name; if it has neither, all stay.

        Args:
            left_out: tells at the end of the listing what it left out.
            user: tells then who we are on that cloud, see ``Provider.user_id``.

        Returns:
            The machines that vanished though nobody deleted them here, as they were last seen. They are
            kept apart, and ``vanished`` tells of them.
        """
        self.new_names.changed.add(cloud)
        listing = iter(machines)
        while page := list(islice(listing, _PAGE)):
            with self._database.atomic():
                if not self._is_superseded(cloud, asked):
                    self.save_many(page, asked)
        from cloudmesh.cloud.store.owners import keep_user  # not for a list from the store

        who = user()
        with self._database.atomic():
            if self._is_superseded(cloud, asked):
                return []
            odd = left_out()
            vanished = self._forget_missing(cloud, asked, odd)
            told = "; ".join(str(each) for each in odd[:_TOLD])
            record = {"cloud": cloud, "refreshed": asked, "left_out": told}
            self._database.upsert(REFRESHES, record, key=["cloud"])
            keep_user(self._database, cloud, who)
        return vanished

    def take_changes(self, cloud: str, machines: Sequence[MachineRecord], asked: float) -> None:
        """Take over machines that changed, as their cloud told at the time ``asked``; all others stay.

        Those in state deleted are gone, and count as those that a full listing lacks.
        """
        from cloudmesh.db import in_  # who only looks does without

        gone = [each.cloud_id for each in machines if each.state is State.DELETED]
        with self._database.atomic():
            if not self._is_superseded(cloud, asked):
                self.save_many((each for each in machines if each.state is not State.DELETED), asked)
                if gone:
                    self._forget_gone(cloud, self._find(cloud=cloud, cloud_id=in_(gone)), asked)

    def replace_listed(
        self,
        cloud: str,
        machines: Iterable[MachineRecord],
        ago: float,
        odd: Sequence[LeftOut] = (),
        user: str = "",
    ) -> list[KnownMachine]:
        """As ``replace``, for a listing that was asked for so many seconds ago."""
        return self.replace(cloud, machines, time.time() - ago, lambda: odd, lambda: user)

    def _is_superseded(self, cloud: str, asked: float) -> bool:
        """Whether a listing that was asked for later has been taken over."""
        # A time to come was written before the clock was set back, and tells nothing.
        return asked < (self.listed_at(cloud) or 0.0) <= time.time()

    def _forget_missing(self, cloud: str, asked: float, left_out: Sequence[LeftOut]) -> list[KnownMachine]:
        """Forget the machines of which the cloud told no more; those that nobody deleted here."""
        if not self._database.has(MACHINES):
            return []
        if self._database.count(MACHINES, cloud=cloud, refreshed=asked) == self._database.count(
            MACHINES, cloud=cloud
        ):
            # As nearly always: thousands of machines need not be read.
            return []
        from cloudmesh.db import gt, lt

        missing = self._find(cloud=cloud, refreshed=lt(asked) | gt(time.time()))
        missing = [each for each in missing if not any(odd.may_be(each.machine) for odd in left_out)]
        # One that is being built may have been made just before the listing was asked for.
        gone = [
            each
            for each in missing
            if each.machine.state is not State.BUILDING or not asked - HIDES_NEW < each.refreshed <= asked
        ]
        return self._forget_gone(cloud, gone, asked)

    def _forget_gone(self, cloud: str, gone: Sequence[KnownMachine], asked: float) -> list[KnownMachine]:
        """Forget machines that are gone; those that nobody deleted here."""
        from cloudmesh.db import in_

        self.new_names.changed.add(cloud)
        self._database.delete(MACHINES, cloud=cloud, cloud_id=in_([each.machine.cloud_id for each in gone]))
        self._gone += [each.machine for each in gone]
        surprising = [each for each in gone if each.machine.state not in (State.DELETING, State.DELETED)]
        self._vanished.note(map(record_of, surprising), asked)
        return surprising

    def vanished(self, clouds: Iterable[str], reader: str = "shell") -> list[KnownMachine]:
        """The machines that vanished from these clouds, as they were last seen, in state deleted.

        Each reader (one word: shell, rest, python, ...) is told of a machine once. One that was told is kept
        for other readers for 30 days after a listing lacked it.
        """
        if not self._database.has(VANISHED):
            return []
        told = map(known_of, self._vanished.tell(clouds, reader))
        return [replace(each, machine=replace(each.machine, state=State.DELETED)) for each in told]

    def expect_address(self, machine: MachineRecord, token: str) -> None:
        """Remember that an address is about to be taken for a machine, marked with the token of its boot.

        Until ``keep_address`` tells which it is, it is among the machine's with its mark for an id and no
        address: whoever takes it may be lost before that.
        """
        from cloudmesh.cloud.provider.boot import mark  # not for a list from the store

        record = {"cloud": machine.cloud, "cloud_id": mark(token), "address": _EXPECTED}
        self._database.upsert(ADDRESSES, {**record, "machine_id": machine.cloud_id}, key=_KEY)

    def keep_address(self, address: FloatingIP, machine: MachineRecord) -> None:
        """Remember that an address was taken for a machine, to be given back with it."""
        record = {"cloud": address.cloud, "cloud_id": address.cloud_id, "address": address.address}
        with self._database.atomic():
            self._database.upsert(ADDRESSES, {**record, "machine_id": machine.cloud_id}, key=_KEY)
            self._database.delete(
                ADDRESSES, cloud=machine.cloud, machine_id=machine.cloud_id, address=_EXPECTED
            )

    def forget_address(self, address: FloatingIP) -> None:
        """Forget that, also if it was only expected."""
        if not self._database.has(ADDRESSES):
            return
        cloud = address.cloud
        with self._database.atomic():
            self._database.delete(ADDRESSES, cloud=cloud, cloud_id=address.cloud_id)
            if address.description:
                self._database.delete(ADDRESSES, cloud=cloud, cloud_id=address.description, address=_EXPECTED)

    def addresses_of(self, machine: MachineRecord) -> list[FloatingIP]:
        """The addresses that were taken for this machine, and those that are expected."""
        if not self._database.has(ADDRESSES):
            return []
        from cloudmesh.cloud.model.networks import FloatingIP

        found = self._database.find(ADDRESSES, cloud=machine.cloud, machine_id=machine.cloud_id)
        return [FloatingIP(machine.cloud, each["address"], each["cloud_id"]) for each in found]

    def addresses(self, clouds: Iterable[str]) -> dict[tuple[str, str], list[FloatingIP]]:
        """The addresses that were taken for machines of these clouds, by cloud and the machine's id."""
        taken: dict[tuple[str, str], list[FloatingIP]] = {}
        if not self._database.has(ADDRESSES):
            return taken
        from cloudmesh.cloud.model.networks import FloatingIP

        for cloud in clouds:
            for each in self._database.find(ADDRESSES, cloud=cloud):
                address = FloatingIP(cloud, each["address"], each["cloud_id"])
                taken.setdefault((cloud, each["machine_id"]), []).append(address)
        return taken

    def known(self, cloud: str) -> list[KnownMachine]:
        """The machines of a cloud, in the order in which they became known."""
        if not self._database.has(MACHINES):
            return []
        if len(self._database.series(MACHINES, ["id"], cloud=cloud)["id"]) < _MANY:
            return self._find(cloud=cloud)
        found = self._database.series(MACHINES, ["id", "refreshed", *MACHINE_COLUMNS], cloud=cloud)
        known = map(KnownMachine, machines_of(found), map(float, found["refreshed"]))
        # Numbers are given in this order, and no two are the same.
        return [each for _, each in sorted(zip(found["id"], known, strict=True), key=itemgetter(0))]

    def named(self, cloud: str, names: Iterable[str]) -> list[KnownMachine]:
        """The machines of a cloud that have one of these names."""
        from cloudmesh.db import in_

        return self._find(cloud=cloud, name=in_(names))

    def meant(self, cloud: str, word: str) -> list[KnownMachine]:
        """The machines of a cloud that have this name or this id."""
        named = self._find(cloud=cloud, name=word)
        return named + [each for each in self._find(cloud=cloud, cloud_id=word) if each not in named]

    def _find(self, **conditions: str | Condition) -> list[KnownMachine]:
        if not self._database.has(MACHINES):
            return []
        return [known_of(record) for record in self._database.find(MACHINES, where=conditions)]

    def with_id(self, cloud_id: str) -> list[KnownMachine]:
        """The machines that have this id: one, unless several clouds have the same."""
        return self._find(cloud_id=cloud_id)

    def find(self, machine: MachineRecord) -> KnownMachine | None:
        """The same machine as it was last seen; None if it has been forgotten."""
        found = self._find(cloud=machine.cloud, cloud_id=machine.cloud_id)
        return found[0] if found else None

    def left_out(self, cloud: str) -> str:
        """What the last listing of a cloud left out, as sentences; empty for nothing."""
        found = self._database.find(REFRESHES, cloud=cloud) if self._database.has(REFRESHES) else []
        return str(found[0].get("left_out") or "") if found else ""

    def was_refreshed(self, cloud: str) -> bool:
        """Whether a full listing of the cloud was ever taken over."""
        return self.listed_at(cloud) is not None

    def listing_age(self, cloud: str) -> float | None:
        """Seconds since the cloud was asked for its last full listing; None if there was none.

        inf if the clock has been set back since then, so that nobody knows.
        """
        asked = self.listed_at(cloud)
        if asked is None:
            return None
        age = time.time() - asked
        return age if age >= 0 else float("inf")

    def listed_at(self, cloud: str) -> float | None:
        """When the cloud was asked for its last full listing, seconds since the epoch; None if never."""
        if not self._database.has(REFRESHES):
            return None
        found = self._database.find(REFRESHES, cloud=cloud)
        return float(found[0]["refreshed"]) if found else None
