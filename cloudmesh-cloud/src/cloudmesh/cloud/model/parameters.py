"""What a verb takes beside the machine, and how a verb stands to a state."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from cloudmesh.cloud.model.records import Word


class Fitness(Enum):
    """How a verb stands to the state a machine is in."""

    POSSIBLE = "possible"
    ALREADY = "already"
    IMPOSSIBLE = "impossible"


class Kind(Word):
    """The type of a parameter."""

    IMAGE = "image"
    FLAVOR = "flavor"
    KEY = "key"
    NETWORKS = "networks"
    SECURITY_GROUPS = "security_groups"
    FILE = "file"
    NAME = "name"
    SNAPSHOT = "snapshot"
    NEW_MACHINE = "new_machine"
    METADATA = "metadata"
    HINTS = "hints"
    LEASE = "lease"
    TIME = "time"
    HOST = "host"
    FLAG = "flag"


class Parameter(NamedTuple):
    """One thing that a verb takes beside the machine.

    Attributes:
        name: of the argument in Python.
        kind: what it is.
        help: what it means, for Python and REST.
        options: how the shell takes it, each with its help: ``("--image=IMAGE", "what to boot from")``. One
            without dashes is a word of its own, that stands after the machine.
        required: whether the verb cannot do without it.
        verb: for a flag, the verb of the table that is meant when it is given.
    """

    name: str
    kind: Kind
    help: str
    options: tuple[tuple[str, str], ...]
    required: bool = True
    verb: str = ""


def option(kind: Kind, option: str, help: str, required: bool = False, verb: str = "") -> Parameter:
    """A parameter that is called as its option."""
    name = option.lstrip("-").partition("=")[0].replace("-", "_")
    return Parameter(name, kind, help, ((option, help),), required, verb)
