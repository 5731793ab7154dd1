"""Signing in to Keystone, once for all calls, and finding the services in its catalog.

Tokens are kept on disk, so that the next process and every thread need not sign in again. A token is as good
as a password while it lives: it lies in a directory that only its owner may look into, one file (0600) for
each cloud and identity, never in the store.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudmesh.cloud import errors
from cloudmesh.cloud.errors import CredentialsError, EndpointError, only_looking
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.cloud.wire.waiting import aside
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.config.settings import places
from cloudmesh.plugin import files
from cloudmesh.plugin.errors import CloudmeshError, suggest

# A token that ends within so many seconds is not used any more: the work it is for takes a while.
MARGIN_SECONDS = 120.0
# For so many seconds this process does not send a secret again that was refused: hundreds of calls of a job
# begin and end one after the other, and many wrong passwords lock an account.
_REFUSED_SECONDS = 5.0
# Of so many clouds with one account it is known how the last sign-in went.
_MOST_NOTES = 32
# Of this process: two clouds may have one secret, and nothing of it is written down.
_SALT = secrets.token_bytes()


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
    """Hold a lock that threads and processes wait for, and give its file; None if none can be had."""
    with ExitStack() as held:
        try:
            files.make_private_directory(path.parent)
            lock = held.enter_context(files.file_lock(path))
        except OSError:
            lock = None
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
        # What a person is asked for is another one each time.
        self._repeats = not account.needs_person
        self._proof = hmac.new(_SALT, "\n".join(account.secrets).encode(), "sha256").hexdigest()

    def fresh(self) -> Token | None:
        """The kept token, if there is one that can be used for some time yet."""
        token = self._read(self.path)
        return token if token and token.is_fresh(self._clock()) else None

    def renew(self, refused: Token | None, sign_in: Callable[[], Token], revoked: bool = False) -> Token:
        """A token other than the ``refused`` one: another thread's or process's, else from signing in.

        However many need a new one at the same time, for one cloud or for several with the same account, one
        of them signs in; if it fails, those who waited for it fail alike, as many wrong passwords in a row
        lock an account.

        Args:
            revoked: whether the refused one is good for nothing any more.
        """
        began = self._clock()
        with private_lock(self._lock) as lock:
            if lock is None:
                return sign_in()
            kept = self.fresh()
            if kept and not (refused and kept.text == refused.text):
                return kept
            if kept and revoked:
                # Kept, it would spare the next process a sign-in that it needs.
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)
            token = self._recorded(lock, began, refused)
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

    def _record(self, lock: int, **outcome: str) -> None:
        """Write down what came of a sign-in, for those who wait for it."""
        now = self._clock()
        others = [each for each in _notes(lock) if each["cloud"] != self._cloud]
        note = {"time": now, "cloud": self._cloud, "proof": self._proof, **outcome}
        with suppress(OSError):
            os.ftruncate(lock, 0)
            os.pwrite(lock, json.dumps([note, *others][:_MOST_NOTES]).encode(), 0)

    def _recorded(self, lock: int, began: float, refused: Token | None) -> Token | None:
        """The token that another one got after we ``began`` to wait; None if nobody did.

        Raises why signing in failed for it, or why our secret was refused moments before we began. A time to
        come was written before the clock was set back, and tells nothing; nor does another cloud whose
        secret is another one.
        """
        now = self._clock()
        for note in _notes(lock):
            ours, same = note["cloud"] == self._cloud, note["proof"] == self._proof
            refused_just_now = same and self._repeats and note.get("kind") == CredentialsError.__name__
            since = began - (_REFUSED_SECONDS if refused_just_now else 0.0)
            if not (since <= note["time"] <= now and (ours or same)):
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


def _notes(lock: int) -> list[dict[str, Any]]:
    """What came of the last sign-in for each cloud of an account, the last first; empty if it is damaged."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        notes = json.loads(os.pread(lock, 1 << 20, 0))
        return [each for each in notes if isinstance(each["time"], float) and each["cloud"] and each["proof"]]
    return []


class KeystoneSession:
    """One account's way to its cloud: the token, and the addresses of the services.

    Args:
        cloud: the cloud's name in the configuration.
        account: who signs in where.
        new: signs in; its argument is who is asked where that needs a person, None where nobody can be.
        calling: turns errors of libcloud into ours; its argument says what was to be done.
        hide: is told each token, which no message may show.
    """

    def __init__(
        self,
        cloud: str,
        account: Account,
        new: Callable[[Prompter | None], Token],
        calling: Callable[[str], AbstractContextManager[None]],
        hide: Callable[[str], None],
    ) -> None:
        self._cloud = cloud
        self._account = account
        self._new = new
        self._calling = calling
        self._hide = hide
        self._file = TokenFile(cloud, account)
        self._token: Token | None = None
        # Addresses that were found in its catalog.
        self._endpoints: dict[str, str] = {}
        # Whether it was given before this session, so that the catalog in it may be out of date.
        self._is_kept = False
        self._refused = ""
        # Who is asked where signing in needs a person; None where nobody can be.
        self.prompter: Prompter | None = None

    def twin(
        self,
        new: Callable[[Prompter | None], Token],
        calling: Callable[[str], AbstractContextManager[None]],
        hide: Callable[[str], None],
    ) -> KeystoneSession:
        """One with the same account and token, for another call at the same time; its arguments as above."""
        made = copy(self)
        made._new, made._calling, made._hide = new, calling, hide
        return made

    def token(self) -> Token:
        """A token that can be used: the last one, the kept one, else one from signing in."""
        if not (self._token and self._token.is_fresh(time.time())):
            kept = self._file.fresh()
            token = self._use(kept or self._renewed(None))
            self._is_kept = kept is not None
            return token
        return self._token

    def has_token(self) -> bool:
        """Whether a token is kept that can be used for some time yet."""
        return self._file.fresh() is not None

    def _use(self, token: Token) -> Token:
        self._hide(token.text)
        self._token, self._is_kept, self._endpoints = token, False, {}
        return token

    def renew(self) -> Token:
        """A token after the last one was refused: it may have been revoked."""
        return self._use(self._renewed(self._token, revoked=True))

    def _renewed(self, refused: Token | None, revoked: bool = False) -> Token:
        """Another token, see ``TokenFile.renew``, whose lock and sign-in hold up who waits for them."""
        return aside(lambda: self._file.renew(refused, self.sign_in, revoked))

    def sign_in_again(self) -> Token:
        """A token in place of the kept one, though that may be good; but no person is asked for it again."""
        if self._account.needs_person:
            return self.token()
        return self._use(self._renewed(self._file.fresh()))

    def sign_in(self) -> Token:
        """A new token from Keystone, which is sent the password once only: many wrong ones lock an account.

        Raises:
            CredentialsError: Keystone did not accept who we say we are, or somebody has to be asked.
            CloudError: it could not be reached, or did not answer as Keystone does.
        """
        if self._refused:
            raise CredentialsError(self._refused)
        # Whatever it was for has not been asked yet.
        with only_looking(), self._calling("sign in"):
            try:
                return self._new(self.prompter)
            except CredentialsError as error:
                self._refused = str(error)
                raise

    def endpoint(self, kind: str) -> str:
        """The address of a service of the region.

        Raises:
            EndpointError: there is no such region, and the known ones are named; or no such service.
        """
        if override := self._account.overrides.get(kind):
            return _unversioned(kind, override)
        token = self.token()
        if known := self._endpoints.get(kind):
            return known
        try:
            found = self._endpoints[kind] = self._endpoint(kind, token)
            return found
        except EndpointError:
            # No person is bothered for what may be new in the catalog.
            if not self._is_kept or self._account.needs_person:
                raise
        return self._endpoint(kind, self._use(self._renewed(token)))

    def _endpoint(self, kind: str, token: Token) -> str:
        region, interface = self._account.region, self._account.interface
        place = f"clouds.{self._cloud}.credentials"
        services = [each for each in token.catalog if each["type"] == kind]
        known = [endpoint for service in services for endpoint in service["endpoints"]]
        found = [each for each in known if not region or _region(each) == region]
        chosen = [str(each["url"]) for each in found if each.get("interface") == interface]
        regions = sorted({_region(each) for each in known})
        if not known:
            wrong = f"no endpoint of the {kind} service in its catalog; ask its operators"
        elif not found:
            hint = suggest(region, regions)
            wrong = f"no region {region!r}; correct {place}.OS_REGION_NAME; {hint}"
        elif not chosen:
            wrong = f"no {interface} endpoint of the {kind} service; correct {place}.OS_INTERFACE"
        elif not region and len(regions) > 1:
            told = ", ".join(regions)
            wrong = f"several regions ({told}); set one with cms config set {place}.OS_REGION_NAME=NAME"
        else:
            return _unversioned(kind, chosen[0].rstrip("/"))
        raise EndpointError(f"cloud {self._cloud} has {wrong}")


def _unversioned(kind: str, url: str) -> str:
    """The address of a service, as the paths of the table of calls go on from it.

    Some catalogs end it with the version, which the paths of all services but Nova begin with.
    """
    return url if kind == "compute" else re.sub(r"/v2(\.0)?$", "", url)


def _region(endpoint: dict[str, Any]) -> str:
    return str(endpoint.get("region") or endpoint.get("region_id") or "")
