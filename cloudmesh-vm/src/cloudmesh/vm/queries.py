"""Lists of known machines, and what an action would do, as records: for the shell, Python and others.

``cms vm list`` comes through here, so nothing of a cloud is loaded unless one has to be asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cloudmesh.cloud.errors import IncompleteListing
from cloudmesh.cloud.fanout.query import chosen_clouds, clouds_of_names
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import Verb, find_verb
from cloudmesh.cloud.store.inventory import Inventory, KnownMachine, by_name
from cloudmesh.cloud.store.listings import kept_listing
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, KnownNames, UnknownName

if TYPE_CHECKING:
    from cloudmesh.cloud.client.cloud import Cloud
    from cloudmesh.cloud.model.networks import FloatingIP
    from cloudmesh.plugin.names import Name
    from cloudmesh.vm.clouds.session import CloudSession
    from cloudmesh.vm.jobs.planning import GivenArgument
    from cloudmesh.vm.machines import Machines
    from cloudmesh.vm.model.outcome import UnresolvedName


class KnownMachines(NamedTuple):
    """What the store knows of the machines of some clouds.

    Attributes:
        clouds: the clouds that were chosen, in their order.
        known: all machines of these clouds, by cloud and name.
        shown: those of them that were meant.
        vanished: machines that are on their clouds no more, though nobody deleted them here.
        addresses: the public addresses that were taken for them, and that are still the user's.
        images: what images are called, by cloud and id.
        errors: by cloud, why it did not answer.
        unknown: for each name that no machine has, why.
    """

    clouds: Sequence[str]
    known: Sequence[KnownMachine]
    shown: Sequence[KnownMachine]
    vanished: Sequence[KnownMachine]
    addresses: Sequence[FloatingIP]
    images: Mapping[tuple[str, str], str]
    errors: Mapping[str, CloudmeshError]
    unknown: Sequence[CloudmeshError]


def known_machines(
    config: Config,
    inventory: Inventory,
    names: Sequence[str],
    cloud: str | None,
    refresh: bool,
    gone: bool = True,
    reader: str = "shell",
) -> KnownMachines:
    """The machines of the chosen clouds as they were last seen.

    Args:
        names: name expressions; none for all machines.
        cloud: as in ``--cloud=``.
        refresh: ask the clouds first, side by side; one that was never asked is asked anyway.
        gone: whether machines that vanished are told, if no names are given.
        reader: who asks; each reader is told once of a machine that vanished.

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
    errors: dict[str, CloudmeshError] = {}
    asked = [name for name in clouds if refresh or not inventory.was_refreshed(name)]
    if asked:
        from cloudmesh.cloud.client.cloud import Cloud, ask_each

        answers = ask_each(config, asked, Cloud.reconcile)
        errors = {name: answer for name, answer in answers.items() if isinstance(answer, CloudmeshError)}
    for name in clouds if not names else ():
        # Whoever listed it was told; so is who reads that listing.
        if name not in asked and (odd := inventory.left_out(name)):
            errors[name] = IncompleteListing(f"cloud {name}: {odd}")
    known = [
        each
        for name in clouds
        for each in sorted(inventory.known(name), key=lambda each: by_name(each.machine))
    ]
    vanished = inventory.vanished(clouds, reader) if gone and not names else []
    addresses = [address for each in vanished for address in inventory.addresses_of(each.machine)]
    # Some clouds tell of a machine only its image's id.
    listings = [
        (name, kept_listing(inventory.database, "image", name))
        for name in dict.fromkeys(each.machine.cloud for each in [*known, *vanished])
    ]
    images = {
        (name, image["cloud_id"]): image["name"] for name, kept in listings if kept for image in kept.rows
    }
    shown, unknown = _named(known, wanted, errors) if names else (known, [])
    if vanished:
        shown = [each for name in clouds for each in [*known, *vanished] if each.machine.cloud == name]
    return KnownMachines(clouds, known, shown, vanished, addresses, images, errors, unknown)


def _named(
    known: Sequence[KnownMachine],
    wanted: Sequence[tuple[Name, list[str]]],
    errors: Mapping[str, CloudmeshError],
) -> tuple[list[KnownMachine], list[CloudmeshError]]:
    """Those that the names mean on their clouds, in their order, and errors for names that no machine has.

    A glob may mean none. A name that is not known is not unknown while a cloud that may have it does not
    answer.
    """
    from cloudmesh.plugin.names import NameIndex

    shown: dict[tuple[str, str], None] = {}
    failed: list[CloudmeshError] = []
    index = NameIndex(each.machine for each in known)
    nearest = KnownNames(each.machine.name for each in known)
    for name, clouds in wanted:
        found = [each for each in index.meant(name) if each.cloud in clouds]
        if not found and not name.is_glob:
            away = [error for cloud, error in errors.items() if cloud in clouds]
            where = "among the known ones (--refresh asks the clouds)"
            failed.append(away[0] if away else UnknownName("machine", str(name), nearest, where))
        shown.update({(each.cloud, each.cloud_id): None for each in found})
    by_id = {(each.machine.cloud, each.machine.cloud_id): each for each in known}
    return [by_id[each] for each in shown], failed


def machine_words(
    config: Config, inventory: Inventory, machines: Sequence[MachineRecord], qualified: bool = False
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
    known = [each.machine for cloud in clouds for each in inventory.known(cloud)]
    # What is known was told later than what is given.
    by_id = {(each.cloud, each.cloud_id): each for each in [*machines, *known]}
    index = NameIndex(by_id.values())
    return [index.word(by_id[each.cloud, each.cloud_id], places) for each in machines]


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
    """
    from cloudmesh.cloud.fanout.query import Deadline
    from cloudmesh.vm.jobs.planning import ActionPlan

    verb, session = find_verb(action), machines.session
    deadline = Deadline.after(timeout)
    selection = machines.select(timeout)
    with session.within(deadline):
        plan = ActionPlan(session, verb, argument).plan(selection)
        told = _foreseen(session, verb, [task.machine for task in plan.tasks if task.machine])
    return told, plan.missing


def _foreseen(session: CloudSession, verb: Verb, machines: Sequence[MachineRecord]) -> list[Foreseen]:
    """One for each machine; the clouds are asked side by side."""
    of_cloud: dict[str, list[MachineRecord]] = {}
    for machine in machines:
        of_cloud.setdefault(machine.cloud, []).append(machine)

    def of_one(cloud: Cloud, machine: MachineRecord) -> Foreseen:
        try:
            done = cloud.foresee(machine, verb)
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
