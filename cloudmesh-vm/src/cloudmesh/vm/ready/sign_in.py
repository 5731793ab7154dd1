"""Signs in to a machine and asks where cloud-init stands, by OpenSSH itself.

Until cloud-init has ended, neither the connection nor a host key that is not known yet is kept: cloud-init
makes new host keys, and puts users into groups, which a connection that is open would not notice.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass

from cloudmesh.cloud.access.route import Route
from cloudmesh.cloud.access.users import user_told
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.ready.cloud_init import CloudInit, greeting, read, script
from cloudmesh.vm.ssh import known
from cloudmesh.vm.ssh.command_line import ssh_words
from cloudmesh.vm.ssh.errors import MachineUnreachable
from cloudmesh.vm.ssh.log import FAILED
from cloudmesh.vm.ssh.processes import Processes
from cloudmesh.vm.ssh.reading import failure

# Seconds for a connection, and for all of a sign-in: the first words of cloud-init may take long in a machine
# that is busy with its start.
_CONNECT, _ALL = 30.0, 90.0
_ALONE = ("ControlMaster=no", "ControlPath=none", "LogLevel=ERROR")
# There is nothing yet that a key could be compared with, and the one that is met may not be the last one.
_NOT_KEPT = ("UserKnownHostsFile=/dev/null",)


@dataclass(frozen=True)
class SignIn:
    """How a sign-in ended.

    Attributes:
        told: what the machine told of cloud-init; None if nobody was signed in.
        error: why not: SignInRefused, HostKeyChanged or MachineUnreachable.
        user: who is to sign in instead, if the machine says so; else empty.
    """

    told: CloudInit | None = None
    error: CloudmeshError | None = None
    user: str = ""


def is_known(route: Route) -> bool:
    """Whether a host key of the machine is known, so that only that one may answer."""
    return known.is_known(route.host_key_alias)


def has_way(route: Route) -> bool:
    """Whether it is reached through something else, so that only ssh can tell whether anybody answers there.

    The user's own configuration of OpenSSH may say so, too.
    """
    if route.jumps:
        return True
    try:
        told = subprocess.run(
            ["ssh", "-G", *ssh_words(route)[1:]], capture_output=True, timeout=_CONNECT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    rows = (row.split(None, 1) for row in told.stdout.decode("utf-8", "replace").splitlines())
    said = {row[0]: row[1] for row in rows if len(row) == 2}
    ways = [said.get("proxyjump", "none"), said.get("proxycommand", "none")]
    return any(way != "none" for way in ways) or said.get("hostname", route.address) != route.address


def sign_in(route: Route, processes: Processes, full: bool) -> SignIn:
    """Sign in once, and ask where cloud-init stands.

    Args:
        full: whether cloud-init itself is asked, though its end is not written down; that takes it a second.

    Raises:
        OSError: ssh is not there, or the system has no room for it.
    """
    own = (*_ALONE, *(() if is_known(route) else _NOT_KEPT))
    return _run(route, own, processes, script(full))


def settle(route: Route, processes: Processes) -> SignIn:
    """Sign in as any command does: a host key that is not known yet is kept, and the connection is shared."""
    return _run(route, ("LogLevel=ERROR",), processes, greeting())


def _words(route: Route, own: tuple[str, ...]) -> list[str]:
    """What ssh is called with: of an option that is given twice it takes the first value."""
    first = [word for option in own for word in ("-o", option)]
    return ["ssh", *first, *ssh_words(route, timeout=_CONNECT)[1:], "exec sh"]


def _run(route: Route, own: tuple[str, ...], processes: Processes, text: bytes) -> SignIn:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as source:
        # It is less than a pipe holds.
        with os.fdopen(writer, "wb", buffering=0) as target:
            target.write(text)
        ended = processes.run(_words(route, own), stdin=source, ends=time.monotonic() + _ALL)
    told = read(ended.stdout)
    if told is not None:
        return SignIn(told)
    if user := user_told(ended.stdout.decode("utf-8", "replace")[:1000]):
        return SignIn(user=user)
    if ended.timed_out or ended.stopped:
        return SignIn(error=MachineUnreachable(f"a sign-in did not end within {_ALL:.0f} s"))
    if ended.status >= 0 and ended.status != FAILED:
        # One is in, where no shell as ours is: a machine without cloud-init.
        return SignIn(CloudInit.none())
    said = ended.stderr.decode("utf-8", "replace")
    return SignIn(error=failure(route, said) or MachineUnreachable("ssh gave no reason"))
