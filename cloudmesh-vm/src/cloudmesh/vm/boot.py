"""What to boot where, settled before the first machine is asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from cloudmesh.cloud.booting import BootOptions
from cloudmesh.cloud.errors import CLOUD_ERRORS, Refused
from cloudmesh.cloud.model import Machine, State
from cloudmesh.plugin.errors import UsageError
from cloudmesh.plugin.names import Name, expand
from cloudmesh.vm.runner import Task
from cloudmesh.vm.select import Missing
from cloudmesh.vm.session import Session

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

    def __init__(self, session: Session, names: str | Sequence[str], explicit: bool) -> None:
        self._session = session
        wanted = ((cloud, name.name) for name in expand(names) for cloud in self._places(name, explicit))
        self.places = list(dict.fromkeys(wanted))

    def tasks(self, options: BootOptions) -> tuple[list[Task], list[Missing]]:
        """One task a machine. One whose name is taken, or whose cloud does not answer, is told as missing.

        Raises:
            UnknownName, UsageError, ConfigError: a cloud has no such image, flavor, key, network or security
                group, or several, or no default for it.
            CloudError: none of the clouds answers.
        """
        tasks: list[Task] = []
        missing: list[Missing] = []
        clouds = list(dict.fromkeys(cloud for cloud, _ in self.places))
        self._session.resolve(clouds)
        for name in clouds:
            machines = [machine for place, machine in self.places if place == name]
            try:
                cloud = self._session.cloud(name)
                request = cloud.boot_request(machines[0], options)
                taken = {each.name for each in cloud.machines() if each.state is not State.DELETED}
            except CLOUD_ERRORS as error:
                missing += [Missing(name, machine, error) for machine in machines]
                if len(missing) == len(self.places):
                    raise
                continue
            missing += [Missing(name, each, _exists(name, each)) for each in machines if each in taken]
            tasks += [
                Task(name, each, "boot", request=replace(request, name=each))
                for each in machines
                if each not in taken
            ]
        return tasks, missing

    def _places(self, name: Name, explicit: bool) -> list[str]:
        if name.is_glob or not _GOOD_NAME.fullmatch(name.name):
            raise _bad_name(name.name)
        if name.cloud:
            self._session.config.cloud(name.cloud)
            self._session.config.require_active(name.cloud)
            return [name.cloud]
        clouds = self._session.clouds
        if len(clouds) > 1 and not explicit:
            raise UsageError(f"{', '.join(clouds)} are all defaults; say where to boot with --cloud=NAME")
        return clouds


def _exists(cloud: str, name: str) -> Refused:
    return Refused(f"cloud {cloud} already has a machine {name}; take another name")


def check_name(name: str, machine: Machine, session: Session) -> None:
    """Whether a machine can be given this name.

    Raises:
        UsageError: no machine can be called so.
        Refused: another one on its cloud, as the cloud tells now, is.
    """
    if not _GOOD_NAME.fullmatch(name):
        raise _bad_name(name)
    for other in session.cloud(machine.cloud).machines():
        if other.name == name and other.cloud_id != machine.cloud_id and other.state is not State.DELETED:
            raise _exists(machine.cloud, name)


def _bad_name(name: str) -> UsageError:
    return UsageError(
        f"{name!r} cannot be the name of a machine; "
        "use up to 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends"
    )
