"""What ``cms lease`` does: listing, making, extending and giving back leases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloudmesh.cloud.cli.changes import change_all
from cloudmesh.cloud.cli.notes import simulated_notes
from cloudmesh.cloud.client.cloud import Cloud, ask_one
from cloudmesh.cloud.client.leases import is_on, is_there
from cloudmesh.cloud.errors import Conflict, Locked, failed_task
from cloudmesh.cloud.fanout.query import one_cloud
from cloudmesh.cloud.model.lease_times import (
    host_conditions,
    lease_seconds,
    moment,
    require_lease_name,
    start_moment,
)
from cloudmesh.cloud.model.leases import Lease, LeaseRequest
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.provider import visits
from cloudmesh.cloud.store.machine_rows import time_text
from cloudmesh.config import Config
from cloudmesh.plugin.asking import agrees, require_terminal
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.plugin.lists.rows import natural_key
from cloudmesh.plugin.names import fold
from cloudmesh.plugin.output import Answer
from cloudmesh.plugin.plain import harmless

Row = dict[str, Any]
COLUMNS = ["cloud", "name", "status", "ends", "starts", "amount", "type"]


def lease_row(lease: Lease, machines: Sequence[str] = ()) -> Row:
    """A lease as a row of a list."""
    kept = lease.reservations[0] if lease.reservations else None
    return {
        "cloud": lease.cloud,
        "name": lease.name,
        "status": lease.status.value,
        "starts": time_text(lease.starts),
        "ends": time_text(lease.ends),
        "type": kept.resource_type if kept else "",
        "amount": kept.amount if kept else 0,
        "machines": sorted(machines, key=natural_key),
        "id": lease.cloud_id,
        "reservation": kept.cloud_id if kept else "",
    }


def lease_rows(cloud: Cloud) -> list[Row]:
    """The leases of a cloud, asked now, with the machines that are known to be on them."""
    known = [each.machine for each in cloud.inventory.known(cloud.name) if is_there(each.machine)]
    return [
        lease_row(lease, [machine.name for machine in known if is_on(machine, lease)])
        for lease in sorted(cloud.leasing.all(), key=lambda each: (each.starts, each.name))
    ]


def create_lease(config: Config, arguments: Mapping[str, Any]) -> Answer:
    """Lease hosts, or room for machines of a flavor, on the only cloud that is meant."""
    require_lease_name(arguments["NAME"])
    seconds = lease_seconds("--duration", arguments["--duration"])
    starts = start_moment("--start", arguments["--start"])
    amount = whole_number("--amount", arguments["--amount"])
    flavor, given = arguments["--flavor"], arguments["--host"]
    if flavor and given is not None:
        raise UsageError("--flavor leases room for machines, --host whole hosts; use one of them")
    host = host_conditions("--host", given or "")

    def create(cloud: Cloud) -> Lease:
        if any(each.name == arguments["NAME"] and not each.status.is_over for each in cloud.leasing.all()):
            # Blazar takes a second one, and then the name means neither.
            raise Conflict(
                f"cloud {cloud.name} has a lease {arguments['NAME']}; use another name, or extend it: "
                f"cms lease extend {arguments['NAME']} --by=1h"
            )
        size = cloud.flavor(flavor) if flavor else None
        return cloud.leasing.create(LeaseRequest(arguments["NAME"], amount, seconds, starts, size, host))

    name = one_cloud(config, arguments["--cloud"])
    visits.prepare(config, [name])
    try:
        made = ask_one(config, name, create, changes=True)
    except CloudmeshError as error:
        raise failed_task(error) from error
    notes = simulated_notes(config, [name])
    return Answer([lease_row(made)], columns=COLUMNS, notes=notes)


def whole_number(option: str, text: str) -> int:
    """A number of 1 or more. Raises UsageError."""
    if not (text.isascii() and text.isdigit() and 1 <= len(text) < 6 and int(text)):
        raise UsageError(f"{option}={text} must be a whole number of 1 or more")
    return int(text)


def extend_leases(config: Config, clouds: Sequence[str], arguments: Mapping[str, Any]) -> Answer:
    """Let leases end later: so much later, or at this time."""
    by, until = arguments["--by"], arguments["--until"]
    if bool(by) == bool(until):
        raise UsageError("use either --by=DURATION or --until=TIME")
    seconds = lease_seconds("--by", by) if by else 0.0
    ends = moment("--until", until) if until else 0.0
    if until and not ends:
        raise UsageError("--until=now would end the lease; use cms lease delete")

    told: list[str] = []

    def extend(cloud: Cloud, name: str) -> None:
        lease = cloud.leasing.find(name)
        extended = cloud.leasing.extend(lease, ends or lease.ends + seconds)
        told.append(f"lease {lease.name} of cloud {cloud.name} ends at {time_text(extended.ends)}")

    answer = change_all(config, clouds, "extend", list(dict.fromkeys(arguments["NAMES"])), extend)
    answer.notes = [*answer.notes, *map(harmless, sorted(told))]
    return answer


def delete_leases(config: Config, clouds: Sequence[str], names: Sequence[str], sure: bool) -> Answer:
    """Give leases back; the machines on them are deleted too, so the user is asked where there are any.

    A lease with a locked machine stays: the cloud would delete that one as well. So does one with a machine
    of somebody else on a cloud where only our own are meant.
    """
    names = list(dict.fromkeys(names))
    agreed: dict[tuple[str, str], str] = {}
    found: list[str] = []

    def look(cloud: Cloud, name: str) -> None:
        lease = cloud.leasing.find(name)
        for machine in _deletable(config, cloud, lease):
            agreed[cloud.name, machine.cloud_id] = machine.name
        found.append(lease.name)

    def delete(cloud: Cloud, name: str) -> None:
        lease = cloud.leasing.find(name)
        more = [
            each.name
            for each in _deletable(config, cloud, lease)
            if (cloud.name, each.cloud_id) not in agreed
        ]
        if more and not sure:
            raise Conflict(
                f"lease {lease.name} has other machines by now ({', '.join(more)}); repeat the command"
            )
        cloud.leasing.delete(lease)

    if not sure:
        # What fails here fails again, and is told then, beside those that are deleted.
        change_all(config, clouds, "delete", names, look)
    if agreed:
        _confirm(list(dict.fromkeys(found)), agreed)
    return change_all(config, clouds, "delete", names, delete)


def _confirm(names: Sequence[str], machines: Mapping[tuple[str, str], str]) -> None:
    """Ask as ``vm delete`` does: several machines are agreed to by their number.

    The machines are given by cloud and id.

    Raises:
        UsageError: there is no terminal to ask at.
        CloudmeshError: the answer was another one.
    """
    clouds = dict.fromkeys(cloud for cloud, _ in machines)
    places = (
        f"{','.join(fold(name for (place, _), name in machines.items() if place == cloud))} on {cloud}"
        for cloud in clouds
    )
    count = len(machines)
    counted = "1 machine" if count == 1 else f"{count} machines"
    action = f"delete lease {', '.join(names)} and {counted} {', '.join(places)}"
    require_terminal(action)
    how = () if count == 1 else (f"Type {count} to confirm:", (str(count),))
    if not agrees(harmless(action.capitalize()), *how):
        raise CloudmeshError("nothing was deleted: not confirmed")


def _deletable(config: Config, cloud: Cloud, lease: Lease) -> list[MachineRecord]:
    """The machines on a lease. Raises Locked if one is locked, Conflict if one is not to be deleted by us."""
    machines = cloud.leasing.machines_on(lease)
    user = cloud.user_id() if config.mine(cloud.name) else ""
    others = [each.qualified_name for each in machines if user and each.owner not in ("", user)]
    if others:
        raise Conflict(
            f"lease {lease.name} was not deleted, since its cloud would delete the machines of other users "
            f"on it as well: {','.join(others)}; delete your own with cms vm delete"
        )
    if locked := [each.qualified_name for each in machines if each.locked]:
        names = ",".join(locked)
        raise Locked(
            f"lease {lease.name} was not deleted, since its cloud would delete the locked machines on it as "
            f"well: {names}; unlock first: cms vm unlock {names}"
        )
    return machines
