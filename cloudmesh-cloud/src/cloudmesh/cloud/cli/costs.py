"""``cms cloud cost``: what the machines of clouds cost per hour now, from the store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from cloudmesh.cloud.cli.notes import age_text
from cloudmesh.cloud.errors import IncompleteListing
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.listings import never_listed, whom_to_ask
from cloudmesh.cloud.store.machine_rows import machine_rows
from cloudmesh.cloud.store.pricing import Price, Pricing, amount_text, number, unknown_notes
from cloudmesh.config import Config
from cloudmesh.db import open_store
from cloudmesh.plugin.errors import CloudmeshError, UsageError, suggest
from cloudmesh.plugin.output import Answer

#: What ``--by`` may name.
GROUPS = ("flavor", "state", "owner", "key", "zone", "name")
TOTAL = "total"


@dataclass
class _Sum:
    """What some machines cost: how many they are, what is known, and of how many nothing is known."""

    unit: str
    machines: int = 0
    known: Decimal = field(default_factory=Decimal)
    unknown: int = 0

    def add(self, price: Price) -> None:
        self.machines += 1
        self.known += price.rate or 0
        self.unknown += price.rate is None

    @property
    def rate(self) -> Decimal | None:
        """What is known; None if nothing is."""
        return None if self.machines and self.unknown == self.machines else self.known

    def record(
        self, cloud: str, silent: Collection[str], partly: Mapping[str, str], table: bool
    ) -> dict[str, Any]:
        """The values of a row of a cloud; nothing is known of those that are ``silent``."""
        if cloud in silent:
            return {
                "machines": None,
                "rate": "unknown" if table else None,
                "rate_unit": self.unit,
                "unknown": None,
            }
        rate: int | float | str | None = number(self.rate)
        if table:
            own = {cloud: partly[cloud]} if cloud in partly else {}
            rate = "unknown" if self.rate is None else self.text(own)
        unknown = None if cloud in partly else self.unknown
        return {"machines": self.machines, "rate": rate, "rate_unit": self.unit, "unknown": unknown}

    def text(self, partly: Mapping[str, str]) -> str:
        """The cost for people; an unknown part is said, and never counted as 0."""
        lacking = (
            [f"{self.unknown} machine{'' if self.unknown == 1 else 's'} unknown"] if self.unknown else []
        )
        lacking += [f"cloud {cloud} {what}" for cloud, what in partly.items()]
        if not self.unit:
            return "unknown" if lacking else "0"
        amount = amount_text(self.known, self.unit)
        return f"at least {amount} + {', '.join(lacking)}" if lacking else amount


def clouds_cost(config: Config, clouds: Sequence[str], options: Mapping[str, Any]) -> Answer:
    """What the machines of each cloud cost per hour; a table ends with a total for each unit.

    Args:
        options: ``--by``: the columns by which the machines of a cloud are told apart; ``--refresh``: ask the
            clouds, and wait for them; ``--cached``: ask none; ``--output``.

    Raises:
        UsageError: ``--by`` names no such column.
        ConfigError: the rates of a cloud cannot be read.
    """
    groups = _groups(options["--by"])
    with Inventory(open_store(config)) as inventory:
        pricing = Pricing(config, inventory.database, clouds)
        errors, notes = _asked(config, inventory, clouds, options["--refresh"], options["--cached"])
        silent = {cloud: "unknown" for cloud in clouds if not inventory.was_refreshed(cloud)}
        # What a listing left out may be a machine that nobody has seen.
        odd = {cloud: told for cloud in clouds if (told := inventory.left_out(cloud))}
        for cloud, told in odd.items():
            if cloud not in errors:
                errors[cloud] = IncompleteListing(f"cloud {cloud}: {told}")
                notes.append(f"error: {cloud}: {errors[cloud]}")
        partly = silent | dict.fromkeys(odd, "incomplete")
        rows = machine_rows(inventory, clouds, ("flavor", "state", *groups))
        prices = pricing.of(rows)
        places = list(zip(rows.values("cloud"), *(rows.values(each) for each in groups), strict=True))
    sums: dict[tuple[str, ...], _Sum] = {}
    for cloud in clouds:
        found = sorted({place for place in places if place[0] == cloud}) if groups else []
        sums |= {place: _Sum(pricing.unit(cloud)) for place in found or [(cloud, *[""] * len(groups))]}
    for place, price in zip(places, prices, strict=True):
        sums[place].add(price)
    table = options["--output"] == "table"
    records = [
        {**dict(zip(("cloud", *groups), place, strict=True)), **each.record(place[0], silent, partly, table)}
        for place, each in sums.items()
    ]
    more = () if table else ("rate_unit", "unknown")
    return Answer(
        records,
        columns=("cloud", *groups, "machines", "rate", *more),
        names="cloud",
        table_rows=[*records, *_totals(sums, partly)] if table else None,
        notes=[*notes, *unknown_notes(prices)],
        errors=list(errors.values()),
        exit_code=max((error.exit_code for error in errors.values()), default=0),
    )


def _totals(sums: Mapping[tuple[str, ...], _Sum], partly: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """A row for each unit; what has an unknown rate may be in any of them."""
    units = list(dict.fromkeys(each.unit for each in sums.values() if each.unit))
    for unit in units or [""]:
        total = _Sum(unit)
        for each in sums.values():
            if each.unit in ("", unit):
                total.machines += each.machines
                total.known += each.known
                total.unknown += each.unknown
        yield {"cloud": TOTAL, "machines": total.machines, "rate": total.text(partly)}


def _groups(by: str | None) -> list[str]:
    """The columns of ``--by``. Raises UsageError."""
    groups = [] if by is None else [name.strip() for name in by.split(",")]
    for name in groups:
        if name not in GROUPS:
            raise UsageError(f"--by={by} is not possible; {suggest(name, GROUPS)}")
    return list(dict.fromkeys(groups))


def _asked(
    config: Config, inventory: Inventory, clouds: Sequence[str], refresh: bool, cached: bool
) -> tuple[dict[str, CloudmeshError], list[str]]:
    """Ask the clouds that have to be asked: errors, and sentences on them and on rows that are old."""
    ages = {name: inventory.listing_age(name) for name in clouds}
    if cached:
        errors = never_listed(ages, "cloud cost")
        return errors, [f"error: {name}: {error}" for name, error in errors.items()]
    asked, stale = whom_to_ask(config, ages, refresh)
    if not asked and not stale:
        return {}, []
    from cloudmesh.cloud.client.cloud import Cloud, ask_each
    from cloudmesh.cloud.client.freshness import ask_stale

    answers = ask_each(config, asked, Cloud.reconcile)
    errors = {name: answer for name, answer in answers.items() if isinstance(answer, CloudmeshError)}
    notes = [f"error: {name}: {error}{_old(ages[name])}" for name, error in errors.items()]
    for name, reason in ask_stale(config, inventory.database, "machine", stale, Cloud.reconcile).items():
        notes.append(f"note: {name} could not be refreshed: {reason}{_old(ages[name])}")
    return errors, notes


def _old(age: float | None) -> str:
    return "" if age is None else f"; its machines are cached, {age_text(age)} old"
