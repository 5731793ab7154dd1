"""Tokens in the store: what lets programs in, the sessions of browsers, and codes that work once.

All three are random words of 256 bits, and lie in one table. Only their SHA-256 is kept there: slow hashes,
with a salt, are for passwords, which people choose and others can guess; nobody can try 2**256 words, however
quick each trial is. Sessions and codes bear the name of the token that they come from and end with it.

A table of the store, so that all servers of one store know the same tokens. Who may write the store can
write a token into it; see docs/decisions.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import time
from collections.abc import Sequence
from dataclasses import dataclass

from cloudmesh.db import Database, le, ne
from cloudmesh.db.records.flat import Record
from cloudmesh.plugin.errors import CloudmeshError, StoreError, UnknownName, UsageError
from cloudmesh.rest.access.caller import Caller, Scope
from cloudmesh.rest.problems import Problem

TABLE = "rest_token"
TOKEN, SESSION, CODE = "token", "session", "code"
# By which they are known wherever they are seen; ``cloudmesh.plugin.secrets`` masks what begins so.
PREFIX = "cms_"
# The name of what ``cms rest open`` signs in, which has no token.
PAGE = "page"
CODE_SECONDS = 60.0
# A browser that stays open is asked for the token again after so long.
SESSION_SECONDS = 7 * 24 * 3600.0
# Of one token; the oldest ends when another begins.
MOST_SESSIONS = 20

_LETTERS = string.ascii_letters + string.digits
# Letters of 5.95 bits each.
_LENGTH = 43
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_NEVER = 0.0


@dataclass(frozen=True)
class Entry:
    """What the store knows of one token, session or code.

    Attributes:
        number: its number in the store, which no other one ever has.
        kind: token, session or code.
        digest: the SHA-256 of the word.
        caller: who comes with it.
        made: when, in seconds since the epoch.
    """

    number: int
    kind: str
    digest: bytes
    caller: Caller
    made: float

    def is_valid(self, now: float) -> bool:
        """Whether it has not expired."""
        return self.caller.expires is None or now < self.caller.expires


def digest(word: str) -> bytes:
    """What is kept of a word."""
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()


def entries(database: Database) -> list[Entry]:
    """All that there are, expired ones as well. Raises StoreError."""
    return [_entry(row) for row in database.find(TABLE)] if database.has(TABLE) else []


def create(
    database: Database, name: str, scope: Scope, clouds: Sequence[str] | None, seconds: float | None
) -> str:
    """Make a token, and give the word, which nobody can learn later.

    Args:
        database: the store.
        name: of the token; one that has expired gives its name away.
        scope: what it is good for.
        clouds: names and globs of the clouds that may be seen; None for all.
        seconds: after which it expires; None for never.

    Raises:
        UsageError: the name cannot be used.
        CloudmeshError: there is such a token.
        StoreError: the store cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"a token cannot be named {name!r}; use up to 64 letters, digits, dots and hyphens")
    if name == PAGE:
        raise UsageError(f"{PAGE!r} stands for what 'cms rest open' signs in; give the token another name")
    with database.atomic():
        forget_expired(database)
        if any(each.caller.name == name for each in entries(database)):
            raise CloudmeshError(
                f"there is a token {name} already; use another name, or 'cms rest token revoke {name}'"
            )
        caller = Caller(name, scope, tuple(clouds) if clouds is not None else None, _end(seconds))
        return _add(database, TOKEN, caller)


def revoke(database: Database, name: str) -> int:
    """End a token with its sessions, and give how many sessions those were.

    Raises UnknownName if there is no such token, and StoreError.
    """
    found = entries(database)
    names = dict.fromkeys(each.caller.name for each in found)
    if name not in names:
        raise UnknownName("token", name, names)
    database.delete(TABLE, name=name)
    return sum(each.kind == SESSION for each in found if each.caller.name == name)


def add_code(database: Database) -> str:
    """Make a code by which a browser signs in once; it does so as the user who owns the store.

    Raises StoreError.
    """
    with database.atomic():
        forget_expired(database)
        return _add(database, CODE, Caller(PAGE, Scope.DESTROY, None, time.time() + CODE_SECONDS))


def use_code(database: Database, word: str) -> Caller | None:
    """Who comes with a code, which does not work again; None if it does not work. Raises StoreError."""
    wanted = digest(word)
    for each in entries(database):
        if each.kind == CODE and secrets.compare_digest(each.digest, wanted):
            # Of several who come at once, one removes it.
            is_ours = database.delete(TABLE, id=each.number) == 1
            return Caller(PAGE, each.caller.scope) if is_ours and each.is_valid(time.time()) else None
    return None


def is_waiting(database: Database, word: str) -> bool:
    """Whether a code was not used yet. Raises StoreError."""
    return bool(database.count(TABLE, kind=CODE, hash=digest(word).hex()))


def begin_session(database: Database, caller: Caller) -> tuple[str, float]:
    """Begin a session of a browser for whoever has shown a token; give its word, and when it ends.

    Raises Problem if the token was revoked meanwhile, and StoreError.
    """
    end = time.time() + SESSION_SECONDS
    end = min(end, caller.expires) if caller.expires is not None else end
    with database.atomic():
        forget_expired(database)
        own = [each for each in entries(database) if each.kind == SESSION and each.caller.name == caller.name]
        for each in own[: max(0, len(own) - MOST_SESSIONS + 1)]:
            database.delete(TABLE, id=each.number)
        if caller.key and not database.count(TABLE, id=caller.key):
            raise Problem(401, f"the token {caller.name} was revoked just now")
        return _add(database, SESSION, Caller(caller.name, caller.scope, caller.clouds, end)), end


def end_session(database: Database, word: str) -> bool:
    """End a session; whether there was one. Raises StoreError."""
    return database.delete(TABLE, kind=SESSION, hash=digest(word).hex()) > 0


def forget_expired(database: Database) -> None:
    """Remove what has expired. Raises StoreError."""
    if database.has(TABLE):
        database.delete(TABLE, expires=ne(_NEVER) & le(time.time()))


def _add(database: Database, kind: str, caller: Caller) -> str:
    word = PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    row = {
        "name": caller.name,
        "kind": kind,
        "hash": digest(word).hex(),
        "scope": caller.scope.word,
        "clouds": ",".join(caller.clouds) if caller.clouds is not None else "",
        "made": time.time(),
        "expires": caller.expires or _NEVER,
    }
    database.add(TABLE, row)
    return word


def _entry(row: Record) -> Entry:
    try:
        clouds = tuple(row["clouds"].split(",")) if row["clouds"] else None
        caller = Caller(row["name"], Scope[row["scope"].upper()], clouds, row["expires"] or None, row.id)
        return Entry(row.id, row["kind"], bytes.fromhex(row["hash"]), caller, row["made"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(
            f"record {row.id} of the table {TABLE} is no token; remove it: cms db delete {TABLE} id={row.id}"
        ) from error


def _end(seconds: float | None) -> float | None:
    return time.time() + seconds if seconds is not None else None
