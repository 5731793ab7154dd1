"""What a cloud has besides machines: images, flavors, keys, quotas, networks, groups, addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cloudmesh.cloud.client.connection import Connection
from cloudmesh.cloud.client.lookup import Named, Thing, id_of, pick
from cloudmesh.cloud.errors import CLOUD_ERRORS, NotFound
from cloudmesh.cloud.model.records import Flavor, Image, KeyPair, MachineRecord, Quota
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.boot import mark, new_token
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.store.listings import keep_listing
from cloudmesh.cloud.store.new_names import ADD, ALL, DROP, Entry, described
from cloudmesh.plugin.errors import UnknownName

if TYPE_CHECKING:
    from cloudmesh.cloud.model.networks import FloatingIP, Network, SecurityGroup, SecurityRule

Listed = TypeVar("Listed")


class Catalog:
    """Lists, finds, makes and removes what a cloud has beside machines.

    A thing is given by its name (a floating IP by its address), by its id, or by a glob that means one: else
    UnknownName (none is meant, the nearest is named) or UsageError (several are) is raised. A cloud without
    such things raises Unsupported, one that cannot be asked CloudError. If the answer to a change is lost, it
    is looked up whether it was done.

    Attributes:
        name: the cloud's name in the configuration.
        connection: the provider and the store underneath.
    """

    name: str
    connection: Connection

    def images(self) -> list[Image]:
        """List what machines can boot from, and write the listing into the store."""
        images = self._kept("image", list(self.connection.listing(Provider.images)), "images")
        return self._note("image", images)

    def image(self, name: str) -> Image:
        """Find an image; one that the cloud does not list is found by its id."""
        try:
            return self._pick("image", name, self.images())
        except UnknownName as error:
            # Some clouds have more images than they list.
            with suppress(NotFound):
                return self.connection.calls.image(name)
            if Capability.ADD_IMAGE in self.connection.provider.capabilities:
                error.args = (f"{error}; get it: cms image add {name} --cloud={self.name}",)
            raise

    def add_image(self, name: str, file: Path, properties: Mapping[str, str] | None = None) -> Image:
        """Upload a disk image from a file. Raises Refused if the cloud does not take it.

        ``properties`` is what else is known of it: ``Provider.add_image`` says which there are.
        """
        self.connection.require(Capability.ADD_IMAGE)
        more = [properties] if properties else []
        image = self.connection.calls.add_image(name, file, *more)
        self._list_images_anew()
        return image

    def delete_image(self, name: str) -> Image:
        """Remove an image of this user's. Raises Conflict while it is in use."""
        self.connection.require(Capability.DELETE_IMAGE)
        image = self.image(name)
        self._remove(lambda: self.connection.calls.delete_image(image.cloud_id), image, self.images)
        self._list_images_anew()
        return image

    def _list_images_anew(self) -> None:
        """Let the store know what has changed; what was done is done also where that cannot be told now."""
        with suppress(*CLOUD_ERRORS):
            self.images()

    def flavors(self) -> list[Flavor]:
        """List the sizes of machines on offer, and write the listing into the store."""
        flavors = self._kept("flavor", list(self.connection.listing(Provider.flavors)), "flavors")
        return self._note("flavor", flavors)

    def flavor(self, name: str) -> Flavor:
        """Find a flavor."""
        return self._pick("flavor", name, self.flavors())

    def key_pairs(self) -> list[KeyPair]:
        """List the key pairs that the cloud keeps, and write the listing into the store.

        By their fingerprints the private keys of machines are found.
        """
        keys = self._kept("key", list(self.connection.listing(Provider.key_pairs)), "key_pairs")
        return self._note("key", keys)

    def key_pair(self, name: str) -> KeyPair:
        """Find a key pair."""
        return self._pick("key", name, self.key_pairs())

    def add_key(self, name: str, public_key: str) -> KeyPair:
        """Let the cloud keep a public key, in OpenSSH's form of one line. Raises Refused if it cannot."""
        from cloudmesh.cloud.access.keys import fingerprints  # few calls add one

        def look() -> KeyPair | None:
            own = fingerprints(public_key)
            return next(
                (key for key in self.key_pairs() if key.name == name and key.fingerprint in own), None
            )

        key = self.connection.surely(lambda: self.connection.calls.add_key(name, public_key), look)
        self._note("key", [key], ADD)
        return key

    def delete_key(self, name: str) -> None:
        """Let the cloud forget a key pair; machines that have it keep it."""
        key = self.key_pair(name)
        self._remove(lambda: self.connection.calls.delete_key(key.name), key, self.key_pairs)
        self._note("key", [key], DROP)

    def quotas(self) -> list[Quota]:
        """List how much this user may have on the cloud, and has, and write the listing into the store."""
        return self._kept("quota", list(self.connection.listing(Provider.quotas)), "quotas")

    def networks(self) -> list[Network]:
        """List the networks that machines can be on, and those that lead out; write them into the store."""
        networks = self._kept("network", list(self.connection.listing(Provider.networks)), "networks")
        return self._note("network", networks)

    def network(self, name: str) -> Network:
        """Find a network."""
        return self._pick("network", name, self.networks())

    def security_groups(self) -> list[SecurityGroup]:
        """List the security groups with their rules."""
        return self._note("secgroup", list(self.connection.listing(Provider.security_groups)))

    def security_group(self, name: str) -> SecurityGroup:
        """Find a security group."""
        return self._pick("security group", name, self.security_groups())

    def create_security_group(self, name: str, description: str = "") -> SecurityGroup:
        """Make a security group. Raises Refused if the cloud has one of this name."""

        def look() -> SecurityGroup | None:
            found = [each for each in self.security_groups() if each.name == name]
            return found[0] if len(found) == 1 and found[0].description == description else None

        group = self.connection.surely(
            lambda: self.connection.calls.create_security_group(name, description), look
        )
        self._note("secgroup", [group], ADD)
        return group

    def delete_security_group(self, name: str) -> SecurityGroup:
        """Remove a security group. Raises Conflict while a machine is under it."""
        group = self.security_group(name)
        remove = self.connection.calls.delete_security_group
        self._remove(lambda: remove(group.cloud_id), group, self.security_groups)
        self._note("secgroup", [group], DROP)
        return group

    def add_rule(self, group: str, rule: SecurityRule) -> SecurityRule:
        """Let something through a group. Raises Conflict if the group does already."""
        cloud_id = self.security_group(group).cloud_id
        return self.connection.surely(
            lambda: self.connection.calls.add_rule(cloud_id, rule), lambda: self._rule(cloud_id, rule)
        )

    def remove_rule(self, group: str, rule: SecurityRule) -> None:
        """No longer let something through a group. Raises NotFound if the group has no such rule."""
        found = self.security_group(group)
        same = next((each for each in found.rules if each == rule), rule)
        self.connection.ensure(
            lambda: self.connection.calls.remove_rule(found.cloud_id, same),
            lambda: self._rule(found.cloud_id, rule) is None,
        )

    def _rule(self, group_id: str, rule: SecurityRule) -> SecurityRule | None:
        """The rule as the group has it now."""
        group = self._pick("security group", group_id, self.security_groups())
        return next((each for each in group.rules if each == rule), None)

    def _kept(self, kind: str, things: list[Listed], listing: str) -> list[Listed]:
        """The things, which are written into the store in place of the listing before."""
        odd = self.connection.left_out[listing]
        keep_listing(self.connection.inventory.database, kind, self.name, things, odd)
        return things

    def _note(self, kind: str, things: list[Thing], how: str = ALL) -> list[Thing]:
        """The things, of which completion learns the names."""
        entries = [Entry(each.name, described(vars(each))) for each in things]
        self.connection.inventory.new_names.note(kind, self.name, entries, how)
        return things

    def _pick(self, kind: str, name: str, things: Sequence[Thing]) -> Thing:
        """The thing that is meant; one that its listing had to leave out is not said to be unknown."""
        try:
            return pick(kind, name, self.name, things)
        except UnknownName:
            self.connection.require_readable(name)
            raise

    def _remove(
        self, remove: Callable[[], None], thing: Named, listed: Callable[[], Sequence[Named]]
    ) -> None:
        """Remove a thing; if the answer is lost, it is removed if it is not listed any more."""

        def is_gone() -> bool:
            there = set(map(id_of, listed()))
            self.connection.require_readable(id_of(thing))
            return id_of(thing) not in there

        self.connection.ensure(remove, is_gone)

    def floating_ips(self) -> list[FloatingIP]:
        """List the public addresses that are this user's."""
        return list(self.connection.listing(Provider.floating_ips))

    def floating_ip(self, address: str) -> FloatingIP:
        """Find a floating IP by its address."""
        return self._pick("floating IP", address, self.floating_ips())

    def create_floating_ip(self, pool: str = "", description: str = "") -> FloatingIP:
        """Take a public address; it may cost money until it is given back."""
        wanted = description or mark(new_token())

        def look() -> FloatingIP | None:
            return next((each for each in self.floating_ips() if each.description == wanted), None)

        return self.connection.surely(lambda: self.connection.calls.create_floating_ip(pool, wanted), look)

    def delete_floating_ip(self, address: str) -> FloatingIP:
        """Give a public address back, also one that leads to a machine."""
        found = self.floating_ip(address)
        delete = self.connection.calls.delete_floating_ip
        self._remove(lambda: delete(found.cloud_id), found, self.floating_ips)
        self.connection.inventory.forget_address(found)
        return found

    def attach_floating_ip(self, address: str, machine: MachineRecord) -> None:
        """Let a public address lead to a machine. Raises Conflict if it leads to one already."""
        cloud_id = self.floating_ip(address).cloud_id
        self._lead(
            lambda: self.connection.calls.attach_floating_ip(cloud_id, machine.cloud_id),
            cloud_id,
            machine.cloud_id,
        )

    def detach_floating_ip(self, address: str) -> None:
        """Let a public address lead nowhere; it stays this user's. Raises Conflict if it does already."""
        found = self.floating_ip(address)
        self._lead(lambda: self.connection.calls.detach_floating_ip(found.cloud_id), found.cloud_id, "")
        # The user has another use for it: it is not given back with the machine any more.
        self.connection.inventory.forget_address(found)

    def _lead(self, lead: Callable[[], None], cloud_id: str, machine_id: str) -> None:
        """Let an address lead to a machine, or nowhere; if the answer is lost, it is looked up."""
        self.connection.ensure(lead, lambda: self.floating_ip(cloud_id).machine_id == machine_id)
