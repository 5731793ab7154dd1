"""Answers of ``cms ssh-config``: the file for OpenSSH, the line that includes it, and forgotten host keys."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from cloudmesh.cloud.access.host_keys import HostKeys
from cloudmesh.cloud.access.hosts import ansible_lines, ssh_lines
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.store import ssh_file
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.config import Config
from cloudmesh.db import open_store
from cloudmesh.plugin import files
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.output import Answer
from cloudmesh.vm.queries import known_machines

_COLUMNS = ("host", "cloud", "name", "user", "address", "port", "jump", "key")
_TABLE = ("host", "user", "address", "port", "jump", "key")
_SHOWN = 10


def write(config: Config, install: bool, refresh: bool, form: str) -> Answer:
    """Write the file, and list its entries.

    Raises:
        CloudmeshError: a file cannot be written.
        ConfigError, StoreError: the configuration or the store cannot be read.
    """
    clouds = ",".join(config.active_clouds()) or None
    with Inventory(open_store(config)) as inventory:
        known = known_machines(config, inventory, (), clouds, refresh, reader=None, columns=("name",))
        made = ssh_file.entries(config, inventory)
        try:
            files.make_private_directory(ssh_file.path().parent)
            ssh_file.write(inventory.database, made)
        except OSError as error:
            raise _unwritten(ssh_file.path(), error) from error
    notes = [f"error: {name}: {error}" for name, error in known.errors.items()]
    if form not in ("ssh-config", "ansible"):
        notes += [f"note: {error}" for error in made.without[:_SHOWN]]
        more = len(made.without) - _SHOWN
        notes += [f"note: {more} more machines have no address"] if more > 0 else []
    notes += _install(Path.home() / ".ssh" / "config", install)
    text = None
    if form == "ssh-config":
        text = "\n".join(ssh_lines(made.hosts))
    if form == "ansible":
        text = "\n".join(ansible_lines(made.hosts, ssh_file.path().absolute()))
    rows = [
        {
            "host": host.alias,
            "cloud": route.machine.cloud,
            "name": route.machine.name,
            "user": host.user,
            "address": host.address,
            "port": host.port,
            "jump": ",".join(host.jumps),
            "key": str(host.key_file or ""),
        }
        for host, route in zip(made.hosts, made.routes, strict=True)
    ]
    return Answer(
        rows,
        columns=_TABLE if form == "table" else _COLUMNS,
        names="host",
        text=text,
        notes=notes,
        errors=list(known.errors.values()),
        exit_code=max((error.exit_code for error in known.errors.values()), default=0),
    )


def forget(config: Config, names: Sequence[str], cloud: str | None) -> Answer:
    """Forget the host keys of machines; a row a machine. Raises CloudmeshError if the file is unwritable."""
    with Inventory(open_store(config)) as inventory:
        found = known_machines(
            config, inventory, names, cloud, cached=True, reader=None, columns=("cloud", "name", "id")
        )
        kept, rows = HostKeys(), []
        for row in found.rows:
            machine = MachineRecord(row["cloud"], row["name"], row["id"], State.UNKNOWN)
            was_known = kept.known(machine)
            if was_known:
                kept.forget(machine)
            done = "forgotten" if was_known else "none was known"
            rows.append({"cloud": machine.cloud, "name": machine.name, "host_keys": done})
    if found.unknown and not rows:
        raise found.unknown[0]
    return Answer(
        rows,
        columns=("cloud", "name", "host_keys"),
        notes=[f"error: {error}" for error in found.unknown],
        errors=found.unknown,
        exit_code=max((error.exit_code for error in found.unknown), default=0),
    )


def _install(config: Path, install: bool) -> list[str]:
    """Add the line ``Include`` to the user's configuration of OpenSSH if that is wanted; a note on it.

    It stands at the top: below a line ``Host`` it would count for that host alone. All else stays as it is,
    and so do the permissions of the file, and the link if it is one.
    """
    line = f"Include {_as_word(ssh_file.include())}"
    try:
        text = config.read_bytes().decode("utf-8", "surrogateescape") if config.exists() else ""
        if _is_included(text):
            return []
        if not install:
            return [
                f"note: to use these hosts put this line at the top of {_short(config)}, as "
                f"'cms ssh-config --install' does: {line}"
            ]
        target = config.resolve()
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        if not target.parent.exists():
            files.make_private_directory(target.parent)
        content = f"{line}\n\n{text}" if text else f"{line}\n"
        with files.private_draft(target, content.encode("utf-8", "surrogateescape")) as draft:
            draft.chmod(mode)
            draft.replace(target)
    except OSError as error:
        raise _unwritten(config, error) from error
    return [f"note: added to {_short(config)}: {line}"]


def _is_included(text: str) -> bool:
    """Whether a configuration includes the file for all hosts: before its first line Host or Match."""
    wanted = ssh_file.path().absolute()
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word.lower() in ("host", "match"):
            return False
        if word.lower() == "include":
            found = [Path(each.strip('"')).expanduser() for each in re.findall(r'"[^"]*"|\S+', rest)]
            if any(Path(os.path.normpath(Path.home() / ".ssh" / each)) == wanted for each in found):
                return True
    return False


def _as_word(path: str) -> str:
    return f'"{path}"' if re.search(r"\s", path) else path


def _short(path: Path) -> str:
    """A path as people write it."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except ValueError:
        return str(path)


def _unwritten(path: Path, error: OSError) -> CloudmeshError:
    reason = error.strerror or str(error)
    return CloudmeshError(
        f"{path} cannot be written: {reason}; check its permissions and those of its folder"
    )
