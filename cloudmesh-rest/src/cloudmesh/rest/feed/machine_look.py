"""Finds out which machines of the store have changed since it looked the last time."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.store.inventory import REFRESHES
from cloudmesh.cloud.store.known import machine_of
from cloudmesh.cloud.store.listings import kept_listing
from cloudmesh.cloud.store.machine_rows import time_text
from cloudmesh.cloud.store.new_names import MACHINES
from cloudmesh.cloud.store.pricing import Pricing
from cloudmesh.cloud.store.pricing import number as plain
from cloudmesh.config import Config
from cloudmesh.db import Database, in_
from cloudmesh.plugin.errors import ConfigError
from cloudmesh.rest.feed.events import CLOUD, MACHINE, CloudEvent, EventMachine, MachineEvent, Told, text_of

_LOG = logging.getLogger(__name__)
# So many machines are read at once, so that other threads get their turn.
_PAGE = 200
Key = tuple[str, str]


class MachineLook:
    """What was told last of the machines of a store.

    A look reads three columns of all machines, and all of those that were written since; what is written anew
    and is the same as before, as nearly all of a listing, is not told again.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._written: dict[Key, float] = {}
        # What was told last of each, as a number that another text hardly has.
        self._told: dict[Key, int] = {}
        self._names: dict[Key, str] = {}
        self._listed: dict[str, float] = {}

    def look(self, database: Database, config: Config) -> list[Told]:
        """An event for each machine that is new, has changed or is gone; raises StoreError."""
        # Before the machines are read: what a listing has told of them is then told before its end.
        listed = [*self._clouds(database)]
        began = time.monotonic()
        written = _written(database)
        self.seconds = time.monotonic() - began
        new = [key for key, value in written.items() if self._written.get(key) != value]
        gone = [key for key in self._written if key not in written and key in self._told]
        told = [*self._changed(database, config, new, written)]
        for key in gone:
            told.append(self._gone(key, self._written[key]))
        self._written = written
        return [*told, *listed]

    def _changed(
        self, database: Database, config: Config, keys: Sequence[Key], written: Mapping[Key, float]
    ) -> Iterator[Told]:
        of_cloud: dict[str, list[str]] = {}
        for cloud, id in keys:
            of_cloud.setdefault(cloud, []).append(id)
        for cloud, ids in of_cloud.items():
            show = Shown(database, config, cloud)
            rest = iter(ids)
            while page := list(islice(rest, _PAGE)):
                for record in database.find(MACHINES, cloud=cloud, cloud_id=in_(page)):
                    key = cloud, record["cloud_id"]
                    machine = show.machine(machine_of(record))
                    text = text_of(machine)
                    if self._told.get(key) == (mark := hash(text)):
                        continue
                    self._told[key], self._names[key] = mark, machine.name
                    event = MachineEvent(
                        cloud=cloud,
                        id=machine.id,
                        name=machine.name,
                        gone=False,
                        machine=machine,
                        time=time_text(written[key]),
                    )
                    yield Told(MACHINE, (cloud,), text_of(event))

    def _gone(self, key: Key, seen: float) -> Told:
        cloud, id = key
        self._told.pop(key, None)
        name = self._names.pop(key, "")
        event = MachineEvent(cloud=cloud, id=id, name=name, gone=True, machine=None, time=time_text(seen))
        return Told(MACHINE, (cloud,), text_of(event))

    def _clouds(self, database: Database) -> Iterator[Told]:
        """An event for each cloud that was listed anew."""
        for row in database.find(REFRESHES) if database.has(REFRESHES) else ():
            cloud, asked = row["cloud"], float(row["refreshed"])
            if self._listed.get(cloud) != asked:
                self._listed[cloud] = asked
                left_out = str(row.get("left_out") or "")
                event = CloudEvent(name=cloud, listed=time_text(asked), left_out=left_out)
                yield Told(CLOUD, (cloud,), text_of(event))


class Shown:
    """Makes of the machines of one cloud what is told of them, with names of images and costs."""

    def __init__(self, database: Database, config: Config, cloud: str) -> None:
        kept = kept_listing(database, "image", cloud)
        self._images: Mapping[str, str] = (
            {each["cloud_id"]: each["name"] for each in kept.rows} if kept else {}
        )
        self._pricing = _pricing(database, config, cloud)

    def machine(self, machine: MachineRecord) -> EventMachine:
        """What is told of a machine."""
        pricing, state = self._pricing, machine.state.value
        price = pricing.price(machine.cloud, machine.flavor, state) if pricing else None
        return EventMachine(
            cloud=machine.cloud,
            name=machine.name,
            id=machine.cloud_id,
            state=state,
            raw_state=machine.raw_state,
            image=self._images.get(machine.image, machine.image) or "",
            flavor=machine.flavor,
            key=machine.key,
            addresses=machine.addresses,
            address=machine.ssh_address,
            created=time_text(machine.created) or None,
            metadata=machine.metadata,
            owner=machine.owner or "",
            zone=machine.zone or "",
            fault=machine.fault or "",
            lease=machine.lease or "",
            rate=plain(price.rate) if price else None,
            rate_unit=price.unit if price else "",
        )


def _pricing(database: Database, config: Config, cloud: str) -> Pricing | None:
    """What the machines of a cloud cost; None if its rates cannot be read, or it is configured no more."""
    try:
        return Pricing(config, database, [cloud])
    except ConfigError as error:
        _LOG.debug("no rates of cloud %s: %s", cloud, error)
        return None


def _written(database: Database) -> dict[Key, float]:
    """When each machine was written last, by cloud and id."""
    if not database.has(MACHINES):
        return {}
    found: Mapping[str, Iterable[Any]] = database.series(MACHINES, ["cloud", "cloud_id", "refreshed"])
    columns = (found["cloud"], found["cloud_id"], found["refreshed"])
    return {(cloud, id): float(when or 0) for cloud, id, when in zip(*columns, strict=True)}
