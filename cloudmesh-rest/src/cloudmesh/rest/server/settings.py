"""Where a server listens, as the user has said."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path
from socket import AI_PASSIVE, SOCK_STREAM, AddressFamily, getaddrinfo

from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.rest.access.hosts import Hosts

PORT = 8765
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Settings:
    """Where a server listens.

    Attributes:
        host: a name or an address.
        port: there; 0 for any that is free.
        socket: the path of a unix socket, which takes the place of both.
        insecure: whether an address that is not loopback is meant.
        allowed: more names under which requests may come.
    """

    host: str = HOST
    port: int = PORT
    socket: str | None = None
    insecure: bool = False
    allowed: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse what nobody should ask for by mistake. Raises UsageError, CloudmeshError."""
        Hosts(self.host, self.port, self.allowed)
        if self.socket is None and not self.insecure and not self.is_loopback():
            raise UsageError(
                f"{self.host} can be reached from the network, where nothing hides tokens on their way; use "
                "--host=127.0.0.1 with ssh or a reverse proxy before it, or add --insecure-address"
            )

    def is_loopback(self) -> bool:
        """Whether only this computer reaches it. Raises CloudmeshError."""
        return all(ipaddress.ip_address(address).is_loopback for _, address in self.addresses())

    def addresses(self) -> list[tuple[AddressFamily, str]]:
        """The addresses of the host, with their families. Raises CloudmeshError."""
        try:
            found = getaddrinfo(self.host, self.port, type=SOCK_STREAM, flags=AI_PASSIVE)
        except (OSError, UnicodeError) as error:
            raise CloudmeshError(f"{self.host!r} is no address of this computer: {error}") from error
        return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))

    def to_json(self) -> str:
        """As text, for another process."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def of(cls, text: str) -> Settings:
        """What ``to_json`` has written."""
        data = json.loads(text)
        return cls(**{**data, "allowed": tuple(data["allowed"])})


def whole_path(text: str) -> str:
    """The path of a socket, for a process that runs in another directory."""
    return str(Path(text).expanduser().absolute())
