"""What a cloud offers and what the account holds: images, flavors, key pairs, quotas."""

from __future__ import annotations

from contextlib import suppress

from cloudmesh.cloud.client.lookup import pick
from cloudmesh.cloud.client.opened import Opened
from cloudmesh.cloud.errors import NotFound
from cloudmesh.cloud.model.records import Flavor, Image, KeyPair, Quota
from cloudmesh.cloud.store.catalog import keep_listing
from cloudmesh.plugin.errors import UnknownName


class Catalog(Opened):
    """The part of ``Cloud`` that is about what machines are made of. Lists are written into the store."""

    def images(self) -> list[Image]:
        """What machines can boot from, asked now."""
        with self.calling() as provider:
            images = provider.images()
        keep_listing(self.inventory.database, "image", self.name, images)
        return images

    def flavors(self) -> list[Flavor]:
        """The sizes of machines on offer, asked now."""
        with self.calling() as provider:
            flavors = provider.flavors()
        keep_listing(self.inventory.database, "flavor", self.name, flavors)
        return flavors

    def image(self, name: str) -> Image:
        """The image of a name, an id, or a glob that means one.

        Raises:
            UnknownName: there is none; the nearest is named.
            UsageError: several are meant.
        """
        try:
            return pick("image", name, self.name, self.images())
        except UnknownName:
            # Some clouds have more images than they list.
            with suppress(NotFound), self.calling() as provider:
                return provider.image(name)
            raise

    def flavor(self, name: str) -> Flavor:
        """The flavor of a name, an id, or a glob that means one; raises as ``image``."""
        return pick("flavor", name, self.name, self.flavors())

    def key_pairs(self) -> list[KeyPair]:
        """The key pairs kept by the cloud."""
        with self.calling() as provider:
            return provider.key_pairs()

    def key_pair(self, name: str) -> KeyPair:
        """The key pair of a name, or of a glob that means one; raises as ``image``."""
        return pick("key", name, self.name, self.key_pairs())

    def add_key(self, name: str, public_key: str) -> KeyPair:
        """Let the cloud keep a public key, in OpenSSH's form of one line. Raises Refused if it cannot."""
        with self.calling() as provider:
            return provider.add_key(name, public_key)

    def delete_key(self, name: str) -> None:
        """Let the cloud forget a key pair; machines that have it keep it. Raises UnknownName."""
        key = self.key_pair(name)
        with self.calling() as provider:
            provider.delete_key(key.name)

    def quotas(self) -> list[Quota]:
        """What this user may have on the cloud and has."""
        with self.calling() as provider:
            return provider.quotas()
