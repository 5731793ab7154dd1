"""From what a user says of a new machine to a machine on its cloud."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict

from cloudmesh.cloud.capability import Capability, cannot
from cloudmesh.cloud.catalog import Catalog
from cloudmesh.cloud.errors import CloudError, CloudTimeout, Conflict, NotFound, Unsupported
from cloudmesh.cloud.model import Machine
from cloudmesh.cloud.network import FloatingIP
from cloudmesh.cloud.provider import BootRequest
from cloudmesh.cloud.surroundings import Surroundings
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, StoreError, UsageError

# How long a new machine may be without a port that an address can lead to, in seconds.
_PORT_SECONDS = 300.0
_FIRST_TICK, _GROWTH, _LONGEST_TICK = 0.2, 1.5, 5.0


@dataclass(frozen=True)
class BootOptions:
    """What a user may say of a new machine; what is None is taken from the cloud's defaults.

    Attributes:
        image, flavor, key: a name, an id, or a glob that means one.
        network, secgroup: the same, or several.
        userdata: for cloud-init: the text itself, or a Path to it.
        metadata: written on the machine.
        public: whether it gets a public address, which may cost money.
    """

    image: str | None = None
    flavor: str | None = None
    key: str | None = None
    network: str | Sequence[str] | None = None
    secgroup: str | Sequence[str] | None = None
    userdata: str | Path | None = field(default=None, repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict)
    public: bool = False


class MoreOptions(TypedDict, total=False):
    """Those of ``BootOptions`` that are given by name only."""

    network: str | Sequence[str] | None
    secgroup: str | Sequence[str] | None
    userdata: str | Path | None
    metadata: Mapping[str, str]
    public: bool


class Booting(Catalog, Surroundings):
    """The part of ``Cloud`` that boots machines."""

    _defaults: Mapping[str, str]
    _sleep: Callable[[float], None] = staticmethod(time.sleep)

    def boot_request(self, name: str, options: BootOptions | None = None) -> BootRequest:
        """Look up by name what booting a machine needs; for further machines replace the name in it."""
        options = options or BootOptions()
        self._require_options(options)
        image, flavor = self._choice("image", options.image), self._choice("flavor", options.flavor)
        key = options.key or self._defaults.get("key")
        networks = self._several("network", options.network)
        groups = self._several("secgroup", options.secgroup)
        return BootRequest(
            name=name,
            image=self.image(image),
            flavor=self.flavor(flavor),
            key=self.key_pair(key) if key else None,
            networks=tuple(self.network(each) for each in networks),
            security_groups=tuple(self.security_group(each) for each in groups),
            userdata=self._userdata(options.userdata),
            metadata=dict(options.metadata),
            public=options.public,
        )

    def boot_as(self, request: BootRequest) -> Machine:
        """Boot the machine that the request names, and write it down."""
        afterwards = request.public and Capability.BOOT_PUBLIC not in self.provider.capabilities
        with self.calling() as provider:
            machine = provider.boot(replace(request, public=False) if afterwards else request)
        self._keep(machine, f"{machine.qualified_name} ({machine.cloud_id}) was booted")
        return self._with_address(machine) if afterwards else machine

    def _keep(self, machine: Machine, happened: str) -> None:
        """Write down what the cloud has done; if that fails the user must still learn that it was done."""
        try:
            self.inventory.save(machine)
        except StoreError as error:
            raise StoreError(f"{happened}, but that could not be written down: {error}") from error

    def _require_options(self, options: BootOptions) -> None:
        """Raises Unsupported for what the cloud cannot do, before anything is asked of it."""
        asked = {
            Capability.NETWORKS: options.network,
            Capability.SECURITY_GROUPS: options.secgroup,
            Capability.USERDATA: options.userdata,
            Capability.BOOT_METADATA: options.metadata,
        }
        for capability, value in asked.items():
            if value:
                self.require(capability)
        ways = {Capability.BOOT_PUBLIC, Capability.FLOATING_IPS}
        if options.public and not ways & self.provider.capabilities:
            raise Unsupported(cannot(self.name, Capability.BOOT_PUBLIC))

    def _choice(self, kind: str, given: str | None) -> str:
        chosen = given or self._defaults.get(kind)
        if not chosen:
            raise ConfigError(
                f"no {kind} is given and cloud {self.name} has no default; "
                f"use --{kind}= or cms config set clouds.{self.name}.default.{kind}=NAME"
            )
        return chosen

    def _several(self, kind: str, given: str | Sequence[str] | None) -> list[str]:
        """The names that were given, or are configured; commas part them."""
        chosen = self._defaults.get(kind, "") if given is None else given
        words = chosen.split(",") if isinstance(chosen, str) else chosen
        return [word.strip() for word in words if word.strip()]

    def _userdata(self, given: str | Path | None) -> str:
        if isinstance(given, str):
            return given
        configured = self._defaults.get("userdata")
        path = given or (Path(configured).expanduser() if configured else None)
        if path is None:
            return ""
        self.require(Capability.USERDATA)
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            kind = UsageError if given else ConfigError
            reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise kind(f"the user data {path} for cloud {self.name} cannot be read: {reason}") from error

    def _with_address(self, machine: Machine) -> Machine:
        """The machine with a new floating IP; if that fails the machine stays, and the address does not."""
        try:
            address = self.create_floating_ip()
        except CloudmeshError as error:
            raise _no_address(machine, error) from error
        try:
            self.inventory.keep_address(address, machine)
            self._attach_soon(address, machine)
        except BaseException as error:
            left = self._give_back(address)
            if not isinstance(error, CloudmeshError):
                raise
            raise _no_address(machine, error, left) from error
        now = replace(machine, public_ips=[*machine.public_ips, address.address])
        self._keep(now, f"{machine.qualified_name} was booted with {address.address}")
        return now

    def _attach_soon(self, address: FloatingIP, machine: Machine) -> None:
        """Attach the address as soon as the machine has a port."""
        ends, tick = time.monotonic() + _PORT_SECONDS, _FIRST_TICK
        while True:
            try:
                with self.calling() as provider:
                    return provider.attach_floating_ip(address.cloud_id, machine.cloud_id)
            except Conflict as error:
                if time.monotonic() >= ends:
                    raise CloudTimeout(
                        f"it cannot be attached after {_PORT_SECONDS:g} seconds: {error}"
                    ) from error
            self._sleep(tick)
            tick = min(tick * _GROWTH, _LONGEST_TICK)

    def _give_back(self, address: FloatingIP) -> str:
        """Release an address; what to tell the user if that fails."""
        try:
            with suppress(NotFound), self.calling() as provider:
                provider.delete_floating_ip(address.cloud_id)
            self.inventory.forget_address(address)
        except CloudmeshError as error:
            return (
                f"; its address {address.address} could not be given back ({error}): "
                f"cms ip delete {address.address} --cloud={self.name}"
            )
        return ""

    def release_addresses(self, machine: Machine) -> None:
        """Give back the addresses that were taken for a machine which is deleted, or on its way there.

        Raises:
            CloudError: one could not be given back; it may go on costing money.
        """
        taken = self.inventory.addresses_of(machine)
        if not taken:
            return
        try:
            now = {address.cloud_id: address.machine_id for address in self.floating_ips()}
        except CloudmeshError as error:
            shown = ", ".join(address.address for address in taken)
            raise CloudError(
                f"{machine.qualified_name} is deleted, but its addresses ({shown}) could not be given "
                f"back: {error}; see cms ip list --cloud={self.name}"
            ) from error
        # One that leads to another machine by now is in use.
        unused = [each for each in taken if now.get(each.cloud_id, "") in ("", machine.cloud_id)]
        left = [self._give_back(address) for address in unused]
        if any(left):
            raise CloudError(f"{machine.qualified_name} is deleted{''.join(left)}")


def _no_address(machine: Machine, error: CloudmeshError, left: str = "") -> CloudError:
    return CloudError(
        f"{machine.qualified_name} ({machine.cloud_id}) was booted and runs, but has no public address: "
        f"{error}{left}"
    )
