"""The words with which OpenSSH's programs are called to reach a machine; a shell never stands between.

What is said here comes before the user's own configuration of OpenSSH; all else is left to that, and to the
user's agent.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from cloudmesh.cloud.access.known_hosts import known_hosts_file
from cloudmesh.cloud.access.route import Route
from cloudmesh.vm.ssh import known
from cloudmesh.vm.ssh.sockets import control_path
from cloudmesh.vm.ssh.user_config import says

# So many seconds a connection stays open for what follows.
PERSIST = 60
# A connection on which nothing comes back for so many seconds, so many times, is lost.
_ALIVE = ("ServerAliveInterval=15", "ServerAliveCountMax=3")
# A user's configuration may say other things, for people at a terminal. Commands that nobody sits before
# would fail with them, or what they cause would stand among the output.
_BATCH = (
    *("BatchMode=yes", "RequestTTY=no", "PermitLocalCommand=no", "ClearAllForwardings=yes"),
    "RemoteCommand=none",
)
# Otherwise a command would not be run at all, or nobody would hear how it ended. Older versions of OpenSSH
# do not know these, so that they are spelled only where the configuration has them.
_FOREGROUND = (("forkafterauthentication", "ForkAfterAuthentication=no"), ("stdinnull", "StdinNull=no"))
_SESSION = ("sessiontype", "SessionType=default")


def ssh_words(
    route: Route, *, batch: bool = True, timeout: float = 10, more: Sequence[str] = (), log: str = ""
) -> list[str]:
    """``ssh`` with its options and the address: what follows is the command, as one word.

    Args:
        route: the machine.
        batch: whether nothing may be asked, since nobody is there to answer, or for many machines at once.
        timeout: seconds until a connection is given up that does not come about.
        more: further options.
        log: a file that gets, from all on the way, what ssh says itself; else it says that on stderr, and
            the jumps say nothing. How much it says is an option of ``more``.
    """
    own = ["-E", log] if log else []
    options = ssh_options(route, batch=batch, timeout=timeout, log=log)
    return ["ssh", *(session_options() if batch else ()), *options, *own, *more, "--", route.address]


def session_options() -> list[str]:
    """The options with which ``ssh`` runs the command that it is given, whatever a configuration says.

    They are for ``ssh`` with a command alone: beside ``-N`` or ``-s`` it refuses the last of them.
    """
    keyword, option = _SESSION
    return _spelled(["RemoteCommand=none", *_foreground(), *([option] if says(keyword, True) else [])])


def ssh_options(route: Route, *, batch: bool = True, timeout: float = 10, log: str = "") -> list[str]:
    """The options alone, which ``ssh`` and ``sftp`` take alike; only the jumps write into ``log``."""
    options = [*_shared(route, batch, timeout), f"Port={route.port}"]
    if route.user:
        options.append(f"User={_value(route.user)}")
    if route.key_file is not None:
        # Only this one: an agent that holds many is sent away before it has offered it.
        options += [f"IdentityFile={_path(route.key_file)}", "IdentitiesOnly=yes"]
    options.append(f"UserKnownHostsFile={_path(known_hosts_file())} ~/.ssh/known_hosts")
    # Under names of ours that nobody else can make sense of, and that we must find again.
    options += ["HashKnownHosts=no", "UpdateHostKeys=no"]
    if route.host_key_alias:
        options.append(f"HostKeyAlias={route.host_key_alias}")
    first = not known.is_known(route.host_key_alias)
    options.append(f"StrictHostKeyChecking={'accept-new' if first else 'yes'}")
    if route.jumps:
        options.append(f"ProxyCommand={_through(route, batch, timeout, log)}")
        # It is a program that hands on what it reads, and no connection.
        options.append("ProxyUseFdpass=no")
    return _spelled(options)


def jump_words(
    jump: Route | str, through: Sequence[Route | str], *, batch: bool, timeout: float, log: str = ""
) -> list[str]:
    """``ssh`` with the options to reach a jump, which is reached through others itself, without ``--``."""
    if isinstance(jump, str):
        options = _shared(jump, batch, timeout)
        if through:
            options.append(f"ProxyCommand={_proxy(through, *_host_port(jump), batch, timeout, log)}")
        return ["ssh", *_spelled(options)]
    from dataclasses import replace

    return [
        "ssh",
        *ssh_options(replace(jump, jumps=jump.jumps or tuple(through)), batch=batch, timeout=timeout),
    ]


def destination(jump: Route | str) -> str:
    """What names a jump as a word of ``ssh``."""
    if not isinstance(jump, str):
        return jump.address
    # With a port only this form is understood.
    return f"ssh://{jump}" if ":" in jump and "://" not in jump else jump


def _shared(route: Route | str, batch: bool, timeout: float) -> list[str]:
    """The options that hold for machines and for hosts of the user alike."""
    options = [f"ConnectTimeout={max(1, round(timeout))}", *_ALIVE]
    path = control_path(route)
    if path is None:
        options += ["ControlMaster=no", "ControlPath=none"]
    else:
        options += ["ControlMaster=auto", f"ControlPath={_path(path)}", f"ControlPersist={PERSIST}"]
    if batch:
        options += [*_BATCH, *_foreground()]
    if not says("gssapiauthentication"):
        # It costs a look-up of names at every server that offers it.
        options.append("GSSAPIAuthentication=no")
    return options


def _foreground() -> list[str]:
    """What keeps ``ssh`` from going on without us."""
    return [option for keyword, option in _FOREGROUND if says(keyword, True)]


def _through(route: Route, batch: bool, timeout: float, log: str) -> str:
    return _proxy(route.jumps, route.address, str(route.port), batch, timeout, log)


def _proxy(
    through: Sequence[Route | str], address: str, port: str, batch: bool, timeout: float, log: str
) -> str:
    """The command that connects to an address by the last of these jumps, as ``ProxyCommand`` takes it."""
    *nearer, last = through
    words = jump_words(last, nearer, batch=batch, timeout=timeout, log=log)
    target = f"[{address}]:{port}"
    told = ["-E", log, "-o", "LogLevel=ERROR"] if log else []
    line = shlex.join([*words, *told, "-W", target, "--", destination(last)])
    return line.replace("%", "%%")


def _host_port(jump: str) -> tuple[str, str]:
    """The host and the port of a jump that is written as ``[user@]host[:port]``; 22 if it tells none."""
    host = jump.removeprefix("ssh://").rpartition("@")[2].rstrip("/")
    if host.startswith("["):
        host, _, port = host[1:].partition("]")
        return host, port.removeprefix(":") or "22"
    host, _, port = host.partition(":")
    return host, port or "22"


def _spelled(options: Sequence[str]) -> list[str]:
    return [word for each in options for word in ("-o", each)]


def _path(path: Path) -> str:
    """A path as the value of an option, in which ssh puts nothing in place of anything."""
    return _value(str(path).replace("%", "%%"))


def _value(text: str) -> str:
    """A text as one value, however many blanks it holds."""
    if not set(text) & set(" \t\"'\\#"):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
