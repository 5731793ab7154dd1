"""Signing in to Keystone, once for all calls, and finding the services in its catalog."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit

from cloudmesh.cloud.errors import BadAnswer, CloudError, CredentialsError, EndpointError, only_looking
from cloudmesh.cloud.providers.libcloud.records import epoch_seconds
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.cloud.providers.openstack.tokens import Token, TokenFile
from cloudmesh.plugin.errors import CloudmeshError, suggest

_VERSIONS = ("/v2", "/v2.0")

Calling = Callable[[str], AbstractContextManager[None]]


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
        calling: Calling,
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
        found = [each for each in self._endpoints(kind) if not region or _region(each) == region]
        chosen = [str(each["url"]) for each in found if each["interface"] == interface]
        regions = sorted({_region(each) for each in found})
        if not chosen:
            raise self._no_endpoint(kind)
        if len(regions) > 1:
            raise EndpointError(
                f"cloud {self._cloud} has several regions ({', '.join(regions)}); "
                f"cms config set clouds.{self._cloud}.credentials.OS_REGION_NAME=NAME chooses one"
            )
        return _without_version(chosen[0]) if kind != "compute" else chosen[0].rstrip("/")

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

    def _endpoints(self, kind: str) -> list[dict[str, Any]]:
        services = [each for each in self.token().catalog if each.get("type") == kind]
        return [endpoint for service in services for endpoint in service.get("endpoints", ())]

    def _no_endpoint(self, kind: str) -> CloudmeshError:
        region, interface = self._account.region, self._account.interface
        place = f"clouds.{self._cloud}.credentials"
        known = sorted({_region(each) for each in self._endpoints(kind)})
        if not known:
            return EndpointError(
                f"cloud {self._cloud} has no {kind} service in its catalog; ask its operators"
            )
        if region and region not in known:
            return EndpointError(
                f"cloud {self._cloud} has no region {region!r}; correct {place}.OS_REGION_NAME; "
                f"{suggest(region, known)}"
            )
        return EndpointError(
            f"cloud {self._cloud} has no {interface} interface of its {kind} service; "
            f"correct {place}.OS_INTERFACE"
        )


def _token(answer: Any, cloud: str, url: str) -> Token:
    """The token in Keystone's answer. Raises BadAnswer if it is none."""
    text = answer.headers.get("x-subject-token")
    try:
        body = answer.object["token"]
        # By its length, as the clock of this machine may be another one.
        expires = time.time() + epoch_seconds(body["expires_at"]) - epoch_seconds(body["issued_at"])
        project = body.get("project") or {}
        catalog = body.get("catalog") or []
        user = str(body["user"]["id"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _no_keystone(answer, cloud, url) from error
    if not text:
        raise _no_keystone(answer, cloud, url)
    return Token(text, expires, [_needed_part(each) for each in catalog], str(project.get("id", "")), user)


def _no_keystone(answer: Any, cloud: str, url: str) -> BadAnswer:
    is_page = "html" in str(answer.headers.get("content-type", "")).lower()
    what = "answers with a web page, not as Keystone does" if is_page else "does not answer as Keystone does"
    hint = ", and is a proxy or a sign-in page in between?" if is_page else "?"
    return BadAnswer(
        f"cloud {cloud}: {urlsplit(url).netloc} {what}; is clouds.{cloud}.credentials.OS_AUTH_URL right{hint}"
    )


def _needed_part(service: dict[str, Any]) -> dict[str, Any]:
    """What is needed of a service in the catalog."""
    keys = ("url", "interface", "region", "region_id")
    endpoints = [{key: each[key] for key in keys if key in each} for each in service.get("endpoints", ())]
    return {"type": service.get("type"), "endpoints": endpoints}


def _region(endpoint: dict[str, Any]) -> str:
    return str(endpoint.get("region") or endpoint.get("region_id") or "")


def _without_version(url: str) -> str:
    """Some catalogs end the address with the version, which the paths begin with."""
    url = url.rstrip("/")
    ending = next((each for each in _VERSIONS if url.endswith(each)), "")
    return url.removesuffix(ending)
