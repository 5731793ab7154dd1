"""The ways to sign in to an OpenStack: what each is called, what it needs, and which keys it knows.

These are the plugins of keystoneauth1 5.18, with the names of its options in capitals as openrc files have
them. It stands here so that a file can be checked and imported where keystoneauth1 is not installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cloudmesh.config.yaml.keys import ONE_TIME, is_elsewhere, is_to_be_defined

# Each need is a tuple of keys of which one is enough; the first is the one to recommend.
Needs = tuple[tuple[str, ...], ...]

AUTH_TYPE = "OS_AUTH_TYPE"
DEFAULT = "password"
APPLICATION_CREDENTIAL = "v3applicationcredential"
MULTIFACTOR = "v3multifactor"
DEVICE = "v3oidcdeviceauthz"

# What says how the services are found and reached, whoever signs in.
COMMON = (
    AUTH_TYPE,
    *("OS_AUTH_URL", "OS_REGION_NAME", "OS_INTERFACE", "OS_ENDPOINT_TYPE"),
    *("OS_CACERT", "OS_VERIFY", "OS_INSECURE", "OS_CERT", "OS_KEY"),
)
# Of one service each.
_COMMON_FORM = re.compile(r"OS_[A-Z0-9_]+_(API_VERSION|ENDPOINT_OVERRIDE)")
PROJECT = ("OS_PROJECT_NAME", "OS_PROJECT_ID", "OS_TENANT_NAME", "OS_TENANT_ID")
_DEFAULTS = ("OS_DEFAULT_DOMAIN_ID", "OS_DEFAULT_DOMAIN_NAME", "OS_DEFAULT_DOMAIN")
_ELSEWHERE = ("OS_DOMAIN_ID", "OS_DOMAIN_NAME", "OS_SYSTEM_SCOPE", "OS_TRUST_ID")
# What says where in the cloud one wants to work.
SCOPE = (*PROJECT, "OS_PROJECT_DOMAIN_ID", "OS_PROJECT_DOMAIN_NAME", *_ELSEWHERE, *_DEFAULTS)
USER = ("OS_USERNAME", "OS_USER_ID", "OS_USER_NAME", "OS_USER_DOMAIN_ID", "OS_USER_DOMAIN_NAME")
_URL, _SCOPED = ("OS_AUTH_URL",), (*PROJECT, *_ELSEWHERE)
_NAMED = ("OS_USERNAME", "OS_USER_ID", "OS_USER_NAME")
_FEDERATED = ("OS_IDENTITY_PROVIDER", "OS_PROTOCOL")
_CLIENT = ("OS_CLIENT_ID", "OS_CLIENT_SECRET", "OS_OPENID_SCOPE")
_TOKENS = ("OS_ACCESS_TOKEN_ENDPOINT", "OS_DISCOVERY_ENDPOINT", "OS_ACCESS_TOKEN_TYPE")
# Secrets that alone tell who signs in.
BEARERS = ("OS_TOKEN", "OS_ACCESS_TOKEN", "OS_CODE", "OS_AUTHORIZATION_CODE")
# Where an identity provider gives tokens.
_ENDPOINT = ("OS_DISCOVERY_ENDPOINT", "OS_ACCESS_TOKEN_ENDPOINT")


@dataclass(frozen=True)
class AuthType:
    """One way to sign in.

    Attributes:
        name: as keystoneauth1 calls it.
        needs: what must be given, beside ``_URL``.
        keys: what it knows, beside ``COMMON``.
        aliases: other names that files use; "v3" before a name, and ``-`` or ``_`` in it, are left out.
        secret: the keys that nobody may see.
        browser: whether a person has to visit a page at each first sign-in.
        extra: what ``pip install`` needs for it, beside keystoneauth1.
        refused: why it cannot be used here; empty if it can.
    """

    name: str
    needs: Needs
    keys: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    browser: bool = False
    extra: str = ""
    refused: str = ""

    def knows(self, key: str) -> bool:
        """Whether a key of the credentials means something for this way."""
        return key in COMMON or key in self.keys or bool(_COMMON_FORM.fullmatch(key))

    @property
    def known(self) -> tuple[str, ...]:
        """The keys that may be given, those of its own before the common ones."""
        return (*self.keys, *COMMON)


def _federated(name: str, needs: Needs, keys: tuple[str, ...], **more: Any) -> AuthType:
    """A way by an identity provider other than Keystone."""
    identity = tuple((key,) for key in _FEDERATED)
    return AuthType(name, (*identity, *needs, _SCOPED), (*_FEDERATED, *keys, *SCOPE), **more)


def _oidc(name: str, needs: Needs, keys: tuple[str, ...] = (), **more: Any) -> AuthType:
    """One of OpenID Connect, where we are a client of the identity provider."""
    more["secret"] = ("OS_CLIENT_SECRET", *more.get("secret", ()))
    return _federated(name, (("OS_CLIENT_ID",), _ENDPOINT, *needs), (*keys, *_CLIENT, *_TOKENS), **more)


_USELESS = "it gives no token and no catalog, which the services need"
_OAUTH2 = ("OS_OAUTH2_ENDPOINT", "OS_OAUTH2_CLIENT_ID")
_OAUTH1 = ("OS_CONSUMER_KEY", "OS_CONSUMER_SECRET", "OS_ACCESS_KEY", "OS_ACCESS_SECRET")
_LOGIN, _PAGE = (("OS_USERNAME",), ("OS_PASSWORD",)), ("OS_USERNAME", "OS_PASSWORD")
_ADFS = ("OS_IDENTITY_PROVIDER_URL", "OS_SERVICE_PROVIDER_ENDPOINT", "OS_SERVICE_PROVIDER_ENTITY_ID")
_APPLICATION = (
    *("OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_NAME"),
    "OS_APPLICATION_CREDENTIAL_SECRET",
)
TYPES: tuple[AuthType, ...] = (
    AuthType(
        DEFAULT,
        (_NAMED, ("OS_PASSWORD",), _SCOPED),
        (*USER, "OS_PASSWORD", *SCOPE),
        secret=("OS_PASSWORD",),
    ),
    AuthType("token", (("OS_TOKEN",), _SCOPED), ("OS_TOKEN", *SCOPE), secret=("OS_TOKEN",)),
    AuthType(
        APPLICATION_CREDENTIAL,
        (_APPLICATION[:2], _APPLICATION[2:]),
        # Its scope is in it; files have the project beside it all the same.
        (*_APPLICATION, *USER, *SCOPE),
        secret=_APPLICATION[2:],
    ),
    AuthType(
        "v3totp",
        (_NAMED, ("OS_PASSCODE",), _SCOPED),
        (*USER, "OS_PASSCODE", *SCOPE),
        secret=("OS_PASSCODE",),
    ),
    # What else it needs follows from the methods that it names.
    AuthType(MULTIFACTOR, (("OS_AUTH_METHODS",), _SCOPED), ("OS_AUTH_METHODS", *SCOPE)),
    _oidc("v3oidcpassword", _LOGIN, (*_PAGE, "OS_IDP_OTP_KEY"), secret=("OS_PASSWORD",)),
    _oidc("v3oidcclientcredentials", (("OS_CLIENT_SECRET",),), aliases=("oidcclientcredential",)),
    _federated(
        "v3oidcaccesstoken",
        (("OS_ACCESS_TOKEN",),),
        # The last two are left over in files that were made for another way.
        ("OS_ACCESS_TOKEN", *_TOKENS, *_CLIENT),
        secret=("OS_ACCESS_TOKEN", "OS_CLIENT_SECRET"),
    ),
    _oidc(
        DEVICE,
        (),
        ("OS_DEVICE_AUTHORIZATION_ENDPOINT", "OS_CODE_CHALLENGE_METHOD"),
        aliases=("oidcdeviceauthorization", "oidcdevice"),
        browser=True,
    ),
    _oidc(
        "v3oidcauthcode",
        (("OS_CODE", "OS_AUTHORIZATION_CODE"),),
        ("OS_CODE", "OS_AUTHORIZATION_CODE", "OS_REDIRECT_URI"),
        aliases=("oidcauthorizationcode",),
        secret=("OS_CODE", "OS_AUTHORIZATION_CODE"),
    ),
    _federated(
        "v3websso",
        (),
        ("OS_REDIRECT_HOST", "OS_REDIRECT_PORT", "OS_LOGIN_TIMEOUT", "OS_USERNAME"),
        browser=True,
    ),
    AuthType(
        "v3oauth2clientcredential",
        (*((key,) for key in _OAUTH2), ("OS_OAUTH2_CLIENT_SECRET",)),
        (*_OAUTH2, "OS_OAUTH2_CLIENT_SECRET", *SCOPE),
        secret=("OS_OAUTH2_CLIENT_SECRET",),
    ),
    AuthType(
        "v3oauth2mtlsclientcredential",
        (*((key,) for key in _OAUTH2), ("OS_CERT",), ("OS_KEY",)),
        (*_OAUTH2, *SCOPE),
    ),
    AuthType(
        "v3oauth1",
        tuple((key,) for key in _OAUTH1),
        (*_OAUTH1, *SCOPE),
        secret=_OAUTH1,
        extra="keystoneauth1[oauth1]",
    ),
    _federated(
        "v3adfspassword",
        (*((key,) for key in _ADFS), *_LOGIN),
        (*_ADFS, *_PAGE),
        secret=("OS_PASSWORD",),
        extra="keystoneauth1[saml2]",
    ),
    _federated(
        "v3samlpassword",
        (_ADFS[:1], *_LOGIN),
        (_ADFS[0], *_PAGE),
        secret=("OS_PASSWORD",),
        extra="keystoneauth1[saml2]",
    ),
    AuthType(
        "v3kerberos",
        (_SCOPED,),
        ("OS_MUTUAL_AUTH", *SCOPE),
        aliases=("kerberos",),
        extra="keystoneauth1[kerberos]",
    ),
    _federated("v3fedkerb", (), ("OS_MUTUAL_AUTH",), extra="keystoneauth1[kerberos]"),
    AuthType("v3tokenlessauth", (_SCOPED,), SCOPE, refused=_USELESS),
    AuthType("none", (), ("OS_ENDPOINT",), ("noauth",), refused=_USELESS),
    AuthType(
        "admin_token",
        (),
        ("OS_ENDPOINT", "OS_TOKEN", "OS_URL"),
        ("token_endpoint",),
        ("OS_TOKEN",),
        refused=_USELESS,
    ),
    AuthType(
        "http_basic",
        (),
        ("OS_ENDPOINT", "OS_USERNAME", "OS_PASSWORD"),
        secret=("OS_PASSWORD",),
        refused=_USELESS,
    ),
    AuthType("v2password", (), USER, refused="version 2 of Keystone is not supported"),
    AuthType("v2token", (), (), refused="version 2 of Keystone is not supported"),
)


def _plain(name: str) -> str:
    """A name without what is written differently in files."""
    return re.sub(r"[-_\s]", "", name.lower()).removeprefix("v3")


_BY_NAME = {_plain(name): each for each in TYPES for name in (each.name, *each.aliases)}


def named(name: str) -> AuthType | None:
    """The way of this name, with or without its "v3"; None if there is no such way."""
    return _BY_NAME.get(_plain(name))


def usable() -> tuple[str, ...]:
    """The names of all ways that we can sign in with."""
    return tuple(each.name for each in TYPES if not each.refused)


def chosen(credentials: Mapping[str, Any]) -> AuthType | None:
    """The way that the credentials choose: by OS_AUTH_TYPE, else by what they hold; None if it is unknown."""
    given = credentials.get(AUTH_TYPE)
    name = given.strip() if isinstance(given, str) else "" if given is None else str(given)
    if not name:
        applied = any(str(key).startswith("OS_APPLICATION_CREDENTIAL_") for key in credentials)
        name = APPLICATION_CREDENTIAL if applied else DEFAULT
    found = named(name)
    return _with_methods(found, credentials) if found and found.name == MULTIFACTOR else found


def methods(credentials: Mapping[str, Any]) -> list[str]:
    """The names of the ways that a sign-in with several factors is made of."""
    given = credentials.get("OS_AUTH_METHODS") or ""
    words = given if isinstance(given, list) else re.split(r"[,\s]+", str(given))
    return [str(word).strip() for word in words if str(word).strip()]


def _with_methods(found: AuthType, credentials: Mapping[str, Any]) -> AuthType:
    """A sign-in with several factors, with what its methods need and know."""
    parts = [way for name in methods(credentials) if (way := named(name))]
    needs = [need for way in parts for need in way.needs if need not in found.needs]
    known = [key for way in parts for key in way.keys]
    return AuthType(
        found.name,
        (*found.needs, *dict.fromkeys(needs)),
        tuple(dict.fromkeys((*found.keys, *known))),
        secret=tuple(dict.fromkeys(key for way in parts for key in way.secret)),
    )


def missing(credentials: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The needs of the chosen way that the credentials leave open; only the address if it is unknown."""
    way = chosen(credentials)
    needs = (_URL, *(way.needs if way else ()))
    for need in needs:
        if not any(is_given(credentials.get(key)) for key in need):
            yield need


def needs_person(credentials: Any) -> bool:
    """Whether nobody can sign in but a person: by visiting a page, or typing what is good once only."""
    if not isinstance(credentials, Mapping):
        return False
    if profile := credentials.get("EC2_PROFILE"):
        from cloudmesh.config.settings import aws_files

        return not credentials.get("EC2_ACCESS_KEY") and aws_files.asks_for_code(str(profile))
    asked = any(is_to_be_defined(credentials.get(key)) for key in ONE_TIME)
    way = chosen(credentials)
    return asked or is_given(credentials.get("OS_IDP_OTP_KEY")) or (way is not None and way.browser)


def only_to_sign_in(credentials: Any) -> tuple[str, ...]:
    """The secrets that are not in the file in clear, and that nothing but a sign-in needs.

    Without them it is known all the same who signs in.
    """
    way = chosen(credentials) if isinstance(credentials, Mapping) else None
    secret = (key for key in (way.secret if way else ()) if key not in BEARERS)
    return tuple(key for key in secret if is_elsewhere(credentials.get(key)))


def may_need_person(credentials: Any) -> bool:
    """Whether a sign-in needs a person, or a secret that one may have to be asked for."""
    return needs_person(credentials) or bool(only_to_sign_in(credentials))


def to_be_asked(credentials: Mapping[str, Any]) -> list[str]:
    """What files leave to the user, of what the chosen way needs: the user's name, and secrets."""
    way = chosen(credentials)
    asked = {"OS_USERNAME", *(way.secret if way else ())}
    return [need[0] for need in missing(credentials) if need[0] in asked]


def is_given(value: Any) -> bool:
    """Whether a credential has a value: one that is no text, or a text that is not blank."""
    return bool(value.strip()) if isinstance(value, str) else value is not None
