"""What the configuration may say of a simulated cloud, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudmesh.config.places import machines_directory
from cloudmesh.plugin.errors import ConfigError, suggest

FAULTS = ("unreachable", "refused", "quota", "rate", "timeout", "credentials", "fault")


@dataclass(frozen=True)
class Rule:
    """Faults that are asked for: calls of ``verb`` on machines of ``names`` fail.

    Attributes:
        verb: a method of the provider (boot, start, machines, ...), or ``*``.
        names: a name expression as in ``cms vm``; ``*`` is any.
        error: one of FAULTS; "fault" lets the call pass and the machine end in state error.
        times: how many calls fail on each machine before it works; None is always.
    """

    verb: str = "*"
    names: str = "*"
    error: str = "unreachable"
    times: int | None = None


@dataclass(frozen=True)
class Settings:
    """Times are in seconds; ``failure_rate`` is the share of calls that fail, from 0 to 1."""

    file: Path
    boot_seconds: float = 1.0
    action_seconds: float = 0.3
    latency_seconds: float = 0.0
    failure_rate: float = 0.0
    fault_seed: int = 0
    fail: tuple[Rule, ...] = ()

    @classmethod
    def read(cls, cloud: str, data: Mapping[str, Any]) -> Settings:
        """Take the settings from the cloud's part of the configuration.

        Raises:
            ConfigError: a value is of the wrong kind or out of range.
        """
        file = Path(data.get("file") or machines_directory() / f"simulated-{cloud}.db").expanduser()
        numbers = {
            key: _number(cloud, key, data[key])
            for key in ("boot_seconds", "action_seconds", "latency_seconds", "failure_rate")
            if key in data
        }
        if numbers.get("failure_rate", 0) > 1:
            raise _bad(cloud, "failure_rate", "is a share from 0 to 1")
        seed = data.get("fault_seed", 0)
        if not isinstance(seed, int):
            raise _bad(cloud, "fault_seed", "must be a whole number")
        return cls(file, fault_seed=seed, fail=_rules(cloud, data.get("fail")), **numbers)


def _bad(cloud: str, key: str, problem: str) -> ConfigError:
    return ConfigError(f"clouds.{cloud}.{key} {problem}; cms config set clouds.{cloud}.{key}=VALUE mends it")


def _number(cloud: str, key: str, value: object) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or value < 0:  # type: ignore[arg-type,operator]
        raise _bad(cloud, key, "must be a number of 0 or more")
    return float(value)  # type: ignore[arg-type]


def _rules(cloud: str, value: object) -> tuple[Rule, ...]:
    if value is None:
        return ()
    return tuple(_rule(cloud, item) for item in (value if isinstance(value, list) else [value]))


def _rule(cloud: str, item: object) -> Rule:
    if not isinstance(item, dict):
        raise _bad(cloud, "fail", "must be {verb: ..., names: ...} or a list of such")
    known = list(Rule.__dataclass_fields__)
    for key in item:
        if key not in known:
            raise _bad(cloud, "fail", f"has an unknown key {key!r} ({suggest(str(key), known)})")
    rule = Rule(**{**item, "names": str(item.get("names", "*"))})
    if rule.error not in FAULTS:
        raise _bad(cloud, "fail", f"has an unknown error {rule.error!r} ({suggest(str(rule.error), FAULTS)})")
    if rule.times is not None and (not isinstance(rule.times, int) or rule.times < 0):
        raise _bad(cloud, "fail", "needs a whole number of 0 or more as times")
    return rule
