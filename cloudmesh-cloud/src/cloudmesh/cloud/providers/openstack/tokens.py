"""Tokens of Keystone, kept on disk, so that the next process and every thread need not sign in again.

A token is as good as a password while it lives: it lies in a directory that only its owner may look into, one
file (0600) for each cloud and identity, never in the store.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudmesh.cloud import errors
from cloudmesh.cloud.errors import CredentialsError
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.config.settings import places
from cloudmesh.plugin import files
from cloudmesh.plugin.errors import CloudmeshError

# A token that ends within so many seconds is not used any more: the work it is for takes a while.
MARGIN_SECONDS = 120.0
# For so many seconds this process does not send a secret again that was refused: hundreds of calls of a job
# begin and end one after the other, and many wrong passwords lock an account.
_REFUSED_SECONDS = 5.0
# Of so many clouds with one account it is known how the last sign-in went.
_MOST_NOTES = 32
# Of this process: two clouds may have one secret, and nothing of it is written down.
_SALT = secrets.token_bytes()
# Held, and noted, where there can be no lock and no file for it.
_alone = threading.RLock()
_notes_of_process: list[dict[str, Any]] = []


@dataclass(frozen=True)
class Token:
    """What Keystone gave for the credentials.

    Attributes:
        text: the token itself; secret.
        expires: seconds since the epoch.
        catalog: the services with their endpoints, as Keystone tells them.
        project_id, user_id: who we turned out to be.
        user, scope: the same in words, as ``gregor`` and ``project CH-818664``.
        admin: whether for it Nova does what a lock forbids to others.
    """

    text: str = field(repr=False)
    expires: float
    catalog: list[dict[str, Any]] = field(repr=False)
    project_id: str = ""
    user_id: str = ""
    user: str = ""
    scope: str = ""
    admin: bool = False

    def is_fresh(self, now: float) -> bool:
        """Whether it can be used for some time yet."""
        return now < self.expires - MARGIN_SECONDS


def _file_name(cloud: str) -> str:
    """What the names of the files with tokens of a cloud begin with."""
    return re.sub(r"[^\w.-]", "_", cloud)[:60]


def forget_tokens(cloud: str) -> None:
    """Remove the files with tokens of a cloud; raises OSError if that cannot be done."""
    name = re.compile(rf"{re.escape(_file_name(cloud))}-[0-9a-f]{{16}}\.json")
    for file in places.tokens_directory().glob("*.json"):
        if name.fullmatch(file.name):
            file.unlink(missing_ok=True)
    # What an identity provider gave for a visit goes with the last cloud that uses it.
    for file in places.tokens_directory().glob("provider-*.json"):
        kept = read_private(file)
        clouds = kept.get("clouds") if isinstance(kept, dict) else None
        if isinstance(clouds, list) and cloud in clouds:
            others = [each for each in clouds if each != cloud]
            if others:
                files.replace_private(file, json.dumps({**kept, "clouds": others}).encode())
            else:
                file.unlink(missing_ok=True)


def digest(identity: Any) -> str:
    """What the name of a file has of an identity."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def read_private(path: Path) -> Any:
    """The JSON in a private file; None if it is damaged, foreign, open to others, or not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, encoding="utf-8") as file:
        status = os.fstat(descriptor)
        if status.st_mode & 0o077 or status.st_uid != os.geteuid():
            return None
        try:
            return json.load(file)
        except ValueError:
            return None


@contextmanager
def private_lock(path: Path) -> Iterator[int | None]:
    """Hold a lock that threads and processes wait for, and give its file.

    None if none can be had; then the threads of this process wait for each other.
    """
    with ExitStack() as held:
        lock: int | None = None
        try:
            files.make_private_directory(path.parent)
            lock = held.enter_context(files.file_lock(path))
        except OSError:
            held.enter_context(_alone)
        yield lock


class TokenFile:
    """The token of one account of one cloud.

    Args:
        cloud: the cloud's name in the configuration.
        account: whose token it is.
        clock: tells seconds since the epoch.
    """

    def __init__(self, cloud: str, account: Account, clock: Callable[[], float] = time.time) -> None:
        self._clock, self._cloud = clock, cloud
        identity = account.identity()
        mark, whose = digest([cloud, *identity]), digest(identity)
        self.path = places.tokens_directory() / f"{_file_name(cloud)}-{mark}.json"
        # Of all clouds with this account, such as the regions of one site.
        self._lock = self.path.with_name(f"account-{whose}.lock")
        # What a person is asked for is another one each time, and of what is not told to us nothing is known.
        self._repeats = bool(account.secrets) and not account.needs_person
        self._proof = hmac.new(_SALT, "\n".join(account.secrets).encode(), "sha256").hexdigest()

    def fresh(self) -> Token | None:
        """The kept token, if there is one that can be used for some time yet."""
        token = self._read(self.path)
        return token if token and token.is_fresh(self._clock()) else None

    def renew(
        self,
        refused: Token | None,
        sign_in: Callable[[], Token],
        revoked: bool = False,
        on_request: bool = False,
    ) -> Token:
        """A token other than the ``refused`` one: another thread's or process's, else from signing in.

        However many need a new one at the same time, for one cloud or for several with the same account, one
        of them signs in; if it fails, those who waited for it fail alike, as many wrong passwords in a row
        lock an account.

        Args:
            revoked: whether the refused one is good for nothing any more.
            on_request: whether somebody wants to know if signing in works, whatever was just found out.
        """
        began = self._clock()
        with private_lock(self._lock) as lock:
            kept = self.fresh()
            if kept and not (refused and kept.text == refused.text):
                return kept
            if kept and revoked:
                # Kept, it would spare the next process a sign-in that it needs.
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)
            token = self._recorded(lock, began, refused, 0.0 if on_request else _REFUSED_SECONDS)
            if token is None:
                try:
                    token = sign_in()
                except CloudmeshError as error:
                    # Our sentences hold no secret.
                    self._record(lock, kind=type(error).__name__, sentence=str(error))
                    raise
                self._record(lock, file=self.path.name)
            # A disk that is full costs a sign-in next time, no more.
            with suppress(OSError):
                files.replace_private(self.path, json.dumps(vars(token)).encode())
            return token

    def _record(self, lock: int | None, **outcome: str) -> None:
        """Write down what came of a sign-in, for those who wait for it."""
        now = self._clock()
        others = [each for each in _notes(lock) if each["cloud"] != self._cloud]
        notes = [{"time": now, "cloud": self._cloud, "proof": self._proof, **outcome}, *others][:_MOST_NOTES]
        if lock is None:
            _notes_of_process[:] = notes
            return
        with suppress(OSError):
            os.ftruncate(lock, 0)
            os.pwrite(lock, json.dumps(notes).encode(), 0)

    def _recorded(self, lock: int | None, began: float, refused: Token | None, before: float) -> Token | None:
        """The token that another one got after we ``began`` to wait; None if nobody did.

        Raises why signing in failed for it, or why our secret was refused up to so many seconds ``before`` we
        began. A time to come was written before the clock was set back, and tells nothing; nor does another
        cloud whose secret is another one.
        """
        now = self._clock()
        for note in _notes(lock):
            ours, is_proof = note["cloud"] == self._cloud, note["proof"] == self._proof
            refused_just_now = is_proof and self._repeats and note.get("kind") == CredentialsError.__name__
            since = began - (before if refused_just_now else 0.0)
            if not (since <= note["time"] <= now and (ours or is_proof)):
                continue
            if "file" in note:
                token = self._read(self.path.with_name(Path(note["file"]).name))
                if token and token.is_fresh(now) and not (refused and token.text == refused.text):
                    return token
            elif ours or note["kind"] == CredentialsError.__name__:
                # Another cloud may be reached another way, though the account is the same.
                same = "" if ours else f"cloud {self._cloud} was not asked, as it has the same account: "
                kind: type[CloudmeshError] = getattr(errors, note["kind"], errors.CloudError)
                error = kind(f"{same}{note['sentence']}")
                error.outcome_unknown = False
                raise error
        return None

    def _read(self, path: Path) -> Token | None:
        kept = read_private(path)
        try:
            token = Token(**kept)
        except TypeError:
            return None
        fits = isinstance(token.expires, int | float) and isinstance(token.catalog, list)
        return token if fits and isinstance(token.text, str) else None


def _notes(lock: int | None) -> list[dict[str, Any]]:
    """What came of the last sign-in for each cloud of an account, the last first; empty if it is damaged."""
    if lock is None:
        return _notes_of_process
    with suppress(OSError, ValueError, TypeError, KeyError):
        notes = json.loads(os.pread(lock, 1 << 20, 0))
        return [each for each in notes if isinstance(each["time"], float) and each["cloud"] and each["proof"]]
    return []
