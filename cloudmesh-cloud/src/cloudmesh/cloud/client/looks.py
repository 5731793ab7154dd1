"""``Looks``: looks at the machines of one cloud again and again, or at those that have changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import Conflict, NotFound, Refused, Unsupported, is_transient
from cloudmesh.cloud.model.records import LeftOut, MachineRecord
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.interface import Provider


class Look(NamedTuple):
    """What one look at a cloud showed.

    Attributes:
        machines: all of them, or those that are not as before; who is gone is in state deleted.
        left_out: what is there all the same, but cannot be as the cloud says.
        whole: whether these are all machines of the cloud.
    """

    machines: Sequence[MachineRecord]
    left_out: Sequence[LeftOut] = ()
    whole: bool = True


class Looks:
    """Looks at one open cloud, and writes down what it shows."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._is_refused = False
        self._known: dict[str, MachineRecord] = {}

    def look(self, whole: bool) -> Look:
        """Ask the cloud now for all machines, or for those that have changed since the last look.

        Where it cannot tell these, it is asked for all. Raises what ``Cloud.machines`` raises.
        """
        if not whole and self._can_tell:
            connection = self._cloud.connection
            try:
                found = self._cloud.actions.machines.changed(connection.provider.mark, self._known)
                self._known.update((each.cloud_id, each) for each in found)
                return Look(found, connection.left_out[Provider.changed_machines.__name__], whole=False)
            except (Refused, Unsupported, NotFound, Conflict) as error:
                if is_transient(error):
                    raise
                # Whatever it has against this question, it is not put again.
                self._is_refused = True
        machines = self._cloud.machines()
        self._known = {each.cloud_id: each for each in machines}
        return Look(machines, self._cloud.left_out)

    @property
    def _can_tell(self) -> bool:
        """Whether the cloud tells what has changed since the last look."""
        provider = self._cloud.connection.provider
        return Capability.CHANGES in provider.capabilities and bool(provider.mark) and not self._is_refused
