"""The provider ``simulated``."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from typing import Any, ClassVar

from cloudmesh.cloud.errors import NotFound, Refused
from cloudmesh.cloud.model import Flavor, Image, KeyPair, Machine, State
from cloudmesh.cloud.provider import BootRequest, Capability, Provider
from cloudmesh.cloud.providers.simulated.catalog import FLAVORS, IMAGES, address
from cloudmesh.cloud.providers.simulated.faults import Faults
from cloudmesh.cloud.providers.simulated.settings import Settings
from cloudmesh.cloud.providers.simulated.world import World
from cloudmesh.cloud.verbs import VERBS, Fitness, impossible

SIMPLE = ("start", "stop", "suspend", "resume", "pause", "unpause", "reboot", "hard_reboot")


class SimulatedProvider(Provider):
    """A cloud in an sqlite file of its own, with times and faults as its configuration asks for."""

    capabilities = frozenset(Capability(verb) for verb in SIMPLE) | {Capability.CONSOLE, Capability.KEYS}
    simulated: ClassVar[bool] = True
    settings_keys: ClassVar[tuple[str, ...]] = tuple(Settings.__dataclass_fields__)

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(name, settings)
        self._settings = Settings.read(name, settings)

    def open(self) -> None:
        self._world = World(self._settings.file)
        self._faults = Faults(self.name, self._settings, self._world)

    def close(self) -> None:
        self._world.close()

    def check(self) -> str:
        self._faults.before("check", "")
        return f"simulated: no real machine runs here; kept in {self._settings.file}"

    def machines(self) -> list[Machine]:
        self._faults.before("machines", "")
        return [self._machine(row) for row in self._world.rows()]

    def machine(self, cloud_id: str) -> Machine:
        with self._world.change() as connection:
            found = self._find(connection, cloud_id)
        self._faults.before("machine", found.name)
        return found

    def boot(self, request: BootRequest) -> Machine:
        broken = self._faults.before("boot", request.name)
        now = self._world.clock()
        with self._world.change() as connection:
            try:
                cursor = connection.execute(
                    "INSERT INTO machine (name, state, next_state, ready_at, image, flavor, key, created) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        request.name,
                        State.BUILDING.value,
                        (State.ERROR if broken else State.ACTIVE).value,
                        now + self._settings.boot_seconds,
                        request.image.name,
                        request.flavor.name,
                        request.key.name if request.key else "",
                        now,
                    ),
                )
            except sqlite3.IntegrityError:
                raise Refused(
                    f"cloud {self.name} already has a machine {request.name}; take another name"
                ) from None
            return self._find(connection, f"sim-{cursor.lastrowid:06d}")

    def start(self, cloud_id: str) -> None:
        self._act("start", cloud_id, self._settings.boot_seconds)

    def stop(self, cloud_id: str) -> None:
        self._act("stop", cloud_id, self._settings.action_seconds)

    def suspend(self, cloud_id: str) -> None:
        self._act("suspend", cloud_id, self._settings.action_seconds)

    def resume(self, cloud_id: str) -> None:
        self._act("resume", cloud_id, self._settings.action_seconds)

    def pause(self, cloud_id: str) -> None:
        self._act("pause", cloud_id, self._settings.action_seconds)

    def unpause(self, cloud_id: str) -> None:
        self._act("unpause", cloud_id, self._settings.action_seconds)

    def hard_reboot(self, cloud_id: str) -> None:
        self._act("hard_reboot", cloud_id, self._settings.boot_seconds)

    def reboot(self, cloud_id: str) -> None:
        self._act("reboot", cloud_id, self._settings.boot_seconds)

    def delete(self, cloud_id: str) -> None:
        self._act("delete", cloud_id, self._settings.action_seconds)

    def console(self, cloud_id: str) -> str:
        with self._world.change() as connection:
            machine = self._find(connection, cloud_id)
        self._faults.before("console", machine.name)
        return (
            f"[simulated] {machine.name} on cloud {self.name}: no real machine runs here\n"
            f"[simulated] image {machine.image}, flavor {machine.flavor}, state {machine.state}\n"
        )

    def images(self) -> list[Image]:
        self._faults.before("images", "")
        return [Image(self.name, name, f"image-{name}", size) for name, size in IMAGES]

    def flavors(self) -> list[Flavor]:
        self._faults.before("flavors", "")
        return [Flavor(self.name, name, f"flavor-{name}", *sizes) for name, *sizes in FLAVORS]

    def key_pairs(self) -> list[KeyPair]:
        self._faults.before("key_pairs", "")
        with self._world.change() as connection:
            rows = connection.execute("SELECT name, fingerprint FROM key ORDER BY name").fetchall()
        return [KeyPair(self.name, row["name"], row["fingerprint"]) for row in rows]

    def add_key(self, name: str, public_key: str) -> KeyPair:
        self._faults.before("add_key", name)
        key = KeyPair(self.name, name, fingerprint(public_key))
        with self._world.change() as connection:
            try:
                connection.execute("INSERT INTO key VALUES (?, ?, ?)", (name, key.fingerprint, public_key))
            except sqlite3.IntegrityError:
                raise Refused(f"cloud {self.name} already has a key {name}; take another name") from None
        return key

    def delete_key(self, name: str) -> None:
        self._faults.before("delete_key", name)
        with self._world.change() as connection:
            if not connection.execute("DELETE FROM key WHERE name = ?", (name,)).rowcount:
                raise NotFound(f"there is no key {name} on cloud {self.name}")

    def _act(self, name: str, cloud_id: str, seconds: float) -> None:
        """Set a machine on its way to the verb's target, or refuse as a real cloud would."""
        verb = VERBS[name]
        with self._world.change() as connection:
            machine = self._find(connection, cloud_id)
        broken = self._faults.before(name, machine.name)
        with self._world.change() as connection:
            machine = self._find(connection, cloud_id)
            if verb.fitness(machine.state) is not Fitness.POSSIBLE:
                raise impossible(verb, machine)
            target = State.ERROR if broken else verb.leads_to(machine.state)
            connection.execute(
                "UPDATE machine SET state = ?, next_state = ?, ready_at = ? WHERE id = ?",
                (
                    (verb.passing or machine.state).value,
                    target.value,
                    self._world.clock() + seconds,
                    _number(cloud_id),
                ),
            )

    def _find(self, connection: sqlite3.Connection, cloud_id: str) -> Machine:
        row = connection.execute("SELECT * FROM machine WHERE id = ?", (_number(cloud_id),)).fetchone()
        if row is None:
            raise NotFound(f"there is no machine {cloud_id} on cloud {self.name}")
        return self._machine(row)

    def _machine(self, row: Mapping[str, Any] | sqlite3.Row) -> Machine:
        state = State(row["state"])
        return Machine(
            cloud=self.name,
            name=row["name"],
            cloud_id=f"sim-{row['id']:06d}",
            state=state,
            raw_state=f"SIMULATED_{state.value.upper()}",
            image=row["image"],
            flavor=row["flavor"],
            key=row["key"],
            private_ips=[address(row["id"])],
            fault="a fault was asked for in the configuration" if state is State.ERROR else "",
            created=row["created"],
        )


def _number(cloud_id: str) -> int:
    """The row of an id such as ``sim-000012``; -1, which no row has, for any other text."""
    found = re.fullmatch(r"sim-([0-9]{6,18})", cloud_id)
    return int(found[1]) if found else -1


def fingerprint(public_key: str) -> str:
    """The SHA256 fingerprint of an OpenSSH public key, as ``ssh-keygen -l`` shows it.

    Raises:
        Refused: the text is no such key.
    """
    import base64
    import hashlib
    import struct

    words = public_key.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
        if not blob.startswith(struct.pack(">I", len(words[0])) + words[0].encode()):
            raise ValueError
    except (IndexError, ValueError):
        raise Refused("this is no OpenSSH public key; it looks like 'ssh-ed25519 AAAA... name'") from None
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"
