"""Tokens of Keystone, kept on disk so that the next process and every thread need not sign in again.

A token is as good as a password while it lives. So it lies in a directory of its own that only its owner may
look into, one file (0600) for each cloud and user, never in the store.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from cloudmesh.cloud import errors
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.config.settings import places
from cloudmesh.plugin import files
from cloudmesh.plugin.errors import CloudmeshError

# A token that ends within so many seconds is not used any more: the work it is for takes a while.
MARGIN_SECONDS = 120.0


@dataclass(frozen=True)
class Token:
    """What Keystone gave for the credentials.

    Attributes:
        text: the token itself; secret.
        expires: seconds since the epoch.
        catalog: the services with their endpoints, as Keystone tells them.
        project_id, user_id: who we turned out to be.
    """

    text: str = field(repr=False)
    expires: float
    catalog: list[dict[str, Any]] = field(repr=False)
    project_id: str = ""
    user_id: str = ""

    def is_fresh(self, now: float) -> bool:
        """Whether it can be used for some time yet."""
        return now < self.expires - MARGIN_SECONDS


class TokenFile:
    """The token of one account of one cloud.

    Args:
        cloud: the cloud's name in the configuration.
        account: whose token it is.
        clock: tells seconds since the epoch.
    """

    def __init__(self, cloud: str, account: Account, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.path = places.tokens_directory() / f"{_file_name(cloud)}-{_fingerprint(cloud, account)}.json"

    def fresh(self) -> Token | None:
        """The kept token, if there is one that can be used for some time yet."""
        token = self._read()
        return token if token and token.is_fresh(self._clock()) else None

    def renew(self, refused: Token | None, sign_in: Callable[[], Token]) -> Token:
        """A token other than the ``refused`` one: another thread's or process's, else from signing in.

        However many need a new one at the same time, one of them signs in; if it fails, those who waited for
        it fail alike, as many wrong passwords in a row lock an account.
        """
        began = self._clock()
        with self._locked() as lock:
            if lock is None:
                return sign_in()
            kept = self.fresh()
            if kept and not (refused and kept.text == refused.text):
                return kept
            _raise_recorded_failure(lock, began, self._clock())
            try:
                token = sign_in()
            except CloudmeshError as error:
                _record_failure(lock, error, self._clock())
                raise
            self._write(token)
            return token

    def replace(self, sign_in: Callable[[], Token]) -> Token:
        """A token from signing in now, in place of a kept one."""
        with self._locked() as lock:
            token = sign_in()
            if lock is not None:
                self._write(token)
            return token

    def _read(self) -> Token | None:
        """What is in the file; a damaged or foreign one is as good as none."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(descriptor, encoding="utf-8") as file:
            status = os.fstat(descriptor)
            if status.st_mode & 0o077 or status.st_uid != os.geteuid():
                return None
            try:
                return Token(**json.load(file))
            except (ValueError, TypeError):
                return None

    def _write(self, token: Token) -> None:
        """Put the token in place in one step. A disk that is full costs a sign-in next time, no more."""
        with suppress(OSError):
            files.replace_private(self.path, json.dumps(vars(token)).encode())

    @contextmanager
    def _locked(self) -> Iterator[int | None]:
        """Hold the lock of this account, which threads and processes wait for; None if none can be had."""
        with ExitStack() as held:
            try:
                files.make_private_directory(self.path.parent)
                lock = held.enter_context(files.file_lock(self.path.with_suffix(".lock")))
            except OSError:
                lock = None
            yield lock


def _record_failure(lock: int, error: CloudmeshError, now: float) -> None:
    """Write down in the lock file why signing in failed; our sentences hold no secret."""
    note = json.dumps({"time": now, "kind": type(error).__name__, "sentence": str(error)})
    with suppress(OSError):
        os.ftruncate(lock, 0)
        os.pwrite(lock, note.encode(), 0)


def _raise_recorded_failure(lock: int, began: float, now: float) -> None:
    """Raise why signing in failed for another one, if that was after we ``began`` to wait.

    A time to come was written before the clock was set back, and tells nothing.
    """
    try:
        note = json.loads(os.pread(lock, 65536, 0))
        late, kind, sentence = began <= note["time"] <= now, note["kind"], note["sentence"]
    except (OSError, ValueError, TypeError, KeyError):
        return
    if late:
        with errors.only_looking():
            raise getattr(errors, str(kind), errors.CloudError)(sentence)


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)[:60]


def _fingerprint(cloud: str, account: Account) -> str:
    """Of who signs in where, without what proves it."""
    identity = [cloud, account.url, account.user, account.identity["methods"], account.scope]
    user = account.identity.get("password", {}).get("user", {})
    identity.append(user.get("domain"))
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
