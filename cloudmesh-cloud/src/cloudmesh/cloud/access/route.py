"""``Route``: everything that OpenSSH has to be told to sign in to one machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.plugin.errors import CloudmeshError


class NoRoute(CloudmeshError):
    """A machine has no address that can be used, or no user is known; the sentence says what to set."""


def is_pretended(settings: Mapping[str, Any]) -> bool:
    """Whether a cloud with these settings is simulated, and its machines are nowhere to be signed in to."""
    return settings.get("type") == "simulated" and not settings.get("reach")


@dataclass(frozen=True)
class Route:
    """One machine, as OpenSSH is to reach it.

    Attributes:
        machine: the machine.
        user: who to sign in as; empty leaves it to the user's own OpenSSH configuration.
        address: an IP address.
        port: the port of its ssh server.
        key_file: the private key; None leaves it to the user's agent and configuration.
        jumps: what to go through first, the nearest first: each another machine of ours, or a host as the
            user's OpenSSH configuration knows it (``[USER@]HOST[:PORT]``). It is the whole way: the jumps of
            a machine in it are those that stand before it.
        host_key_alias: under which its host keys are kept; lower case, and never made from a name.
        hint: what may be the reason if the address cannot be reached, as a sentence; empty for nothing.
        guessed: whether neither the configuration nor the cloud says who signs in, so that the machine may
            name another user.
    """

    machine: MachineRecord
    user: str
    address: str
    port: int = 22
    key_file: Path | None = None
    jumps: tuple[Route | str, ...] = ()
    host_key_alias: str = ""
    hint: str = ""
    guessed: bool = False


def alias_of(machine: MachineRecord) -> str:
    """Under which name the host keys of a machine are kept: of its cloud and the id there, and nothing else.

    OpenSSH keeps such names in lower case and without the port, so that a name of a user's, or two machines
    behind one address, could meet.
    """
    place = f"{machine.cloud}\0{machine.cloud_id}".encode()
    return f"cms-{hashlib.sha256(place).hexdigest()[:32]}"
