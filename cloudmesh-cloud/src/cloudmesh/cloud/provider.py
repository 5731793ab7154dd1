"""What a cloud must be able to do: the interface that every provider fills in.

A provider is a class of its own package, registered under the entry-point group ``cloudmesh.providers``
by the name that the configuration uses as ``type``. Its conformance is tested by
``cloudmesh.cloud.conformance``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, ClassVar, NoReturn, TypeVar

from cloudmesh.cloud.errors import Unsupported
from cloudmesh.cloud.model import Flavor, Image, KeyPair, Machine

Self = TypeVar("Self", bound="Provider")


class Capability(str, Enum):
    """What only some clouds can do. Listing, booting and deleting are not here: every cloud can."""

    START = "start"
    STOP = "stop"
    REBOOT = "reboot"
    SUSPEND = "suspend"
    RESUME = "resume"
    CONSOLE = "console"
    KEYS = "keys"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class BootRequest:
    """What is needed to boot a machine: things of the cloud, already found by name."""

    name: str
    image: Image
    flavor: Flavor
    key: KeyPair | None = None


class Provider(ABC):
    """One cloud, signed in to. Used by one thread at a time.

    Every method may raise the errors of ``cloudmesh.cloud.errors`` and ``CredentialsError``, and no
    other; none turns an error into an empty list. A machine is named by the cloud's own id.

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

    def open(self) -> None:  # noqa: B027 a provider without a connection has nothing to do
        """Get ready; sign-in may wait until the first call."""

    def close(self) -> None:  # noqa: B027
        """Give back what ``open`` took."""

    @abstractmethod
    def check(self) -> str:
        """Sign in and make one cheap call; a sentence on what was found."""

    @abstractmethod
    def machines(self) -> list[Machine]:
        """All machines of this user on the cloud."""

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

    def start(self, cloud_id: str) -> None:
        """Power a stopped machine on (Capability.START). Raises Conflict in other states, NotFound."""
        self._unsupported("start a machine")

    def stop(self, cloud_id: str) -> None:
        """Shut a machine down; its disk stays (Capability.STOP). Raises Conflict, NotFound."""
        self._unsupported("stop a machine")

    def reboot(self, cloud_id: str) -> None:
        """Restart an active machine (Capability.REBOOT). Raises Conflict, NotFound."""
        self._unsupported("reboot a machine")

    def suspend(self, cloud_id: str) -> None:
        """Keep memory on disk and free the host (Capability.SUSPEND)."""
        self._unsupported("suspend a machine")

    def resume(self, cloud_id: str) -> None:
        """Bring a suspended or paused machine back (Capability.RESUME)."""
        self._unsupported("resume a machine")

    def console(self, cloud_id: str) -> str:
        """What the machine printed on its console, the newest last (Capability.CONSOLE)."""
        self._unsupported("show a console")

    def key_pairs(self) -> list[KeyPair]:
        """The key pairs of this user (Capability.KEYS)."""
        self._unsupported("keep key pairs")

    def add_key(self, name: str, public_key: str) -> KeyPair:
        """Register a public key in OpenSSH's one-line form (Capability.KEYS)."""
        self._unsupported("keep key pairs")

    def delete_key(self, name: str) -> None:
        """Forget a key pair (Capability.KEYS). Raises NotFound."""
        self._unsupported("keep key pairs")

    def _unsupported(self, what: str) -> NoReturn:
        raise Unsupported(f"cloud {self.name} is of a type that cannot {what}")
