"""What OpenSSH says of a connection that failed, read from its log and told in one sentence."""

from __future__ import annotations

import re
import shlex

from cloudmesh.cloud.access.known_hosts import known_hosts_file
from cloudmesh.cloud.access.route import Route
from cloudmesh.plugin.durations import span_text
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.plain import harmless
from cloudmesh.vm.model.remote import WAKES
from cloudmesh.vm.ssh.errors import ConnectionLost, HostKeyChanged, MachineUnreachable, SignInRefused

_ENDED = re.compile(r"^debug2: Received exit status from master|^debug1: Exit status \d", re.MULTILINE)
_BEGUN = re.compile(r"master session id: |^debug1: Sending (command|subsystem)|Entering inter", re.MULTILINE)
# The server has shown who it is: from here on it takes its own time, and that of who holds the key.
_ANSWERED = re.compile(r"SSH2_MSG_NEWKEYS received")
# What is asked of a connection that is shared, and whether its owner has refused that.
_ASKED, _NOT_SHARED = (
    re.compile(r"session request sent"),
    re.compile(r"session request failed|disabling multi"),
)
_LOST = re.compile(r"terminated unexpectedly|closed by remote host|not responding|Broken pipe")
_KEY_DIFFERS = re.compile(
    r"HOST IDENTIFICATION HAS CHANGED|Host key verification failed|host key is known for"
)
_KEY_OF = re.compile(r"[Hh]ost key (?:for|is known for) (\S+)")
_REFUSED = re.compile(
    r"Permission denied|Too many authentication|No more authentication|Authentication failed"
)
_REASON = re.compile(
    r"^(?:ssh: connect to host \S+ port \d+: )?(.*(?:refused|timed out|unreachable|No route|reset|closed|"
    r"resolve|not allowed|No such file|UNKNOWN port|Unable to negotiate|Bad owner|Bad config|error|"
    r"fail).*?)\.?$",
    re.MULTILINE | re.IGNORECASE,
)
# What the last line tells less of than the one before.
_EMPTY = re.compile(r"^Connection (closed|reset) by |UNKNOWN port|^kex_exchange_identification: ?$")
_LONGEST = 200


def has_answered(log: str) -> bool:
    """Whether the server has come to an end with the exchange of keys, or a shared connection is used."""
    return bool(_ANSWERED.search(log) or _may_have_begun(log))


def _may_have_begun(log: str) -> bool:
    """Whether the command may have been handed on."""
    return bool(_BEGUN.search(log) or (_ASKED.search(log) and not _NOT_SHARED.search(log)))


def too_late(route: Route, log: str, seconds: float) -> MachineUnreachable | None:
    """Why nothing had begun in a machine after so many seconds; None if something may have."""
    if _may_have_begun(log):
        return None
    who = harmless(route.user) or "anybody"
    seen = f"let {who} in" if _ANSWERED.search(log) else "come to an end with the exchange of keys"
    return MachineUnreachable(
        f"{_place(route)} cannot be reached: it did not {seen} within {span_text(seconds)}; nothing was run"
    )


def failure(route: Route, log: str, stderr: str = "") -> CloudmeshError | None:
    """Why ssh ended with 255; None if that was the command's own exit status.

    Args:
        route: where it was to lead.
        log: what ssh wrote with ``LOG_LEVEL``.
        stderr: what came beside it, from the programs of the way.
    """
    if _ENDED.search(log):
        return None
    where = _place(route)
    if _BEGUN.search(log):
        return ConnectionLost(
            f"the connection to {where} was lost, or a signal ended the command: it may have been carried out"
        )
    told = "\n".join(line for line in log.splitlines() if not line.startswith("debug"))
    told = f"{told}\n{stderr}".replace("\r", "")
    if _KEY_DIFFERS.search(told):
        return _key_changed(route, told)
    if _REFUSED.search(told):
        return _key_unusable(route) if _accepted(log) else _sign_in_refused(route)
    hint = _asleep(route) or (f"; {route.hint}" if getattr(route, "hint", "") else "")
    return MachineUnreachable(f"{where} cannot be reached: {_reason(told)}{hint}")


def lost(route: Route, within: bool, log: str) -> CloudmeshError | None:
    """Why a program that uses ssh had no connection, or not to its end; None if it had.

    Args:
        route: where it was to lead.
        within: whether the program ended as it does when its connection is lost.
        log: what ssh wrote with ``LOG_LEVEL``, and what the program itself says.
    """
    if not _BEGUN.search(log):
        return failure(route, log)
    was_lost = within and _LOST.search(log)
    return ConnectionLost(f"the connection to {_place(route)} was lost") if was_lost else None


def _asleep(route: Route) -> str:
    """That the machine was not running when its cloud last told its state, and what makes it run."""
    verb = WAKES.get(route.machine.state)
    if verb is None:
        return ""
    name = shlex.quote(harmless(route.machine.qualified_name))
    return f"; it was {route.machine.state} when it was last seen: cms vm {verb} {name}"


def _place(route: Route) -> str:
    port = "" if route.port == 22 else f" port {route.port}"
    return harmless(f"{route.machine.name} at {route.address}{port}")


def _reason(told: str) -> str:
    """The line that says most, without what is the same for all."""
    lines = [each.strip() for each in _REASON.findall(told)]
    telling = [line for line in lines if not _EMPTY.search(line)] or lines
    if not telling:
        telling = [line for line in told.splitlines() if line.strip()][-1:] or ["ssh gave no reason"]
    return harmless(telling[0])[:_LONGEST]


def _key_changed(route: Route, told: str) -> HostKeyChanged:
    found = _KEY_OF.search(told)
    alias = found[1].strip("'\".,") if found else route.host_key_alias
    hops = [each for each in (route, *route.jumps) if isinstance(each, Route)]
    machine = next((each.machine for each in hops if each.host_key_alias == alias), route.machine)
    name = harmless(machine.qualified_name)
    file = known_hosts_file()
    remedy = f"cms ssh-config forget {shlex.quote(name)}"
    return HostKeyChanged(
        f"the host key of {name} is not the one in {file}: it may be another machine, or somebody between; "
        f"nothing was sent to it; if you know why it changed, forget the old one: {remedy}"
    )


def _accepted(log: str) -> bool:
    """Whether a key would have opened the door, and could not be used here."""
    return "Server accepts key: " in log and "partial success" not in log


def _key_unusable(route: Route) -> SignInRefused:
    key = f"the key {route.key_file}" if route.key_file else "a key of yours"
    add = shlex.join(["ssh-add", *([str(route.key_file)] if route.key_file else [])])
    return SignInRefused(
        harmless(f"{_place(route)} accepts {key}, but its private part cannot be used here: ")
        + harmless(f"if it has a passphrase, add it to your agent: {add}")
    )


def _sign_in_refused(route: Route) -> SignInRefused:
    who = harmless(route.user) or "the user of your ssh configuration"
    key = f"the key {route.key_file}" if route.key_file else "the keys of your agent and ~/.ssh"
    cloud = route.machine.cloud
    return SignInRefused(
        f"{_place(route)} refuses to let {who} in with {key}; set clouds.{cloud}.ssh.user or "
        f"clouds.{cloud}.ssh.key"
    )
