"""Finds the machines that names, ranges and globs mean, in the store or by listing clouds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import Unreachable
from cloudmesh.cloud.fanout.query import clouds_of_names
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.plugin.errors import CloudmeshError, KnownNames, UnknownName, UsageError
from cloudmesh.plugin.lists.rows import natural_keys
from cloudmesh.plugin.names import Name, NameIndex, expand
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.model.outcome import UnresolvedName

if TYPE_CHECKING:
    from cloudmesh.vm.clouds.ours import Ours

ALL = "*"


@dataclass
class Selection:
    """The machines that names stand for, each once and in their order, and the names that stand for none.

    ``notes`` are sentences on what was left out.
    """

    machines: list[MachineRecord] = field(default_factory=list)
    missing: list[UnresolvedName] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def machine(self) -> MachineRecord:
        """The only machine that is meant.

        Raises:
            UsageError: the names mean several.
            CloudmeshError: why a name, or a cloud that may have more of them, could not be looked up.
        """
        if self.missing:
            raise self.missing[0].error
        if len(self.machines) != 1:
            raise UsageError(f"exactly one machine is required, not {len(self.machines)}")
        return self.machines[0]


class Selector:
    """Finds machines by name in the store; asks a cloud for a listing at most once, and only if it must.

    That is: for a name it does not know, for a glob (machines may have come since), and where a name
    could as well be on another cloud that was never listed.
    """

    def __init__(
        self,
        session: CloudSession,
        acting: bool = True,
        mine: bool | None = None,
        recent: float | None = None,
    ) -> None:
        """Look on the clouds of a session.

        Args:
            acting: whether something is to be done to what is found.
            mine: whether only machines of our own are meant; None for what each cloud's ``mine`` says.
            recent: seconds; a glob means what was listed so recently. None to list for each.
        """
        self._recent = recent
        self._session = session
        self._acting = acting
        self._mine = mine
        # By cloud and id, what was meant by an exact name.
        self._named: set[tuple[str, str]] = set()
        self._limits: dict[str, bool] = {}
        self._listed: dict[str, CloudmeshError | None] = {}
        self._indexes: dict[str, NameIndex[MachineRecord]] = {}
        self._unseen: dict[str, bool] = {}
        # Asked only after all of these clouds were listed, so nothing changes any more.
        self._nearest: dict[tuple[str, ...], KnownNames] = {}

    def select(self, names: str | Sequence[str]) -> Selection:
        """The machines that the names mean.

        A name that no machine has is missing, and so is one that several have, or that another cloud may
        have which was never listed and does not answer: no machine is meant by it.

        Raises:
            UsageError: the expression is wrong.
            UnknownName, ConfigError: a cloud before a colon is unknown or not active, or a secret is missing.
        """
        selection = Selection()
        wanted = clouds_of_names(self._session.config, expand(names), lambda: self._session.clouds)
        # The clouds that will be called, as far as the store tells, and those that must be listed whatever
        # the others show, so that it can be done side by side.
        needed: list[str] = []
        certain: list[str] = []
        # What each name means as far as the store tells, and by what stands before the colon where to look.
        known: list[Sequence[MachineRecord]] = []
        places: dict[str | None, tuple[list[NameIndex[MachineRecord]], list[str]]] = {}
        for name, clouds in wanted:
            if name.is_glob:
                known.append(())
                needed += clouds
                certain += self._old(clouds)
                continue
            if name.cloud not in places:
                places[name.cloud] = [self._index(cloud) for cloud in clouds], self._never_listed(clouds)
            indexes, unseen = places[name.cloud]
            found = [machine for index in indexes for machine in index.exact(name)]
            known.append(found)
            needed += [found[0].cloud, *unseen] if len(found) == 1 else clouds
            certain += unseen if unseen or found else clouds
            certain += [each.cloud for each in found if self._must_be_there(each, name)]
        self._session.resolve(dict.fromkeys(needed))
        self._list_all(certain)
        listed = len(self._listed)
        for (name, clouds), meant in zip(wanted, known, strict=True):
            if len(meant) == 1 and not certain and listed == len(self._listed):
                # As nearly always: no cloud was asked, or could tell more.
                self._named.add((meant[0].cloud, meant[0].cloud_id))
                selection.machines += meant
            else:
                self._add(selection, name, clouds)
        unique = {(machine.cloud, machine.cloud_id): machine for machine in selection.machines}
        selection.machines = list(unique.values())
        return self._only_ours(selection)

    def all(self) -> Selection:
        """Every machine of the session's clouds, as the clouds tell now."""
        selection = Selection()
        self._session.resolve(self._session.clouds)
        for cloud, error in self._list_all(self._session.clouds):
            if error:
                selection.missing.append(UnresolvedName(cloud, ALL, error))
            else:
                selection.machines += self._index(cloud).items
        return self._only_ours(selection)

    def _add(self, selection: Selection, name: Name, clouds: list[str]) -> None:
        errors = self._list_all(self._old(clouds) if name.is_glob else self._never_listed(clouds))
        found = self._matching(name, clouds)
        if not found:
            # Also a glob that means nothing now.
            errors = self._list_all(clouds)
            found = self._matching(name, clouds)
        if not name.is_glob and (len(found) > 1 or any(self._must_be_there(each, name) for each in found)):
            # Some may have been deleted meanwhile, and are still in the store.
            self._list_all([machine.cloud for machine in found])
            found = self._matching(name, clouds)
        if not name.is_glob:
            if len(found) > 1 and self._is_limited(*(each.cloud for each in found)):
                found = self._ours.preferred(found)
            self._named.update((each.cloud, each.cloud_id) for each in found)
        failed = [UnresolvedName(cloud, str(name), error) for cloud, error in errors if error]
        doubt = None if name.is_glob else self._doubt(name, found, [each.cloud for each in failed])
        if doubt is not None:
            # Which one is meant is not guessed; the other names are clear all the same.
            selection.missing.append(UnresolvedName(name.cloud or "", name.name, doubt))
            return
        selection.machines += found
        if failed and (name.is_glob or not found):
            selection.missing += failed
        elif not found:
            places = tuple(clouds)
            if places not in self._nearest:
                self._nearest[places] = KnownNames(
                    machine.name for cloud in clouds for machine in self._index(cloud).items
                )
            near, where = self._elsewhere(name, clouds), f"on {', '.join(clouds)}"
            error = UnknownName("machine", name.name, self._nearest[places], where, near)
            selection.missing.append(UnresolvedName(name.cloud or "", name.name, error))

    def _elsewhere(self, name: Name, clouds: list[str]) -> str | None:
        """A machine of this name on another cloud, as far as the store tells; None if it names its own."""
        if name.cloud is not None or name.is_glob:
            return None
        others = [cloud for cloud in self._session.config.active_clouds() if cloud not in clouds]
        return next((each.qualified_name for each in self._matching(name, others)), None)

    def _old(self, clouds: list[str]) -> list[str]:
        """The clouds whose last listing is too old for a glob."""
        if self._recent is None:
            return clouds
        ages = {cloud: self._session.inventory.listing_age(cloud) for cloud in clouds}
        return [cloud for cloud, age in ages.items() if age is None or age > self._recent]

    def _must_be_there(self, found: MachineRecord, name: Name) -> bool:
        """Whether a machine is meant by its id: nothing may be done to another one that has its name now."""
        return self._acting and found.name != name.name

    def _never_listed(self, clouds: list[str]) -> list[str]:
        """Where a name could be as well, for all that is known; asked of the store once a cloud."""
        if len(clouds) < 2:
            return []
        for cloud in clouds:
            if cloud not in self._unseen:
                self._unseen[cloud] = not self._session.inventory.was_refreshed(cloud)
        return [cloud for cloud in clouds if self._unseen[cloud]]

    def _list_all(self, clouds: Iterable[str]) -> list[tuple[str, CloudmeshError | None]]:
        """Bring the store up to date for these clouds, each once; the errors of those where that failed."""
        names = list(dict.fromkeys(clouds))
        unlisted = [cloud for cloud in names if cloud not in self._listed]
        if unlisted:
            for cloud, error in self._session.ask_all(unlisted, Cloud.reconcile).items():
                self._listed[cloud] = error
                self._indexes.pop(cloud, None)
        return [(cloud, self._listed[cloud]) for cloud in names]

    @cached_property
    def _ours(self) -> Ours:
        from cloudmesh.vm.clouds.ours import Ours  # few commands are limited

        return Ours(self._session, self._is_limited, self._listed_now)

    def _is_limited(self, *clouds: str) -> bool:
        """Whether only machines of our own are meant on one of these clouds."""
        for cloud in set(clouds).difference(self._limits):
            self._limits[cloud] = self._session.config.mine(cloud) if self._mine is None else self._mine
        return any(self._limits[cloud] for cloud in clouds)

    def _only_ours(self, selection: Selection) -> Selection:
        """The selection without machines that are not ours, if only those are meant. Raises NotOurs."""
        if self._is_limited(*(each.cloud for each in selection.machines)):
            from cloudmesh.vm.clouds.ours import others_note, unknown_note

            selection.machines, silent, others, unknown = self._ours.kept(selection.machines, self._named)
            selection.missing += silent
            if others and (self._mine is None or not selection.machines):
                # With --mine that is what was asked for, but it may have left nothing.
                selection.notes.append(others_note(len(others)))
            selection.notes += [unknown_note(unknown)] if unknown else []
        return selection

    def _listed_now(self, machine: MachineRecord) -> MachineRecord:
        """The machine as its cloud lists it now; as it was known if the cloud does not tell of it."""
        self._list_all([machine.cloud])
        now = (each for each in self._index(machine.cloud).items if each.cloud_id == machine.cloud_id)
        return next(now, machine)

    def _matching(self, name: Name, clouds: Iterable[str]) -> list[MachineRecord]:
        return [machine for cloud in clouds for machine in self._index(cloud).meant(name)]

    def _index(self, cloud: str) -> NameIndex[MachineRecord]:
        """The known machines of a cloud, read once: a thousand names must not read them each."""
        if cloud not in self._indexes:
            known = [each.machine for each in self._session.inventory.known(cloud)]
            self._indexes[cloud] = NameIndex(_in_order(known))
        return self._indexes[cloud]

    def _doubt(
        self, name: Name, found: Sequence[MachineRecord], silent: Sequence[str]
    ) -> CloudmeshError | None:
        """Why it is not sure which machine this name means; None if it is, or if there is none."""
        others = [cloud for cloud in silent if found and cloud != found[0].cloud]
        if len(found) < 2 and not others:
            return None
        words = " or ".join(self._index(each.cloud).word(each) for each in found)
        if len(found) > 1:
            several = len({each.cloud for each in found}) == len(found)
            means = "is on several clouds" if several else f"matches {len(found)} machines"
            return UsageError(f"{name} {means}; use {words}")
        return Unreachable(
            f"{name} is on {found[0].cloud}, but may also be on {', '.join(others)}, which was never listed "
            f"and does not answer; use {words} to confirm"
        )


def _in_order(machines: Sequence[MachineRecord]) -> list[MachineRecord]:
    """The machines as they are listed: web9 before web10.

    Those that were booted side by side become known in whatever order their cloud answered.
    """
    names = [machine.name for machine in machines]
    keys: Sequence[Any] = natural_keys(names) if len(names) > 1 else names
    if len(set(keys)) < len(keys):
        keys = list(zip(keys, names, strict=True))
    return [machines[place] for place in sorted(range(len(machines)), key=keys.__getitem__)]
