"""Keeps the machines that are ours out of those that names mean, on clouds where only ours are meant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.vm.clouds.owners import Owners, Whose
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.model.outcome import UnresolvedName

_SHOWN = 5


class NotOurs(UsageError):
    """Machines were named that are not ours, or not surely, and only ours are meant."""


class Ours:
    """Finds out which machines are ours.

    Who we are is asked from the cloud itself: the store may remember another account.
    """

    def __init__(
        self,
        session: CloudSession,
        is_limited: Callable[[str], bool],
        listed: Callable[[MachineRecord], MachineRecord],
    ) -> None:
        """Use the clouds of a session.

        Args:
            is_limited: whether only machines of our own are meant on a cloud.
            listed: gives a machine as its cloud lists it now.
        """
        self._session = session
        self._is_limited = is_limited
        self._listed = listed
        self._errors: dict[str, CloudmeshError] = {}

    @cached_property
    def _owners(self) -> Owners:
        return Owners(self._session.config, self._session.inventory.database, {})

    def preferred(self, found: list[MachineRecord]) -> list[MachineRecord]:
        """What an exact name means of several machines that have it: ours, if some are; else all of them."""
        return [each for each, whose in self._whose(found) if whose is Whose.OURS] or found

    def kept(
        self, machines: Sequence[MachineRecord], named: Collection[tuple[str, str]]
    ) -> tuple[list[MachineRecord], list[UnresolvedName], list[MachineRecord], list[MachineRecord]]:
        """The machines that are ours; those whose cloud does not answer; others'; those nobody can tell of.

        Raises NotOurs if one that is not ours is among those that were meant by their ``named`` cloud and id:
        then nothing is done to any.
        """
        kept: list[MachineRecord] = []
        silent: list[UnresolvedName] = []
        left: dict[Whose, list[MachineRecord]] = {Whose.OTHERS: [], Whose.UNKNOWN: []}
        for each, whose in self._whose(machines):
            if whose is Whose.OURS:
                kept.append(each)
            elif each.cloud in self._errors:
                silent.append(UnresolvedName(each.cloud, each.name, self._errors[each.cloud]))
            else:
                left[whose].append(each)
        others, unknown = (
            [each for each in found if (each.cloud, each.cloud_id) in named] for found in left.values()
        )
        if others or unknown:
            raise _refused(others, unknown)
        return kept, silent, left[Whose.OTHERS], left[Whose.UNKNOWN]

    def _whose(self, machines: Sequence[MachineRecord]) -> list[tuple[MachineRecord, Whose]]:
        """Whose each of these is; on clouds without a limit all count as ours."""
        limited = [each for each in machines if self._is_limited(each.cloud)]
        self._ask_who(each.cloud for each in limited if self._owners.of(each) is not Whose.OURS)
        return [(each, self._of(each) if self._is_limited(each.cloud) else Whose.OURS) for each in machines]

    def _ask_who(self, clouds: Iterable[str]) -> None:
        """Let clouds tell who we are there, each once."""
        unasked = [each for each in dict.fromkeys(clouds) if each not in self._owners.users]
        if unasked:
            for cloud, user in self._session.ask_all(unasked, Cloud.user_id).items():
                if isinstance(user, CloudmeshError):
                    self._errors[cloud] = user
                self._owners.users[cloud] = "" if isinstance(user, CloudmeshError) else user

    def _of(self, machine: MachineRecord) -> Whose:
        """Whose a machine is; a cloud that tells owners is asked where the store does not know."""
        whose = self._owners.of(machine)
        if whose is Whose.UNKNOWN and self._owners.users.get(machine.cloud) and not machine.owner:
            whose = self._owners.of(self._listed(machine))
        return whose


def _refused(others: Sequence[MachineRecord], unknown: Sequence[MachineRecord]) -> NotOurs:
    told = []
    if others:
        belongs = "belongs" if len(others) == 1 else "belong"
        told.append(f"{_names(others)} {belongs} to someone else (owner {', '.join(_owners(others))})")
    if unknown:
        told.append(f"whose {_names(unknown)} is cannot be told")
    return NotOurs(
        f"{'; '.join(told)}; only your own machines are meant, so nothing was done: use --everyone for others"
    )


def others_note(count: int) -> str:
    """The sentence on so many machines that were left out since they are somebody else's."""
    machines = "1 machine of another user is" if count == 1 else f"{count} machines of other users are"
    return f"note: {machines} left out; use --everyone for the machines of all users"


def unknown_note(machines: Sequence[MachineRecord]) -> str:
    """The sentence on machines that were left out since nobody knows whose they are."""
    return (
        f"note: whose {_names(machines)} is cannot be told, so nothing was done to it; "
        "use --everyone for machines that are not surely your own"
    )


def _owners(machines: Sequence[MachineRecord]) -> list[str]:
    return list(dict.fromkeys(each.owner for each in machines))[:_SHOWN]


def _names(machines: Sequence[MachineRecord]) -> str:
    more = f" and {len(machines) - _SHOWN} more" if len(machines) > _SHOWN else ""
    return f"{', '.join(each.qualified_name for each in machines[:_SHOWN])}{more}"
