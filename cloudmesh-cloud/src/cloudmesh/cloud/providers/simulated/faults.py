"""Trouble on request: latency, rules that name verbs and machines, and a rate of random failures."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from cloudmesh.cloud import errors
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.providers.simulated.settings import LOSSES, FaultRule, SimulatedSettings
from cloudmesh.cloud.providers.simulated.world import World
from cloudmesh.plugin.errors import CloudmeshError

_ERRORS: dict[str, tuple[type[CloudmeshError], str]] = {
    "unreachable": (errors.Unreachable, "no answer"),
    "refused": (errors.Refused, "refused"),
    "conflict": (errors.Conflict, "conflict"),
    "quota": (errors.QuotaExceeded, "quota exceeded"),
    "capacity": (errors.NoCapacity, "no valid host"),
    "tls": (errors.TlsFailure, "TLS certificate not trusted"),
    "rate": (errors.RateLimited, "rate limit exceeded"),
    "credentials": (errors.CredentialsError, "credentials rejected"),
    "timeout": (errors.CloudTimeout, "timeout"),
    "reset": (errors.Unreachable, "connection closed without an answer"),
    "server": (errors.ServerFailure, "HTTP 500"),
    "malformed": (errors.BadAnswer, "incomplete answer"),
}


@dataclass(frozen=True)
class _PlannedFault:
    """What is to go wrong: for which machine, how, whether after the work; and who ends in another state."""

    name: str = ""
    kind: str = ""
    after: bool = False
    broken: Mapping[str, State] = field(default_factory=dict)


class Faults:
    """Decides for each call whether it goes wrong.

    A decision depends on the seed, the verb, the machine, and how often that was called before, and on
    nothing else: the same seed on a new cloud gives the same sequence for each machine, whichever
    thread comes first.
    """

    def __init__(self, cloud: str, settings: SimulatedSettings, world: World) -> None:
        self._cloud = cloud
        self._settings = settings
        self._world = world

    def before(self, verb: str, name: str) -> None:
        """A call that changes nothing: wait the latency, and raise the fault that is due."""
        with self.around(verb, name):
            pass

    @contextmanager
    def around(self, verb: str, name: str) -> Iterator[None]:
        """A call that does something: it fails before that, or its answer is lost after it."""
        with self.around_all(verb, [name]):
            yield

    @contextmanager
    def around_all(self, verb: str, names: Sequence[str]) -> Iterator[Mapping[str, State]]:
        """The same for a call about several machines, which fails for all of them if it does.

        Gives the states in which machines of these names are to end in place of where the verb leads.
        """
        if self._settings.latency_seconds:
            time.sleep(self._settings.latency_seconds)
        fault = self._next_fault(verb, names)
        if fault.kind and not fault.after:
            raise self._error(fault.kind, verb, fault.name)
        yield fault.broken
        if fault.after:
            raise self._error(fault.kind, verb, fault.name)

    def _next_fault(self, verb: str, names: Sequence[str]) -> _PlannedFault:
        """The fault that is due: that of the first rule for one of the machines, else what chance gives."""
        settings = self._settings
        if not settings.fail and not settings.failure_rate:
            return _PlannedFault()
        counts = {name: self._world.count(verb, name) for name in names}
        rules = {name: rule for name, count in counts.items() if (rule := self._rule(verb, name, count))}
        broken = {name: State(rule.state) for name, rule in rules.items() if rule.error == "fault"}
        for name, rule in rules.items():
            if name not in broken:
                return _PlannedFault(name, rule.error, rule.after, broken)
        first = names[0]
        key = f"{settings.fault_seed}/{verb}/{first}/{counts[first]}"
        unlucky = first not in broken and random.Random(key).random() < settings.failure_rate  # noqa: S311
        return _PlannedFault(first, "unreachable" if unlucky else "", False, broken)

    def _rule(self, verb: str, name: str, count: int) -> FaultRule | None:
        """The first rule for call number ``count`` of a verb on a machine."""
        for rule in self._settings.fail:
            due = rule.verb in ("*", verb) and (rule.times is None or count <= rule.times)
            if due and rule.error != "odd" and _is_for(rule, name):
                return rule
        return None

    def is_odd(self, name: str) -> bool:
        """Whether listings are to tell of this machine in a way that cannot be."""
        return any(rule.error == "odd" and _is_for(rule, name) for rule in self._settings.fail)

    def _error(self, kind: str, verb: str, name: str) -> CloudmeshError:
        made, what = _ERRORS[kind]
        # Most that is about no machine or other thing is a listing, called as what it lists.
        alone = verb == "check" or verb.endswith("_lease")
        call = (f"{verb} {name}" if name else verb if alone else f"list {verb}").replace("_", " ")
        error = made(
            f"cloud {self._cloud}: {call} failed: {what} (simulated fault, set in the configuration)"
        )
        error.outcome_unknown = kind in LOSSES
        return error


def _is_for(rule: FaultRule, name: str) -> bool:
    from cloudmesh.plugin.names import expand

    return rule.names == "*" or any(each.matches(name) for each in expand(rule.names))
