"""A default key pair is offered where a machine would be booted without any: nobody could sign in to it."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cloudmesh.cloud.access.keys import key_file
from cloudmesh.cloud.cli.changes import read_public_key
from cloudmesh.cloud.cli.new_keys import new_pair
from cloudmesh.cloud.model.records import KeyPair
from cloudmesh.config import Config
from cloudmesh.config.editing.edit import set_value
from cloudmesh.config.secrets.prompt import read_line
from cloudmesh.config.yaml import keys
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, UsageError
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.report import tell
from cloudmesh.vm.machines import Machines

_ANSWERS = ("yes", "no", "never")
_ODD = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 60


def offer(machines: Machines, clouds: Sequence[str]) -> None:
    """Ask whether machines on these clouds are to have a key pair; the answer goes into the configuration.

    Raises:
        CloudmeshError: the key pair that was agreed to cannot be made, or a cloud does not take it.
        Interrupted: the user left.
    """
    for cloud in clouds:
        try:
            pairs = machines.session.ask(cloud, lambda each: list(each.key_pairs()))
        except CloudmeshError:
            # Booting tells it.
            continue
        tell(f"{cloud} has no default key pair; without one it may be impossible to sign in to new machines")
        name = _asked(machines, cloud, pairs)
        if name is not None:
            _keep(machines.session.config, cloud, name)


def _asked(machines: Machines, cloud: str, pairs: Sequence[KeyPair]) -> str | None:
    """The name of the key pair that the user agreed to; empty for never, None for not now."""
    for pair in pairs:
        file = key_file(pair.name, pair.fingerprint) if pair.fingerprint else None
        if file is not None and file.suffix != ".pub":
            said = _answer(f"use its key pair {pair.name}, whose private key is {file}?")
            return pair.name if said == "yes" else "" if said == "never" else None
    name = _new_name({pair.name for pair in pairs})
    line = _own_line()
    how = (
        "add your own public key to it"
        if line
        else "create a key pair in ~/.ssh, and add the public key to it"
    )
    said = _answer(f"{how} as {name}, and use that?")
    if said != "yes":
        return "" if said == "never" else None
    if not line:
        made = new_pair(name, protected=True)
        tell(f"new key pair: {made.private} (private: keep it on this computer), {made.public}")
        line = made.line
    public = line
    machines.session.ask(cloud, lambda each: each.add_key(name, public))
    return name


def _own_line() -> str:
    """The user's own public key whose private key is here; empty if there is none."""
    with suppress(UsageError):
        line = read_public_key(None)
        if len(line.split()) >= len(("kind", "key")):
            return line
    return ""


def _answer(question: str) -> str:
    """One of the answers; an empty line is yes."""
    while True:
        line = read_line(harmless(f"{question} ({', '.join(_ANSWERS)}) [yes]: "))
        if line is None:
            raise Interrupted("interrupted: nothing was booted")
        word = line.strip().lower() or "yes"
        if found := [each for each in _ANSWERS if each == word or (each[0] == word and word != "n")]:
            return found[0]
        if word == "n":
            return "no"


def _new_name(taken: set[str]) -> str:
    """A name for the key pair of this user on this computer, which the cloud does not have yet."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "cloudmesh"
    name = _ODD.sub("-", f"{user}-{socket.gethostname().partition('.')[0]}").strip("-")[:_LONGEST]
    numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(each for each in numbered if each not in taken)


def _keep(config: Config, cloud: str, name: str) -> None:
    """Make it the default of the cloud, in the file and for what follows now."""
    place = keys.join(["clouds", cloud, "default", "key"])
    section = config.cloud(cloud)
    section["default"] = {**(section.get("default") or {}), "key": name}
    try:
        set_value(Path(config.path), place, name or "''")
    except CloudmeshError as error:
        tell(f"{place} could not be set: {error}")
        return
    tell(f"{place} is now {name or 'empty: nothing is asked any more'}")
