"""What is to be done to which machine, with what the verb takes looked up before the first call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from cloudmesh.cloud.errors import CLOUD_ERRORS
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import Argument, Fitness, Verb
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.clouds.select import Selection
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs.encoding import encode_argument
from cloudmesh.vm.model.outcome import UnresolvedName
from cloudmesh.vm.model.plan import Plan
from cloudmesh.vm.model.task import Task

# What a user gives a verb: the name of an image or a flavor, a new name, or metadata.
GivenArgument = str | Mapping[str, str | None] | None


# So many machines of a cloud are asked for one by one.
_FEW = 10


class ActionPlan:
    """One task a machine; images and flavors are looked up once a cloud."""

    def __init__(self, session: CloudSession, verb: Verb, given: GivenArgument) -> None:
        self._session = session
        self._verb = verb
        self._given = given

    def plan(self, selection: Selection, names: str = "", wait: bool = False) -> Plan:
        """What is to be done, and what is not since its cloud did not answer.

        Raises:
            UnknownName, UsageError: a cloud has no such image or flavor, or several that are meant.
        """
        clouds = list(dict.fromkeys(each.cloud for each in selection.machines))
        found = self._arguments(clouds)
        tasks: list[Task] = []
        missing = list(selection.missing)
        addresses = self._session.inventory.addresses(clouds) if self._verb.target is State.DELETED else {}
        for each in self._looked_at(selection.machines):
            argument = found[each.cloud]
            if isinstance(argument, CloudmeshError):
                missing.append(UnresolvedName(each.cloud, each.name, argument))
                continue
            taken = tuple(addresses.get((each.cloud, each.cloud_id), ()))
            tasks.append(
                Task(each.cloud, each.name, self._verb.name, each, argument=argument, addresses=taken)
            )
        parts = {
            cloud: encode_argument(argument)
            for cloud, argument in found.items()
            if not isinstance(argument, CloudmeshError)
        }
        return Plan(self._verb.name, tasks, parts, names, wait, missing)

    def _looked_at(self, machines: Sequence[MachineRecord]) -> list[MachineRecord]:
        """The machines, as their clouds tell of them now where many are not known to be fit for the verb.

        Before one is refused its cloud is asked for its true state; for many that is one listing.
        """
        doubtful = Counter(
            each.cloud for each in machines if self._verb.fitness(each.state) is not Fitness.POSSIBLE
        )
        clouds = [cloud for cloud, count in doubtful.items() if count > _FEW]
        listed = self._session.ask_all(clouds, lambda cloud: cloud.machines()) if clouds else {}
        # A cloud that does not answer now is asked by the tasks again, which tell why.
        now = {
            (each.cloud, each.cloud_id): each
            for told in listed.values()
            if not isinstance(told, CloudmeshError)
            for each in told
        }
        return [now.get((each.cloud, each.cloud_id), each) for each in machines]

    def _arguments(self, clouds: Sequence[str]) -> dict[str, Argument | CloudmeshError]:
        if not self._verb.takes and self._given is None:
            return dict.fromkeys(clouds)
        found = self._session.ask_all(clouds, lambda cloud: cloud.argument(self._verb, self._given))
        for each in found.values():
            if isinstance(each, CloudmeshError) and not isinstance(each, CLOUD_ERRORS):
                raise each
        return found
