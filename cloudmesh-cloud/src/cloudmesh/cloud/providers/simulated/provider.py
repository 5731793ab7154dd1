"""The provider ``simulated``: a cloud that is only pretended, to learn and to rehearse on; nothing costs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from cloudmesh.cloud.errors import FlavorTooSmall, NotFound, OddRecord, Refused
from cloudmesh.cloud.model.copies import Snapshot
from cloudmesh.cloud.model.networks import Network, SecurityGroup
from cloudmesh.cloud.model.parameters import Fitness
from cloudmesh.cloud.model.records import Flavor, Image, KeyPair, MachineRecord, State
from cloudmesh.cloud.model.refusals import impossible, locked
from cloudmesh.cloud.model.verbs import VERBS, Capability, Verb
from cloudmesh.cloud.provider.boot import BootRequest, boot_id_of, lease_of, marked, unmarked
from cloudmesh.cloud.providers.simulated import snapshots
from cloudmesh.cloud.providers.simulated.account import FLAVORS, IMAGES, private_address
from cloudmesh.cloud.providers.simulated.leases import SimulatedLeases
from cloudmesh.cloud.providers.simulated.settings import SimulatedSettings
from cloudmesh.cloud.providers.simulated.world import PAGE, cloud_id_of, row_number
from cloudmesh.plugin.errors import CloudmeshError

_INSERT = """
INSERT INTO machine (
    name, state, next_state, ready_at, image, flavor, key, created, metadata, networks, groups, hints,
    owner
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
# The verbs that take as long as a boot.
_LIKE_A_BOOT = ("start", "unshelve", "reboot", "hard_reboot", "rebuild")
_RESIZES = ("resize", "resize_unconfirmed")
# As OpenStack has it, what else a lock allows.
_NOT_LOCKED = ("lock", "unlock", "rename", "snapshot", "clone")
# What several machines can be asked in one call, if the configuration says so.
_AT_ONCE = ("start", "stop", "suspend", "resume", "pause", "unpause", "delete", "boot")


class SimulatedProvider(SimulatedLeases):
    """A cloud in an sqlite file of its own, with times and faults as its configuration asks for."""

    capabilities = frozenset(Capability) - {
        Capability.BOOT_PUBLIC,
        Capability.ADD_IMAGE,
        Capability.DELETE_IMAGE,
        Capability.CHANGES,
    }
    simulated: ClassVar[bool] = True
    signs_in_once: ClassVar[bool] = True
    settings_keys: ClassVar[tuple[str, ...]] = tuple(SimulatedSettings.__dataclass_fields__)

    def set_up(self) -> None:
        super().set_up()
        if self._settings.bulk > 1:
            self.bulk = dict.fromkeys(_AT_ONCE, self._settings.bulk)

    def machines(self) -> Iterator[MachineRecord]:
        after = 0
        while True:
            self._faults.before("machines", "")
            rows = self._world.page(after)
            yield from self.readable("machines", rows, self._listed)
            if len(rows) < PAGE:
                return
            after = rows[-1]["id"]

    def _listed(self, row: Mapping[str, Any]) -> MachineRecord:
        if self._faults.is_odd(row["name"]):
            raise OddRecord("its address 'simulated' is not an IP address (simulated fault)")
        return self._machine(row)

    def machine(self, cloud_id: str) -> MachineRecord:
        found = self._now(cloud_id)
        self._faults.before("machine", found.name)
        return found

    def boot(self, request: BootRequest) -> MachineRecord:
        return self._boot_all([request])[0]

    def boot_many(self, requests: Sequence[BootRequest], maybe_done: bool = False) -> list[MachineRecord]:
        """One call that makes all of them, or none."""
        if "boot" not in self.bulk:
            super().boot_many(requests, maybe_done)
        return self._boot_all(requests, maybe_done)

    def _boot_all(self, requests: Sequence[BootRequest], maybe_done: bool = False) -> list[MachineRecord]:
        names = [request.name for request in requests]
        with self._faults.around_all("boot", names) as broken, self._world.change() as connection:
            return [
                (self._booted(connection, request) if maybe_done else None)
                or self._create(connection, request, broken.get(request.name, State.ACTIVE))
                for request in requests
            ]

    def _create(self, connection: sqlite3.Connection, request: BootRequest, ends: State) -> MachineRecord:
        """A new machine, which will be in this state."""
        image, flavor, now = request.image, request.flavor, self._world.clock()
        if image.size > flavor.disk:
            raise FlavorTooSmall(
                f"image {image.name} needs {image.size:g} GiB of disk and flavor {flavor.name} of cloud "
                f"{self.name} has {flavor.disk}; use a larger flavor"
            )
        for kind, more in (("machines", 1), ("vcpus", flavor.vcpus), ("ram", flavor.ram)):
            self._require_room(connection, kind, more)
        columns = (
            request.name,
            State.BUILDING.value,
            ends.value,
            now + self._settings.boot_seconds,
            image.name,
            flavor.name,
            request.key.name if request.key else "",
            now,
            json.dumps(marked(request)),
            json.dumps([each.name for each in request.networks] or ["private"]),
            json.dumps([each.name for each in request.security_groups] or ["default"]),
            json.dumps(dict(request.hints)),
            self._settings.user,
        )
        try:
            cursor = connection.execute(_INSERT, columns)
        except sqlite3.IntegrityError:
            raise self._name_taken(request.name) from None
        self.place(connection, request, int(cursor.lastrowid or 0))
        return self._find(connection, cloud_id_of("sim", cursor.lastrowid))

    def find_booted(self, request: BootRequest) -> MachineRecord | None:
        self._faults.before("find_booted", request.name)
        with self._world.change() as connection:
            return self._booted(connection, request)

    def _booted(self, connection: sqlite3.Connection, request: BootRequest) -> MachineRecord | None:
        """The machine that was made with the token of a request, unless it is gone."""
        row = self._world.find_by_token(connection, request.token) if request.token else None
        machine = self._machine(row) if row else None
        return None if machine and machine.state is State.DELETING else machine

    def rebuild(self, cloud_id: str, image: Image) -> None:
        self.act("rebuild", cloud_id, image=image.name)

    def resize(self, cloud_id: str, flavor: Flavor) -> None:
        self.act("resize", cloud_id, flavor=flavor.name)

    def resize_unconfirmed(self, cloud_id: str, flavor: Flavor) -> None:
        self.act("resize_unconfirmed", cloud_id, flavor=flavor.name)

    def rename(self, cloud_id: str, name: str) -> None:
        try:
            self.act("rename", cloud_id, name=name)
        except sqlite3.IntegrityError:
            raise self._name_taken(name) from None

    def set_metadata(self, cloud_id: str, changes: Mapping[str, str | None]) -> None:
        machine = self._now(cloud_id)
        with self._faults.around("metadata", machine.name), self._world.change() as connection:
            if machine.locked:
                raise locked(VERBS["metadata"], machine)
            merged = {**json.loads(self._row(connection, cloud_id)["metadata"]), **changes}
            kept = {key: value for key, value in merged.items() if value is not None}
            _update(connection, cloud_id, metadata=json.dumps(kept))

    def snapshots(self, cloud_id: str) -> list[Snapshot]:
        self._faults.before("snapshots", self._now(cloud_id).name)
        with self._world.change() as connection:
            return snapshots.list_snapshots(connection, self._row(connection, cloud_id))

    def snapshot(self, cloud_id: str, name: str) -> None:
        with self._copying("snapshot", cloud_id) as (connection, row, _):
            snapshots.keep(connection, row, name, self._world.clock())

    def restore(self, cloud_id: str, name: str) -> None:
        with self._copying("restore", cloud_id) as (connection, row, broken):
            kept = snapshots.kept(connection, row, name)
            ends = broken or kept.state
            self._begin(connection, self._machine(row), VERBS["restore"], ends, image=kept.image)

    def delete_snapshot(self, cloud_id: str, name: str) -> None:
        with self._copying("delete_snapshot", cloud_id) as (connection, row, _):
            snapshots.give_up(connection, row, name)

    def clone(self, cloud_id: str, name: str, token: str = "") -> MachineRecord:
        with self._copying("clone", cloud_id) as (connection, row, broken):
            return self._create(connection, self._request_like(row, name, token), broken or State.ACTIVE)

    @contextmanager
    def _copying(
        self, verb: str, cloud_id: str
    ) -> Iterator[tuple[sqlite3.Connection, dict[str, Any], State | None]]:
        """The row of a machine whose state and lock allow the verb, and the state that a fault leads to."""
        name = self._now(cloud_id).name
        with self._faults.around_all(verb, [name]) as broken, self._world.change() as connection:
            row = self._row(connection, cloud_id)
            self._require_fit(self._machine(row), VERBS[verb])
            yield connection, row, broken.get(name)

    def _request_like(self, row: Mapping[str, Any], name: str, token: str) -> BootRequest:
        """A request for a machine that is like the one of this row."""
        of_flavor = {each[0]: Flavor(self.name, each[0], f"flavor-{each[0]}", *each[1:]) for each in FLAVORS}
        return BootRequest(
            name,
            Image(self.name, row["image"], f"image-{row['image']}", dict(IMAGES).get(row["image"], 0.0)),
            of_flavor[row["flavor"]],
            KeyPair(self.name, row["key"]) if row["key"] else None,
            tuple(Network(self.name, each, each) for each in json.loads(row["networks"])),
            tuple(SecurityGroup(self.name, each, each) for each in json.loads(row["groups"])),
            metadata=unmarked(json.loads(row["metadata"])),
            hints=json.loads(row["hints"]),
            token=token,
        )

    def console(self, cloud_id: str) -> str:
        machine = self._now(cloud_id)
        self._faults.before("console", machine.name)
        with self._world.change() as connection:
            hints = self._row(connection, cloud_id)["hints"]
        return (
            f"[simulated] {machine.name} on cloud {self.name}: no real machine runs here\n"
            f"[simulated] image {machine.image}, flavor {machine.flavor}, state {machine.state}\n"
            f"[simulated] hints for the scheduler {hints}\n"
        )

    def images(self) -> list[Image]:
        self._faults.before("images", "")
        return [Image(self.name, name, f"image-{name}", size) for name, size in IMAGES]

    def flavors(self) -> list[Flavor]:
        self._faults.before("flavors", "")
        return [Flavor(self.name, name, f"flavor-{name}", *sizes) for name, *sizes in FLAVORS]

    def act(self, verb: str, cloud_id: str, **values: str) -> None:
        """Set a machine on its way to the verb's target, or refuse as a real cloud would."""
        self._act_on(verb, [cloud_id], **values)

    def act_many(self, verb: str, cloud_ids: Sequence[str]) -> Mapping[str, CloudmeshError]:
        """One call for all, or none of them: one that is not there, or in another state, is the end of it."""
        if verb not in self.bulk or verb == "boot":
            return super().act_many(verb, cloud_ids)
        self._act_on(verb, cloud_ids)
        return {}

    def _act_on(self, verb: str, cloud_ids: Sequence[str], **values: str) -> None:
        names = [self._now(cloud_id).name for cloud_id in cloud_ids]
        with self._faults.around_all(verb, names) as broken, self._world.change() as connection:
            for machine in [self._find(connection, cloud_id) for cloud_id in cloud_ids]:
                self._begin(connection, machine, VERBS[verb], broken.get(machine.name), **values)

    def _begin(
        self,
        connection: sqlite3.Connection,
        machine: MachineRecord,
        verb: Verb,
        ends: State | None,
        **values: Any,
    ) -> None:
        """Write down where the machine is led to. Raises Conflict if its state does not allow the verb."""
        on_its_way = verb.name in _RESIZES and machine.state is State.RESIZING
        self._require_fit(machine, verb, on_its_way)
        if verb.locks is not None:
            values["locked"] = verb.locks
        if machine.state is State.RESIZED and machine.flavor != values.get("flavor", machine.flavor):
            raise impossible(verb, machine)
        was = json.loads(self._row(connection, machine.cloud_id)["was"])
        if verb.name in _RESIZES and machine.state not in (State.RESIZED, State.RESIZING):
            values["was"] = json.dumps({"flavor": machine.flavor, "state": machine.state})
        if verb.name == "revert_resize":
            values["flavor"] = was.get("flavor", machine.flavor)
        if verb.passing is not None and machine.state is not verb.passing:
            before = State(was.get("state", State.ACTIVE)) if machine.state is State.RESIZED else None
            target = ends or before or verb.leads_to(machine.state)
            values |= {"state": verb.passing, "next_state": target}
            settings = self._settings
            seconds = settings.boot_seconds if verb.name in _LIKE_A_BOOT else settings.action_seconds
            ready = self._world.clock() + seconds
            _update(connection, machine.cloud_id, ready_at=ready, **values)
        elif values:
            _update(connection, machine.cloud_id, **values)

    def _require_fit(self, machine: MachineRecord, verb: Verb, on_its_way: bool = False) -> None:
        """Raises Conflict if the state of the machine, or its lock, does not allow the verb."""
        if machine.locked and verb.name not in _NOT_LOCKED:
            raise locked(verb, machine)
        if verb.fitness(machine.state) is not Fitness.POSSIBLE and not on_its_way:
            raise impossible(verb, machine)

    def _name_taken(self, name: str) -> Refused:
        return Refused(f"cloud {self.name} already has a machine {name}; use another name")

    def _now(self, cloud_id: str) -> MachineRecord:
        """A machine as it is now, in a transaction of its own. Raises NotFound."""
        with self._world.change() as connection:
            return self._find(connection, cloud_id)

    def _find(self, connection: sqlite3.Connection, cloud_id: str) -> MachineRecord:
        return self._machine(self._row(connection, cloud_id))

    def _row(self, connection: sqlite3.Connection, cloud_id: str) -> dict[str, Any]:
        row = self._world.find(connection, cloud_id)
        if row is None:
            raise NotFound(f"there is no machine {cloud_id} on cloud {self.name}")
        return row

    def _machine(self, row: Mapping[str, Any]) -> MachineRecord:
        state, metadata = State(row["state"]), json.loads(row["metadata"])
        reach = self._settings.reach
        reached = [reach.address(row["id"])] if reach else []
        return MachineRecord(
            cloud=self.name,
            name=row["name"],
            cloud_id=cloud_id_of("sim", row["id"]),
            state=state,
            raw_state=f"SIMULATED_{state.value.upper()}",
            image=row["image"],
            flavor=row["flavor"],
            key=row["key"],
            private_ips=[private_address(row["id"])],
            public_ips=[*reached, *json.loads(row["public_ips"])],
            ssh_port=reach.port if reach else 22,
            fault="simulated fault, set in the configuration" if state is State.ERROR else "",
            created=row["created"],
            metadata=unmarked(metadata),
            owner=row["owner"],
            boot_id=boot_id_of(metadata),
            lease=lease_of(metadata),
            locked=bool(row["locked"]),
        )


def _update(connection: sqlite3.Connection, cloud_id: str, **values: Any) -> None:
    """Set columns of one machine."""
    columns = ", ".join(f"{column} = ?" for column in values)
    plain = [value.value if isinstance(value, State) else value for value in values.values()]
    connection.execute(f"UPDATE machine SET {columns} WHERE id = ?", (*plain, row_number("sim", cloud_id)))  # noqa: S608
