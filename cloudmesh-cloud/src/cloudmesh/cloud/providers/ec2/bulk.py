"""Several machines in one call: the part of the provider ``ec2`` that declares and makes such calls.

Amazon takes up to 1,000 ids, but advises smaller groups, and to launch 100 machines at a time:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
One wrong id refuses a call as a whole, so that a smaller group is cheaper as well.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

from cloudmesh.cloud.errors import UNSURE, BadAnswer, Gone, NotFound, Refused, is_transient
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.provider.boot import TOKEN_KEY, BootRequest, marked
from cloudmesh.cloud.providers.ec2 import launch
from cloudmesh.cloud.providers.ec2.launch import tag_keys, tags
from cloudmesh.cloud.providers.ec2.networks import Ec2Networks
from cloudmesh.cloud.providers.ec2.query import filters, items, numbered
from cloudmesh.cloud.providers.ec2.records import STATES, state_of, tags_of, to_machine
from cloudmesh.plugin.errors import CloudmeshError

AT_ONCE = 100
# Seconds before the cloud is first asked again.
_PAUSE = 0.25
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
    # How long it is tried to give new machines their names; seconds.
    naming_seconds: ClassVar[float] = 30.0
    bulk: Mapping[str, int] = dict.fromkeys((*_VERBS_FOR_SEVERAL, "boot"), AT_ONCE)

    def _machine(self, instance: launch.Instance) -> MachineRecord:
        machine = to_machine(self.name, instance, launch.token_of(instance))
        if machine.state is State.SUSPENDED and not self.own.hibernate:
            # Without ``hibernate`` the verbs are those of other stopped machines.
            return replace(machine, state=State.HIBERNATED)
        return machine

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
            with self.requesting(f"look up {len(cloud_ids)} machines"):
                shown = list(self.query.instances(numbered("InstanceId", cloud_ids)))
            alive = {str(each["instanceId"]) for each in shown if state_of(each) is not State.DELETED}
            gone = {each: deleted_error(self.name, each) for each in cloud_ids if each not in alive}
        ids = [cloud_id for cloud_id in cloud_ids if cloud_id not in gone]
        if not ids:
            return gone
        with self.requesting(f"{verb} {len(ids)} machines"):
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
                    f"cloud {self.name}: {verb} {cloud_id}: the answer does not include this machine; "
                    f"{UNSURE}"
                )
            elif was_deleted(told[cloud_id]):
                refused[cloud_id] = deleted_error(self.name, cloud_id)
        return refused

    def boot_many(
        self, requests: Sequence[BootRequest], maybe_done: bool = False
    ) -> list[MachineRecord | CloudmeshError]:
        """One call that makes all of them or none, and one for the name of each.

        RunInstances gives all machines the same tags. Once it has answered, only the naming is tried again,
        here and nowhere else: asked for a part of the group, EC2 would make more machines.
        """
        made = self._await_shown(requests) if maybe_done else {}
        if not made:
            self.hide_userdata(requests[0])
            sent = launch.group_launch_parameters(requests, hibernate=self.own.hibernate)
            with self.requesting(f"boot {len(requests)} machines"):
                answer = self.query.send("RunInstances", sent, private="UserData" in sent)
                made = launch.by_token(items(answer, "instancesSet"), requests)
        results = self._name_all(requests, made)
        if all(isinstance(each, MachineRecord | NotFound) for each in results):
            # Until then the tokens on those that are shown are the only proof that the others were made.
            self._remove_group_tags(
                [each.cloud_id for each in results if isinstance(each, MachineRecord)], requests
            )
        return results

    def find_in_group(self, request: BootRequest) -> MachineRecord | None:
        """The machine that a call for several made by this request, named if it was not; None if none did."""
        found = self._find_instances([request.token])
        if request.token not in found:
            return None
        (result,) = self._name_all([request], found)
        if isinstance(result, CloudmeshError) and not isinstance(result, NotFound):
            raise result
        return result if isinstance(result, MachineRecord) else None

    def _await_shown(self, requests: Sequence[BootRequest]) -> dict[str, launch.Instance]:
        """The machines that an earlier call made, by their tokens; none if EC2 shows none for a while.

        Whoever then makes that call again gets those that it made, as long as it is for the same group.
        """
        deadline = time.monotonic() + self.settling
        tokens = [each.token for each in requests]
        while not (found := self._find_instances(tokens)).keys() & tokens and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        return found if found.keys() & tokens else {}

    def _find_instances(self, tokens: Sequence[str]) -> dict[str, launch.Instance]:
        """What EC2 shows of the machines of these tokens: those that are named, and those that are not.

        One that is not shown, but was made, as others of its group tell, is empty.
        """
        found: dict[str, launch.Instance] = {}
        for condition in ({f"tag:{TOKEN_KEY}": tokens}, {f"tag:{launch.GROUP_KEY}1": ["*"]}):
            if not all(map(found.get, tokens)):
                with self.requesting("find machines"):
                    for instance in self.query.instances(filters(condition), INSTANCES_A_PAGE):
                        launch.take_note(found, instance)
        return found

    def _name_all(
        self, requests: Sequence[BootRequest], made: Mapping[str, launch.Instance]
    ) -> list[MachineRecord | CloudmeshError]:
        """Give each machine its name, in one order and with one pause for all, until EC2 knows them all."""
        results: dict[str, MachineRecord | CloudmeshError] = {}
        unknown: dict[str, NotFound] = {}
        deadline, pause = time.monotonic() + self.naming_seconds, _PAUSE
        while True:
            error: CloudmeshError | None = None
            for wanted in [each for each in requests if each.token not in results]:
                try:
                    results[wanted.token] = self._named(wanted, made.get(wanted.token))
                except NotFound as not_yet:
                    error = unknown[wanted.token] = not_yet
                except CloudmeshError as lasting:
                    # It speaks against all further calls.
                    error = lasting
                    break
            if error is None:
                break
            pause = max(pause * 2, getattr(error, "retry_after", None) or 0.0)
            again = isinstance(error, NotFound) or is_transient(error)
            if not again or time.monotonic() + pause > deadline:
                break
            time.sleep(pause)
            if not all(made.get(each.token) for each in requests):
                made = {**made, **self._find_instances([each.token for each in requests])}
        return [
            results.get(each.token)
            or not_named_error(self.name, each, made, unknown.get(each.token) or error)
            for each in requests
        ]

    def _named(self, wanted: BootRequest, instance: launch.Instance | None) -> MachineRecord | NotFound:
        """A machine, after its name and what belongs to it were written on it; NotFound if it is gone.

        Raises NotFound if EC2 does not know it yet: RunInstances tells of it before all other calls do.
        """
        if not instance:
            raise NotFound("it is not listed yet")
        if launch.is_gone(instance):
            return NotFound(f"{wanted.name} was booted on cloud {self.name} before, and is deleted")
        machine = self._machine(instance)
        if TOKEN_KEY in tags_of(instance):
            return machine
        with self.requesting(f"set the name of {machine.cloud_id}"):
            written = tags("Tag", {**marked(wanted), "Name": wanted.name})
            self.query.send("CreateTags", {"ResourceId.1": machine.cloud_id, **written})
        return replace(machine, name=wanted.name, metadata=dict(wanted.metadata))

    def _remove_group_tags(self, ids: Sequence[str], requests: Sequence[BootRequest]) -> None:
        """Take the tokens of the group off the machines that have their own; left there they do no harm."""
        keys = launch.group_keys(launch.group_tags(requests))
        with suppress(CloudmeshError), self.requesting("remove tags"):
            if ids:
                self.query.send("DeleteTags", {**numbered("ResourceId", ids), **tag_keys(keys)})


def not_named_error(
    cloud: str, wanted: BootRequest, made: Mapping[str, launch.Instance], error: CloudmeshError | None
) -> Refused:
    """The error for a machine that was made with others and could not be named, or not even found.

    It is none that is tried again by itself: a call for a part of the group would make more machines.
    """
    told = f"{wanted.name} was booted on cloud {cloud}"
    if cloud_id := (made.get(wanted.token) or {}).get("instanceId"):
        told += f" as {cloud_id}, but its name could not be set: {error}; "
        told += f"cms vm rename {cloud_id} {wanted.name}"
    else:
        told += " with others, which exist, but it is not listed (yet); check before repeating it"
    refused = Refused(told)
    refused.outcome_unknown = True
    return refused


def was_deleted(change: Any) -> bool:
    """Whether the machine was deleted already, of which EC2 answered that its state changes."""
    before = change.get("previousState") if isinstance(change, Mapping) else None
    return isinstance(before, Mapping) and STATES.get(str(before.get("name"))) is State.DELETED


def deleted_error(cloud: str, cloud_id: str) -> Gone:
    """The error for a machine that is deleted but remembered."""
    return Gone(f"machine {cloud_id} on cloud {cloud} was deleted before")
