"""``cms vm list``: what the store knows. It loads no cloud's code unless a cloud has to be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from cloudmesh.cloud.cli.notes import age_text, simulated_notes
from cloudmesh.cloud.fanout.selection import chosen_clouds
from cloudmesh.cloud.model.networks import FloatingIP
from cloudmesh.cloud.store.catalog import kept_listing
from cloudmesh.cloud.store.inventory import Inventory, KnownMachine, by_name
from cloudmesh.config import Config
from cloudmesh.db import open_store
from cloudmesh.plugin.errors import CloudmeshError, KnownNames, UnknownName
from cloudmesh.plugin.output import Answer
from cloudmesh.vm.cli.interrupted import interrupted_notes

_SHOWN = 10
COLUMNS = ("cloud", "name", "state", "image", "flavor", "addresses", "age")


def answer_list(config: Config, arguments: Mapping[str, Any]) -> Answer:
    """Run ``cms vm list``."""
    # Names are for other commands, which find no machine that has vanished.
    only_names = arguments["--output"] == "names"
    names, clouds = arguments["NAMES"], arguments["--cloud"]
    answer = list_machines(config, names, clouds, arguments["--refresh"], gone=not only_names)
    if only_names:
        return qualify(answer, bool(clouds) or any(":" in name for name in names))
    return answer


def list_machines(
    config: Config, names: Sequence[str], cloud: str | None, refresh: bool, gone: bool = True
) -> Answer:
    """The machines of the chosen clouds as they were last seen, each with the age of that.

    With ``refresh`` the clouds are asked first, side by side, and so is a cloud that was never asked before.
    One that does not answer is named, its old rows are shown, and its error makes the exit code.

    With ``gone`` and without names, machines that vanished from their clouds are shown once, in state
    deleted, and named in a note.

    Raises:
        UnknownName: a name that no machine has.
    """
    clouds = _places(config, names, cloud)
    with Inventory(open_store(config)) as inventory:
        errors = _refresh(config, inventory, clouds, refresh)
        known = [
            each
            for name in clouds
            for each in sorted(inventory.known(name), key=lambda each: by_name(each.machine))
        ]
        vanished = inventory.take_vanished(clouds) if gone and not names else []
        left = [address for each in vanished for address in inventory.addresses_of(each.machine)]
        called = _names_of_images(inventory, [*known, *vanished])
        jobs = interrupted_notes(inventory.database)
    if errors and not known and not vanished:
        # Nothing is known, and that is not the same as "there is no machine": no list is shown.
        return _nothing(errors)
    shown, unknown = _named(known, names, errors) if names else (known, [])
    if unknown and not shown:
        raise unknown[0]
    notes = [f"error: {name}: {error}{_old(known, name)}" for name, error in errors.items()]
    notes += [f"error: {error}" for error in unknown]
    failures = [*errors.values(), *unknown]
    if vanished:
        shown = [each for name in clouds for each in [*known, *vanished] if each.machine.cloud == name]
    return Answer(
        [_row(each, called) for each in shown],
        columns=COLUMNS,
        formats={"age": age_text},
        notes=[*notes, *_gone(vanished), *map(_left, left), *simulated_notes(config, clouds), *jobs],
        errors=failures,
        exit_code=max((error.exit_code for error in failures), default=0),
    )


def _gone(vanished: Sequence[KnownMachine]) -> list[str]:
    """A sentence on the machines that vanished, or nothing."""
    if not vanished:
        return []
    names = ", ".join(each.machine.qualified_name for each in vanished[:_SHOWN])
    more = f" and {len(vanished) - _SHOWN} more" if len(vanished) > _SHOWN else ""
    verb, whom = ("is", "it") if len(vanished) == 1 else ("are", "them")
    return [
        f"note: {names}{more} {verb} no longer on the cloud, and nobody deleted {whom} here; "
        "this is shown once"
    ]


def _nothing(errors: Mapping[str, CloudmeshError]) -> Answer:
    """What is told in place of a list: the errors of all clouds; a single one is raised."""
    if len(errors) == 1:
        raise next(iter(errors.values()))
    notes = [f"error: {name}: {error}" for name, error in errors.items()]
    code = max(error.exit_code for error in errors.values())
    return Answer(text="", notes=notes, errors=list(errors.values()), exit_code=code)


def qualify(answer: Answer, cloud_was_named: bool) -> Answer:
    """Names for ``--output=names`` that mean the same machine when they are given to another command."""
    names = [row["name"] for row in answer.rows]
    if cloud_was_named or len(set(names)) < len(names):
        answer.rows = [{"name": f"{row['cloud']}:{row['name']}"} for row in answer.rows]
    return answer


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


def _names_of_images(inventory: Inventory, known: Sequence[KnownMachine]) -> dict[tuple[str, str], str]:
    """What images are called, by cloud and id, as far as that was ever listed: some clouds tell ids only."""
    clouds = dict.fromkeys(each.machine.cloud for each in known)
    listings = ((cloud, kept_listing(inventory.database, "image", cloud)) for cloud in clouds)
    return {
        (cloud, image["cloud_id"]): image["name"] for cloud, kept in listings if kept for image in kept[0]
    }


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
    }


def _refresh(
    config: Config, inventory: Inventory, clouds: Sequence[str], everything: bool
) -> dict[str, CloudmeshError]:
    """Ask the clouds that have to be asked; the errors of those that did not answer."""
    asked = [name for name in clouds if everything or not inventory.was_refreshed(name)]
    if not asked:
        return {}
    from cloudmesh.cloud.fanout.ask_all import ask_all
    from cloudmesh.cloud.fanout.limits import QueryLimits, call_timeouts

    # All that is missing is asked for before the first cloud is called.
    errors: dict[str, CloudmeshError] = {**config.unresolved(asked)}
    configured = call_timeouts(config, asked, errors)
    # One that hangs keeps nobody from seeing the others for ever.
    answers = ask_all([*configured], partial(_reconcile, config), QueryLimits().limit(configured))
    errors.update({name: answer for name, answer in answers.items() if isinstance(answer, CloudmeshError)})
    return {name: errors[name] for name in asked if name in errors}


def _reconcile(config: Config, name: str) -> None:
    """Bring what is known of a cloud up to date, in whatever thread."""
    from cloudmesh.cloud.client.cloud import Cloud

    with Cloud(name, config) as cloud:
        cloud.reconcile()


def _old(known: Sequence[KnownMachine], cloud: str) -> str:
    ages = [each.age for each in known if each.machine.cloud == cloud]
    if not ages:
        return "; nothing is known of its machines"
    return f"; its rows are as of {age_text(max(ages))} ago"


def _places(config: Config, names: Sequence[str], option: str | None) -> list[str]:
    """The chosen clouds, and those that a name with a colon adds."""
    if not any(":" in name for name in names):
        return chosen_clouds(config, option)
    from cloudmesh.plugin.names import expand

    named = [each.cloud for each in expand(names)]
    for cloud in named:
        if cloud:
            config.cloud(cloud)
            config.require_active(cloud)
    chosen = chosen_clouds(config, option) if None in named else []
    return list(dict.fromkeys([*chosen, *(cloud for cloud in named if cloud)]))


def _named(
    known: Sequence[KnownMachine], names: Sequence[str], errors: Mapping[str, CloudmeshError]
) -> tuple[list[KnownMachine], list[CloudmeshError]]:
    """Those that the names mean, in their order, and errors for names that no machine has.

    A glob may mean none. A name that is not known is not unknown while a cloud that may have it does not
    answer.
    """
    from cloudmesh.plugin.names import expand

    shown: dict[tuple[str, str], KnownMachine] = {}
    failed: list[CloudmeshError] = []
    named: dict[str, list[KnownMachine]] = {}
    for each in known:
        named.setdefault(each.machine.name, []).append(each)
    nearest = KnownNames(named)
    for name in expand(names):
        candidates = known if name.is_glob else named.get(name.name, [])
        found = [
            each
            for each in candidates
            if name.matches(each.machine.name) and name.cloud in (None, each.machine.cloud)
        ]
        if not found and not name.is_glob:
            away = [error for cloud, error in errors.items() if name.cloud in (None, cloud)]
            where = "among the known ones (--refresh asks the clouds)"
            failed.append(away[0] if away else UnknownName("machine", str(name), nearest, where))
        shown.update({(each.machine.cloud, each.machine.cloud_id): each for each in found})
    return list(shown.values()), failed
