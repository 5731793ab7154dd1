"""Keys by which a client that asks again for the same job is given the one that it already has.

A key is good for as long as its job is kept. What was asked for is kept as a salted digest alone, since it
may hold secrets.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cloudmesh.plugin.errors import UsageError
from cloudmesh.vm.jobs.rows import JOBS

if TYPE_CHECKING:
    from cloudmesh.db import Database

KEYS = "job_key"


@dataclass(frozen=True)
class JobKey:
    """A key of a client's own choice.

    Attributes:
        owner: who asks; two clients may choose the same key.
        key: the key.
        asked: what is asked for, as bytes that are the same each time.
    """

    owner: str
    key: str
    asked: bytes = field(repr=False)

    def digest(self, salt: str) -> str:
        """What is kept of that which was asked for."""
        made = hashlib.scrypt(self.asked, salt=salt.encode(), n=2**12, r=8, p=1, dklen=32)
        return made.hex()


def job_of(database: Database, key: JobKey) -> int | None:
    """The number of the job that was made with a key; None if none was, or it is kept no more.

    Raises:
        UsageError: something else was asked for with it.
    """
    found = database.find(KEYS, owner=key.owner, key=key.key) if database.has(KEYS) else []
    for row in found:
        if not database.count(JOBS, id=row["job"]):
            continue
        if not secrets.compare_digest(key.digest(row["salt"]), row["digest"]):
            raise UsageError(
                f"the idempotency key {key.key!r} was used for job {row['job']} with another body; "
                "use a new key for a new request"
            )
        return int(row["job"])
    return None


def keep(database: Database, key: JobKey, job: int) -> None:
    """Write that a job was made with a key. Raises StoreError."""
    salt = secrets.token_hex(16)
    row = {"owner": key.owner, "key": key.key, "salt": salt, "digest": key.digest(salt), "job": job}
    database.upsert(KEYS, row, key=["owner", "key"])


def forget(database: Database, job: int) -> None:
    """Remove the keys of a job. Raises StoreError."""
    if database.has(KEYS):
        database.delete(KEYS, job=job)
