"""What the configuration may say of a simulated cloud, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.model.verbs import VERBS
from cloudmesh.config.settings.places import machines_directory
from cloudmesh.plugin import durations
from cloudmesh.plugin.errors import ConfigError, UsageError, suggest

CALLS = (
    *VERBS,
    *("boot", "find_booted", "machines", "machine", "check", "console", "images", "flavors"),
    *("key_pairs", "add_key", "delete_key", "quotas", "networks"),
    *("security_groups", "create_security_group", "delete_security_group", "add_rule", "remove_rule"),
    *("floating_ips", "create_floating_ip", "delete_floating_ip"),
    *("attach_floating_ip", "detach_floating_ip"),
    *("leases", "create_lease", "extend_lease", "delete_lease", "snapshots"),
)
QUOTAS = ("machines", "vcpus", "ram", "key_pairs", "security_groups", "floating_ips")
# After these nobody knows whether the work was done.
LOSSES = ("timeout", "reset", "server", "malformed")
FAULTS = (
    *("unreachable", "refused", "conflict", "quota", "capacity", "rate", "tls", "credentials"),
    *("fault", "odd", *LOSSES),
)

_ENDS = tuple(str(state) for state in State if not state.is_passing)


@dataclass(frozen=True)
class FaultRule:
    """Faults that are asked for: calls of ``verb`` on machines of ``names`` fail.

    Attributes:
        verb: a method of the provider (boot, start, machines, ...), or ``*``.
        names: a name expression as in ``cms vm``; ``*`` is any.
        error: one of FAULTS; "fault" lets the call pass and the machine end in ``state``, "odd" lets listings
            tell of the machine in a way that cannot be.
        times: how many calls fail on each machine before it works; None is always.
        after: whether the work is done and then the answer is lost; else nothing is done. For LOSSES only.
        state: where a machine with a "fault" ends.
    """

    verb: str = "*"
    names: str = "*"
    error: str = "unreachable"
    times: int | None = None
    after: bool = False
    state: str = State.ERROR.value


@dataclass(frozen=True)
class Reach:
    """Where an ssh server, such as one of a test or a rehearsal, answers in place of simulated machines.

    In the configuration ``reach: {addresses: [127.0.0.1, 127.0.0.2], port: 2222}``. The first machine that
    the cloud makes has the first address as its public one, the next the next, and after the last it begins
    again; all have the port. Without ``reach`` no address of a simulated machine leads anywhere.
    """

    addresses: tuple[str, ...]
    port: int = 22

    def address(self, number: int) -> str:
        """The address of machine ``number``, which counts from 1."""
        return self.addresses[(number - 1) % len(self.addresses)]


@dataclass(frozen=True)
class SimulatedSettings:
    """Times are in seconds; ``failure_rate`` is the share of calls that fail, from 0 to 1.

    What ``quota`` does not hold has no limit. ``bulk`` is how many machines one call can be about; 1 for none
    but its own. ``user`` is who we are there: clouds with the same ``file`` and other users share a project.
    ``hosts`` is how many can be leased. ``reach``: where an ssh server stands for the machines.
    """

    file: Path
    boot_seconds: float = 1.0
    action_seconds: float = 0.3
    latency_seconds: float = 0.0
    failure_rate: float = 0.0
    fault_seed: int = 0
    fail: tuple[FaultRule, ...] = ()
    quota: Mapping[str, int] = field(default_factory=dict)
    bulk: int = 1
    user: str = "me"
    hosts: int = 16
    reach: Reach | None = None

    @classmethod
    def read(cls, cloud: str, data: Mapping[str, Any]) -> SimulatedSettings:
        """Take the settings from the cloud's part of the configuration.

        Raises:
            ConfigError: a value is of the wrong kind or out of range.
        """
        file = _file(cloud, data.get("file"))
        numbers: dict[str, Any] = {
            key: _seconds(cloud, key, data[key])
            for key in ("boot_seconds", "action_seconds", "latency_seconds")
            if key in data
        }
        rate = _number(cloud, "failure_rate", data.get("failure_rate", 0.0))
        if rate > 1:
            raise _bad(cloud, "failure_rate", "must be from 0 to 1")
        seed, bulk = data.get("fault_seed", 0), data.get("bulk", 1)
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise _bad(cloud, "fault_seed", "must be a whole number")
        if not isinstance(bulk, int) or isinstance(bulk, bool) or bulk < 1:
            raise _bad(cloud, "bulk", "must be a whole number of 1 or more")
        hosts = data.get("hosts", 16)
        if type(hosts) is not int or hosts < 0:
            raise _bad(cloud, "hosts", "must be a whole number of 0 or more")
        fail = data.get("fail")
        given = fail if isinstance(fail, list) else [] if fail is None else [fail]
        rules = tuple(_rule(cloud, item) for item in given)
        quota, user = _quota(cloud, data.get("quota")), data.get("user", cls.user)
        if not (isinstance(user, str) and user):
            raise _bad(cloud, "user", "must be a name")
        others: dict[str, Any] = {"fail": rules, "quota": quota, "bulk": bulk, "user": user, "hosts": hosts}
        others["reach"] = _reach(cloud, data.get("reach"))
        return cls(file, failure_rate=rate, fault_seed=seed, **numbers, **others)


def _bad(cloud: str, key: str, problem: str) -> ConfigError:
    # What "config set" writes is a text, a number or a list, and no section.
    mend = "config edit" if key in ("fail", "quota", "reach") else f"config set clouds.{cloud}.{key}=VALUE"
    return ConfigError(f"clouds.{cloud}.{key} {problem}; correct it with cms {mend}")


def _require_known(cloud: str, key: str, what: str, given: object, known: Sequence[str]) -> None:
    if given not in known:
        raise _bad(cloud, key, f"has an unknown {what} {given!r} ({suggest(str(given), known)})")


def _file(cloud: str, value: object) -> Path:
    if value is None or value == "":
        # Quoted, since a cloud may be named "a/b".
        return machines_directory() / f"simulated-{quote(cloud, safe='')}.db"
    if not isinstance(value, str):
        raise _bad(cloud, "file", "must be the path of a file")
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise _bad(cloud, "file", f"begins with the home of an unknown user: {value}") from None


def _seconds(cloud: str, key: str, value: object) -> float:
    try:
        return durations.seconds(value)
    except ValueError as error:
        raise _bad(cloud, key, str(error)) from None


def _number(cloud: str, key: str, value: object) -> float:
    # A number in quotes is one too: config set keeps a text a text.
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise _bad(cloud, key, "must be a number of 0 or more")
    return number


def _rule(cloud: str, item: object) -> FaultRule:
    if not isinstance(item, dict):
        raise _bad(cloud, "fail", "must be {verb: ..., names: ...} or a list of these")
    known = list(FaultRule.__dataclass_fields__)
    for key in item:
        _require_known(cloud, "fail", "key", key, known)
    rule = FaultRule(**{**item, "names": _names(cloud, item.get("names", "*"))})
    _require_known(cloud, "fail", "verb", rule.verb, ("*", *CALLS))
    _require_known(cloud, "fail", "error", rule.error, FAULTS)
    if rule.times is not None and not (type(rule.times) is int and rule.times >= 0):
        raise _bad(cloud, "fail", "needs a whole number of 0 or more as times")
    _require_known(cloud, "fail", "state", rule.state, _ENDS)
    if not isinstance(rule.after, bool) or (rule.after and rule.error not in LOSSES):
        raise _bad(cloud, "fail", f"takes 'after: true' with {', '.join(LOSSES)} only")
    return rule


def _names(cloud: str, value: object) -> str:
    """The name expression, also of a YAML list, once it is known to be one."""
    from cloudmesh.plugin.names import expand

    text = ",".join(str(name) for name in value) if isinstance(value, list) else str(value)
    try:
        expand(text)
    except UsageError as error:
        raise _bad(cloud, "fail", f"has names that cannot be used ({error})") from None
    return text


def _quota(cloud: str, value: object) -> dict[str, int]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _bad(cloud, "quota", "must be a section with lines such as 'machines: 10'")
    for name, limit in value.items():
        _require_known(cloud, "quota", "key", name, QUOTAS)
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
            raise _bad(cloud, "quota", f"needs a whole number of 0 or more as {name}")
    return dict(value)


def _reach(cloud: str, value: object) -> Reach | None:
    if value is None:
        return None
    if not isinstance(value, dict) or "addresses" not in value:
        raise _bad(cloud, "reach", "must be {addresses: [127.0.0.1], port: 2222}")
    for key in value:
        _require_known(cloud, "reach", "key", key, tuple(Reach.__dataclass_fields__))
    from ipaddress import ip_address

    given, port = value["addresses"], value.get("port", Reach.port)
    addresses = tuple(map(str, given if isinstance(given, list) else [given]))
    try:
        list(map(ip_address, addresses))
    except ValueError as error:
        raise _bad(cloud, "reach", f"has a wrong address: {error}") from None
    if not addresses or type(port) is not int or not 0 < port < 65536:
        raise _bad(cloud, "reach", "must have an address, and a port from 1 to 65535")
    return Reach(addresses, port)
