"""What machines cost per hour, by the ``rates`` of their clouds. No code of a cloud is loaded for it.

How many cores a flavor has is known from the last listing of the cloud's flavors. A cost that cannot be told
is None, never 0, and there is a reason for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from cloudmesh.cloud.store.listings import kept_listing
from cloudmesh.config import Config
from cloudmesh.db import Database, open_store
from cloudmesh.plugin.lists.rows import Rows, Values

if TYPE_CHECKING:
    from cloudmesh.cloud.model.records import MachineRecord
    from cloudmesh.config.settings.rates import Rates


class Price(NamedTuple):
    """What a machine costs.

    Attributes:
        rate: per hour; None if that cannot be told.
        unit: of the rate; empty if the cloud has no rates.
        reason: why it cannot be told, as the end of a sentence.
    """

    rate: Decimal | None
    unit: str = ""
    reason: str = ""


class Pricing:
    """The rates of clouds and what is known of their flavors, read once.

    Raises ConfigError if the rates of one of the clouds cannot be read.
    """

    def __init__(self, config: Config, database: Database, clouds: Iterable[str]) -> None:
        self._rates: dict[str, Rates | None] = {}
        # By cloud, the other name and the cores of each flavor, by its name and by its id.
        self._flavors: dict[str, dict[str, tuple[str, int]]] = {}
        for cloud in dict.fromkeys(clouds):
            self._rates[cloud] = config.rates(cloud)
            kept = kept_listing(database, "flavor", cloud) if self._rates[cloud] else None
            self._flavors[cloud] = {}
            for each in kept.rows if kept else ():
                known = (each["name"], each["cloud_id"])
                for own, other in (known[::-1], known):
                    self._flavors[cloud][own] = other, int(each.get("vcpus") or 0)
        self._prices: dict[tuple[str, str, str], Price] = {}

    def price(self, cloud: str, flavor: str, state: str) -> Price:
        """What a machine of this flavor costs in this state."""
        key = cloud, flavor, state
        if key not in self._prices:
            self._prices[key] = self._price(*key)
        return self._prices[key]

    def unit(self, cloud: str) -> str:
        """The unit of the rates of a cloud; empty if it has none."""
        rates = self._rates[cloud]
        return rates.unit if rates else ""

    def of(self, rows: Rows) -> list[Price]:
        """What each of these machines costs; the rows have cloud, flavor and state."""
        return list(map(self.price, rows.values("cloud"), rows.values("flavor"), rows.values("state")))

    def priced(self, rows: Rows) -> Rows:
        """The rows with the columns ``rate``, a number or None, and ``rate_unit``."""
        prices = self.of(rows)
        columns: dict[str, Values] = {name: rows.values(name) for name in rows.names}
        columns["rate"] = [number(each.rate) for each in prices]
        columns["rate_unit"] = [each.unit for each in prices]
        return Rows(columns, len(rows))

    def _price(self, cloud: str, flavor: str, state: str) -> Price:
        rates = self._rates[cloud]
        if rates is None:
            return Price(None, reason=_no_rates(cloud))
        part = rates.part(state)
        if part is None:
            return Price(None, rates.unit, f"cloud {cloud} tells no state that is known")
        full = self._full(rates, cloud, flavor)
        if part and full is None:
            return Price(None, rates.unit, _reason(rates, cloud, flavor))
        return Price((full or 0) * part, rates.unit)

    def _full(self, rates: Rates, cloud: str, flavor: str) -> Decimal | None:
        """What an active machine of this flavor costs; None if that cannot be told."""
        other, vcpus = self._flavors[cloud].get(flavor, ("", 0))
        own = rates.flavors.get(flavor, rates.flavors.get(other))
        return rates.vcpu * vcpus if own is None and rates.vcpu is not None and vcpus else own


def _no_rates(cloud: str) -> str:
    from cloudmesh.config.yaml.keys import join  # a name may hold a dot

    key = join(("clouds", cloud, "rates"))
    return (
        f"cloud {cloud} has no rates; set their unit and what a core costs per hour: "
        f"cms config set {key}.unit=SU; cms config set {key}.vcpu=NUMBER"
    )


def _reason(rates: Rates, cloud: str, flavor: str) -> str:
    """Why it cannot be told what a flavor costs."""
    if not flavor:
        return f"cloud {cloud} does not tell the flavor"
    if rates.vcpu is None:
        return f"clouds.{cloud}.rates.flavors has no rate for {flavor}"
    return f"the cores of flavor {flavor} are not known; use: cms flavor list --cloud={cloud} --refresh"


def rate(machine: MachineRecord, config: Config | None = None) -> Price:
    """What one machine costs per hour in its state, by the configuration and the store.

    Raises ConfigError if the rates of its cloud cannot be read.
    """
    config = config or Config.load()
    with open_store(config) as database:
        pricing = Pricing(config, database, [machine.cloud])
    return pricing.price(machine.cloud, machine.flavor, machine.state.value)


def number(amount: Decimal | None) -> int | float | None:
    """An amount as JSON has it: a whole number is one, others have no digits that were not meant."""
    if amount is None:
        return None
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def amount_text(amount: Decimal | float, unit: str) -> str:
    """``0.75 SU/h``."""
    return f"{Decimal(str(amount)).normalize():f} {unit}/h"


def unknown_notes(prices: Sequence[Price]) -> list[str]:
    """A sentence for each reason why some of these cannot be told."""
    reasons: dict[str, int] = {}
    for each in prices:
        if each.rate is None:
            reasons[each.reason] = reasons.get(each.reason, 0) + 1
    return [
        f"note: the rate of {count} machine{'' if count == 1 else 's'} is unknown: {reason}"
        for reason, count in reasons.items()
    ]
