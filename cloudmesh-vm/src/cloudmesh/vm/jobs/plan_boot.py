"""What to boot where, settled before the first machine is asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from cloudmesh.cloud.client.booter import BootOptions
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import CLOUD_ERRORS, Refused
from cloudmesh.cloud.fanout.selection import clouds_of_names
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.provider.boot import BootRequest, new_token
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.plugin.names import Name, expand
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs.encoding import encode_request
from cloudmesh.vm.model.call import BOOT
from cloudmesh.vm.model.outcome import UnresolvedName
from cloudmesh.vm.model.plan import Plan
from cloudmesh.vm.model.task import Task

# What all clouds take as a host name (RFC 1123), with the dots and underlines that many allow.
_GOOD_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


class BootPlan:
    """New machines for names, each on its cloud, or on each of the clouds that were chosen.

    Args:
        explicit: whether the user chose the clouds for this call; several defaults are no choice, for
            booting on all of them costs money.

    Attributes:
        places: cloud and name of each machine.
    """

    def __init__(self, session: CloudSession, names: str | Sequence[str], explicit: bool) -> None:
        self._session = session
        self._explicit = explicit
        wanted = clouds_of_names(session.config, _named(names), self._chosen)
        self.places = list(dict.fromkeys((cloud, name.name) for name, clouds in wanted for cloud in clouds))

    def plan(self, options: BootOptions, names: str = "", wait: bool = False) -> Plan:
        """What is to be booted, each machine with a token of its own.

        One whose name is taken, or whose cloud does not answer, is told as missing.

        Raises:
            UnknownName, UsageError, ConfigError: a cloud has no such image, flavor, key, network or security
                group, or several, or no default for it.
            CloudError: none of the clouds answers.
        """
        tasks: list[Task] = []
        parts: dict[str, str] = {}
        missing: list[UnresolvedName] = []
        clouds = list(dict.fromkeys(cloud for cloud, _ in self.places))
        self._session.resolve(clouds)
        for name, found in self._session.ask_all(clouds, partial(_look, options)).items():
            machines = [machine for place, machine in self.places if place == name]
            if isinstance(found, CloudmeshError):
                missing += [UnresolvedName(name, machine, found) for machine in machines]
                if not isinstance(found, CLOUD_ERRORS) or len(missing) == len(self.places):
                    raise found
                continue
            missing += [
                UnresolvedName(name, each, name_taken(name, each)) for each in machines if each in found.taken
            ]
            free = [each for each in machines if each not in found.taken]
            parts[name] = found.part
            tasks += boot_tasks(name, free, found.request, found.afterwards)
        return Plan(BOOT, tasks, parts, names, wait, missing)

    def _chosen(self) -> list[str]:
        """The clouds for names that do not say theirs."""
        clouds = self._session.clouds
        if len(clouds) > 1 and not self._explicit:
            raise UsageError(f"{', '.join(clouds)} are all defaults; say where to boot with --cloud=NAME")
        return clouds


def _named(names: str | Sequence[str]) -> list[Name]:
    """The names of new machines. Raises UsageError for what clouds do not take as a name."""
    named = expand(names)
    for name in named:
        if name.is_glob or not _GOOD_NAME.fullmatch(name.name):
            raise _bad_name(name.name)
    return named


@dataclass(frozen=True)
class _CloudOffer:
    """What a cloud has for new machines.

    Attributes:
        request: what to boot, under whatever name.
        taken: names that are in use there.
        afterwards: whether a machine gets its public address once it is there.
        part: the request as it is kept in the store.
    """

    request: BootRequest
    taken: set[str]
    afterwards: bool
    part: str


def _look(options: BootOptions, cloud: Cloud) -> _CloudOffer:
    request = cloud.boot_request("", options)
    return _CloudOffer(
        request,
        {each.name for each in cloud.machines() if each.state is not State.DELETED},
        cloud.wants_address(request),
        encode_request(request, cloud.userdata_file(options)),
    )


def boot_tasks(cloud: str, names: Sequence[str], request: BootRequest, afterwards: bool) -> list[Task]:
    """A task for each name; ``afterwards`` if each machine gets its public address once it is there."""
    if afterwards:
        request = replace(request, public=False)
    return [
        Task(cloud, name, BOOT, request=replace(request, name=name, token=new_token()), address=afterwards)
        for name in names
    ]


def name_taken(cloud: str, name: str) -> Refused:
    """The error for a new machine whose name another one on its cloud has."""
    return Refused(f"cloud {cloud} already has a machine {name}; take another name")


def check_name(name: str, machine: MachineRecord, session: CloudSession) -> None:
    """Whether a machine can be given this name.

    Raises:
        UsageError: no machine can be called so.
        Refused: another one on its cloud, as the cloud tells now, is.
    """
    if not _GOOD_NAME.fullmatch(name):
        raise _bad_name(name)
    listed = session.ask_all([machine.cloud], Cloud.machines)[machine.cloud]
    if isinstance(listed, CloudmeshError):
        raise listed
    for other in listed:
        if other.name == name and other.cloud_id != machine.cloud_id and other.state is not State.DELETED:
            raise name_taken(machine.cloud, name)


def _bad_name(name: str) -> UsageError:
    return UsageError(
        f"{name!r} cannot be the name of a machine; "
        "use up to 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends"
    )
