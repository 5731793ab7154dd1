"""``cms vm list``: what the store knows. It loads no cloud's code unless a cloud has to be asked."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.cli.notes import age_text, no_rows
from cloudmesh.cloud.store.inventory import Inventory, KnownMachine
from cloudmesh.config import Config
from cloudmesh.db import open_store
from cloudmesh.plugin.output import Answer
from cloudmesh.plugin.plain import harmless
from cloudmesh.vm.cli.interrupted import interrupted_notes
from cloudmesh.vm.queries import known_machines, machine_words

if TYPE_CHECKING:
    from cloudmesh.cloud.model.networks import FloatingIP
    from cloudmesh.cloud.model.records import MachineRecord

_SHOWN = 10
COLUMNS = ("cloud", "name", "state", "image", "flavor", "addresses", "age")
MORE_COLUMNS = ("id", "key", "created", "metadata", "raw_state")


def list_machines(
    config: Config, names: Sequence[str], cloud: str | None, refresh: bool, form: str = "table"
) -> Answer:
    """The machines of the chosen clouds as they were last seen, each with the age of that.

    With ``refresh`` the clouds are asked first, side by side, and so is a cloud that was never asked before.
    One that does not answer is named, its old rows are shown, and its error makes the exit code.

    Without names, machines that vanished from their clouds are shown once, in state deleted, and named in a
    note. The form ``names`` is for other commands, which find no such machine, and has none of them.

    Raises:
        UnknownName: a name that no machine has.
    """
    with Inventory(open_store(config)) as inventory:
        found = known_machines(config, inventory, names, cloud, refresh, gone=form != "names")
        jobs = interrupted_notes(inventory.database)
        rows = [_row(each, found.images) for each in found.shown]
        if form == "table":
            count = Counter(each.machine.qualified_name for each in found.shown)
            twins = [row for row in rows if count[f"{row['cloud']}:{row['name']}"] > 1]
            for row in twins:
                row["name"] += f" ({row['id']})"
        if form == "names":
            machines = [each.machine for each in found.shown]
            qualified = bool(cloud) or any(":" in name for name in names)
            rows = [{"name": word} for word in machine_words(config, inventory, machines, qualified)]
    if found.errors and not found.known and not found.vanished:
        # Nothing is known, and that is not the same as "there is no machine": no list is shown.
        return no_rows(found.errors)
    if found.unknown and not found.shown:
        raise found.unknown[0]
    notes = []
    for name, error in found.errors.items():
        ages = [each.age for each in found.known if each.machine.cloud == name]
        old = f"its rows are as of {age_text(max(ages))} ago" if ages else "nothing is known of its machines"
        notes.append(f"error: {name}: {error}; {old}")
    notes += [f"error: {error}" for error in found.unknown]
    failures = [*found.errors.values(), *found.unknown]
    notes += [_gone(found.vanished)] if found.vanished else []
    notes += map(_left, found.addresses)
    return Answer(
        rows,
        columns=COLUMNS if form == "table" else [*COLUMNS, *MORE_COLUMNS],
        formats={"age": age_text},
        notes=[*notes, *jobs],
        errors=failures,
        exit_code=max((error.exit_code for error in failures), default=0),
    )


def _gone(vanished: Sequence[KnownMachine]) -> str:
    """A sentence on the machines that vanished."""
    names = harmless(", ".join(each.machine.qualified_name for each in vanished[:_SHOWN]))
    more = f" and {len(vanished) - _SHOWN} more" if len(vanished) > _SHOWN else ""
    verb, whom = ("is", "it") if len(vanished) == 1 else ("are", "them")
    gone = f"{names}{more} {verb} no longer on the cloud"
    return f"note: {gone}, and nobody deleted {whom} here; this is shown once"


def _left(address: FloatingIP) -> str:
    """A sentence on an address that outlived the machine that it was taken for."""
    if not address.address:
        return (
            "note: an address may have been taken for such a machine; then it is still yours, and may cost "
            f"money: cms ip list --cloud={address.cloud} shows it"
        )
    return (
        f"note: {address.address} was taken for such a machine and is still yours; it may cost money until "
        f"cms ip delete {address.address} --cloud={address.cloud}"
    )


def _row(known: KnownMachine, called: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    machine = known.machine
    return {
        "cloud": machine.cloud,
        "name": machine.name,
        "state": machine.state.value,
        "image": called.get((machine.cloud, machine.image), machine.image),
        "flavor": machine.flavor,
        "addresses": machine.addresses,
        "age": round(known.age, 1),
        "id": machine.cloud_id,
        "key": machine.key,
        "created": created_text(machine),
        "metadata": machine.metadata,
        "raw_state": machine.raw_state,
    }


def created_text(machine: MachineRecord) -> str:
    """When a machine was made, in ISO 8601 and UTC; empty if its cloud does not tell."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(machine.created)) if machine.created else ""
