"""Many machines in one call, where the cloud offers that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cloudmesh.cloud.client.acting import Acting, ActionResult, after
from cloudmesh.cloud.errors import (
    Conflict,
    NotFound,
    RateLimited,
    Refused,
    ServerFailure,
    Unsupported,
)
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import Fitness, Verb
from cloudmesh.cloud.provider.interface import BootRequest
from cloudmesh.plugin.errors import CloudmeshError

# What one machine of several can be the reason of. A quota or a full cloud is among them: some may still fit.
_OF_ONE = (NotFound, Conflict, Unsupported, Refused)
_OF_ALL = (RateLimited, ServerFailure)


@dataclass(frozen=True)
class RetrySingly:
    """Nothing was done to this machine, or nothing that a call for it alone would repeat: ask singly."""


class Many(Acting):
    """The part of ``Cloud`` that asks for several machines in one call.

    Nothing here raises an error of the cloud: each machine has a result of its own, in the given order.
    """

    def most(self, verb: str) -> int:
        """How many machines one call of this verb, or of ``boot``, may be about; 1 where that is all."""
        return self.provider.most(verb)

    def act_many(
        self, machines: Sequence[MachineRecord], verb: Verb
    ) -> list[ActionResult | CloudmeshError | RetrySingly]:
        """Bring a verb about on several known machines, with one call for as many as the cloud takes at once.

        Returns:
            For each machine what ``act`` would have given or raised; or Split where only ``act`` can tell:

            - the known state does not allow the verb, so that the true one must be asked for;
            - addresses were taken for the machine, which go with it when it is deleted;
            - the cloud refused the call for what may be the fault of one machine.

            What concerns the whole cloud (it does not answer, too many calls, credentials), and what leaves
            open whether the work was done, is the error of each machine.
        """
        results: dict[str, ActionResult | CloudmeshError | RetrySingly] = {}
        together = [machine for machine in machines if self._fits(machine, verb)]
        for group in _pieces(together, self.most(verb.name)):
            results |= self._act_on(group, verb)
        return [results.get(machine.cloud_id, RetrySingly()) for machine in machines]

    def boot_many(
        self, requests: Sequence[BootRequest], maybe_done: bool = False
    ) -> list[MachineRecord | CloudmeshError | RetrySingly]:
        """Boot several machines with one call, and write them down.

        Args:
            again: an earlier call for the same requests, in the same order, may have made the machines; those
                that are there are taken.

        Returns:
            For each request what ``boot_as`` would have given or raised; or Split where it must be asked:
            the requests differ in more than name, token and metadata, are too many, have no tokens, or want
            a floating IP; or the cloud refused the call. After an unsure error all of them may be there: ask
            ``again``, for all together or for each by ``boot_as``.
        """
        if not self._alike(requests):
            return [RetrySingly() for _ in requests]
        try:
            with self.calling() as provider:
                booted = provider.boot_many(requests, maybe_done)
        except CloudmeshError as error:
            return [singly(error)] * len(requests)
        return [self._booted(each) if isinstance(each, MachineRecord) else singly(each) for each in booted]

    def _alike(self, requests: Sequence[BootRequest]) -> bool:
        """Whether one call can make all these machines."""
        first = requests[0] if requests else None
        if first is None or len(requests) > self.most("boot"):
            return False
        if self.wants_address(first):
            return False
        tokens = {request.token for request in requests} - {""}
        plain = replace(first, name="", token="", metadata={})
        same = all(replace(each, name="", token="", metadata={}) == plain for each in requests)
        return same and len(tokens) == len(requests)

    def _booted(self, machine: MachineRecord) -> MachineRecord | CloudmeshError:
        """Write down a machine that was booted."""
        try:
            self._keep(machine, f"{machine.qualified_name} ({machine.cloud_id}) was booted")
        except CloudmeshError as error:
            return error
        return machine

    def _fits(self, machine: MachineRecord, verb: Verb) -> bool:
        """Whether nothing about the machine needs a call of its own."""
        if self.most(verb.name) == 1 or verb.takes or verb.target is None:
            return False
        if verb.capability is not None and verb.capability not in self.provider.capabilities:
            return False
        if verb.fitness(machine.state) is not Fitness.POSSIBLE:
            return False
        return verb.target is not State.DELETED or not self.inventory.addresses_of(machine)

    def _act_on(
        self, machines: Sequence[MachineRecord], verb: Verb
    ) -> dict[str, ActionResult | CloudmeshError | RetrySingly]:
        """One call; the result of each machine by its id."""
        ids = [machine.cloud_id for machine in machines]
        try:
            with self.calling() as provider:
                refused = provider.act_many(verb.name, ids)
        except CloudmeshError as error:
            return dict.fromkeys(ids, singly(error))
        return {
            machine.cloud_id: singly(refused[machine.cloud_id])
            if machine.cloud_id in refused
            else self._accepted(machine, verb)
            for machine in machines
        }

    def _accepted(self, machine: MachineRecord, verb: Verb) -> ActionResult | CloudmeshError:
        """Write down that the cloud has accepted a verb."""
        now = after(machine, verb, None)
        try:
            self._keep(now, f"{verb.words} was accepted for {machine.qualified_name}")
        except CloudmeshError as error:
            return error
        return ActionResult(now, changed=True, target=verb.leads_to(machine.state))


def singly(error: CloudmeshError) -> CloudmeshError | RetrySingly:
    """What an error of a call for several machines is to each: Split if it is sure that nothing was done."""
    if error.outcome_unknown or not isinstance(error, _OF_ONE) or isinstance(error, _OF_ALL):
        return error
    return RetrySingly()


def _pieces(machines: Sequence[MachineRecord], most: int) -> Iterator[Sequence[MachineRecord]]:
    for first in range(0, len(machines), most):
        yield machines[first : first + most]
