"""``rates:`` of a cloud: what a machine costs per hour, by its flavor and its state, in a unit of the user's.

::

    rates:
      unit: SU
      vcpu: 1                                  # per virtual core and hour
      flavors: {m1.small: 1, gpu.large: 12.5}  # per machine and hour; goes before vcpu
      states: {suspended: 75%, stopped: 50%, shelved: 0}

Numbers are decimal ones, as they are written: no sum is off by a rounding error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from cloudmesh.config.settings.mistake import Mistake
from cloudmesh.plugin.errors import suggest

KEYS = ("unit", "vcpu", "flavors", "states")
# The states of machines that may have a rate of their own; those of ``cloudmesh.cloud.model.records.State``.
STATES = (
    *("building", "active", "stopped", "suspended", "paused", "starting", "stopping", "suspending"),
    *("resuming", "pausing", "unpausing", "rebooting", "rebuilding", "resizing", "deleting", "migrating"),
    *("shelving", "unshelving", "repairing", "updating", "hibernated", "halted", "shelved"),
    *("shelved_offloaded", "rescued", "resized", "restoring", "error"),
)
# A state that is not named costs as this one, if that is named: it is a kind of it.
_KIND_OF = {"shelved_offloaded": "shelved", "hibernated": "suspended"}
# What passes costs as the dearer of its ends.
_ENDS: dict[str, tuple[str, ...]] = {
    "starting": ("stopped", "active"),
    "stopping": ("active", "stopped"),
    "suspending": ("active", "suspended"),
    "resuming": ("suspended", "active"),
    "pausing": ("active", "paused"),
    "unpausing": ("paused", "active"),
    "shelving": ("active", "shelved"),
    "unshelving": ("shelved", "active"),
}
_ENDS |= dict.fromkeys(
    (
        *("building", "rebooting", "rebuilding", "resizing", "migrating", "repairing", "updating"),
        *("restoring", "deleting"),
    ),
    ("active",),
)
_FULL = Decimal(1)
# The largest number, and how many digits may follow the point: what has more is a slip, and sums stay exact.
_MOST, _DIGITS = Decimal(10) ** 7, 6


@dataclass(frozen=True)
class Rates:
    """What machines of a cloud cost per hour.

    Attributes:
        unit: of all numbers, such as SU or EUR.
        vcpu: the rate of a virtual core, for flavors that have no rate of their own; None if there is none.
        flavors: the rates of flavors, by their names or ids.
        states: which part of its rate a machine costs in a state.
    """

    unit: str
    vcpu: Decimal | None = None
    flavors: Mapping[str, Decimal] = field(default_factory=dict)
    states: Mapping[str, Decimal] = field(default_factory=dict)

    def part(self, state: str) -> Decimal | None:
        """Which part of its full rate a machine costs in a state; None if nobody can tell.

        A state that the section does not name costs all, so that no sum is too low.
        """
        if state == "deleted":
            return Decimal(0)
        if state not in STATES:
            return None
        if state in self.states:
            return self.states[state]
        if state in _KIND_OF:
            return self.part(_KIND_OF[state])
        if state in _ENDS:
            return max(self.states.get(end, _FULL) for end in _ENDS[state])
        return _FULL


def read(section: Any) -> Rates:
    """The rates of a section that ``mistakes`` finds nothing wrong with."""
    return Rates(
        section["unit"].strip(),
        None if section.get("vcpu") is None else _rate(section["vcpu"]),
        {str(name): _rate(value) for name, value in (section.get("flavors") or {}).items()},
        {str(name): _part(value) for name, value in (section.get("states") or {}).items()},
    )


def mistakes(section: Any) -> Iterator[Mistake]:
    """What is wrong with the section ``rates`` of a cloud; nothing if it can be read."""
    if not isinstance(section, Mapping):
        yield Mistake((), "must be a section", "write 'unit: SU' and 'vcpu: 1' under it")
        return
    for key in section:
        if key not in KEYS:
            yield Mistake((str(key),), "is not a known key", suggest(str(key), KEYS))
    unit = section.get("unit")
    if not (isinstance(unit, str) and unit.strip() and unit.isprintable()):
        where = ("unit",) if "unit" in section else ()
        yield Mistake(where, "must name a unit", "write 'unit: SU', EUR, or whatever you count in")
    vcpu = section.get("vcpu")
    if vcpu is None and not section.get("flavors"):
        remedy = "write 'vcpu: 1' for each core and hour, or 'flavors: {m1.small: 1}'"
        yield Mistake((), "must have a rate", remedy)
    elif vcpu is not None:
        yield from _wrong(("vcpu",), vcpu, _rate)
    yield from _wrong_values("flavors", section.get("flavors"), _rate)
    yield from _wrong_values("states", section.get("states"), _part)


def _wrong_values(key: str, values: Any, reader: Callable[[Any], Decimal]) -> Iterator[Mistake]:
    """What is wrong with the section of flavors, or with that of states."""
    if values is None:
        return
    if not isinstance(values, Mapping):
        example = "{m1.small: 1}" if key == "flavors" else "{stopped: 50%}"
        yield Mistake((key,), "must be a section", f"write {key}: {example}")
        return
    for name, value in values.items():
        if key == "states" and name not in STATES:
            yield Mistake((key, str(name)), "is not a state of machines", suggest(str(name), STATES))
        else:
            yield from _wrong((key, str(name)), value, reader)


def _wrong(parts: tuple[str, ...], value: Any, reader: Callable[[Any], Decimal]) -> Iterator[Mistake]:
    try:
        reader(value)
    except ValueError as error:
        yield Mistake(parts, *error.args)


def _rate(value: Any) -> Decimal:
    """A number of 0 or more, as it was written. Raises ValueError with what it must be, and what to write."""
    wrong = ValueError("must be a number of 0 or more", "write the rate per hour, such as 0.25")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise wrong
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        raise wrong from None
    if not (found.is_finite() and found >= 0):
        raise wrong
    # What is larger, or has more digits, is a slip.
    if found > _MOST or found != round(found, _DIGITS):
        raise ValueError(
            f"must be at most {_MOST:f}, with up to {_DIGITS} digits after the point", "round it"
        )
    return found


def _part(value: Any) -> Decimal:
    """``75%``, or a number from 0 to 1. Raises ValueError as above."""
    text = str(value).strip()
    percent = isinstance(value, str) and text.endswith("%")
    try:
        part = _rate(text[:-1]) / 100 if percent else _rate(value)
    except ValueError:
        part = _MOST
    if part > _FULL:
        raise ValueError("must be a part of the full rate", "write a percentage from 0% to 100%, or 0")
    return part
