"""Signing in to Keystone, by keystoneauth1: one token for what the configuration says of who and where.

keystoneauth1 is imported here only, as that takes a tenth of a second; a kept token needs none of this.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from cloudmesh.cloud.errors import BadAnswer
from cloudmesh.cloud.providers.libcloud.error_details import is_page
from cloudmesh.cloud.providers.libcloud.records import epoch_seconds
from cloudmesh.cloud.providers.libcloud.whole import import_whole
from cloudmesh.cloud.providers.openstack import refusals
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.cloud.providers.openstack.people import ask, lacks, tell_visit
from cloudmesh.cloud.providers.openstack.rest import CALLS, RestClient, json_of, raise_for_status
from cloudmesh.cloud.providers.openstack.tokens import Token
from cloudmesh.cloud.providers.openstack.wire import BrokenCallError, Wire
from cloudmesh.config.check import auth_types
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.config.yaml.keys import ONE_TIME, is_to_be_defined
from cloudmesh.plugin.errors import ConfigError
from cloudmesh.plugin.packages import entry_points

_PLUGINS = "keystoneauth1.plugin"
_WEB = "v3websso"
# The names of keystoneauth1 for what asks Keystone nothing beforehand.
_PLAIN = {"password": "v3password", "token": "v3token"}
# What keystoneauth1 makes of an answer that is not one of Keystone or of an identity provider.
_ODD = (KeyError, TypeError, AttributeError, AssertionError, ValueError, IndexError, RecursionError)


class SignIn:
    """One sign-in.

    Args:
        cloud: the cloud's name in the configuration.
        account: who signs in where.
        client: our connections.
        hide: is told each secret that is not in the configuration.
        prompter: who is asked for what is good once only; None where nobody can be.
    """

    def __init__(
        self,
        cloud: str,
        account: Account,
        client: RestClient,
        hide: Callable[[str], None],
        prompter: Prompter | None = None,
    ) -> None:
        self._cloud, self._account, self._hide, self._prompter = cloud, account, hide, prompter
        self._otp = ""
        self._wire = Wire(client, cloud, account.url.startswith("https:"), hide)

    def token(self) -> Token:
        """A new token.

        Raises:
            CredentialsError: who we say we are was not accepted, or somebody has to be asked.
            ConfigError: a package is missing for this way, or its keys do not fit together.
            BadAnswer: it is not Keystone that answers, or no identity provider.
            Exception: of libcloud or requests, for the provider's ``calling`` to translate.
        """
        keys = self._asked(dict(self._account.keys))
        url = self._keystone_url()
        if self._account.way.name != auth_types.DEVICE:
            return self._with(url, self._account.way.name, keys)
        # Needed for this way only.
        from cloudmesh.cloud.providers.openstack.device import DeviceLogin

        login = DeviceLogin(self._cloud, self._account, self._wire, self._hide, self._prompter)
        return login.use(
            lambda access: self._with(url, "v3oidcaccesstoken", {**keys, "OS_ACCESS_TOKEN": access})
        )

    def _asked(self, keys: dict[str, str]) -> dict[str, str]:
        """The keys, with what is good for one sign-in only asked for."""
        for key in auth_types.only_to_sign_in(keys | {auth_types.AUTH_TYPE: self._account.way.name}):
            if key not in ONE_TIME and is_to_be_defined(keys[key]):
                raise lacks(self._account, self._cloud, key)
        missing = [key for key in ONE_TIME if key in keys and is_to_be_defined(keys[key])]
        for key in missing:
            what = "passcode" if key == "OS_PASSCODE" else "authorization code"
            keys[key] = ask(self._prompter, self._cloud, what)
            self._hide(keys[key])
        if "OS_IDP_OTP_KEY" in keys:
            # keystoneauth1 would ask for it on stdin.
            self._otp = ask(self._prompter, self._cloud, "passcode")
            self._hide(self._otp)
        return keys

    def _keystone_url(self) -> str:
        """The address of version 3, which Keystone itself tells where it is not given.

        Whatever is told, it stays on the host that was given, and encrypted if that was.
        """
        url = self._account.url
        if self._account.is_versioned:
            return f"{url}/v3"
        answer = self._guarded(lambda: self._wire.request("GET", f"{url}/", {"Accept": "application/json"}))
        told = json_of(answer)
        try:
            versions = told["versions"]["values"] if "versions" in told else [told["version"]]
            links = [link for each in versions if str(each["id"]).startswith("v3") for link in each["links"]]
            path = next(urlsplit(link["href"]).path for link in links if link["rel"] == "self").rstrip("/")
        except (*_ODD, StopIteration):
            return f"{url}/v3"
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}{path}" if path.endswith("/v3") else f"{url}/v3"

    def _with(self, url: str, name: str, keys: Mapping[str, str]) -> Token:
        """The token that a plugin of keystoneauth1 gets."""
        import_whole("requests")
        from keystoneauth1.session import Session

        # It tells on stderr what the error tells as well, where nobody has set up logging.
        logging.getLogger("keystoneauth").addHandler(logging.NullHandler())
        plugin = self._plugin(url, name, keys)
        if name == _WEB:
            # It opens a browser here, and logs the address.
            query = urlencode({"origin": plugin.redirect_uri})
            tell_visit(self._prompter, self._cloud, f"{plugin.federated_token_url}?{query}")
        wire: Any = self._wire
        session: Any = Session(session=wire, redirect=False)
        session.otp = self._otp
        self._guarded(lambda: plugin.get_access(session))
        return self._read(self._wire.answer)

    def _plugin(self, url: str, name: str, keys: Mapping[str, str]) -> Any:
        """The plugin of keystoneauth1 for a way to sign in. Raises ConfigError if it cannot be made."""
        from keystoneauth1.exceptions import ClientException

        loader = self._loader(_PLAIN.get(name, name))
        options = list(loader.get_options())
        named: dict[str, Any] = {}
        if name == auth_types.MULTIFACTOR:
            methods = [_method(each) for each in auth_types.methods(keys)]
            named["auth_methods"] = methods
            options += [option for each in methods for option in self._loader(each).get_options()]
        for option in options:
            names = (option.name, option.dest, *(each.name for each in option.deprecated))
            given = (keys.get(f"OS_{each.upper().replace('-', '_')}") for each in names)
            if option.dest not in named and (value := next(filter(None, given), None) or option.default):
                named[option.dest] = option.type(value)
            elif option.dest == "client_secret":
                # Its classes insist on one, though the client of a public site has none.
                named.setdefault(option.dest, "")
        named["auth_url"] = url
        try:
            return loader.load_from_options(**named)
        except ImportError as error:
            raise self._lacks_package(name) from error
        except (ClientException, *_ODD) as error:
            raise ConfigError(
                f"{self._account.place} does not fit together for the auth type {name} "
                f"({refusals.words(str(error), self._account)}); cms config check shows what it needs"
            ) from error

    def _loader(self, name: str) -> Any:
        point = next((each for each in entry_points(_PLUGINS) if each.name == name), None)
        if point is None:
            raise self._lacks_package(name)
        try:
            loader = point.load()()
        except (ImportError, AttributeError) as error:
            # That of SAML stumbles where lxml is missing.
            raise self._lacks_package(name) from error
        if not loader.available:
            raise self._lacks_package(name)
        return loader

    def _lacks_package(self, name: str) -> ConfigError:
        package = self._account.way.extra or "keystoneauth1"
        return ConfigError(
            f"cloud {self._cloud}: the auth type {name} requires a package that is not installed; "
            f"pip install '{package}'"
        )

    def _guarded(self, work: Callable[[], Any]) -> Any:
        """What a part of the sign-in gives; its errors become ours, or those that ``calling`` translates."""
        from keystoneauth1.exceptions import ClientException

        try:
            return work()
        except BrokenCallError as error:
            raise error.cause from None
        except (ClientException, *_ODD) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> Exception:
        """Why a sign-in failed, from the last answer."""
        answer = self._wire.answer
        if answer is None:
            said = refusals.words(str(error), self._account)
            return ConfigError(
                f"cloud {self._cloud}: sign-in is not possible ({said}); correct {self._account.place}"
            )
        if refusal := refusals.refusal(self._cloud, self._account, answer):
            return refusal
        try:
            raise_for_status(answer)
        except Exception as failure:  # noqa: BLE001 one of libcloud, which names no narrower class here
            return failure
        return self._no_keystone(answer)

    def _read(self, answer: Any) -> Token:
        """The token in Keystone's answer. Raises BadAnswer if it is none."""
        text, body = answer.headers.get("x-subject-token"), json_of(answer)
        try:
            told = body["token"]
            ends, begins = epoch_seconds(told["expires_at"]), epoch_seconds(told["issued_at"])
            if not (text and ends and begins and CALLS["token"].fits(answer, body)):
                raise ValueError("no token")
            # By its length, as the clock of this machine may be another one.
            lives = ends - begins
            project = str((told.get("project") or {}).get("id", ""))
            user = told["user"]
            return Token(
                text,
                time.time() + lives,
                [_service(each) for each in told.get("catalog") or ()],
                project,
                str(user["id"]),
                _named(user),
                _scope(told),
                any(role.get("name") == "admin" for role in told.get("roles") or ()),
            )
        except _ODD as error:
            raise self._no_keystone(answer) from error

    def _no_keystone(self, answer: Any) -> BadAnswer:
        place = urlsplit(str(answer.url or self._account.url))
        ours = place.netloc == urlsplit(self._account.url).netloc
        who, key = ("Keystone", "OS_AUTH_URL") if ours else ("an identity provider", "OS_DISCOVERY_ENDPOINT")
        page = is_page(answer) or "html" in str(answer.headers.get("content-type", "")).lower()
        what = f"answers with a web page, not as {who}" if page else f"does not answer as {who}"
        hint = ", and is a proxy or a sign-in page in between?" if page else "?"
        return BadAnswer(
            f"cloud {self._cloud}: {place.netloc} {what}; is {self._account.place}.{key} right{hint}"
        )


def _method(name: str) -> str:
    """A way to sign in that is one of several factors, as keystoneauth1 calls it."""
    found = auth_types.named(name)
    return _PLAIN.get(found.name, found.name) if found else name


def _service(told: Mapping[str, Any]) -> dict[str, Any]:
    """No more than is needed of a service of the catalog."""
    keys = ("url", "interface", "region", "region_id")
    return {
        "type": told["type"],
        "endpoints": [
            {key: end[key] for key in keys if key in end}
            for end in told["endpoints"]
            if str(end.get("url")).startswith(("http://", "https://"))
        ],
    }


def _named(told: Mapping[str, Any]) -> str:
    """A user or a project in words: its name, with its domain where that is not the usual one."""
    name, domain = str(told.get("name") or told["id"]), told.get("domain") or {}
    usual = domain.get("id") in (None, "default")
    return name if usual else f"{name} (domain {domain.get('name') or domain['id']})"


def _scope(told: Mapping[str, Any]) -> str:
    """Where a token is good: a project, a domain, the system, nothing in particular."""
    trust = " by a trust" if told.get("OS-TRUST:trust") else ""
    if project := told.get("project"):
        return f"project {_named(project)}{trust}"
    if domain := told.get("domain"):
        return f"domain {domain.get('name') or domain['id']}"
    return "the system" if told.get("system") else "no project (the token is unscoped)"
