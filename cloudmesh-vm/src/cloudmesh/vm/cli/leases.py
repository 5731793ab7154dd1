"""What lists and reports say of the leases that machines are on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from cloudmesh.cloud.model.leases import was_made_for_machines
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.known import KnownMachine
from cloudmesh.cloud.store.leases import kept_leases
from cloudmesh.cloud.store.machine_rows import time_text
from cloudmesh.plugin.durations import span_text
from cloudmesh.plugin.lists.rows import Rows
from cloudmesh.plugin.names import fold
from cloudmesh.plugin.plain import harmless
from cloudmesh.vm.model.outcome import Result
from cloudmesh.vm.model.plan import PlannedLease

# A lease that ends in less than so many seconds is warned of; Blazar's own warning comes as early.
SOON = 3600.0


def ending_notes(inventory: Inventory, rows: Rows, now: float | None = None) -> list[str]:
    """A sentence on each lease that ends soon, with its machines, which its cloud deletes then."""
    now = time.time() if now is None else now
    machines: dict[tuple[str, str], list[str]] = {}
    for cloud, name, lease in zip(
        rows.values("cloud"), rows.values("name"), rows.values("lease"), strict=True
    ):
        if lease:
            machines.setdefault((cloud, lease), []).append(name)
    kept = kept_leases(inventory.database, {cloud for cloud, _ in machines})
    ends = {(cloud, each.name): each.ends for cloud, leases in kept.items() for each in leases}
    notes = []
    for (cloud, lease), names in machines.items():
        left = ends.get((cloud, lease), now + SOON) - now
        if left < SOON:
            when = f"ends in {span_text(left)}" if left > 0 else f"ended {span_text(-left)} ago"
            notes.append(
                harmless(
                    f"note: lease {lease} of cloud {cloud} {when}, and its machines are deleted then: "
                    f"{','.join(fold(names))}; extend it: {_extend(lease, cloud)}"
                )
            )
    return notes


def left_notes(inventory: Inventory, vanished: Sequence[KnownMachine], now: float | None = None) -> list[str]:
    """A sentence on each lease that outlived the machines which it was made for, deleted elsewhere."""
    now = time.time() if now is None else now
    places = dict.fromkeys((each.machine.cloud, each.machine.lease) for each in vanished)
    kept = kept_leases(inventory.database, {cloud for cloud, _ in places})
    ends = {(cloud, each.name): each.ends for cloud, leases in kept.items() for each in leases}
    return [
        f"note: lease {lease} of cloud {cloud} was made for such a machine; it may be still there, and cost "
        f"money; delete it: cms lease delete {lease} --cloud={cloud}"
        for cloud, lease in places
        if was_made_for_machines(lease)
        and ends.get((cloud, lease), now + 1) > now
        and not any(each.machine.lease == lease for each in inventory.known(cloud))
    ]


def booted_notes(inventory: Inventory, result: Result) -> list[str]:
    """When the leases end that machines were booted on, and how they are extended."""
    places: Iterable[tuple[str, str]] = dict.fromkeys(
        (each.cloud, each.machine.lease) for each in result.succeeded if each.machine and each.machine.lease
    )
    kept = kept_leases(inventory.database, {cloud for cloud, _ in places})
    ends = {(cloud, each.name): each.ends for cloud, leases in kept.items() for each in leases}
    return [
        f"note: lease {lease} of cloud {cloud} ends in {span_text(ends[cloud, lease] - time.time())}, "
        f"and its machines are deleted then; extend it: {_extend(lease, cloud)}"
        for cloud, lease in places
        if ends.get((cloud, lease), 0.0) > time.time()
    ]


def planned_notes(leases: Sequence[PlannedLease]) -> list[str]:
    """What would be leased for machines that are to be booted."""
    notes = []
    for each in leases:
        if wanted := each.request:
            plural = "" if wanted.amount == 1 else "s"
            whole = f"{wanted.amount} whole host{plural}"
            what = f"room for {wanted.amount} machine{plural}" if wanted.flavor else whole
            begins = time_text(wanted.starts) or "now"
            told = f"{what} for {span_text(wanted.seconds)} from {begins}"
            notes.append(f"would lease on cloud {each.cloud}: {told}")
        else:
            notes.append(f"would boot on lease {each.name} of cloud {each.cloud}")
    return notes


def _extend(lease: str, cloud: str) -> str:
    return f"cms lease extend {lease} --by=1h --cloud={cloud}"
