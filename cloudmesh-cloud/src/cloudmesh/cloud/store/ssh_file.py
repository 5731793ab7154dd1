"""The file ``ssh_config`` in the user's directory, by which ``ssh uc.web01`` works: an entry a machine.

It is made by ``cms ssh-config``, and from then on kept as the store changes. Whatever goes wrong with that is
no failure of the command that changes the store, and is told only with ``CLOUDMESH_DEBUG=1``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cloudmesh.cloud.access.host_keys import HostKeys
from cloudmesh.cloud.access.hosts import Host, aliases_of, groups_of, is_address, ssh_lines, user_or_none
from cloudmesh.cloud.access.route import NoRoute, Route
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.store.listings import CATALOG
from cloudmesh.cloud.store.new_names import GOING, MACHINES
from cloudmesh.cloud.store.routes import USERS, KnownMachines, forget_users, route_finder
from cloudmesh.config import Config
from cloudmesh.config.settings import places
from cloudmesh.db import Database
from cloudmesh.plugin import files
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.report import debug

FILE = "ssh_config"
_HEAD = "# Made by cms ssh-config, and kept by cms: what is changed here is lost. Include it at the top of"
_MADE_OF = "# Made of "
# What an entry is made of.
_COLUMNS = (
    *("cloud", "name", "cloud_id", "state", "image", "key", "private_ips", "public_ips"),
    *("login_user", "ssh_port"),
)
_PATIENCE = 2.0


class Entries(NamedTuple):
    """The machines of the store as entries, and what cannot be reached.

    Attributes:
        hosts: those that have an address.
        routes: theirs, in the same order.
        without: for each other machine why there is no way to it.
    """

    hosts: list[Host]
    routes: list[Route]
    without: list[NoRoute]


def path() -> Path:
    """The file."""
    return places.directory() / FILE


def entries(config: Config, inventory: KnownMachines) -> Entries:
    """An entry ``CLOUD.NAME`` for each machine of a cloud of the configuration that has an address.

    Raises:
        StoreError, ConfigError, HostKeysUnusable: as far as any of these cannot be read.
    """
    finder = route_finder(config, inventory)
    found = [each.machine for cloud in config.clouds for each in inventory.known(cloud)]
    machines = [machine for machine in found if machine.state not in GOING]
    machines.sort(key=lambda each: (each.cloud, each.name, each.cloud_id))
    routes, without = [], []
    for machine in machines:
        try:
            routes.append(finder.find(machine))
        except NoRoute as error:
            without.append(error)
    routes = [route for route in routes if is_address(route.address)]
    return Entries(_hosts(routes), routes, without)


def write(database: Database, made: Entries, *, sync: bool = True) -> bool:
    """Put the file in place if anything in it is new; whether anything was. Raises OSError, StoreError."""
    text = "\n".join(
        [_HEAD, "# ~/.ssh/config with the line: Include " + include(), *ssh_lines(made.hosts), ""]
    )
    with files.file_lock(path().parent, timeout=_PATIENCE):
        old = _text()
        new = f"{text}{_MADE_OF}{_digest(database)}\n"
        if old == new:
            return False
        files.replace_private(path(), new.encode(), sync=sync)
    return old.rpartition(_MADE_OF)[0] != text


def keep(inventory: KnownMachines) -> None:
    """Bring the file up to date, if there is one and what it is made of has changed. Never raises."""
    try:
        database = inventory.database
        if not database.is_users or not path().is_file():
            return
        if _text().rpartition(_MADE_OF)[2].strip() == _digest(database):
            return
        write(database, entries(Config.load(), inventory), sync=False)
    except (CloudmeshError, OSError) as error:
        debug(error)


def forget_gone(database: Database, machines: Sequence[MachineRecord]) -> None:
    """Forget the host keys and users of machines that are no more. Never raises."""
    try:
        HostKeys().forget_gone(machines)
        forget_users(database, machines)
    except CloudmeshError as error:
        debug(error)


def forget_disk(database: Database, machine: MachineRecord) -> None:
    """Forget the host keys and the user of a machine whose disk is made anew. Never raises."""
    try:
        if places.directory().is_dir():
            HostKeys().forget(machine)
        forget_users(database, [machine])
    except CloudmeshError as error:
        debug(error)


def include() -> str:
    """The path of the file for the line ``Include`` of OpenSSH, from the user's home where it lies there."""
    try:
        return f"~/{path().absolute().relative_to(Path.home())}"
    except ValueError:
        return str(path().absolute())


def _hosts(routes: Sequence[Route]) -> list[Host]:
    known_hosts = HostKeys().path.absolute()
    names = [(each.machine.cloud, each.machine.name, each.machine.cloud_id) for each in routes]
    aliases = aliases_of([(f"{cloud}.{name}", f"{cloud}.{name}-{own}") for cloud, name, own in names])
    by_machine = {(cloud, own): alias for (cloud, _, own), alias in zip(names, aliases, strict=True)}

    def jump(each: Route | str) -> str:
        return each if isinstance(each, str) else by_machine[each.machine.cloud, each.machine.cloud_id]

    return [
        Host(
            alias=alias,
            address=route.address,
            user=user_or_none(route.user),
            port=route.port,
            groups=groups_of(route.machine.cloud, route.machine.metadata),
            key_file=route.key_file,
            host_key_alias=route.host_key_alias,
            known_hosts=known_hosts,
            jumps=tuple(map(jump, route.jumps)),
        )
        for alias, route in zip(aliases, routes, strict=True)
    ]


def _text() -> str:
    try:
        return path().read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _digest(database: Database) -> str:
    """Of all that the entries are made of: what is not changed needs no look at thousands of machines."""
    told: list[Any] = []
    if database.has(MACHINES):
        rows = database.series(MACHINES, _COLUMNS)
        going = {state.value for state in GOING}
        told.append({**rows, "state": [each in going for each in rows["state"]]})
    if database.has(CATALOG):
        told.append(database.series(CATALOG, ("kind", "cloud", "refreshed")))
    if database.has(USERS):
        told.append(database.series(USERS, ("cloud", "cloud_id", "user")))
    for file in (places.config_file(), Path.home() / ".ssh"):
        try:
            status = file.stat()
        except OSError:
            told.append(None)
            continue
        told.append((str(file), status.st_mtime_ns, status.st_size))
    text = json.dumps(told, default=list, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
