"""From what a user says of a new machine to a machine on its cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict

from cloudmesh.cloud.client.catalog import Catalog
from cloudmesh.cloud.client.public import PublicAddresses
from cloudmesh.cloud.errors import Unsupported
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.model.verbs import Capability, cannot
from cloudmesh.cloud.provider.interface import BootRequest
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, UsageError

# How many seconds pass before a machine that may not be shown yet is looked for again.
LOOK_AGAIN = 1.0


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


class BootKeywords(TypedDict, total=False):
    """Those of ``BootOptions`` that are given by name only."""

    network: str | Sequence[str] | None
    secgroup: str | Sequence[str] | None
    userdata: str | Path | None
    metadata: Mapping[str, str]
    public: bool


class Booting(Catalog, PublicAddresses):
    """The part of ``Cloud`` that boots machines."""

    _defaults: Mapping[str, str]

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
            userdata=self._userdata(options),
            metadata=dict(options.metadata),
            public=options.public,
        )

    def boot_as(self, request: BootRequest, maybe_done: bool = False) -> MachineRecord:
        """Boot the machine that the request names, and write it down.

        Args:
            again: an earlier call with the token of this request may have made the machine; if it is there,
                no second one is made.
        """
        afterwards = self.wants_address(request)
        wanted = replace(request, public=False) if afterwards else request
        machine = self.booted_before(wanted) if maybe_done else None
        if machine is None:
            with self.calling() as provider:
                machine = provider.boot(wanted)
        self._keep(machine, f"{machine.qualified_name} ({machine.cloud_id}) was booted")
        return self.give_address(machine, request.token) if afterwards else machine

    def wants_address(self, request: BootRequest) -> bool:
        """Whether a machine that is booted so has to be given its public address once it is there."""
        return self.provider.wants_address(request)

    def was_booted(self, request: BootRequest) -> bool:
        """Whether a machine that is there now comes from this request, as far as the cloud can tell."""
        with self.calling() as provider:
            return provider.find_booted(request) is not None

    def booted_before(self, request: BootRequest) -> MachineRecord | None:
        """The machine that an earlier call with this token made; None if that did not come about.

        A cloud may still be at work on a call whose answer was lost, so it is looked for more than once.
        """
        if not request.token:
            raise CloudmeshError(f"whether {request.name} was booted before is not known without a token")
        waited = 0.0
        while True:
            with self.calling() as provider:
                machine = provider.find_booted(request)
            if machine is not None or waited >= self.provider.settling:
                return machine
            self._sleep(LOOK_AGAIN)
            waited += LOOK_AGAIN

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

    def userdata_file(self, options: BootOptions) -> Path | None:
        """Where the user data of a new machine come from; None if from no file."""
        if options.userdata is not None:
            return options.userdata if isinstance(options.userdata, Path) else None
        configured = self._defaults.get("userdata")
        return Path(configured).expanduser() if configured else None

    def _userdata(self, options: BootOptions) -> str:
        given = options.userdata
        if isinstance(given, str):
            return given
        path = self.userdata_file(options)
        if path is None:
            return ""
        self.require(Capability.USERDATA)
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            kind = UsageError if given else ConfigError
            reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise kind(f"the user data {path} for cloud {self.name} cannot be read: {reason}") from error
