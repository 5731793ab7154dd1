"""Signing in to Keystone, once for all calls, and finding the services in its catalog.

Tokens are kept on disk, so that the next process and every thread need not sign in again. A token is as good
as a password while it lives: it lies in a directory that only its owner may look into, one file (0600) for
each cloud and user, never in the store.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cloudmesh.cloud import errors
from cloudmesh.cloud.errors import BadAnswer, CloudError, CredentialsError, EndpointError, only_looking
from cloudmesh.cloud.providers.libcloud.records import epoch_seconds
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.config.settings import places
from cloudmesh.plugin import files
from cloudmesh.plugin.errors import CloudmeshError, suggest

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
        # Who signs in where, without what proves it.
        identity = [cloud, account.url, account.user, account.identity["methods"], account.scope]
        identity.append(account.identity.get("password", {}).get("user", {}).get("domain"))
        mark = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
        name = re.sub(r"[^\w.-]", "_", cloud)[:60]
        self.path = places.tokens_directory() / f"{name}-{mark}.json"

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
                # For those who wait for it; our sentences hold no secret.
                kind, now = type(error).__name__, self._clock()
                note = json.dumps({"time": now, "kind": kind, "sentence": str(error)})
                with suppress(OSError):
                    os.ftruncate(lock, 0)
                    os.pwrite(lock, note.encode(), 0)
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
        with only_looking():
            raise getattr(errors, str(kind), errors.CloudError)(sentence)


class KeystoneSession:
    """One account's way to its cloud: the token, and the addresses of the services.

    Args:
        cloud: the cloud's name in the configuration.
        account: who signs in where.
        connection: makes a connection of libcloud to an address.
        calling: turns errors of libcloud into ours; its argument says what was to be done.
        hide: is told each token, which no message may show.
    """

    def __init__(
        self,
        cloud: str,
        account: Account,
        connection: Callable[[str], Any],
        calling: Callable[[str], AbstractContextManager[None]],
        hide: Callable[[str], None],
    ) -> None:
        self._cloud = cloud
        self._account = account
        self._connect = connection
        self._calling = calling
        self._hide = hide
        self._file = TokenFile(cloud, account)
        self._token: Token | None = None

    def token(self) -> Token:
        """A token that can be used: the last one, the kept one, else one from signing in."""
        if not (self._token and self._token.is_fresh(time.time())):
            return self._use(self._file.fresh() or self._file.renew(None, self.sign_in))
        return self._token

    def _use(self, token: Token) -> Token:
        self._hide(token.text)
        self._token = token
        return token

    def renew(self) -> Token:
        """A token after the last one was refused: it may have been revoked."""
        return self._use(self._file.renew(self._token, self.sign_in))

    def sign_in_again(self) -> Token:
        """A token from signing in now, kept for what comes after."""
        return self._use(self._file.replace(self.sign_in))

    def sign_in(self) -> Token:
        """A new token from Keystone.

        Raises:
            CredentialsError: Keystone did not accept user, password, project or application credential.
            CloudError: it could not be reached, or did not answer as Keystone does.
        """
        try:
            return self._request_token(self._account.scope)
        except CredentialsError as error:
            raise self._explain_refusal(error) from error

    def endpoint(self, kind: str) -> str:
        """The address of a service of the region.

        Raises:
            EndpointError: there is no such region, and the known ones are named; or no such service.
        """
        region, interface = self._account.region, self._account.interface
        cloud, place = self._cloud, f"clouds.{self._cloud}.credentials"
        services = [each for each in self.token().catalog if each.get("type") == kind]
        known = [endpoint for service in services for endpoint in service.get("endpoints", ())]
        found = [each for each in known if not region or _region(each) == region]
        chosen = [str(each["url"]) for each in found if each["interface"] == interface]
        regions = sorted({_region(each) for each in known})
        if not known:
            raise EndpointError(f"cloud {cloud} has no {kind} service in its catalog; ask its operators")
        if not found:
            raise EndpointError(
                f"cloud {cloud} has no region {region!r}; correct {place}.OS_REGION_NAME; "
                f"{suggest(region, regions)}"
            )
        if not chosen:
            raise EndpointError(
                f"cloud {cloud} has no {interface} interface of its {kind} service; "
                f"correct {place}.OS_INTERFACE"
            )
        if not region and len(regions) > 1:
            raise EndpointError(
                f"cloud {cloud} has several regions ({', '.join(regions)}); "
                f"cms config set {place}.OS_REGION_NAME=NAME chooses one"
            )
        url = chosen[0].rstrip("/")
        # Some catalogs end the address with the version, which the paths of these services begin with.
        return url if kind == "compute" else re.sub(r"/v2(\.0)?$", "", url)

    def _request_token(self, scope: Any) -> Token:
        auth = {"identity": self._account.identity, **({"scope": scope} if scope else {})}
        keystone = self._connect(self._account.url)
        # Whatever it was for has not been asked yet.
        with only_looking(), self._calling("sign in"):
            answer = keystone.request("/v3/auth/tokens", method="POST", data={"auth": auth})
            return _token(answer, self._cloud, self._account.url)

    def _explain_refusal(self, error: CredentialsError) -> CloudmeshError:
        """Keystone says the same whatever is wrong; so find out whether it is the project."""
        account, place = self._account, f"clouds.{self._cloud}.credentials"
        if not account.scope:
            return CredentialsError(
                f"cloud {self._cloud} did not accept application credential {account.user}: it is wrong, "
                "deleted or expired; make another one and give it with "
                f"cms config set {place}.OS_APPLICATION_CREDENTIAL_SECRET"
            )
        try:
            unscoped = self._request_token("unscoped")
        except CloudmeshError:
            return CredentialsError(
                f"cloud {self._cloud} did not accept user {account.user} with this password; "
                f"correct {place}.OS_USERNAME, OS_PASSWORD or the user's domain"
            )
        return CredentialsError(
            f"user {account.user} of cloud {self._cloud} is accepted, but not in project {account.project}; "
            f"correct {place}.OS_PROJECT_NAME or its domain; {self._projects(account.project, unscoped)}"
        )

    def _projects(self, wanted: str, token: Token) -> str:
        """Half a sentence on the projects that the user has."""
        keystone = self._connect(self._account.url)
        try:
            with self._calling("list projects"):
                headers = {"X-Auth-Token": token.text}
                projects = keystone.request("/v3/auth/projects", headers=headers).object["projects"]
        except CloudError:
            return "its projects cannot be listed"
        return suggest(wanted, sorted(str(project["name"]) for project in projects))


def _token(answer: Any, cloud: str, url: str) -> Token:
    """The token in Keystone's answer. Raises BadAnswer if it is none."""
    text = answer.headers.get("x-subject-token")
    try:
        body = answer.object["token"]
        ends, begins = epoch_seconds(body["expires_at"]), epoch_seconds(body["issued_at"])
        project = body.get("project") or {}
        catalog = body.get("catalog") or []
        user = str(body["user"]["id"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _no_keystone(answer, cloud, url) from error
    if not (text and ends and begins):
        raise _no_keystone(answer, cloud, url)
    # By its length, as the clock of this machine may be another one.
    expires = time.time() + ends - begins
    # No more than is needed of each service is kept.
    keys = ("url", "interface", "region", "region_id")
    services = [
        {
            "type": each.get("type"),
            "endpoints": [{key: end[key] for key in keys if key in end} for end in each.get("endpoints", ())],
        }
        for each in catalog
    ]
    return Token(text, expires, services, str(project.get("id", "")), user)


def _no_keystone(answer: Any, cloud: str, url: str) -> BadAnswer:
    is_page = "html" in str(answer.headers.get("content-type", "")).lower()
    what = "answers with a web page, not as Keystone does" if is_page else "does not answer as Keystone does"
    hint = ", and is a proxy or a sign-in page in between?" if is_page else "?"
    return BadAnswer(
        f"cloud {cloud}: {urlsplit(url).netloc} {what}; is clouds.{cloud}.credentials.OS_AUTH_URL right{hint}"
    )


def _region(endpoint: dict[str, Any]) -> str:
    return str(endpoint.get("region") or endpoint.get("region_id") or "")
