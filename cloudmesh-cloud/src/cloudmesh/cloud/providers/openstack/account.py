"""Who signs in where: the ``OS_*`` keys of the credentials, as openrc files have them.

What is said here decides as whom and where one works; keystoneauth1 is not imported for it, since a kept
token needs no sign-in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cloudmesh.cloud.errors import CredentialsError
from cloudmesh.config.check import auth_types
from cloudmesh.config.check.auth_types import AuthType
from cloudmesh.config.yaml.keys import is_to_be_defined
from cloudmesh.plugin.errors import ConfigError

INTERFACES = ("public", "internal", "admin")
SERVICES = ("compute", "image", "network", "reservation", "identity")
_SCOPES = {"OS_SYSTEM_SCOPE": "system", "OS_TRUST_ID": "trust"}


@dataclass(frozen=True)
class Account:
    """An account of Keystone (version 3), and the part of its catalog that is meant.

    Attributes:
        url: the address of Keystone without its version.
        is_versioned: whether the address was given with its version.
        way: how it signs in.
        keys: what the way needs to know, by the names of openrc: who, the scope, and what proves it; secret.
        user: who signs in, in a word or two, for sentences: ``user gregor``.
        place: where the credentials stand, for sentences.
        region: of the catalog; empty if there is only one.
        interface: public, internal or admin.
        microversion: of Nova, empty for the oldest.
        overrides: addresses of services that are used in place of the catalog's.
        hidden: what came with a sign-in and is secret as well.
    """

    url: str
    is_versioned: bool
    way: AuthType
    keys: Mapping[str, str] = field(repr=False)
    user: str
    place: str
    region: str = ""
    interface: str = "public"
    microversion: str = ""
    overrides: Mapping[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set, repr=False, compare=False)

    @property
    def project(self) -> str:
        """The project in a word; empty where it is not named."""
        return self.keys.get("OS_PROJECT_NAME") or self.keys.get("OS_PROJECT_ID", "")

    @property
    def needs_person(self) -> bool:
        """Whether nobody can sign in but a person, by visiting a page or typing what is not stored."""
        missing = any(map(is_to_be_defined, self.secrets))
        return missing or auth_types.needs_person({**self.keys, auth_types.AUTH_TYPE: self.way.name})

    @property
    def secrets(self) -> list[str]:
        """What no message may repeat, the longest first."""
        known = {self.keys[key] for key in self.way.secret if key in self.keys}
        return sorted(known | self.hidden, key=lambda secret: (-len(secret), secret))

    def identity(self) -> list[Any]:
        """What tells this account from all others, without what proves it."""
        told = {key: value for key, value in self.keys.items() if key not in self.way.secret}
        bearer = "\n".join(filter(None, map(self.keys.get, auth_types.BEARERS)))
        return [self.url, self.way.name, told, bearer and hashlib.sha256(bearer.encode()).hexdigest()]

    @classmethod
    def read(cls, cloud: str, settings: Mapping[str, Any]) -> Account:
        """The account of a cloud's section.

        Raises:
            CredentialsError: what is needed to sign in is missing.
            ConfigError: a key has a value that cannot be.
        """
        keys = _CredentialKeys(cloud, settings.get("credentials") or {})
        way = _way(keys)
        url = _keystone(keys)
        given = keys.get("OS_INTERFACE", "OS_ENDPOINT_TYPE") or "public"
        interface = given.lower().removesuffix("url")
        if interface not in INTERFACES:
            raise ConfigError(
                f"{keys.place}.OS_INTERFACE is {given}; it must be one of {', '.join(INTERFACES)}"
            )
        for need in way.needs:
            keys.need(*need)
        return cls(
            url=url.removesuffix("/v3"),
            is_versioned=url.endswith("/v3"),
            way=way,
            keys=_meant(keys, way),
            user=_who(keys, way),
            place=keys.place,
            region=keys.get("OS_REGION_NAME"),
            interface=interface,
            microversion=_microversion(keys),
            overrides={kind: told for kind in SERVICES if (told := _override(keys, kind))},
        )


class _CredentialKeys:
    """The credentials as texts; an empty value is none."""

    def __init__(self, cloud: str, values: Mapping[str, Any]) -> None:
        self.cloud = cloud
        self.place = f"clouds.{cloud}.credentials"
        texts = {str(key): _text(value) for key, value in values.items()}
        self.values = {key: text for key, text in texts.items() if text}

    def get(self, *names: str) -> str:
        """The value of the first of these keys that has one."""
        return next((value for name in names if (value := self.values.get(name))), "")

    def need(self, *names: str) -> str:
        """The same, and CredentialsError if there is none."""
        value = self.get(*names)
        if not value:
            raise CredentialsError(
                f"cloud {self.cloud} has no {' or '.join(names)} in its credentials; "
                f"cms config set {self.place}.{names[0]} asks for it"
            )
        return value


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value).strip()


def _way(keys: _CredentialKeys) -> AuthType:
    """The way to sign in that is chosen. Raises ConfigError for one that does not exist or is of no use."""
    names = [given] if (given := keys.get(auth_types.AUTH_TYPE)) else []
    place = f"{keys.place}.{auth_types.AUTH_TYPE}"
    for name in [*names, *auth_types.methods(keys.values)]:
        found = auth_types.named(name)
        if not found or found.refused:
            why = found.refused if found else "which is not supported"
            raise ConfigError(f"{place} is {name}, {why}; known: {', '.join(auth_types.usable())}")
    way = auth_types.chosen(keys.values)
    if way is None:
        raise ConfigError(f"{place} is not known")
    return way


def _keystone(keys: _CredentialKeys) -> str:
    """The address, as it is given but for a slash at its end."""
    url = keys.need("OS_AUTH_URL").rstrip("/")
    _require_address(f"{keys.place}.OS_AUTH_URL", url, "https://HOST:5000/v3")
    if url.rpartition("/")[2].startswith("v2"):
        raise ConfigError(
            f"{keys.place}.OS_AUTH_URL is for version 2 of Keystone, which is not supported; end it with /v3"
        )
    return url


def _require_address(key: str, url: str, example: str) -> None:
    """Raises ConfigError if this is no address of a service."""
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"{key} must begin with https:// or http://")
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigError(f"{key} is not a URL; use {example}")
    if "@" in url:
        # No service has a use for it, and it would show in every message.
        raise ConfigError(f"{key} must not contain a user or a password")


def _override(keys: _CredentialKeys, kind: str) -> str:
    """The address of a service that is used in place of the catalog's; empty if there is none."""
    name = f"OS_{kind.upper()}_ENDPOINT_OVERRIDE"
    if url := keys.get(name).rstrip("/"):
        _require_address(f"{keys.place}.{name}", url, "https://HOST:PORT/PATH")
    return url


def _meant(keys: _CredentialKeys, way: AuthType) -> dict[str, str]:
    """What the way knows of the keys, with one scope, and a domain for each name."""
    outside = {*auth_types.SCOPE, *auth_types.USER, *auth_types.COMMON}
    meant = {key: keys.values[key] for key in way.keys if key not in outside and key in keys.values}
    if way.name == "v3oauth2mtlsclientcredential":
        meant["OS_CERT"] = keys.get("OS_CERT")
    if "OS_USER_DOMAIN_ID" not in way.keys and "OS_USERNAME" in way.keys and keys.get("OS_USERNAME"):
        meant["OS_USERNAME"] = keys.get("OS_USERNAME")
    elif "OS_USER_DOMAIN_ID" in way.keys and _needs_user(keys, way):
        identifier = keys.get("OS_USER_ID")
        name = {"OS_USERNAME": keys.get("OS_USERNAME", "OS_USER_NAME"), **_domain(keys, "USER")}
        meant.update({"OS_USER_ID": identifier} if identifier else name)
    # An application credential has its scope in itself.
    return meant if way.name == auth_types.APPLICATION_CREDENTIAL else {**meant, **_scope(keys)}


def _needs_user(keys: _CredentialKeys, way: AuthType) -> bool:
    """Whether the user matters: the id of an application credential says whose it is, its name does not."""
    if way.name != auth_types.APPLICATION_CREDENTIAL:
        return True
    return not keys.get("OS_APPLICATION_CREDENTIAL_ID") and bool(keys.need("OS_USERNAME", "OS_USER_ID"))


def _domain(keys: _CredentialKeys, whose: str) -> dict[str, str]:
    """The domain of the user or of the project: by id, else by name, else that of both, else the usual."""
    for named in (f"OS_{whose}_DOMAIN", "OS_DOMAIN", "OS_DEFAULT_DOMAIN"):
        # The oldest files have the id under the bare name.
        if identifier := keys.get(f"{named}_ID", *([named] if named == "OS_DEFAULT_DOMAIN" else [])):
            return {f"OS_{whose}_DOMAIN_ID": identifier}
        if name := keys.get(f"{named}_NAME"):
            return {f"OS_{whose}_DOMAIN_NAME": name}
    return {f"OS_{whose}_DOMAIN_ID": "default"}


def _scope(keys: _CredentialKeys) -> dict[str, str]:
    """Where one wants to work: a project, a domain, the system, or what a trust allows.

    The id of a project comes before its name, which may have changed. Only the old OS_TENANT_ID is believed
    last: there are files that have the name there.
    """
    name = keys.get("OS_PROJECT_NAME", "OS_TENANT_NAME")
    identifier = keys.get("OS_PROJECT_ID") or ("" if name else keys.get("OS_TENANT_ID"))
    others = {key: value for key in _SCOPES if (value := keys.get(key))}
    project = {"OS_PROJECT_ID": identifier} if identifier else {}
    if name and not identifier:
        project = {"OS_PROJECT_NAME": name, **_domain(keys, "PROJECT")}
    found = [*others, *list(project)[:1]]
    if len(found) > 1:
        told = " and ".join(f"{keys.place}.{key}" for key in found)
        raise ConfigError(
            f"{told} exclude each other, as a token is for one of them; remove what is not meant"
        )
    if found:
        return others or project
    # With a project these are the domains of names, as openstacksdk has it.
    identifier = keys.get("OS_DOMAIN_ID")
    return {"OS_DOMAIN_ID": identifier} if identifier else {"OS_DOMAIN_NAME": keys.need("OS_DOMAIN_NAME")}


def _who(keys: _CredentialKeys, way: AuthType) -> str:
    """Who signs in, as a sentence says it."""
    if way.name == auth_types.APPLICATION_CREDENTIAL:
        names = ("OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_NAME")
        return f"application credential {keys.get(*names)}"
    user = keys.get("OS_USERNAME", "OS_USER_NAME", "OS_USER_ID") if "OS_USERNAME" in way.keys else ""
    return f"user {user}" if user else f"the sign-in by {way.name}"


def _microversion(keys: _CredentialKeys) -> str:
    """Of Nova; a mere 2, as openrc files have it, says nothing."""
    given = keys.get("OS_COMPUTE_API_VERSION")
    if given in ("", "2"):
        return ""
    major, _, minor = given.partition(".")
    if major != "2" or not minor.isdecimal():
        raise ConfigError(f"{keys.place}.OS_COMPUTE_API_VERSION is {given}; use a microversion such as 2.79")
    return given
