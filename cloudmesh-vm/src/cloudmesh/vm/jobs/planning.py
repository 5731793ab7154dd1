"""Plans jobs: looks up, before the first call, everything that the tasks of a job need.

What is the same for all machines of a cloud, an argument or a boot request, is also encoded as text for the
store, so that another process can go on with the job. User data may hold secrets and are never stored: only
the file that it came from is, with its size and time, by which a changed file is noticed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.client.booter import BootOptions
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import CLOUD_ERRORS
from cloudmesh.cloud.fanout.query import clouds_of_names
from cloudmesh.cloud.model.copies import NewMachine, NewSnapshot
from cloudmesh.cloud.model.networks import Network, SecurityGroup, SecurityRule
from cloudmesh.cloud.model.parameters import Fitness
from cloudmesh.cloud.model.records import Flavor, Image, KeyPair, MachineRecord, State
from cloudmesh.cloud.model.verbs import Argument, Verb
from cloudmesh.cloud.provider.boot import new_token, require_good_name
from cloudmesh.cloud.provider.interface import BootRequest
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.plugin.names import expand
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs.collector import collecting_less
from cloudmesh.vm.jobs.conflicts import name_taken
from cloudmesh.vm.model.call import BOOT
from cloudmesh.vm.model.outcome import UnresolvedName
from cloudmesh.vm.model.plan import Plan, PlannedLease, Task
from cloudmesh.vm.model.wait import Wait

if TYPE_CHECKING:
    from cloudmesh.vm.clouds.select import Selection
    from cloudmesh.vm.jobs.lease_planning import LeaseWish

# What a user gives a verb: the name of an image, a flavor or a snapshot, a new name, or metadata.
GivenArgument = str | Mapping[str, str | None] | None
# Up to so many machines of a cloud are asked for one by one; for more the cloud is listed.
_FEW = 10


class ActionPlan:
    """Plans a verb for machines that exist; images and flavors are looked up once a cloud."""

    def __init__(self, session: CloudSession, verb: Verb, given: GivenArgument) -> None:
        self._session = session
        self._verb = verb
        self._given = given

    @collecting_less()
    def plan(self, selection: Selection, names: str = "", wait: Wait = False) -> Plan:
        """One task for each machine; machines of a cloud that did not answer are in ``missing``.

        Raises:
            UnknownName, UsageError: a cloud has no such image or flavor, or several with this name.
        """
        clouds = list(dict.fromkeys(each.cloud for each in selection.machines))
        arguments = self._arguments(clouds)
        tasks: list[Task] = []
        missing = list(selection.missing)
        addresses = self._session.inventory.addresses(clouds) if self._verb.target is State.DELETED else {}
        for each in self._refreshed(selection.machines):
            argument = arguments[each.cloud]
            if isinstance(argument, CloudmeshError):
                missing.append(UnresolvedName(each.cloud, each.name, argument))
                continue
            taken = tuple(addresses.get((each.cloud, each.cloud_id), ()))
            tasks.append(
                Task(each.cloud, each.name, self._verb.name, each, argument=argument, addresses=taken)
            )
        parts = {
            cloud: encode_argument(argument)
            for cloud, argument in arguments.items()
            if not isinstance(argument, CloudmeshError)
        }
        leases: Sequence[PlannedLease] = ()
        if self._verb.target is State.DELETED and any(each.lease for each in selection.machines):
            from cloudmesh.vm.jobs.lease_planning import returned_with  # few machines have one

            leases = returned_with(selection.machines)
        return Plan(self._verb.name, tasks, parts, names, wait, missing, leases)

    def _refreshed(self, machines: Sequence[MachineRecord]) -> list[MachineRecord]:
        """The machines, as their clouds list them now where many are not known to be fit for the verb.

        Before a machine is refused its cloud is asked for its true state; for many that is one listing.
        """
        doubtful = Counter(
            each.cloud for each in machines if self._verb.fitness(each.state) is not Fitness.POSSIBLE
        )
        clouds = [cloud for cloud, count in doubtful.items() if count > _FEW]
        listed = self._session.ask_all(clouds, lambda cloud: cloud.machines()) if clouds else {}
        # A cloud that does not answer now is asked again by the tasks, which tell why.
        now = {
            (each.cloud, each.cloud_id): each
            for found in listed.values()
            if not isinstance(found, CloudmeshError)
            for each in found
        }
        return [now.get((each.cloud, each.cloud_id), each) for each in machines]

    def _arguments(self, clouds: Sequence[str]) -> dict[str, Argument | CloudmeshError]:
        """For each cloud what the verb takes, or why the cloud could not tell."""
        if not self._verb.takes and self._given is None:
            return dict.fromkeys(clouds)
        found = self._session.ask_all(clouds, lambda cloud: cloud.argument(self._verb, self._given))
        for each in found.values():
            if isinstance(each, CloudmeshError) and not isinstance(each, CLOUD_ERRORS):
                raise each
        return found


class BootPlan:
    """Plans new machines: for each name one on its cloud, or one on each of the chosen clouds.

    Args:
        explicit: whether the user chose the clouds for this call; several defaults are no choice, for
            booting on all of them costs money.

    Attributes:
        places: cloud and name of each machine.

    Raises:
        UsageError: a name is none that machines can have, or it is not said which of several clouds is meant.
    """

    def __init__(self, session: CloudSession, names: str | Sequence[str], explicit: bool) -> None:
        self._session = session
        named = expand(names)
        for name in named:
            # A new machine has no id yet.
            require_good_name(str(name) if name.sign == "id=" else name.name)

        def chosen() -> list[str]:
            clouds = session.clouds
            if len(clouds) > 1 and not explicit:
                raise UsageError(
                    f"{', '.join(clouds)} are all default clouds; choose where to boot with --cloud=NAME"
                )
            return clouds

        wanted = clouds_of_names(session.config, named, chosen)
        self.places = list(dict.fromkeys((cloud, name.name) for name, clouds in wanted for cloud in clouds))

    def plan(self, options: BootOptions, names: str = "", wait: Wait = False) -> Plan:
        """One task for each machine, with a token of its own.

        A machine whose name is taken, or whose cloud does not answer, is in ``missing``.

        Raises:
            UnknownName, UsageError, ConfigError: a cloud has no such image, flavor, key, network or security
                group, or several, or no default for it.
            CloudError: none of the clouds answers.
        """
        tasks: list[Task] = []
        parts: dict[str, str] = {}
        missing: list[UnresolvedName] = []
        leases: list[PlannedLease] = []
        wish = _read_wish(options)
        clouds = list(dict.fromkeys(cloud for cloud, _ in self.places))
        self._session.resolve(clouds)
        for cloud, found in self._session.ask_all(clouds, partial(self._offer, options, wish)).items():
            machines = [machine for place, machine in self.places if place == cloud]
            if isinstance(found, CloudmeshError):
                missing += [UnresolvedName(cloud, machine, found) for machine in machines]
                if not isinstance(found, CLOUD_ERRORS) or len(missing) == len(self.places):
                    raise found
                continue
            missing += [
                UnresolvedName(cloud, each, name_taken(cloud, each))
                for each in machines
                if each in found.taken
            ]
            parts[cloud] = found.part
            free = [each for each in machines if each not in found.taken]
            tasks += [found.task(cloud, each) for each in free]
            leases += [found.lease.for_machines(len(free))] if found.lease and free else []
        return Plan(BOOT, tasks, parts, names, wait, missing, leases)

    def _offer(self, options: BootOptions, wish: LeaseWish | None, cloud: Cloud) -> _CloudOffer:
        """Look up on a cloud what is to be booted, and which names are in use."""
        request, lease = cloud.boot_request("", options), None
        if wish:
            lease = wish.planned(cloud, request, [name for place, name in self.places if place == cloud.name])
            request = replace(request, lease=lease.name)
        return _CloudOffer(
            request,
            {each.name for each in cloud.machines() if each.state is not State.DELETED}
            | {each.name for each in cloud.left_out if each.kind == "machines"},
            cloud.provider.wants_address(request),
            encode_request(request, cloud.booter.userdata_file(options)),
            lease,
        )


@dataclass(frozen=True)
class _CloudOffer:
    """What a cloud has for new machines.

    Attributes:
        request: what to boot, under whatever name.
        taken: names that are in use there.
        afterwards: whether a machine gets its public address once it is there.
        part: the request as it is kept in the store.
        lease: what the machines are booted on.
    """

    request: BootRequest
    taken: set[str]
    afterwards: bool
    part: str
    lease: PlannedLease | None = None

    def task(self, cloud: str, name: str) -> Task:
        """The task that boots a machine of this name."""
        public = self.request.public and not self.afterwards
        request = replace(self.request, public=public, name=name, token=new_token())
        return Task(cloud, name, BOOT, request=request, address=self.afterwards)


def _read_wish(options: BootOptions) -> LeaseWish | None:
    """What is said of a lease; None if nothing is."""
    if options.lease is options.lease_start is options.host is None:
        return None
    from cloudmesh.vm.jobs.lease_planning import read_wish  # few machines are booted on one

    return read_wish(options)


def encode_argument(argument: Argument) -> str:
    """What a verb takes beside the machine, as text."""
    if argument is None:
        return ""
    if isinstance(argument, Image | Flavor | NewSnapshot | NewMachine):
        return json.dumps({type(argument).__name__: asdict(argument)})
    if isinstance(argument, Mapping):
        return json.dumps({"metadata": dict(argument)})
    return json.dumps({"name": argument})


def decode_argument(text: str) -> Argument:
    """What ``encode_argument`` made the text of."""
    if not text:
        return None
    ((kind, value),) = json.loads(text).items()
    made = {"Image": Image, "Flavor": Flavor, "NewSnapshot": NewSnapshot, "NewMachine": NewMachine}.get(kind)
    known: Argument = made(**value) if made else value
    return known


def encode_request(request: BootRequest, userdata_file: Path | None) -> str:
    """What is booted on a cloud, as text: all but the name, the token and the user data themselves."""
    data = asdict(replace(request, userdata="", name="", token=""))
    data["userdata"] = None
    if request.userdata:
        # User data that were given as text have no file.
        data["userdata"] = {"file": ""}
        if userdata_file is not None:
            file = userdata_file.expanduser()
            about = file.stat()
            data["userdata"] = {
                "file": str(file.absolute()),
                "size": about.st_size,
                "time": about.st_mtime_ns,
            }
    return json.dumps(data)


def decode_request(text: str, userdata: str = "") -> BootRequest:
    """What ``encode_request`` made the text of, with the user data read from their file.

    ``userdata``: those that were given as text, if somebody still has them.

    Raises:
        CloudmeshError: the user data are not there any more, or not the same.
    """
    data = json.loads(text)
    return BootRequest(
        name="",
        image=Image(**data["image"]),
        flavor=Flavor(**data["flavor"]),
        key=KeyPair(**data["key"]) if data["key"] else None,
        networks=tuple(Network(**{**each, "subnets": tuple(each["subnets"])}) for each in data["networks"]),
        security_groups=tuple(
            SecurityGroup(**{**each, "rules": tuple(SecurityRule(**rule) for rule in each["rules"])})
            for each in data["security_groups"]
        ),
        userdata=_userdata(data["userdata"], userdata),
        metadata=data["metadata"],
        public=data["public"],
        # Jobs from before there were such parameters have none.
        hints=data.get("hints", {}),
        extra=data.get("extra", {}),
        lease=data.get("lease", ""),
    )


def _userdata(facts: Mapping[str, Any] | None, given: str) -> str:
    """The user data, read again from their file. Raises CloudmeshError if that is not possible."""
    if facts is None:
        return ""
    if not facts["file"] and given:
        return given
    if not facts["file"]:
        raise CloudmeshError("its user data were given as text, which is not stored; boot it again")
    file = Path(facts["file"])
    try:
        about = file.stat()
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CloudmeshError(f"its user data {file} cannot be read: {error}") from error
    if (about.st_size, about.st_mtime_ns) != (facts["size"], facts["time"]):
        raise UsageError(f"its user data {file} changed since the job began; boot it again")
    return text
