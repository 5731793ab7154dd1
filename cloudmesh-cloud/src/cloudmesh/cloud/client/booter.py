"""``Booter``: turns a user's options for a new machine into a request, and boots the machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict

from cloudmesh.cloud.client.actions import RetrySingly, singly
from cloudmesh.cloud.client.addresses import PublicAddresses
from cloudmesh.cloud.client.catalog import Catalog
from cloudmesh.cloud.client.machines import LOOK_AGAIN
from cloudmesh.cloud.errors import Unsupported
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.model.refusals import cannot
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, UsageError


@dataclass(frozen=True)
class BootOptions:
    """What a user may say of a new machine; what is None is taken from the cloud's defaults.

    Attributes:
        image, flavor, key: a name, an id, or a glob that means one.
        network, secgroup: the same, or several.
        userdata: for cloud-init: the text itself, or a Path to it.
        metadata: written on the machine.
        public: whether it gets a public address, which may cost money.
        lease: how long a lease for the machines lasts, such as 3h, or the name of a lease that is there.
        lease_start: when the lease starts: a time, or +2h; else now.
        host: lease whole hosts with these properties, as node_type=compute_skylake; else room for machines.
        hint: for the scheduler of the cloud, which chooses the host: by key, one value or several.
        extra: values for what this kind of cloud declares beside these; see ``Provider.boot_parameters``.
    """

    image: str | None = None
    flavor: str | None = None
    key: str | None = None
    network: str | Sequence[str] | None = None
    secgroup: str | Sequence[str] | None = None
    userdata: str | Path | None = field(default=None, repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict)
    public: bool = False
    hint: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    extra: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    lease: str | None = None
    lease_start: str | None = None
    host: str | None = None


class BootKeywords(TypedDict, total=False):
    """Those of ``BootOptions`` that are given by name only."""

    network: str | Sequence[str] | None
    secgroup: str | Sequence[str] | None
    userdata: str | Path | None
    metadata: Mapping[str, str]
    public: bool
    hint: Mapping[str, str | Sequence[str]]
    extra: Mapping[str, str | int | float | bool]
    lease: str | None
    lease_start: str | None
    host: str | None


class Booter:
    """Boots machines on one cloud, one or many in a call, and finds what an earlier call has booted."""

    def __init__(self, catalog: Catalog) -> None:
        self.connection = catalog.connection
        self._catalog = catalog
        self.addresses = PublicAddresses(self.connection)

    def boot_request(self, name: str, options: BootOptions | None = None) -> BootRequest:
        """Look up by name what booting a machine needs; for further machines replace the name in it."""
        options = options or BootOptions()
        self._require_options(options)
        extra = self._extra(options)
        image, flavor = self._choice("image", options.image), self._choice("flavor", options.flavor)
        key = options.key or self.connection.defaults.get("key")
        networks = self._several("network", options.network)
        groups = self._several("secgroup", options.secgroup)
        return BootRequest(
            name=name,
            image=self._catalog.image(image),
            flavor=self._catalog.flavor(flavor),
            key=self._catalog.key_pair(key) if key else None,
            networks=tuple(self._catalog.network(each) for each in networks),
            security_groups=tuple(self._catalog.security_group(each) for each in groups),
            userdata=self._userdata(options),
            metadata=dict(options.metadata),
            public=options.public,
            hints=_hints(options.hint),
            extra=extra,
        )

    def boot_as(self, request: BootRequest, maybe_done: bool = False) -> MachineRecord:
        """Boot the machine that the request names, and write it down.

        Args:
            maybe_done: an earlier call with the token of this request may have made the machine; if it is
                there, no second one is made.
        """
        afterwards = self.connection.provider.wants_address(request)
        wanted = replace(request, public=False) if afterwards else request
        before = self.booted_before(wanted) if maybe_done else None
        machine = self._saved(before or self.connection.calls.boot(wanted))
        return self.addresses.give(machine, request.token) if afterwards else machine

    def boot_many(
        self, requests: Sequence[BootRequest], maybe_done: bool = False
    ) -> list[MachineRecord | CloudmeshError | RetrySingly]:
        """Boot several machines with one call, and write them down.

        Args:
            maybe_done: an earlier call for the same requests, in the same order, may have made the machines;
                those that are there are taken.

        Returns:
            For each request what ``boot_as`` would have given or raised; or RetrySingly where that must be
            called: the requests differ in more than name, token and metadata, are too many, have no tokens,
            or want a floating IP; or the cloud refused the call. After an unsure error all of them may be
            there: ask again with ``maybe_done``, for all together or for each by ``boot_as``.
        """
        if not self._alike(requests):
            return [RetrySingly() for _ in requests]
        try:
            booted = self.connection.calls.boot_many(requests, maybe_done)
        except CloudmeshError as error:
            return [singly(error)] * len(requests)
        results: list[MachineRecord | CloudmeshError | RetrySingly] = []
        for each in booted:
            try:
                results.append(self._saved(each) if isinstance(each, MachineRecord) else singly(each))
            except CloudmeshError as error:
                results.append(error)
        return results

    def _saved(self, machine: MachineRecord) -> MachineRecord:
        """Write down a machine that was booted."""
        self.connection.save(machine, f"{machine.qualified_name} ({machine.cloud_id}) was booted")
        return machine

    def _alike(self, requests: Sequence[BootRequest]) -> bool:
        """Whether one call can make all these machines."""
        first = requests[0] if requests else None
        if first is None or len(requests) > self.connection.provider.most("boot"):
            return False
        if self.connection.provider.wants_address(first):
            return False
        tokens = {request.token for request in requests} - {""}
        plain = replace(first, name="", token="", metadata={})
        same = all(replace(each, name="", token="", metadata={}) == plain for each in requests)
        return same and len(tokens) == len(requests)

    def was_booted(self, request: BootRequest) -> bool:
        """Whether a machine that is there now comes from this request, as far as the cloud can tell."""
        return self.connection.calls.find_booted(request) is not None

    def booted_before(self, request: BootRequest) -> MachineRecord | None:
        """The machine that an earlier call with this token made; None if that did not come about.

        A cloud may still be at work on a call whose answer was lost, so it is looked for more than once.
        """
        if not request.token:
            raise CloudmeshError(f"without a token it is unknown whether {request.name} was booted before")
        waited = 0.0
        while True:
            machine = self.connection.calls.find_booted(request)
            if machine is not None or waited >= self.connection.provider.settling:
                return machine
            self.connection.sleep(LOOK_AGAIN)
            waited += LOOK_AGAIN

    def _require_options(self, options: BootOptions) -> None:
        """Raises Unsupported for what the cloud cannot do, before anything is asked of it."""
        asked = {
            Capability.NETWORKS: options.network,
            Capability.SECURITY_GROUPS: options.secgroup,
            Capability.USERDATA: options.userdata,
            Capability.BOOT_METADATA: options.metadata,
            Capability.BOOT_HINTS: options.hint,
        }
        for capability, value in asked.items():
            if value:
                self.connection.require(capability)
        ways = {Capability.BOOT_PUBLIC, Capability.FLOATING_IPS}
        if options.public and not ways & self.connection.provider.capabilities:
            raise Unsupported(cannot(self.connection.name, Capability.BOOT_PUBLIC))

    def _extra(self, options: BootOptions) -> dict[str, str | int | float | bool]:
        """The values of parameters that only this kind of cloud takes. Raises UsageError for any other."""
        declared = self.connection.provider.boot_parameters
        for name in options.extra:
            if name not in declared:
                known = f"; known: {', '.join(declared)}" if declared else ""
                raise UsageError(f"cloud {self.connection.name} has no boot option {name}{known}")
        return {name: declared[name].value(given) for name, given in options.extra.items()}

    def _choice(self, kind: str, given: str | None) -> str:
        chosen = given or self.connection.defaults.get(kind)
        if not chosen:
            raise ConfigError(
                f"no {kind} given, and cloud {self.connection.name} has no default; "
                f"use --{kind}= or cms config set clouds.{self.connection.name}.default.{kind}=NAME"
            )
        return chosen

    def _several(self, kind: str, given: str | Sequence[str] | None) -> list[str]:
        """The names that were given, or are configured; commas part them."""
        chosen = self.connection.defaults.get(kind, "") if given is None else given
        words = chosen.split(",") if isinstance(chosen, str) else chosen
        return [word.strip() for word in words if word.strip()]

    def userdata_file(self, options: BootOptions) -> Path | None:
        """Where the user data of a new machine come from; None if from no file."""
        if options.userdata is not None:
            return options.userdata if isinstance(options.userdata, Path) else None
        configured = self.connection.defaults.get("userdata")
        return Path(configured).expanduser() if configured else None

    def _userdata(self, options: BootOptions) -> str:
        given = options.userdata
        if isinstance(given, str):
            return given
        path = self.userdata_file(options)
        if path is None:
            return ""
        self.connection.require(Capability.USERDATA)
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            kind = UsageError if given else ConfigError
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise kind(
                f"the user data {path} for cloud {self.connection.name} cannot be read: {reason}"
            ) from error


def _hints(given: Mapping[str, str | Sequence[str]]) -> dict[str, str | list[str]]:
    """The hints as plain data. Raises UsageError for a query that is no JSON, of which no scheduler tells."""
    query = given.get("query", "{}")
    try:
        json.loads(query if isinstance(query, str) else "")
    except ValueError:
        raise UsageError(
            f'--hint=query={query} must be one query in JSON, such as \'[">=", "$free_ram_mb", 1024]\''
        ) from None
    return {key: value if isinstance(value, str) else list(value) for key, value in given.items()}
