"""What is to be done inside machines, as plain data: commands to run, and files to put or to get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudmesh.cloud.model.records import State

RUN, PUT, GET = "run", "put", "get"
#: The verbs whose calls go into the machines themselves and to no cloud.
REMOTE = (RUN, PUT, GET)
#: The verb that makes a machine run that is in such a state, or on its way there.
WAKES: Mapping[State, str] = {
    State.STOPPED: "start",
    State.STOPPING: "start",
    State.HALTED: "start",
    State.HIBERNATED: "start",
    State.SUSPENDED: "resume",
    State.SUSPENDING: "resume",
    State.PAUSED: "unpause",
    State.PAUSING: "unpause",
    State.SHELVED: "unshelve",
    State.SHELVED_OFFLOADED: "unshelve",
    State.SHELVING: "unshelve",
}


@dataclass(frozen=True)
class Work:
    """What a job does inside each of its machines.

    Attributes:
        verb: run, put or get.
        command: what the shell of the machine's user is to run.
        source, destination: paths: for ``put`` one here and one in the machine, for ``get`` the other way.
        stdin: whether the command read what was piped in, which is not stored.
    """

    verb: str
    command: str = ""
    source: str = ""
    destination: str = ""
    stdin: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether it does no harm to do it twice: a file that is copied again is the same file."""
        return self.verb != RUN


@dataclass(frozen=True)
class CommandResult:
    """What a command in a machine came to.

    Attributes:
        exit_status: what it ended with; None if it did not come to its end, or nobody knows.
        stdout, stderr: what it printed, decoded from UTF-8; of bytes that are none there is an escape.
        truncated: whether it printed more than is kept.
    """

    exit_status: int | None
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False

    def to_record(self) -> dict[str, Any]:
        """The same as plain data."""
        return dict(vars(self))
