"""Several machines in one call: the part of the provider ``ec2`` that declares and makes such calls.

Amazon takes up to 1,000 ids, but advises smaller groups, and to launch 100 machines at a time:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
One wrong id refuses a call as a whole, so that a smaller group is cheaper as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar

from cloudmesh.cloud.errors import BadAnswer, CloudTimeout, Gone, NotFound
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.provider.boot import TOKEN_KEY, BootRequest, marked
from cloudmesh.cloud.providers.ec2 import launch
from cloudmesh.cloud.providers.ec2.launch import tag_keys, tags
from cloudmesh.cloud.providers.ec2.networks import Ec2Networks
from cloudmesh.cloud.providers.ec2.query import filters, items, numbered
from cloudmesh.cloud.providers.ec2.records import STATES, state_of, tags_of, to_machine
from cloudmesh.plugin.errors import CloudmeshError

AT_ONCE = 100
INSTANCES_A_PAGE = 1000
ACTIONS = {
    "start": "StartInstances",
    "stop": "StopInstances",
    "reboot": "RebootInstances",
    "delete": "TerminateInstances",
    "resume": "StartInstances",
    "suspend": "StopInstances",
}
# Without hibernating: a machine that was not booted for it refuses it for all.
_VERBS_FOR_SEVERAL = ("start", "stop", "reboot", "delete")


class Ec2BulkCalls(Ec2Networks):
    """The part of ``Ec2Provider`` that acts on, or boots, several machines with one call."""

    # EC2 shows new machines to other calls a moment after it made them. One that is booted alone needs no
    # such patience: for the same token no second one is made.
    settling: ClassVar[float] = 3.0
    boots_once: ClassVar[bool] = True
    # It promises no time, and speaks of minutes; a machine that is deleted it remembers for about an hour.
    # https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
    hides_new: ClassVar[float] = 600.0
    bulk: Mapping[str, int] = dict.fromkeys((*_VERBS_FOR_SEVERAL, "boot"), AT_ONCE)

    def act_many(self, verb: str, cloud_ids: Sequence[str]) -> Mapping[str, CloudmeshError]:
        """One call; a machine that is deleted but remembered is not found.

        A refused call has done nothing. There is one exception: of a group with machines that are protected
        from termination, those in other zones are deleted; and to delete a machine again is no error.
        """
        if verb not in _VERBS_FOR_SEVERAL:
            return super().act_many(verb, cloud_ids)
        gone: dict[str, CloudmeshError] = {}
        if verb == "reboot":
            # EC2 says yes to rebooting those that are deleted but remembered, and does nothing.
            with self.calling(f"show {len(cloud_ids)} machines"):
                shown = list(self.query.instances(numbered("InstanceId", cloud_ids)))
            alive = {str(each["instanceId"]) for each in shown if state_of(each) is not State.DELETED}
            gone = {each: deleted_error(self.name, each) for each in cloud_ids if each not in alive}
        ids = [cloud_id for cloud_id in cloud_ids if cloud_id not in gone]
        if not ids:
            return gone
        with self.calling(f"{verb} {len(ids)} machines"):
            answer = self.query.send(ACTIONS[verb], numbered("InstanceId", ids))
        return {**gone, **self._errors_in(verb, ids, answer)}

    def _errors_in(
        self, verb: str, ids: Sequence[str], answer: Mapping[str, Any]
    ) -> dict[str, CloudmeshError]:
        """What the answer says of each machine, by the state that it was in before."""
        changes = items(answer, "instancesSet")
        told = {each.get("instanceId"): each for each in changes if isinstance(each, Mapping)}
        if not told:
            # As that of RebootInstances, which says nothing of single machines.
            return {}
        refused: dict[str, CloudmeshError] = {}
        for cloud_id in ids:
            if cloud_id not in told:
                refused[cloud_id] = BadAnswer(
                    f"cloud {self.name} was asked to {verb} {cloud_id} among others, and its answer does not "
                    "say whether it did: look before asking again"
                )
            elif was_deleted(told[cloud_id]):
                refused[cloud_id] = deleted_error(self.name, cloud_id)
        return refused

    def boot_many(
        self, requests: Sequence[BootRequest], maybe_done: bool = False
    ) -> list[MachineRecord | CloudmeshError]:
        """One call that makes all of them or none, and one for the name of each.

        RunInstances gives all machines the same tags. A machine that cannot be named runs all the same: its
        error tells its id and is unsure, and ``find_booted`` names it.
        """
        tokens = [each.token for each in requests]
        found = self._find_instances(tokens) if maybe_done else launch.FoundInstances()
        made: Mapping[str, Mapping[str, Any]] = found.instances
        if not any(token in made or found.hides(token) for token in tokens):
            self.hide_userdata(requests[0])
            sent = launch.group_launch_parameters(requests, hibernate=self.own.hibernate)
            with self.calling(f"boot {len(requests)} machines"):
                answer = self.query.send("RunInstances", sent, private="UserData" in sent)
                made = launch.by_token(items(answer, "instancesSet"), requests)
        results = list(self._name_all(requests, made))
        if all(isinstance(each, MachineRecord | NotFound) for each in results):
            # Until then the tokens on those that are shown are the only proof that the others were made.
            self._remove_group_tags(
                [each.cloud_id for each in results if isinstance(each, MachineRecord)], requests
            )
        return results

    def find_in_group(self, request: BootRequest) -> MachineRecord | None:
        """The machine that a call for several made by this request, named if it was not; None if none did."""
        found = self._find_instances([request.token])
        if found.hides(request.token):
            raise not_shown_error(self.name, request)
        instance = found.instances.get(request.token)
        if instance is None or launch.is_gone(instance):
            return None
        (result,) = self._name_all([request], {request.token: instance})
        if isinstance(result, CloudmeshError):
            raise result
        return result

    def _find_instances(self, tokens: Sequence[str]) -> launch.FoundInstances:
        """What EC2 shows of the machines of these tokens: those that are named, and those that are not."""
        found = launch.FoundInstances()
        for condition in ({f"tag:{TOKEN_KEY}": tokens}, {f"tag:{launch.GROUP_KEY}1": ["*"]}):
            if any(token not in found.instances for token in tokens):
                with self.calling("look for machines"):
                    for instance in self.query.instances(filters(condition), INSTANCES_A_PAGE):
                        found.add(instance)
        return found

    def _name_all(
        self, requests: Sequence[BootRequest], made: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[MachineRecord | CloudmeshError]:
        """Give each machine its name; what speaks against all further calls ends them."""
        lasting_error: CloudmeshError | None = None
        for wanted in requests:
            instance = made.get(wanted.token)
            if instance is None:
                yield not_shown_error(self.name, wanted)
            elif launch.is_gone(instance):
                yield NotFound(f"{wanted.name} was booted on cloud {self.name} before, and is deleted")
            elif TOKEN_KEY in tags_of(instance):
                yield to_machine(self.name, instance)
            else:
                machine = to_machine(self.name, instance)
                error = lasting_error or self._write_name(machine.cloud_id, wanted)
                lasting_error = None if isinstance(error, NotFound) else error
                named = replace(machine, name=wanted.name, metadata=dict(wanted.metadata))
                yield not_named_error(machine, wanted, error) if error else named

    def _write_name(self, cloud_id: str, wanted: BootRequest) -> CloudmeshError | None:
        """Write the name and what belongs to it on a machine; the error if that fails."""
        try:
            with self.calling(f"name {cloud_id}"):
                sent = {"ResourceId.1": cloud_id, **tags("Tag", {**marked(wanted), "Name": wanted.name})}
                self.query.send("CreateTags", sent)
        except CloudmeshError as error:
            return error
        return None

    def _remove_group_tags(self, ids: Sequence[str], requests: Sequence[BootRequest]) -> None:
        """Take the tokens of the group off the machines that have their own; left there they do no harm."""
        keys = launch.group_keys(launch.group_tags(requests))
        with suppress(CloudmeshError), self.calling("remove tags"):
            if ids:
                self.query.send("DeleteTags", {**numbered("ResourceId", ids), **tag_keys(keys)})


def not_shown_error(cloud: str, wanted: BootRequest) -> CloudTimeout:
    """The error for a machine that must have been made, since others of its group are there."""
    return CloudTimeout(
        f"{wanted.name} was booted on cloud {cloud} together with others, which are there, but it is not "
        "shown (yet): look before asking again",
        outcome_unknown=True,
    )


def not_named_error(machine: MachineRecord, wanted: BootRequest, error: CloudmeshError) -> CloudmeshError:
    """The error for a machine that was made and has no name yet; it says whether trying again may help."""
    told = (
        f"{wanted.name} was booted on cloud {machine.cloud} as {machine.cloud_id}, but could not be given "
        f"its name: {error}"
    )
    if isinstance(error, NotFound):
        # EC2 tells of a new machine before all of its parts know it.
        return CloudTimeout(told, outcome_unknown=True)
    named = copy(error)
    named.args = (told,)
    named.outcome_unknown = True
    return named


def was_deleted(change: Any) -> bool:
    """Whether the machine was deleted already, of which EC2 answered that its state changes."""
    before = change.get("previousState") if isinstance(change, Mapping) else None
    return isinstance(before, Mapping) and STATES.get(str(before.get("name"))) is State.DELETED


def deleted_error(cloud: str, cloud_id: str) -> Gone:
    """The error for a machine that is deleted but remembered."""
    return Gone(f"machine {cloud_id} on cloud {cloud} was deleted before")
