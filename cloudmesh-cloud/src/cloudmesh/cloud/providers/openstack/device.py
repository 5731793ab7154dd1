"""Signing in to an identity provider by a visit with a browser (device flow, RFC 8628).

One visit serves all clouds of one identity provider: what it gives is kept beside the tokens of Keystone, for
their owner only. The refresh token gives new access tokens without a visit, until the provider refuses it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from cloudmesh.cloud.errors import BadAnswer, CloudError, CloudTimeout, CredentialsError, Unreachable
from cloudmesh.cloud.providers.openstack import refusals
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.cloud.providers.openstack.people import tell_visit
from cloudmesh.cloud.providers.openstack.rest import json_of, raise_for_status
from cloudmesh.cloud.providers.openstack.tokens import Token, digest, private_lock, read_private
from cloudmesh.cloud.providers.openstack.wire import BrokenCallError, Wire
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.config.settings import places
from cloudmesh.plugin import files
from cloudmesh.plugin.errors import ConfigError

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_SCOPE = "openid profile"
# What RFC 8628 says: seconds between two questions, and how much more after "slow_down".
_INTERVAL, _SLOWER = 5.0, 5.0
# An access token that ends within so many seconds is not used any more.
_MARGIN = 30.0
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@dataclass(frozen=True)
class Grant:
    """What an identity provider gave for a visit.

    Attributes:
        access: the token that Keystone takes, of the type that the configuration says; secret.
        expires: until when, in seconds since the epoch.
        refresh: gives a new one; empty if the provider gives none; secret.
        clouds: the clouds that use it.
    """

    access: str = field(repr=False)
    expires: float
    refresh: str = field(default="", repr=False)
    clouds: tuple[str, ...] = ()


class DeviceLogin:
    """One account's way to an access token.

    Args:
        cloud: the cloud's name in the configuration.
        account: who signs in where.
        wire: sends the requests.
        hide: is told each secret.
        prompter: tells a person which page to visit; None where nobody can be told.
    """

    def __init__(
        self,
        cloud: str,
        account: Account,
        wire: Wire,
        hide: Callable[[str], None],
        prompter: Prompter | None,
    ) -> None:
        self._cloud, self._account, self._wire = cloud, account, wire
        self._hide, self._prompter = hide, prompter
        self._keys = account.keys
        self._client = self._keys["OS_CLIENT_ID"]
        self._kind = self._keys.get("OS_ACCESS_TOKEN_TYPE") or "access_token"
        self._scope = self._keys.get("OS_OPENID_SCOPE") or _SCOPE
        where = self._keys.get("OS_DISCOVERY_ENDPOINT") or self._keys["OS_ACCESS_TOKEN_ENDPOINT"]
        mark = digest([where, self._client, self._kind, sorted(self._scope.split())])
        self._path = places.tokens_directory() / f"provider-{mark}.json"
        self._found: Mapping[str, Any] | None = None

    def use(self, work: Callable[[str], Token]) -> Token:
        """What ``work`` gives for an access token; it is tried once more where a kept one was refused."""
        # Only one process at a time visits or renews.
        with private_lock(self._path.with_suffix(".lock")):
            kept = self._read()
            now = time.time()
            if kept and now < kept.expires - _MARGIN:
                self._hide(kept.access)
                try:
                    token = work(kept.access)
                    self._write(kept)
                    return token
                except CredentialsError:
                    # Keystone may refuse a project to a token that is good.
                    if refusals.FEDERATION not in str(getattr(self._wire.answer, "url", "")):
                        raise
            if renewed := self._renewed(kept):
                self._write(renewed)
            else:
                return self._visited(work)
        return work(renewed.access)

    def _visited(self, work: Callable[[str], Token]) -> Token:
        """What ``work`` gives after a visit, which is kept unless Keystone turns out to refuse who came."""
        grant = self._visit()
        self._write(grant)
        try:
            return work(grant.access)
        except CredentialsError as error:
            # Kept, it would be refused again and again, and nobody asked for another visit.
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            raise CredentialsError(f"{error}, or sign in as somebody else at the next visit") from error

    def _renewed(self, kept: Grant | None) -> Grant | None:
        """A grant by the refresh token; None if there is none, or if the provider refuses it."""
        if not kept or not kept.refresh:
            return None
        self._hide(kept.refresh)
        form = {"grant_type": "refresh_token", "refresh_token": kept.refresh}
        answer = self._post(self._endpoint("token_endpoint", "OS_ACCESS_TOKEN_ENDPOINT"), form)
        refused = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        if answer.status_code in refused:
            return None
        raise_for_status(answer)
        return self._grant(answer, kept.refresh)

    def _visit(self) -> Grant:
        """A grant by a person who visits a page. Raises CredentialsError if nobody can, or nobody did."""
        # Nothing is begun that nobody can end.
        tell_visit(self._prompter, self._cloud, "")
        form, verifier = {"scope": self._scope, "client_id": self._client}, ""
        method = self._keys.get("OS_CODE_CHALLENGE_METHOD", "")
        if method:
            verifier, form["code_challenge"] = _challenge(self._account.place, method)
            form["code_challenge_method"] = method
        key = "OS_DEVICE_AUTHORIZATION_ENDPOINT"
        answer = self._post(self._endpoint("device_authorization_endpoint", key), form)
        told = self._told(answer)
        try:
            code, ends = str(told["device_code"]), time.monotonic() + float(told["expires_in"])
            page, user_code = str(told["verification_uri"]), str(told["user_code"])
            whole, interval = told.get("verification_uri_complete"), float(told.get("interval") or _INTERVAL)
        except (KeyError, TypeError, ValueError):
            # Not from the error: that of a number shows what stands in its place, which may be a secret.
            raise self._odd(answer) from None
        self._hide(code)
        where = f"{page} and enter the code {user_code}" + (f", or just {whole}" if whole else "")
        tell_visit(self._prompter, self._cloud, where)
        form = {"grant_type": _GRANT, "device_code": code, "client_id": self._client}
        return self._polled({**form, **({"code_verifier": verifier} if verifier else {})}, interval, ends)

    def _polled(self, form: Mapping[str, str], interval: float, ends: float) -> Grant:
        """The grant once the person has visited the page. Raises CredentialsError if that does not come."""
        url = self._endpoint("token_endpoint", "OS_ACCESS_TOKEN_ENDPOINT")
        while time.monotonic() + interval < ends:
            time.sleep(interval)
            try:
                answer = self._post(url, form)
            except (CloudTimeout, Unreachable):
                # As the protocol has it: ask less often.
                interval *= 2
                continue
            if answer.status_code == HTTPStatus.OK:
                return self._grant(answer)
            told = json_of(answer)
            error = told.get("error") if isinstance(told, dict) else None
            if error == "slow_down":
                interval += _SLOWER
            elif error == "expired_token":
                break
            elif error == "access_denied":
                raise CredentialsError(
                    f"cloud {self._cloud}: the sign-in was denied on the page of the identity provider; "
                    f"use cms cloud check {self._cloud} to try again"
                )
            elif error != "authorization_pending":
                raise_for_status(answer)
                raise self._odd(answer)
        raise CredentialsError(
            f"cloud {self._cloud}: the code for signing in has expired before the page was visited; "
            f"use cms cloud check {self._cloud} to try again"
        )

    def _grant(self, answer: Any, refresh: str = "") -> Grant:
        """What the answer grants; providers that give no new refresh token let the old one be used on."""
        told = self._told(answer)
        try:
            access, lives = str(told[self._kind]), float(told.get("expires_in") or 0)
        except (KeyError, TypeError, ValueError):
            raise self._odd(answer) from None
        self._hide(access)
        refresh = str(told.get("refresh_token") or refresh)
        if refresh:
            self._hide(refresh)
        return Grant(access, time.time() + lives, refresh)

    def _post(self, url: str, form: Mapping[str, str]) -> Any:
        """The answer to a form, with what proves that we are the client."""
        secret = self._keys.get("OS_CLIENT_SECRET")
        fields = dict(form) if secret else {**form, "client_id": self._client}
        return self._send("POST", url, _FORM, fields, (self._client, secret) if secret else None)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], data: Any = None, auth: Any = None
    ) -> Any:
        try:
            return self._wire.request(method, url, headers, data, auth)
        except BrokenCallError as error:
            raise error.cause from None

    def _endpoint(self, name: str, key: str) -> str:
        """An address of the identity provider: as configured, else as it tells itself."""
        if url := self._keys.get(key):
            return url
        if self._found is None:
            discovery = self._keys.get("OS_DISCOVERY_ENDPOINT")
            if not discovery:
                raise ConfigError(
                    f"{self._account.place} has no {key} and no OS_DISCOVERY_ENDPOINT; set one of them"
                )
            self._found = self._told(self._send("GET", discovery, {"Accept": "application/json"}))
        if url := str(self._found.get(name) or ""):
            return url
        raise ConfigError(
            f"cloud {self._cloud}: its identity provider has no {name} and so does not offer this sign-in; "
            f"correct {self._account.place}.OS_AUTH_TYPE"
        )

    def _told(self, answer: Any) -> Mapping[str, Any]:
        """The JSON of a success."""
        if refusal := refusals.refusal(self._cloud, self._account, answer):
            raise refusal
        raise_for_status(answer)
        told = json_of(answer)
        if not isinstance(told, dict):
            raise self._odd(answer)
        return told

    def _odd(self, answer: Any) -> CloudError:
        place = urlsplit(str(answer.url)).netloc
        return BadAnswer(
            f"cloud {self._cloud}: {place} does not answer as an identity provider; "
            f"is {self._account.place}.OS_DISCOVERY_ENDPOINT right?"
        )

    def _read(self) -> Grant | None:
        kept = read_private(self._path)
        try:
            return Grant(**{**kept, "clouds": tuple(kept["clouds"])}) if kept else None
        except (TypeError, KeyError):
            return None

    def _write(self, grant: Grant) -> None:
        """Keep a grant, with the names of the clouds that use it."""
        kept = self._read()
        clouds = sorted({self._cloud, *(kept.clouds if kept else ())})
        # A disk that is full costs a visit next time, no more.
        with suppress(OSError):
            files.replace_private(self._path, json.dumps({**asdict(grant), "clouds": clouds}).encode())


def _challenge(place: str, method: str) -> tuple[str, str]:
    """What proves later that it was we who began (RFC 7636): the proof, and what is sent of it beforehand."""
    verifier = secrets.token_urlsafe(48)
    if method == "plain":
        return verifier, verifier
    if method != "S256":
        raise ConfigError(f"{place}.OS_CODE_CHALLENGE_METHOD is {method}; it must be S256 or plain")
    hashed = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(hashed).decode().rstrip("=")
