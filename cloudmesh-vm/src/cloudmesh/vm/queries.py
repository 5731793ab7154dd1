"""Lists of known machines, and what an action would do, as records: for the shell, Python and others.

``cms vm list`` comes through here, so nothing of a cloud is loaded unless one has to be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from cloudmesh.cloud.errors import IncompleteListing
from cloudmesh.cloud.fanout.query import QueryLimits, chosen_clouds, clouds_of_names
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import Verb, find_verb
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.known import KnownMachine
from cloudmesh.cloud.store.listings import kept_listing, never_listed, whom_to_ask
from cloudmesh.cloud.store.machine_rows import COLUMNS, RATES, machine_rows
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, KnownNames, UnknownName

if TYPE_CHECKING:
    from cloudmesh.cloud.client.cloud import Cloud
    from cloudmesh.cloud.fanout.query import ProgressCallback
    from cloudmesh.cloud.model.networks import FloatingIP
    from cloudmesh.plugin.lists.rows import Rows
    from cloudmesh.plugin.names import Name, Named
    from cloudmesh.vm.clouds.session import CloudSession
    from cloudmesh.vm.jobs.planning import GivenArgument
    from cloudmesh.vm.machines import Machines
    from cloudmesh.vm.model.outcome import UnresolvedName
    from cloudmesh.vm.model.plan import Task


Told = TypeVar("Told")


class Listed(NamedTuple):
    """A machine of a list, as far as names go."""

    cloud: str
    name: str
    cloud_id: str


class KnownMachines(NamedTuple):
    """What the store knows of the machines of some clouds.

    Attributes:
        clouds: the clouds that were chosen, in their order.
        rows: the machines that were meant, by cloud and name, see ``cloudmesh.cloud.store.machine_rows``.
        ages: by cloud, how old its oldest row is, in seconds, if there are errors or reasons.
        vanished: machines that are on their clouds no more, though nobody deleted them here.
        addresses: the public addresses that were taken for them, and that are still the user's.
        errors: by cloud, why it did not answer, though it had to be asked.
        reasons: by cloud, why its rows are older than ``refresh_after``.
        unknown: for each name that no machine has, why.
        others: how many machines are not shown since they are somebody else's, and since nobody knows whose.
    """

    clouds: Sequence[str]
    rows: Rows
    ages: Mapping[str, float]
    vanished: Sequence[KnownMachine]
    addresses: Sequence[FloatingIP]
    errors: Mapping[str, CloudmeshError]
    reasons: Mapping[str, str]
    unknown: Sequence[CloudmeshError]
    others: tuple[int, int] = (0, 0)


def known_machines(  # noqa: PLR0913 all that a list can be asked for
    config: Config,
    inventory: Inventory,
    names: Sequence[str],
    cloud: str | Sequence[str] | None,
    refresh: bool = False,
    *,
    cached: bool = False,
    max_age: float | None = None,
    reader: str | None = "shell",
    columns: Collection[str] = COLUMNS,
    mine: bool | None = None,
    watch: ProgressCallback | None = None,
    call_timeout: float | None = None,
) -> KnownMachines:
    """The machines of the chosen clouds as they were last seen.

    A cloud whose listing is older than its ``refresh_after`` is asked for a moment, and one that was never
    listed is waited for.

    Args:
        names: name expressions; none for all machines.
        cloud: as in ``--cloud=``.
        refresh: ask all these clouds, side by side, and wait for them.
        cached: ask no cloud; one that was never listed is an error, then.
        max_age: seconds; in place of ``refresh_after``, and a cloud whose listing is older is waited for. It
            is asked for nothing else.
        reader: who asks; if no names are given, each reader is told once of a machine that vanished, and None
            is told of none.
        columns: what the rows have.
        mine: only machines of our own; None where the configuration of their cloud says so.
        watch: is told which clouds have answered, of those that are waited for.
        call_timeout: for how many seconds a cloud is waited for; None for the usual.

    Raises:
        UsageError, ConfigError: the names, or the clouds, are wrong.
    """
    wanted: list[tuple[Name, list[str]]] = []
    if names:
        from cloudmesh.plugin.names import expand

        wanted = clouds_of_names(config, expand(names), lambda: chosen_clouds(config, cloud))
        # Those that a name with a colon adds stand at the end.
        places = sorted(wanted, key=lambda each: each[0].cloud is not None)
        clouds = list(dict.fromkeys(name for _, clouds in places for name in clouds))
    else:
        clouds = chosen_clouds(config, cloud)
    limits = QueryLimits(call_timeout, watch)
    errors, reasons, asked = _asked(config, inventory, clouds, refresh, cached, limits, max_age)
    limited = [name for name in clouds if (config.mine(name) if mine is None else mine)]
    if limited:
        columns = {*columns, "owner", "boot_id"}
        silent = cached or max_age is not None
        more, unsure = ({}, ()) if silent else _asked_whose(config, inventory, limited, asked, limits)
        errors, asked = {**errors, **more}, [*asked, *unsure]
    for name in clouds if not names else ():
        # Whoever listed it was told; so is who reads that listing.
        if name not in asked and (odd := inventory.left_out(name)):
            errors[name] = IncompleteListing(f"cloud {name}: {odd}")
    vanished = inventory.vanished(clouds, reader) if reader and not names else []
    addresses = [address for each in vanished for address in inventory.addresses_of(each.machine)]
    rows = _rows(config, inventory, clouds, columns, vanished)
    # A cloud without machines had none when it was listed last.
    ages = {name: inventory.listing_age(name) or 0.0 for name in reasons}
    if errors or reasons:
        for name, age in set(zip(rows.values("cloud"), rows.values("age"), strict=True)):
            ages[name] = max(age, ages.get(name, age))
    shown, unknown = _named(rows, wanted, errors) if names else (rows, [])
    others = (0, 0)
    if limited:
        from cloudmesh.vm.clouds.owners import own_rows

        shown, others = own_rows(config, inventory, limited, shown)
    return KnownMachines(clouds, shown, ages, vanished, addresses, errors, reasons, unknown, others)


def _asked(
    config: Config,
    inventory: Inventory,
    clouds: Sequence[str],
    refresh: bool,
    cached: bool,
    limits: QueryLimits,
    max_age: float | None = None,
) -> tuple[dict[str, CloudmeshError], dict[str, str], Sequence[str]]:
    """Ask the clouds that have to be asked: errors, why rows are old, and who was asked and waited for."""
    ages = {name: inventory.listing_age(name) for name in clouds}
    if cached:
        errors = never_listed(ages, "vm list")
        return errors, {}, [*errors]
    asked, stale = whom_to_ask(config, ages, refresh, max_age)
    errors = {}
    if asked:
        from cloudmesh.cloud.client.cloud import Cloud, ask_each

        answers = ask_each(config, asked, Cloud.reconcile, limits)
        errors = {name: answer for name, answer in answers.items() if isinstance(answer, CloudmeshError)}
    if not stale:
        return errors, {}, asked
    from cloudmesh.cloud.client.cloud import Cloud
    from cloudmesh.cloud.client.freshness import ask_stale

    return errors, ask_stale(config, inventory.database, "machine", stale, Cloud.reconcile), asked


def _asked_whose(
    config: Config,
    inventory: Inventory,
    clouds: Sequence[str],
    asked: Collection[str],
    limits: QueryLimits,
) -> tuple[dict[str, CloudmeshError], Sequence[str]]:
    """Ask those of these clouds of which the store does not know whose machines are: errors, and which."""
    from cloudmesh.vm.clouds.owners import doubtful  # few lists are limited

    unsure = doubtful(config, inventory, [name for name in clouds if name not in asked])
    return (_asked(config, inventory, unsure, True, False, limits)[0], unsure) if unsure else ({}, ())


def _rows(
    config: Config,
    inventory: Inventory,
    clouds: Sequence[str],
    columns: Collection[str],
    vanished: Sequence[KnownMachine],
) -> Rows:
    """The rows of all machines, with what they cost if that is among the columns."""
    stored = {*columns}.difference(RATES)
    if len(stored) == len({*columns}):
        return machine_rows(inventory, clouds, columns, lambda name: _images(inventory, name), vanished)
    from cloudmesh.cloud.store.pricing import Pricing  # few lists show it

    stored |= {"flavor", "state"}
    rows = machine_rows(inventory, clouds, stored, lambda name: _images(inventory, name), vanished)
    return Pricing(config, inventory.database, clouds).priced(rows)


def _images(inventory: Inventory, cloud: str) -> dict[str, str]:
    """What the images of a cloud are called, by id, as far as it was asked for them."""
    kept = kept_listing(inventory.database, "image", cloud)
    return {image["cloud_id"]: image["name"] for image in kept.rows} if kept else {}


def _named(
    rows: Rows, wanted: Sequence[tuple[Name, list[str]]], errors: Mapping[str, CloudmeshError]
) -> tuple[Rows, list[CloudmeshError]]:
    """Those that the names mean on their clouds, in their order, and errors for names that no machine has.

    A glob may mean none. A name that is not known is not unknown while a cloud that may have it does not
    answer.
    """
    from cloudmesh.plugin.names import NameIndex

    places: dict[Listed, int] = {each: place for place, each in enumerate(listed(rows))}
    shown: dict[Listed, None] = {}
    failed: list[CloudmeshError] = []
    index = NameIndex(places)
    nearest = KnownNames(each.name for each in places)
    for name, clouds in wanted:
        found = [each for each in index.meant(name) if each.cloud in clouds]
        if not found and not name.is_glob:
            away = [error for cloud, error in errors.items() if cloud in clouds]
            where = "in the cached list ('cms vm list --refresh' asks the clouds)"
            failed.append(away[0] if away else UnknownName("machine", str(name), nearest, where))
        shown.update(dict.fromkeys(found))
    return rows.take([places[each] for each in shown]), failed


def listed(rows: Rows) -> Iterator[Listed]:
    """What names the machines of these rows."""
    return map(Listed, rows.values("cloud"), rows.values("name"), rows.values("id"))


def machine_words(
    config: Config, inventory: Inventory, machines: Sequence[Named], qualified: bool = False
) -> list[str]:
    """For each machine a word that means it, and no other known one, when it is given to another command.

    Args:
        qualified: whether each word names the cloud, even where it need not.
    """
    from cloudmesh.plugin.names import NameIndex

    try:
        places = [] if qualified else chosen_clouds(config, None)
    except CloudmeshError:
        # No cloud is meant where none is named.
        places = []
    if not all(map(inventory.was_refreshed, places)):
        places = []
    clouds = dict.fromkeys([*places, *(each.cloud for each in machines)])
    known = [each for cloud in clouds for each in listed(machine_rows(inventory, [cloud], ()))]
    # What is known was told later than what is given.
    by_id: dict[tuple[str, str], Named] = {(each.cloud, each.cloud_id): each for each in [*machines, *known]}
    index = NameIndex(by_id.values())
    return [index.word(by_id[each.cloud, each.cloud_id], places) for each in machines]


def ask_each(
    machines: Machines, ask: Callable[[Cloud, MachineRecord], Told]
) -> tuple[list[tuple[MachineRecord, Told]], list[CloudmeshError]]:
    """What ``ask`` gives for each of the machines that are meant, and the errors of those where it fails.

    The clouds are asked side by side. Raises as ``Machines.select``.
    """
    selection = machines.select()
    clouds = list(dict.fromkeys(machine.cloud for machine in selection.machines))
    told: list[tuple[MachineRecord, Told]] = []
    errors: list[CloudmeshError] = []

    def of_one(cloud: Cloud, machine: MachineRecord) -> Told | CloudmeshError:
        try:
            return ask(cloud, machine)
        except CloudmeshError as error:
            return error

    def of_cloud(cloud: Cloud) -> list[tuple[MachineRecord, Told | CloudmeshError]]:
        return [(each, of_one(cloud, each)) for each in selection.machines if each.cloud == cloud.name]

    for answers in machines.session.ask_all(clouds, of_cloud, len(selection.machines)).values():
        if isinstance(answers, CloudmeshError):
            errors.append(answers)
            continue
        for machine, answer in answers:
            if isinstance(answer, CloudmeshError):
                errors.append(answer)
            else:
                told.append((machine, answer))
    return told, [*errors, *(each.error for each in selection.missing)]


class Foreseen(NamedTuple):
    """What an action would do to one machine.

    Attributes:
        machine: as it is known now.
        state: the state it is in.
        changed: whether anything would be done; False if it is where the action leads already.
        error: why it would fail; None if it would not.
    """

    machine: MachineRecord
    state: State
    changed: bool = False
    error: CloudmeshError | None = None


def foresee(
    machines: Machines, action: str, argument: GivenArgument = None, timeout: float | None = None
) -> tuple[list[Foreseen], Sequence[UnresolvedName]]:
    """What an action would do to each machine, and which names mean none, and why.

    A cloud is asked at most what state a machine is in, and what it offers. ``timeout``: seconds in all.

    Raises:
        UnknownName, UsageError: a cloud has no such image or flavor, or several that are meant.
        CloudmeshError: an action for one machine alone, and the names mean none, or several.
    """
    from cloudmesh.cloud.fanout.query import Deadline
    from cloudmesh.vm.jobs.planning import ActionPlan

    verb, session = find_verb(action), machines.session
    deadline = Deadline.after(timeout)
    selection = machines.select(timeout)
    if verb.single:
        selection.machine()
    with session.within(deadline):
        plan = ActionPlan(session, verb, argument).plan(selection)
        told = _foreseen(session, verb, plan.tasks)
    return told, plan.missing


def _foreseen(session: CloudSession, verb: Verb, tasks: Sequence[Task]) -> list[Foreseen]:
    """One for each machine; the clouds are asked side by side."""
    machines = [task.machine for task in tasks if task.machine]
    arguments = {task.cloud: task.argument for task in tasks}
    of_cloud: dict[str, list[MachineRecord]] = {}
    for machine in machines:
        of_cloud.setdefault(machine.cloud, []).append(machine)

    def of_one(cloud: Cloud, machine: MachineRecord) -> Foreseen:
        try:
            done = cloud.foresee(machine, verb, arguments[cloud.name])
        except CloudmeshError as error:
            return Foreseen(machine, machine.state, error=error)
        return Foreseen(machine, done.machine.state, done.changed)

    def of_cloud_machines(cloud: Cloud) -> Iterator[Foreseen]:
        return iter([of_one(cloud, each) for each in of_cloud[cloud.name]])

    told = session.ask_all([*of_cloud], of_cloud_machines)
    return [
        Foreseen(each, each.state, error=answer) if isinstance(answer, CloudmeshError) else next(answer)
        for each in machines
        for answer in [told[each.cloud]]
    ]
