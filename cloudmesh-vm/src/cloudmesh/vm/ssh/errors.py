"""What can go wrong on the way into a machine and in it; each is a failed task (exit code 1).

``outcome_unknown`` of each tells whether the command may have been begun all the same.
"""

from __future__ import annotations

from cloudmesh.plugin.errors import CloudmeshError


class MachineUnreachable(CloudmeshError):
    """No ssh server answered at the machine's address, or not in time; the command was not begun."""


class ConnectionLost(MachineUnreachable):
    """The connection broke after the sign-in: the command may have been begun, and may even go on."""

    outcome_unknown = True


class SignInRefused(CloudmeshError):
    """The machine's ssh server answered and let nobody in with this user and these keys."""


class HostKeyChanged(CloudmeshError):
    """The machine showed another host key than before: it may be another machine, or somebody between."""


class CommandTimedOut(CloudmeshError):
    """The command did not end in time and its connection was closed; it may go on in the machine."""

    outcome_unknown = True


class CommandFailed(CloudmeshError):
    """The command ran to its end and did not succeed.

    ``exit_status``: what it ended with: 1 to 255, as ssh tells it.
    """

    def __init__(self, message: str = "", exit_status: int = 1) -> None:
        super().__init__(message)
        self.exit_status = exit_status
