"""The machines of the store as rows of a list, read by column: thousands cost hardly more than a hundred."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import add
from typing import TYPE_CHECKING, Any

from cloudmesh.plugin.lists.rows import Rows, Values, natural_keys
from cloudmesh.plugin.lists.values import LIST, MAP, SECONDS, TIME, YES

if TYPE_CHECKING:
    from cloudmesh.cloud.store.inventory import Inventory
    from cloudmesh.cloud.store.known import KnownMachine

Stored = Mapping[str, Values]

# What each column is made of in the store; those that are not here have the same name there.
_SOURCES: Mapping[str, Sequence[str]] = {
    "addresses": ("public_ips", "private_ips"),
    "address": ("public_ips", "private_ips"),
    "age": ("refreshed",),
    "id": ("cloud_id",),
    "user": ("login_user",),
    "port": ("ssh_port",),
    "lease": ("lease", "flavor"),
    "lease_ends": ("lease", "flavor"),
}
COLUMNS = ("cloud", "name", "state", "image", "flavor", "addresses", "age")
MORE_COLUMNS = ("id", "key", "created", "metadata", "raw_state")
# Those that ``pricing`` makes.
RATES = ("rate", "rate_unit")
# Only where they are asked for.
OTHER_COLUMNS = (
    *("address", "user", "port", "zone", "fault", "owner", "locked", "lease", "lease_ends", "refreshed"),
    *RATES,
)
KINDS = {
    "addresses": LIST,
    "age": SECONDS,
    "created": TIME,
    "metadata": MAP,
    "port": "number",
    "locked": YES,
    "lease_ends": TIME,
    "refreshed": TIME,
    "rate": "number",
}
# How the flavors begin that Blazar makes for a reservation.
RESERVED = "reservation:"
_ALWAYS = ("cloud", "name", "cloud_id", "refreshed")


def machine_rows(
    inventory: Inventory,
    clouds: Iterable[str],
    columns: Collection[str],
    images: Callable[[str], Mapping[str, str]] = lambda _: {},
    vanished: Sequence[KnownMachine] = (),
) -> Rows:
    """The machines of these clouds as they were last seen, by name, with these columns and what names them.

    Args:
        images: gives what the images of a cloud are called, by id.
        vanished: machines that are shown behind those of their cloud.
    """
    stored = list(
        dict.fromkeys([*_ALWAYS, *(each for name in columns for each in _SOURCES.get(name, (name,)))])
    )
    found = _stored(inventory, list(dict.fromkeys(clouds)), stored, vanished)
    # The store is closed when the others are made.
    named = _images(found["cloud"], found["image"], images) if "image" in columns else ()
    leased = _leased(inventory, found) if {"lease", "lease_ends"} & set(columns) else ()
    makers: Mapping[str, Callable[[], Values]] = {
        "state": lambda: _states(found["state"]),
        "image": lambda: named,
        "addresses": lambda: list(map(add, _lists(found["public_ips"]), _lists(found["private_ips"]))),
        "address": lambda: list(map(_address, _lists(found["public_ips"]), _lists(found["private_ips"]))),
        "age": lambda: _ages(found["refreshed"]),
        "created": lambda: _created(found["created"]),
        "metadata": lambda: _maps(found["metadata"]),
        "id": lambda: found["cloud_id"],
        "locked": lambda: found["locked"],
        "lease": lambda: [name for name, _ in leased],
        "lease_ends": lambda: [ends for _, ends in leased],
        "user": lambda: [value or "" for value in found["login_user"]],
        "refreshed": lambda: _created(found["refreshed"]),
        "port": lambda: [value or 22 for value in found["ssh_port"]],
    }
    shown = dict.fromkeys([*columns, "cloud", "name", "id", "age"])
    return Rows({name: makers.get(name) or _texts(found[name]) for name in shown}, len(found["name"]))


def time_text(seconds: float | None) -> str:
    """A time as lists show it, in ISO 8601 and UTC; empty if there is none."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds else ""


def _created(values: Values) -> Values:
    """The same for many, of which most share their days."""
    days: dict[int, str] = {}
    clock, seconds = [f"{number:02}:" for number in range(60)], [f"{number:02}Z" for number in range(60)]
    texts = []
    for value in values:
        if not value:
            texts.append("")
            continue
        day, rest = divmod(int(value), 86400)
        if day not in days:
            days[day] = time_text(value)[:11]
        minute, second = divmod(rest, 60)
        texts.append(days[day] + clock[minute // 60] + clock[minute % 60] + seconds[second])
    return texts


def _stored(
    inventory: Inventory, clouds: Sequence[str], stored: Sequence[str], vanished: Sequence[KnownMachine]
) -> Stored:
    """What the store has of the machines: by cloud, in the natural order of names, vanished ones last."""
    from cloudmesh.cloud.store.known import record_of
    from cloudmesh.cloud.store.new_names import MACHINES

    database = inventory.database
    # The whole table is read where several clouds are meant, of which there may be a thousand.
    where = {"cloud": clouds[0]} if len(clouds) == 1 else {}
    wanted = [name for name in stored if name not in where]
    told = database.series(MACHINES, wanted, **where) if database.has(MACHINES) else {}
    found: Stored = told or dict.fromkeys(wanted, ())
    found = {**found, **{name: [value] * len(found["name"]) for name, value in where.items()}}
    if gone := [record_of(each) for each in vanished]:
        found = {name: [*values, *(each[name] for each in gone)] for name, values in found.items()}
    keys: Sequence[Any] = natural_keys(found["name"])
    places: Sequence[int] = range(len(keys))
    if len(set(keys)) < len(keys):
        keys = list(zip(keys, found["cloud_id"], strict=True))
    if len(clouds) != 1 or gone:
        rank = {cloud: number for number, cloud in enumerate(clouds)}
        places = [place for place, cloud in enumerate(found["cloud"]) if cloud in rank]
        known = len(keys) - len(gone)
        keys = [(rank.get(found["cloud"][place]), place >= known, key) for place, key in enumerate(keys)]
    order = sorted(places, key=keys.__getitem__)
    if order == list(range(len(keys))):
        return found
    return {name: [values[place] for place in order] for name, values in found.items()}


def _texts(values: Values) -> Values:
    return [value or "" for value in values] if None in values else values


def _lists(values: Values) -> Values:
    return [value or [] for value in values] if None in values else values


def _states(values: Values) -> Values:
    """The states; one that only a later version knows is unknown here."""
    from cloudmesh.cloud.model.records import State

    known = {state.value for state in State}
    return values if known.issuperset(values) else [each if each in known else "unknown" for each in values]


def _images(clouds: Values, values: Values, images: Callable[[str], Mapping[str, str]]) -> Values:
    """The names of images; some clouds tell of a machine only its image's id."""
    called = {cloud: images(cloud) for cloud in set(clouds)}
    if not any(called.values()):
        return _texts(values)
    return [called[cloud].get(value, value) for cloud, value in zip(clouds, values, strict=True)]


def _ages(values: Values) -> Values:
    """Seconds since each was told; never negative, though a clock may have been set back."""
    now = time.time()
    known = {value: round(max(0.0, now - (value or 0.0)), 1) for value in set(values)}
    return [known[value] for value in values]


def _maps(values: Values) -> Values:
    """Metadata, which is stored as pairs; equal lists from the store are one and the same."""
    known: dict[int, dict[str, Any]] = {}
    for value in values:
        if id(value) not in known:
            known[id(value)] = dict(value or ())
    return [known[id(value)] for value in values]


def _leased(inventory: Inventory, found: Stored) -> Sequence[tuple[str, str]]:
    """The name and the end of the lease of each machine; empty where it is on none."""
    leases, flavors = found["lease"], found["flavor"]
    if not any(leases) and not any((flavor or "").startswith(RESERVED) for flavor in flavors):
        return [("", "")] * len(leases)
    from cloudmesh.cloud.store.leases import kept_leases, lease_of_machine  # few machines have one

    kept = kept_leases(inventory.database, set(found["cloud"]))
    told = []
    for cloud, lease, flavor in zip(found["cloud"], leases, flavors, strict=True):
        known = lease_of_machine(lease or "", flavor or "", kept.get(cloud, ()))
        name = known.name if known else lease or ""
        told.append((name, time_text(known.ends) if known else "unknown" if name else ""))
    return told


def _address(public: list[str], private: list[str]) -> str:
    """Where to sign in, as ``MachineRecord.ssh_address`` has it."""
    from cloudmesh.cloud.model.records import MachineRecord, State

    return MachineRecord("", "", "", State.UNKNOWN, public_ips=public, private_ips=private).ssh_address
