"""What a cloud must be able to do: the interface that every provider fills in.

A provider is a class of its own package, registered under the entry-point group ``cloudmesh.providers``
by the name that the configuration uses as ``type``. Its conformance is tested by
``cloudmesh.cloud.conformance``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar, TypeVar

from cloudmesh.cloud.capability import Capability
from cloudmesh.cloud.endpoint import Endpoint
from cloudmesh.cloud.errors import NotFound
from cloudmesh.cloud.model import Flavor, Image, KeyPair, Machine, Quota
from cloudmesh.cloud.network import Network, SecurityGroup
from cloudmesh.cloud.network_provider import NetworkProvider

__all__ = ["BootRequest", "Capability", "Provider"]

Self = TypeVar("Self", bound="Provider")


@dataclass(frozen=True)
class BootRequest:
    """What is needed to boot a machine: things of the cloud, already found by name.

    What a cloud is not declared to be capable of is never in a request that a provider gets.

    Attributes:
        networks: the networks to be on; none leaves the choice to the cloud.
        security_groups: the groups to be under; none leaves the choice to the cloud.
        userdata: handed to the machine as it is, for cloud-init; may hold secrets (Capability.USERDATA).
        metadata: written on the machine (Capability.BOOT_METADATA).
        public: whether the cloud gives it a public address of its own accord (Capability.BOOT_PUBLIC). On a
            cloud with floating IPs only, ``Cloud`` attaches one afterwards and this is False.
    """

    name: str
    image: Image
    flavor: Flavor
    key: KeyPair | None = None
    networks: tuple[Network, ...] = ()
    security_groups: tuple[SecurityGroup, ...] = ()
    userdata: str = field(default="", repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict)
    public: bool = False


class Provider(NetworkProvider, ABC):
    """One cloud, signed in to. Used by one thread at a time.

    Every method may raise the errors in ``cloudmesh.cloud.errors.CLOUD_ERRORS``, and no other; none turns an
    error into an empty list. A machine is named by the cloud's own id.

    Attributes:
        capabilities: what this kind of cloud can do beyond the common part; an instance may set its own.
        required_credentials: keys that the ``credentials`` section must hold.
        settings_keys: keys of the cloud's own section that this kind knows beside the common ones (name,
            host, type, version, credentials, default); ``cms config check`` asks after all others.
        simulated: whether the machines are pretended; shown to the user everywhere.
    """

    capabilities: frozenset[Capability] = frozenset()
    required_credentials: ClassVar[tuple[str, ...]] = ()
    settings_keys: ClassVar[tuple[str, ...]] = ()
    simulated: ClassVar[bool] = False

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        """Keep the name and the settings (its part of the configuration) of a cloud; call nobody yet.

        Raises:
            ConfigError: a setting cannot be used.
        """
        self.name = name
        self.settings = settings

    def __enter__(self: Self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Get ready; sign-in may wait until the first call."""

    def close(self) -> None:
        """Give back what ``open`` took."""

    def endpoint(self) -> Endpoint | None:
        """Where sign-in goes to, for ``cms cloud check``; None for a cloud that is not behind a network."""
        return None

    @abstractmethod
    def check(self) -> str:
        """Sign in and make one cheap call; a sentence on what was found."""

    @abstractmethod
    def machines(self) -> Iterable[Machine]:
        """All machines of this user on the cloud.

        May be an iterator that asks for page after page, so that many machines need little memory. An error
        in the middle is raised by the iterator: the listing then counts as failed.
        """

    @abstractmethod
    def machine(self, cloud_id: str) -> Machine:
        """One machine as it is now. Raises NotFound."""

    @abstractmethod
    def boot(self, request: BootRequest) -> Machine:
        """Ask for a new machine; it is usually still building when this returns."""

    @abstractmethod
    def delete(self, cloud_id: str) -> None:
        """Remove a machine and its disk for good. Raises NotFound."""

    @abstractmethod
    def images(self) -> list[Image]:
        """What machines can boot from."""

    @abstractmethod
    def flavors(self) -> list[Flavor]:
        """The sizes of machines on offer."""

    def image(self, cloud_id: str) -> Image:
        """The image of this id, also one that ``images`` does not list. Raises NotFound."""
        for image in self.images():
            if image.cloud_id == cloud_id:
                return image
        raise NotFound(f"there is no image {cloud_id} on cloud {self.name}")

    def start(self, cloud_id: str) -> None:
        """Power a stopped machine on (Capability.START). Raises Conflict in other states, NotFound."""
        self._lacks(Capability.START)

    def stop(self, cloud_id: str) -> None:
        """Shut a machine down; its disk stays (Capability.STOP). Raises Conflict, NotFound."""
        self._lacks(Capability.STOP)

    def reboot(self, cloud_id: str) -> None:
        """Restart an active machine by its system (Capability.REBOOT). Raises Conflict, NotFound."""
        self._lacks(Capability.REBOOT)

    def hard_reboot(self, cloud_id: str) -> None:
        """Cut the power and give it again (Capability.HARD_REBOOT). Raises Conflict, NotFound."""
        self._lacks(Capability.HARD_REBOOT)

    def suspend(self, cloud_id: str) -> None:
        """Keep memory on disk and free the host (Capability.SUSPEND)."""
        self._lacks(Capability.SUSPEND)

    def resume(self, cloud_id: str) -> None:
        """Bring a suspended machine back (Capability.RESUME)."""
        self._lacks(Capability.RESUME)

    def pause(self, cloud_id: str) -> None:
        """Let a machine stand still; its memory stays on the host (Capability.PAUSE)."""
        self._lacks(Capability.PAUSE)

    def unpause(self, cloud_id: str) -> None:
        """Let a paused machine go on (Capability.UNPAUSE)."""
        self._lacks(Capability.UNPAUSE)

    def rebuild(self, cloud_id: str, image: Image) -> None:
        """Replace the disk by a new one of an image; id and addresses stay (Capability.REBUILD)."""
        self._lacks(Capability.REBUILD)

    def resize(self, cloud_id: str, flavor: Flavor) -> None:
        """Give a machine another size and settle it (Capability.RESIZE).

        Where the cloud wants the new size confirmed, this waits for the question and confirms. It may be
        called for a machine in state resizing, whose confirmation was missed: then it only confirms.
        """
        self._lacks(Capability.RESIZE)

    def rename(self, cloud_id: str, name: str) -> None:
        """Give a machine another name on the cloud (Capability.RENAME)."""
        self._lacks(Capability.RENAME)

    def set_metadata(self, cloud_id: str, changes: Mapping[str, str | None]) -> None:
        """Set metadata by key, and remove that whose value is None (Capability.METADATA).

        Other keys stay; to remove one that is not there is no error.
        """
        self._lacks(Capability.METADATA)

    def console(self, cloud_id: str) -> str:
        """What the machine printed on its console, the newest last (Capability.CONSOLE)."""
        self._lacks(Capability.CONSOLE)

    def key_pairs(self) -> list[KeyPair]:
        """The key pairs of this user (Capability.KEYS)."""
        self._lacks(Capability.KEYS)

    def add_key(self, name: str, public_key: str) -> KeyPair:
        """Register a public key in OpenSSH's one-line form (Capability.KEYS)."""
        self._lacks(Capability.KEYS)

    def delete_key(self, name: str) -> None:
        """Forget a key pair (Capability.KEYS). Raises NotFound."""
        self._lacks(Capability.KEYS)

    def quotas(self) -> list[Quota]:
        """What this user may have and has (Capability.QUOTAS)."""
        self._lacks(Capability.QUOTAS)
