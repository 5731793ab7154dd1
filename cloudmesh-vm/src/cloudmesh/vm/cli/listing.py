"""``cms vm list``: what the store knows. It loads no cloud's code unless a cloud has to be asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.cli.notes import age_text, no_rows
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.known import KnownMachine
from cloudmesh.cloud.store.machine_rows import COLUMNS, KINDS, MORE_COLUMNS, OTHER_COLUMNS, RATES
from cloudmesh.config import Config
from cloudmesh.db import open_store
from cloudmesh.plugin.lists.rows import Rows
from cloudmesh.plugin.lists.selection import Selection
from cloudmesh.plugin.output import FORMATS, MACHINE_FORMATS, Answer
from cloudmesh.plugin.plain import harmless
from cloudmesh.vm.cli.interrupted import interrupted_notes
from cloudmesh.vm.queries import KnownMachines, known_machines, listed, machine_words

if TYPE_CHECKING:
    from cloudmesh.cloud.fanout.query import CloudProgress, ProgressCallback
    from cloudmesh.cloud.model.networks import FloatingIP
    from cloudmesh.vm.cli.progress import Progress

# What is needed of a machine to sign in to it.
HOST_COLUMNS = ("cloud", "name", "state", "id", "address", "user", "port", "metadata")
_SHOWN = 10


def _kinds(config: Config, options: Mapping[str, Any] | None) -> Mapping[str, str]:
    """The kinds of the columns; a filter, which few calls have, also knows the states and the clouds."""
    if not (options or {}).get("--filter"):
        return KINDS
    from cloudmesh.cloud.model.records import State
    from cloudmesh.plugin.errors import nearest
    from cloudmesh.plugin.lists.values import Choice
    from cloudmesh.plugin.usage.hints import state_hint

    states = Choice((each.value for each in State), state_hint)
    return {**KINDS, "state": states, "cloud": Choice(config.clouds, nearest)}


def list_machines(
    config: Config,
    names: Sequence[str],
    cloud: str | None,
    refresh: bool = False,
    form: str = "table",
    cached: bool = False,
    options: Mapping[str, Any] | None = None,
    mine: bool | None = None,
) -> Answer:
    """The machines of the chosen clouds as they were last seen, each with the age of that.

    With ``refresh`` the clouds are asked first, side by side, and so is a cloud that was never asked before.
    One that does not answer is named, its old rows are shown, and its error makes the exit code. A cloud
    whose rows are old is asked for a moment, unless ``cached``; if it does not answer, that is only said.

    Without names, machines that vanished from their clouds are shown once, in state deleted, and named in a
    note. The form ``names`` is for other commands, which find no such machine, and has none of them; so have
    the forms for ssh and Ansible.

    Args:
        options: ``--filter``, ``--sort`` and ``--columns``.
        mine: only machines of our own, or those of everyone; None for what the configuration says.

    Raises:
        UsageError: an option is wrong.
        UnknownName: a name that no machine has.
    """
    known = (*COLUMNS, *MORE_COLUMNS, *OTHER_COLUMNS)
    selection = Selection(
        {**(options or {}), "--output": form}, known, _kinds(config, options), ("name", "id")
    )
    usual = COLUMNS if form == "table" else (*COLUMNS, *MORE_COLUMNS)
    hosts = form in MACHINE_FORMATS
    columns = selection.columns or (HOST_COLUMNS if hosts else ("name",) if form == "names" else usual)
    reader = "shell" if form in FORMATS and form != "names" else None
    needed = {name.partition(".")[0] for name in [*columns, *selection.needed]}
    needed |= {*RATES} if "rate" in columns else set()
    needed |= set() if hosts or form == "names" else {"lease", "lease_ends"}
    with Inventory(open_store(config)) as inventory, ExitStack() as stack:
        found = known_machines(
            config,
            inventory,
            names,
            cloud,
            refresh,
            cached=cached,
            reader=reader,
            columns=needed,
            mine=mine,
            watch=_watch(stack, bool((options or {}).get("--quiet"))),
        )
        stack.close()
        jobs = interrupted_notes(inventory.database)
        rates = _rate_notes(config, inventory, found.rows) if "rate" in columns else []
        leases = _lease_notes(inventory, found.rows, found.vanished) if "lease" in needed else []
        rows = selection.apply(found.rows)
        if form == "names" and selection.columns is None:
            qualified = bool(cloud) or any(":" in name for name in names)
            words = machine_words(config, inventory, [*listed(rows)], qualified)
            rows = Rows({"name": words}, len(words))
    if found.errors and not found.ages and not found.vanished:
        # Nothing is known, and that is not the same as "there is no machine": no list is shown.
        return no_rows(found.errors)
    if found.unknown and not found.rows:
        raise found.unknown[0]
    notes = [f"error: {name}: {error}; {_old(found, name)}" for name, error in found.errors.items()]
    notes += [
        f"note: {name}: {_old(found, name)}, and could not be refreshed: {found.reasons[name]}"
        for name in found.clouds
        if name in found.reasons
    ]
    notes += [f"error: {error}" for error in found.unknown]
    failures = [*found.errors.values(), *found.unknown]
    notes += [_gone(found.vanished)] if found.vanished else []
    notes += map(_left, found.addresses)
    notes += [*_not_shown(*found.others, chosen=mine is not None), *leases, *rates]
    if form == "table" and not selection.columns and any(rows.values("lease_ends")):
        columns = (*columns[:-1], "lease_ends", *columns[-1:])
    text = None
    if hosts:
        from cloudmesh.vm.cli.hosts import hosts_text

        text, more = hosts_text(form, rows)
        notes += more
    return Answer(
        (_for_people(rows) if form == "table" else rows).only(columns),
        columns=columns,
        names=next(iter(columns)) if form == "names" else "name",
        formats={"age": age_text},
        text=text,
        notes=[*notes, *jobs],
        errors=failures,
        exit_code=max((error.exit_code for error in failures), default=0),
        chooses=True,
    )


def _watch(stack: ExitStack, quiet: bool) -> ProgressCallback:
    """What shows that clouds are being asked; made when the first one is, which few lists need."""
    made: list[Progress] = []

    def update(what: str, clouds: Sequence[CloudProgress]) -> None:
        if not made:
            from cloudmesh.vm.cli.progress import Progress

            made.append(stack.enter_context(Progress(quiet)))
        made[0].update(what, clouds)

    return update


def _not_shown(others: int, unknown: int, chosen: bool) -> Iterator[str]:
    """Sentences on machines that are not ours; ``chosen``: whether this command said to leave them out."""
    if others and not chosen:
        machines = "machine of another user is" if others == 1 else "machines of other users are"
        yield f"note: {others} {machines} not shown, since mine: true is configured; --everyone shows all"
    if unknown:
        machines = "1 machine is, so it is" if unknown == 1 else f"{unknown} machines are, so they are"
        yield f"note: it cannot be told whose {machines} not shown; --everyone shows all"


def _lease_notes(inventory: Inventory, rows: Rows, vanished: Sequence[KnownMachine]) -> list[str]:
    """Sentences on leases that end soon, and on those of machines that vanished."""
    if not any(rows.values("lease")) and not any(each.machine.lease for each in vanished):
        return []
    from cloudmesh.vm.cli.leases import ending_notes, left_notes

    return [*left_notes(inventory, vanished), *ending_notes(inventory, rows)]


def _old(found: KnownMachines, cloud: str) -> str:
    """Of what time the rows of a cloud are."""
    age = found.ages.get(cloud)
    return "no cached machines" if age is None else f"its rows are cached, {age_text(age)} old"


def _rate_notes(config: Config, inventory: Inventory, rows: Rows) -> list[str]:
    """Sentences on rates that are not known."""
    if None not in rows.values("rate"):
        return []
    from cloudmesh.cloud.store.pricing import Pricing, unknown_notes

    return unknown_notes(Pricing(config, inventory.database, rows.values("cloud")).of(rows))


def _for_people(rows: Rows) -> Rows:
    """The rows with units, and with names that are no two machines'."""
    if "rate" in rows.names:
        from cloudmesh.cloud.store.pricing import amount_text

        pairs = zip(rows.values("rate"), rows.values("rate_unit"), strict=True)
        texts = ["unknown" if rate is None else amount_text(rate, unit) for rate, unit in pairs]
        rows = Rows({**{name: rows.values(name) for name in rows.names}, "rate": texts}, len(rows))
    return _told_apart(rows)


def _told_apart(rows: Rows) -> Rows:
    """The rows, with ids beside the names that several machines of a cloud have."""
    places = list(zip(rows.values("cloud"), rows.values("name"), strict=True))
    if len(set(places)) == len(places):
        return rows
    count = Counter(places)
    named = [
        f"{place[1]} ({own_id})" if count[place] > 1 else place[1]
        for place, own_id in zip(places, rows.values("id"), strict=True)
    ]
    return Rows({name: named if name == "name" else rows.values(name) for name in rows.names}, len(rows))


def _gone(vanished: Sequence[KnownMachine]) -> str:
    """A sentence on the machines that vanished."""
    names = harmless(", ".join(each.machine.qualified_name for each in vanished[:_SHOWN]))
    more = f" and {len(vanished) - _SHOWN} more" if len(vanished) > _SHOWN else ""
    verb = "is" if len(vanished) == 1 else "are"
    gone = f"{names}{more} {verb} no longer on the cloud"
    return f"note: {gone}, not deleted by cms; this is shown once"


def _left(address: FloatingIP) -> str:
    """A sentence on an address that outlived the machine that it was taken for."""
    if not address.address:
        return (
            "note: an address may have been created for such a machine; it may still be allocated, and cost "
            f"money: cms ip list --cloud={address.cloud} shows it"
        )
    return (
        f"note: {address.address} was created for such a machine and is still allocated; it may cost money; "
        f"release it: cms ip delete {address.address} --cloud={address.cloud}"
    )
