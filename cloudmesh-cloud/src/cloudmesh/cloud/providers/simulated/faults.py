"""Trouble on request: latency, rules that name verbs and machines, and a rate of random failures."""

from __future__ import annotations

import random
import time

from cloudmesh.cloud.errors import (
    CloudTimeout,
    CredentialsError,
    NoCapacity,
    QuotaExceeded,
    RateLimited,
    Refused,
    TlsFailure,
    Unreachable,
)
from cloudmesh.cloud.providers.simulated.settings import Rule, Settings
from cloudmesh.cloud.providers.simulated.world import World

_ERRORS: dict[str, tuple[type[Exception], str]] = {
    "unreachable": (Unreachable, "did not answer"),
    "refused": (Refused, "refused"),
    "quota": (QuotaExceeded, "has no room left"),
    "capacity": (NoCapacity, "has no valid host"),
    "tls": (TlsFailure, "did not prove by its certificate to be it"),
    "rate": (RateLimited, "had too many calls"),
    "timeout": (CloudTimeout, "did not answer in time"),
    "credentials": (CredentialsError, "did not accept the credentials"),
}


class Faults:
    """Decides for each call whether it goes wrong.

    A decision depends on the seed, the verb, the machine, and how often that was called before, and on
    nothing else: the same seed on a new cloud gives the same sequence for each machine, whichever
    thread comes first.
    """

    def __init__(self, cloud: str, settings: Settings, world: World) -> None:
        self._cloud = cloud
        self._settings = settings
        self._world = world

    def before(self, verb: str, name: str) -> bool:
        """Wait the latency; raise the fault that is due. True if the machine is to end in error."""
        settings = self._settings
        if settings.latency_seconds:
            time.sleep(settings.latency_seconds)
        if not settings.fail and not settings.failure_rate:
            return False
        count = self._world.count(verb, name)
        for rule in settings.fail:
            if _applies(rule, verb, name, count):
                if rule.error == "fault":
                    return True
                raise self._error(rule.error, verb, name)
        chance = random.Random(f"{settings.fault_seed}/{verb}/{name}/{count}").random()  # noqa: S311
        if chance < settings.failure_rate:
            raise self._error("unreachable", verb, name)
        return False

    def _error(self, kind: str, verb: str, name: str) -> Exception:
        error, what = _ERRORS[kind]
        call = f"{verb} {name}" if name else verb
        return error(
            f"cloud {self._cloud} {what} to {call!r} (simulated fault, asked for in its configuration)"
        )


def _applies(rule: Rule, verb: str, name: str, count: int) -> bool:
    if rule.verb not in ("*", verb) or (rule.times is not None and count > rule.times):
        return False
    if rule.names == "*":
        return True
    from cloudmesh.plugin.names import expand

    return any(each.matches(name) for each in expand(rule.names))
