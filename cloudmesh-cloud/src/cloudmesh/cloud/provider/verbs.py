"""``VerbProvider``: a provider with one method for all verbs that need nothing but the machine."""

from __future__ import annotations

from abc import abstractmethod

from cloudmesh.cloud.provider.interface import Provider


class VerbProvider(Provider):
    """A provider that does all verbs without arguments by its method ``act``, unless it overrides one."""

    @abstractmethod
    def act(self, verb: str, cloud_id: str) -> None:
        """Do what a verb of ``cloudmesh.cloud.model.verbs``, which takes nothing, does to this machine.

        Raises:
            Unsupported: the cloud cannot.
            Conflict: not in the state that the machine is in.
            NotFound: there is no such machine.
        """

    def start(self, cloud_id: str) -> None:
        self.act("start", cloud_id)

    def stop(self, cloud_id: str) -> None:
        self.act("stop", cloud_id)

    def reboot(self, cloud_id: str) -> None:
        self.act("reboot", cloud_id)

    def hard_reboot(self, cloud_id: str) -> None:
        self.act("hard_reboot", cloud_id)

    def suspend(self, cloud_id: str) -> None:
        self.act("suspend", cloud_id)

    def resume(self, cloud_id: str) -> None:
        self.act("resume", cloud_id)

    def pause(self, cloud_id: str) -> None:
        self.act("pause", cloud_id)

    def unpause(self, cloud_id: str) -> None:
        self.act("unpause", cloud_id)

    def delete(self, cloud_id: str) -> None:
        self.act("delete", cloud_id)
