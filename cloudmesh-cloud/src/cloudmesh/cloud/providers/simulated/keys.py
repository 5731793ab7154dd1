"""The key pairs of a simulated cloud."""

from __future__ import annotations

import sqlite3

from cloudmesh.cloud.errors import NotFound, Refused
from cloudmesh.cloud.model.records import KeyPair
from cloudmesh.cloud.providers.simulated.quotas import Quotas


class SimulatedKeys(Quotas):
    """Keeps the keys, and never places one anywhere: no machine runs."""

    def key_pairs(self) -> list[KeyPair]:
        self._faults.before("key_pairs", "")
        with self._world.change() as connection:
            rows = connection.execute("SELECT name, fingerprint FROM key ORDER BY name").fetchall()
        return [KeyPair(self.name, row["name"], row["fingerprint"]) for row in rows]

    def add_key(self, name: str, public_key: str) -> KeyPair:
        key = KeyPair(self.name, name, fingerprint(public_key))
        with self._faults.around("add_key", name), self._world.change() as connection:
            self._require_room(connection, "key_pairs")
            try:
                connection.execute("INSERT INTO key VALUES (?, ?, ?)", (name, key.fingerprint, public_key))
            except sqlite3.IntegrityError:
                raise Refused(f"cloud {self.name} already has a key {name}; take another name") from None
        return key

    def delete_key(self, name: str) -> None:
        with self._faults.around("delete_key", name), self._world.change() as connection:
            if not connection.execute("DELETE FROM key WHERE name = ?", (name,)).rowcount:
                raise NotFound(f"there is no key {name} on cloud {self.name}")


def fingerprint(public_key: str) -> str:
    """The SHA256 fingerprint of an OpenSSH public key, as ``ssh-keygen -l`` shows it.

    Raises:
        Refused: the text is no such key.
    """
    import base64
    import hashlib
    import struct

    words = public_key.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
        if not blob.startswith(struct.pack(">I", len(words[0])) + words[0].encode()):
            raise ValueError
    except (IndexError, ValueError):
        raise Refused("this is no OpenSSH public key; it looks like 'ssh-ed25519 AAAA... name'") from None
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"
