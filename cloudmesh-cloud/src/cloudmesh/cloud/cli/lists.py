"""The rows of what clouds have beside machines: images, flavors, keys, groups, networks, addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from cloudmesh.cloud.cli.notes import age_text, no_rows
from cloudmesh.cloud.client.cloud import Cloud, ask_each
from cloudmesh.cloud.client.freshness import ask_stale
from cloudmesh.cloud.errors import IncompleteListing
from cloudmesh.cloud.model.networks import SecurityRule
from cloudmesh.cloud.model.records import Flavor, Image
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.listings import kept_listing, never_listed, whom_to_ask
from cloudmesh.config import Config
from cloudmesh.db import Database, open_store
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.lists.selection import Selection
from cloudmesh.plugin.lists.values import GIB, LIST, MIB, NUMBER, SECONDS, TIME, YES
from cloudmesh.plugin.output import Answer, selected

Options = Mapping[str, Any]
Rows = list[dict[str, Any]]
Told = TypeVar("Told")
_KINDS: Mapping[str, type[Image | Flavor]] = {"image": Image, "flavor": Flavor}
_COLUMNS = {
    "image": ["cloud", "name", "size", "id", "age"],
    "flavor": ["cloud", "name", "vcpus", "ram", "disk", "id", "age"],
}
# What kinds of values the columns of all these lists have; others are texts.
KINDS_OF_COLUMNS = {
    "size": GIB,
    "vcpus": NUMBER,
    "ram": MIB,
    "disk": GIB,
    "age": SECONDS,
    "rules": NUMBER,
    "amount": NUMBER,
    "machines": LIST,
    "starts": TIME,
    "ends": TIME,
    "subnets": LIST,
    "external": YES,
    "shared": YES,
    "from_port": NUMBER,
    "to_port": NUMBER,
}


def list_catalog(
    config: Config,
    clouds: Sequence[str],
    kind: str,
    refresh: bool = False,
    options: Options | None = None,
    cached: bool = False,
) -> Answer:
    """The images or flavors that the clouds offered when they were last asked, with the age of that.

    They are asked now with ``refresh``, and where that was never done. A cloud that does not answer is
    named, keeps its old rows, and makes the exit code; so is one whose listing had to leave something out.
    A cloud whose rows are old is asked for a moment, unless ``cached``; if it does not answer, that is only
    said.
    """
    selection = _selection(options, _COLUMNS[kind])
    with Inventory(open_store(config)) as inventory:
        errors, reasons = _asked_for(config, inventory.database, clouds, kind, refresh, cached)
        kept = {name: kept_listing(inventory.database, kind, name) for name in clouds}
    rows: Rows = []
    notes = []
    for name, listing in kept.items():
        old = ""
        if listing is not None:
            things = [_KINDS[kind](**each) for each in listing.rows]
            rows += [{**vars(thing), "age": round(listing.age, 1)} for thing in things]
            if name in reasons:
                told = f"its {kind}s are cached, {age_text(listing.age)} old, and could not be refreshed"
                notes.append(f"note: {name}: {told}: {reasons[name]}")
            old = f"; its {kind}s are cached, {age_text(listing.age)} old"
            if listing.left_out and name not in errors:
                errors[name] = IncompleteListing(f"cloud {name}: {listing.left_out}")
        if name in errors:
            notes.append(f"error: {name}: {errors[name]}{old}")
    if errors and not any(kept.values()):
        return no_rows(errors)
    return selected(_answer(config, clouds, rows, _COLUMNS[kind], errors, notes), selection)


def _asked_for(
    config: Config, database: Database, clouds: Sequence[str], kind: str, refresh: bool, cached: bool
) -> tuple[dict[str, CloudmeshError], dict[str, str]]:
    """Ask the clouds that have to be asked, and write down what they list: errors, and why rows are old."""
    kept = {name: kept_listing(database, kind, name) for name in clouds}
    ages = {name: listing.age if listing else None for name, listing in kept.items()}
    if cached:
        return never_listed(ages, f"{kind} list"), {}
    asked, stale = whom_to_ask(config, ages, refresh)
    ask: Callable[[Cloud], Any] = Cloud.images if kind == "image" else Cloud.flavors
    answers = ask_each(config, asked, ask)
    errors = {name: answer for name, answer in answers.items() if isinstance(answer, CloudmeshError)}
    return errors, ask_stale(config, database, kind, stale, ask) if stale else {}


def columns(kind: str) -> list[str]:
    """The columns of a list: image, flavor, key, network, group or address; none of another one."""
    if kind in _COLUMNS:
        return _COLUMNS[kind]
    usual, more, _ = _THINGS.get(kind, ([], [], None))
    return [*usual, *more]


def list_things(config: Config, clouds: Sequence[str], kind: str, options: Options | None = None) -> Answer:
    """What the clouds have of a kind, asked now: key, network, group, address or lease."""
    columns, more, ask = _THINGS[kind]
    names = ("address", "machine") if kind == "address" else ("name",)
    selection = _selection(options, [*columns, *more], names)
    answer = _listing(config, clouds, ask, columns)
    answer.names = names[0]
    return selected(answer, selection)


def list_rules(config: Config, clouds: Sequence[str], group: str, options: Options | None = None) -> Answer:
    """The rules of one security group on each of the clouds."""
    columns = ["cloud", "group", "direction", "protocol", "ports", "remote", "ethertype"]

    known = [*columns, "from_port", "to_port", "id"]
    selection = _selection(options, known, ("protocol", "remote"))

    def rows(cloud: Cloud) -> Rows:
        found = cloud.security_group(group)
        more = {"cloud": found.cloud, "group": found.name}
        return [{**vars(rule), **more, "ports": port_text(rule)} for rule in found.rules]

    return selected(_listing(config, clouds, rows, columns), selection)


def _selection(
    options: Options | None, columns: Sequence[str], names: Sequence[str] = ("name",)
) -> Selection:
    return Selection(options or {}, columns, KINDS_OF_COLUMNS, (*names, "id"))


def _address_rows(cloud: Cloud) -> Rows:
    """The floating IPs, each with the name of the machine that it leads to, as far as that is known."""
    addresses = cloud.floating_ips()
    names = {each.machine.cloud_id: each.machine.name for each in cloud.inventory.known(cloud.name)}
    return [{**vars(each), "machine": names.get(each.machine_id, each.machine_id)} for each in addresses]


def _lease_rows(cloud: Cloud) -> Rows:
    from cloudmesh.cloud.cli.leases import lease_rows  # few clouds have them

    return lease_rows(cloud)


_THINGS: Mapping[str, tuple[list[str], list[str], Callable[[Cloud], Rows]]] = {
    "key": (["cloud", "name", "fingerprint"], [], lambda cloud: [vars(key) for key in cloud.key_pairs()]),
    "network": (
        ["cloud", "name", "subnets", "external", "shared", "id"],
        [],
        lambda cloud: [{**vars(each), "subnets": list(each.subnets)} for each in cloud.networks()],
    ),
    "group": (
        ["cloud", "name", "rules", "description", "id"],
        [],
        lambda cloud: [{**vars(each), "rules": len(each.rules)} for each in cloud.security_groups()],
    ),
    "address": (
        ["cloud", "address", "machine", "pool", "id"],
        ["machine_id", "description"],
        _address_rows,
    ),
    "lease": (
        ["cloud", "name", "status", "ends", "machines", "starts", "amount", "type"],
        ["id", "reservation"],
        _lease_rows,
    ),
}


def _folded(names: Sequence[str]) -> str:
    from cloudmesh.plugin.names import fold

    return ",".join(fold(names))


def port_text(rule: SecurityRule) -> str:
    """``22``, ``8000-8080``, or ``any``."""
    if rule.from_port is None:
        return "any"
    return (
        str(rule.from_port) if rule.to_port in (None, rule.from_port) else f"{rule.from_port}-{rule.to_port}"
    )


def _listing(
    config: Config, clouds: Sequence[str], ask: Callable[[Cloud], Rows], columns: list[str]
) -> Answer:
    """Rows of all clouds that answered; a cloud that did not is named, and makes the exit code."""
    answers, errors = _asked(config, clouds, ask)
    if not answers:
        return no_rows(errors)
    rows = [row for answer in answers.values() for row in answer]
    notes = [f"error: {name}: {error}" for name, error in errors.items()]
    return _answer(config, clouds, rows, columns, errors, notes)


def _asked(
    config: Config, clouds: Sequence[str], ask: Callable[[Cloud], Told]
) -> tuple[dict[str, Told], dict[str, CloudmeshError]]:
    """What clouds gave, and errors: of those that gave nothing, and of those that left something out."""
    odd: dict[str, CloudmeshError] = {}

    def told(cloud: Cloud) -> Told:
        given = ask(cloud)
        try:
            cloud.connection.require_complete()
        except IncompleteListing as error:
            odd[cloud.name] = error
        return given

    answers, errors = {}, {}
    for name, answer in ask_each(config, clouds, told).items():
        if isinstance(answer, CloudmeshError):
            errors[name] = answer
        else:
            answers[name] = answer
            errors |= {name: odd[name]} if name in odd else {}
    return answers, errors


def _answer(
    config: Config,
    clouds: Sequence[str],
    rows: Rows,
    columns: list[str],
    errors: Mapping[str, CloudmeshError],
    notes: Sequence[str],
) -> Answer:
    shown = [{"id" if key == "cloud_id" else key: value for key, value in row.items()} for row in rows]
    return Answer(
        shown,
        columns=columns,
        formats={"age": age_text, "machines": _folded},
        notes=list(notes),
        errors=list(errors.values()),
        exit_code=max((error.exit_code for error in errors.values()), default=0),
    )
