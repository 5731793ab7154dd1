"""What is to be done to which machine, with what the verb takes looked up before the first call."""

from __future__ import annotations

from collections.abc import Mapping

from cloudmesh.cloud.errors import CLOUD_ERRORS
from cloudmesh.cloud.verbs import Argument, Verb
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.runner import Task
from cloudmesh.vm.select import Missing, Selection
from cloudmesh.vm.session import Session

# What a user gives a verb: the name of an image or a flavor, a new name, or metadata.
Given = str | Mapping[str, str | None] | None


class ActionPlan:
    """One task a machine; images and flavors are looked up once a cloud."""

    def __init__(self, session: Session, verb: Verb, given: Given) -> None:
        self._session = session
        self._verb = verb
        self._given = given

    def tasks(self, selection: Selection) -> tuple[list[Task], list[Missing]]:
        """The tasks, and what is not to be done since its cloud did not answer.

        Raises:
            UnknownName, UsageError: a cloud has no such image or flavor, or several that are meant.
        """
        if not self._verb.takes and self._given is None:
            plain = [Task(each.cloud, each.name, self._verb.name, each) for each in selection.machines]
            return plain, selection.missing
        found: dict[str, Argument | CloudmeshError] = {
            cloud: self._argument(cloud) for cloud in dict.fromkeys(each.cloud for each in selection.machines)
        }
        tasks: list[Task] = []
        missing = list(selection.missing)
        for each in selection.machines:
            argument = found[each.cloud]
            if isinstance(argument, CloudmeshError):
                missing.append(Missing(each.cloud, each.name, argument))
            else:
                tasks.append(Task(each.cloud, each.name, self._verb.name, each, argument=argument))
        return tasks, missing

    def _argument(self, cloud: str) -> Argument | CloudmeshError:
        try:
            return self._session.cloud(cloud).argument(self._verb, self._given)
        except CLOUD_ERRORS as error:
            return error
