"""The provider for OpenStack: Keystone, Nova, Glance and Neutron."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from cloudmesh.cloud.errors import CloudError, NotFound, Refused
from cloudmesh.cloud.model.records import Flavor, Image, KeyPair, MachineRecord, Quota, State
from cloudmesh.cloud.provider.boot import bears, marked
from cloudmesh.cloud.provider.interface import BootRequest, Capability
from cloudmesh.cloud.provider.questions import Question
from cloudmesh.cloud.providers.openstack import records
from cloudmesh.cloud.providers.openstack.changes import Mark
from cloudmesh.cloud.providers.openstack.leases import OpenStackLeases, place
from cloudmesh.cloud.providers.openstack.questions import QUESTIONS

# How many machines of one name are asked for at a time.
_SAME_NAME_PAGE = 20
# Up to so many servers each is looked for by its id; more are looked for in the list of all ids.
_ASKED_ONE_BY_ONE = 4
_SPECIAL, _ESCAPED = re.compile(r"([][\\.^$*+?{}()|])"), r"\\\1"


class OpenStackProvider(OpenStackLeases):
    """One project in one region of an OpenStack."""

    # Public addresses are floating IPs, which are attached once the machine is there.
    capabilities = frozenset(Capability) - {
        Capability.BOOT_PUBLIC,
        Capability.ADD_IMAGE,
        Capability.DELETE_IMAGE,
        # Nova has images of servers, but nothing that leads a server back to one as it was.
        Capability.SNAPSHOT,
        Capability.RESTORE,
        Capability.DELETE_SNAPSHOT,
        Capability.CLONE,
    }
    required_credentials: ClassVar[tuple[str, ...]] = ("OS_AUTH_URL",)
    questions: ClassVar[tuple[Question, ...]] = QUESTIONS
    settling: ClassVar[float] = 5.0
    shares_threads: ClassVar[bool] = True
    signs_in_once: ClassVar[bool] = True
    # Of the servers that were told as deleted last, those that were not found any more.
    _gone: Set[str] = frozenset()

    def check(self) -> str:
        """Sign in, also where there is a token: whether that works is the question here."""
        token = self.session.sign_in_again()
        with self.requesting("count machines"):
            self.ask("server_ids", limit=1)
        where = f", region {self.account.region}" if self.account.region else ""
        return f"signed in to {token.scope} as {token.user}{where}"

    def user_id(self) -> str:
        return self.session.token().user_id

    def machines(self) -> Iterator[MachineRecord]:
        with self.requesting("list machines"):
            for machine in self._told():
                if machine.state is not State.DELETED:
                    yield machine

    def changed_machines(self, since: str) -> Iterator[MachineRecord]:
        with self.requesting("list changed machines"):
            told = list(self._told(**{"changes-since": since}))
            # In this list it stands for a server that is gone, or will be when Nova has given back what it
            # used: that may take a while, or fail.
            deleted = {each.cloud_id for each in told if each.raw_state.upper().startswith("DELETED")}
            known = self._gone & deleted
            # Changes are asked for from this listing on only if all of it was told.
            mark, self.mark = self.mark, ""
            self._gone = known | self._not_found(deleted - known)
            self.mark = mark
            for machine in told:
                is_gone = machine.cloud_id in self._gone
                yield replace(machine, state=State.DELETED) if is_gone else machine

    def _not_found(self, ids: Set[str]) -> Set[str]:
        """Those of these servers that Nova does not find any more."""
        if len(ids) > _ASKED_ONE_BY_ONE:
            pages = self.pages("server_ids")
            return ids - {records.text(each, "id") for page in pages for each in page}
        return {each for each in ids if not self._is_found(each)}

    def _is_found(self, cloud_id: str) -> bool:
        try:
            self.machine(cloud_id)
        except NotFound:
            return False
        return True

    def _told(self, **query: str) -> Iterator[MachineRecord]:
        """The servers that Nova lists, each once; they leave a mark once all were told."""
        # One that is built while the pages are asked for may be on two of them.
        seen: set[str] = set()
        self.mark, mark = "", Mark()
        for page in self.pages("servers", **query):
            mark.page(self.answered, page)
            for machine in self.readable("machines", page, partial(records.machine, self.name)):
                if machine.cloud_id not in seen:
                    seen.add(machine.cloud_id)
                    yield machine
        # Where no time is told, and nothing has changed, the earlier one is still right.
        self.mark = mark.text() or query.get("changes-since", "")

    def machine(self, cloud_id: str) -> MachineRecord:
        with self.requesting(f"show machine {cloud_id}"):
            machine = records.machine(self.name, self.ask("server", cloud_id))
        if machine.state is State.DELETED:
            raise NotFound(f"cloud {self.name}: machine {machine.name} ({cloud_id}) no longer exists")
        return machine

    def boot(self, request: BootRequest) -> MachineRecord:
        self.hide_userdata(request)
        with self._naming_networks(), self.requesting(f"boot {request.name}"):
            made = self.ask("boot", data=_boot_body(request))
            return MachineRecord(
                cloud=self.name,
                name=request.name,
                cloud_id=records.text(made, "id"),
                state=State.BUILDING,
                raw_state="BUILD",
                image=request.image.cloud_id,
                flavor=request.flavor.name,
                key=request.key.name if request.key else "",
                metadata=dict(request.metadata),
                owner=self.user_id(),
                boot_id=request.token,
                lease=request.lease,
            )

    @contextmanager
    def _naming_networks(self) -> Iterator[None]:
        """Name the networks, where Nova does not choose among several."""
        from cloudmesh.cloud.providers.openstack.errors import SeveralNetworks

        try:
            yield
        except SeveralNetworks as error:
            try:
                names = sorted(each.name for each in self.networks() if not each.external)
            except CloudError:
                names = []
            told = f" ({', '.join(names)})" if names else ""
            raise Refused(f"{error}: there are several networks{told}; choose with --network=NAME") from error

    def find_booted(self, request: BootRequest) -> MachineRecord | None:
        """Among those of its name, which Nova looks for as a regular expression."""
        query = {"name": f"^{_SPECIAL.sub(_ESCAPED, request.name)}$", "limit": _SAME_NAME_PAGE}
        with self.requesting(f"find machine {request.name}"):
            pages = self.pages("servers", **query)
            for server in (server for page in pages for server in page):
                # Another one may be as odd as it likes.
                if bears(server.get("metadata") or {}, request):
                    machine = records.machine(self.name, server)
                    if machine.state not in (State.DELETING, State.DELETED):
                        return machine
        return None

    def images(self) -> list[Image]:
        with self.requesting("list images"):
            return list(self.listed("images", "images", records.image, status="active"))

    def image(self, cloud_id: str) -> Image:
        with self.requesting(f"show image {cloud_id}"):
            return records.image(self.name, self.ask("image", cloud_id))

    def flavors(self) -> list[Flavor]:
        with self.requesting("list flavors"):
            return list(self.listed("flavors", "flavors", records.flavor))

    def key_pairs(self) -> list[KeyPair]:
        with self.requesting("list key pairs"):
            return list(self.listed("keypairs", "key_pairs", records.key_pair))

    def add_key(self, name: str, public_key: str) -> KeyPair:
        with self.requesting(f"add key pair {name}"):
            wanted = {"keypair": {"name": name, "public_key": public_key}}
            return records.key_pair(self.name, {"keypair": self.ask("add_keypair", data=wanted)})

    def delete_key(self, name: str) -> None:
        with self.requesting(f"delete key pair {name}"):
            self.ask("delete_keypair", name)

    def quotas(self) -> list[Quota]:
        project = self.session.token().project_id
        with self.requesting("list quotas"):
            limits = self.ask("limits")["absolute"]
            details = self.ask("quotas", project)
            return [*records.nova_quotas(self.name, limits), *records.neutron_quotas(self.name, details)]


def _boot_body(request: BootRequest) -> Mapping[str, Any]:
    """The new server, and what its scheduler is to heed."""
    leased, hint = place(request.reservation)
    hints = {**request.hints, **hint}
    told = {"os:scheduler_hints": hints} if hints else {}
    return {"server": {**_server_body(request), **leased}, **told}


def _server_body(request: BootRequest) -> Mapping[str, Any]:
    """The new server, as Nova's interface has it."""
    wanted: dict[str, Any] = {
        "name": request.name,
        "imageRef": request.image.cloud_id,
        "flavorRef": request.flavor.cloud_id,
    }
    if request.key:
        wanted["key_name"] = request.key.name
    if request.networks:
        wanted["networks"] = [{"uuid": each.cloud_id} for each in request.networks]
    if request.security_groups:
        # By id where a name is asked for: two groups may have one name.
        wanted["security_groups"] = [{"name": each.cloud_id} for each in request.security_groups]
    if request.userdata:
        wanted["user_data"] = base64.b64encode(request.userdata.encode()).decode("ascii")
    if metadata := marked(request):
        wanted["metadata"] = metadata
    return wanted
