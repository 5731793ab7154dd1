"""Signing in to Keystone, once for all calls, and finding the services in its catalog."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from copy import copy
from typing import Any

from cloudmesh.cloud.errors import CredentialsError, EndpointError, only_looking
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.cloud.providers.openstack.tokens import Token, TokenFile
from cloudmesh.cloud.wire.waiting import aside
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.plugin.errors import suggest


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

    def _renewed(self, refused: Token | None, revoked: bool = False, on_request: bool = False) -> Token:
        """Another token, see ``TokenFile.renew``, whose lock and sign-in hold up who waits for them."""
        return aside(lambda: self._file.renew(refused, self.sign_in, revoked, on_request))

    def sign_in_again(self) -> Token:
        """A token in place of the kept one, though that may be good; but no person is asked for it again."""
        if self._account.needs_person:
            return self.token()
        return self._use(self._renewed(self._file.fresh(), on_request=True))

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
