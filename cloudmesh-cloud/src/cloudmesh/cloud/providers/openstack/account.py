"""Who signs in where: the ``OS_*`` keys of the credentials, as openrc files have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cloudmesh.cloud.errors import CredentialsError
from cloudmesh.cloud.provider.questions import Question
from cloudmesh.plugin.errors import ConfigError

INTERFACES = ("public", "internal", "admin")
_PASSWORDS = ("password", "v3password")
_APPLICATIONS = ("v3applicationcredential", "application_credential")


@dataclass(frozen=True)
class Account:
    """An account of Keystone (version 3), and the part of its catalog that is meant.

    Attributes:
        url: the address of Keystone without its version.
        identity: what proves who we are, as Keystone's ``auth.identity``; secret.
        scope: the project, as Keystone's ``auth.scope``; empty with an application credential, which has one.
        user: the user in a word, for names of files and for sentences.
        secret: the password, or that of the application credential.
        region: of the catalog; empty if there is only one.
        interface: public, internal or admin.
        microversion: of Nova, empty for the oldest.
    """

    url: str
    identity: Mapping[str, Any] = field(repr=False)
    scope: Mapping[str, Any]
    user: str
    secret: str = field(repr=False)
    region: str = ""
    interface: str = "public"
    microversion: str = ""

    @property
    def project(self) -> str:
        """The project in a word; empty where the application credential says it."""
        project = self.scope.get("project", {})
        return str(project.get("name") or project.get("id") or "")

    @classmethod
    def read(cls, cloud: str, settings: Mapping[str, Any]) -> Account:
        """The account of a cloud's section.

        Raises:
            CredentialsError: what is needed to sign in is missing.
            ConfigError: a key has a value that cannot be.
        """
        keys = _CredentialKeys(cloud, settings.get("credentials") or {})
        kind = keys.get("OS_AUTH_TYPE")
        given = keys.get("OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_NAME")
        applied = kind in _APPLICATIONS or bool(not kind and given)
        if kind and not applied and kind not in _PASSWORDS:
            raise ConfigError(
                f"{keys.place}.OS_AUTH_TYPE is {kind}, which is not supported; "
                "known: password, v3applicationcredential"
            )
        if applied:
            identity, user, secret = _application(keys)
        else:
            person = _user(keys)
            secret = keys.need("OS_PASSWORD")
            identity = {"methods": ["password"], "password": {"user": {**person, "password": secret}}}
            user = str(person.get("name") or person["id"])
        given = keys.get("OS_INTERFACE", "OS_ENDPOINT_TYPE") or "public"
        interface = given.lower().removesuffix("url")
        if interface not in INTERFACES:
            raise ConfigError(
                f"{keys.place}.OS_INTERFACE is {given}; it must be one of {', '.join(INTERFACES)}"
            )
        return cls(
            url=_keystone(keys),
            identity=identity,
            scope={} if applied else {"project": _project(keys)},
            user=user,
            secret=secret,
            region=keys.get("OS_REGION_NAME"),
            interface=interface,
            microversion=_microversion(keys),
        )


def _has_no_way(credentials: Mapping[str, Any]) -> bool:
    """Whether the credentials do not say yet how to sign in."""
    return not any(str(key).startswith(("OS_APPLICATION_CREDENTIAL_", "OS_PASSWORD")) for key in credentials)


def _by_password(credentials: Mapping[str, Any]) -> bool:
    return "OS_PASSWORD" in credentials and not credentials.get("OS_DOMAIN_NAME")


def _without_ids(name: str) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a user or project is named, so that its domain matters."""
    ids = (f"OS_{name}_ID", f"OS_{name}_DOMAIN_ID")
    return lambda credentials: _by_password(credentials) and not any(map(credentials.get, ids))


QUESTIONS = (
    Question(
        "credentials.OS_AUTH_URL", "URL of the identity service", "https://keystone.example.org:5000/v3"
    ),
    Question(
        "credentials.OS_AUTH_TYPE",
        "how to sign in",
        default="password",
        choices=("password", "v3applicationcredential"),
        when=_has_no_way,
    ),
    Question("credentials.OS_USERNAME", "user name"),
    Question("credentials.OS_PASSWORD", "password"),
    Question("credentials.OS_PROJECT_NAME", "project", "CH-818664"),
    Question(
        "credentials.OS_USER_DOMAIN_NAME",
        "domain of the user",
        default="Default",
        when=_without_ids("USER"),
    ),
    Question(
        "credentials.OS_PROJECT_DOMAIN_NAME",
        "domain of the project",
        default="Default",
        when=_without_ids("PROJECT"),
    ),
    Question("credentials.OS_APPLICATION_CREDENTIAL_ID", "id of the application credential"),
    Question("credentials.OS_APPLICATION_CREDENTIAL_SECRET", "secret of the application credential"),
    Question("credentials.OS_REGION_NAME", "region, if the cloud has several", "RegionOne", default=""),
)


class _CredentialKeys:
    """The credentials as texts; an empty value is none."""

    def __init__(self, cloud: str, values: Mapping[str, Any]) -> None:
        self.cloud = cloud
        self.place = f"clouds.{cloud}.credentials"
        self._values = {str(key): str(value).strip() for key, value in values.items() if value is not None}

    def get(self, *names: str) -> str:
        """The value of the first of these keys that has one."""
        return next((value for name in names if (value := self._values.get(name))), "")

    def need(self, *names: str) -> str:
        """The same, and CredentialsError if there is none."""
        value = self.get(*names)
        if not value:
            raise CredentialsError(
                f"cloud {self.cloud} has no {' or '.join(names)} in its credentials; "
                f"cms config set {self.place}.{names[0]} asks for it"
            )
        return value


def _keystone(keys: _CredentialKeys) -> str:
    url = keys.need("OS_AUTH_URL").rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"{keys.place}.OS_AUTH_URL must begin with https:// or http://")
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigError(f"{keys.place}.OS_AUTH_URL is not a URL; use https://HOST:5000/v3")
    if "@" in url:
        # Keystone has no use for it, and it would show in every message.
        raise ConfigError(f"{keys.place}.OS_AUTH_URL must not contain a user or a password")
    head, _, last = url.rpartition("/")
    if last.startswith("v2"):
        raise ConfigError(
            f"{keys.place}.OS_AUTH_URL is for version 2 of Keystone, which is not supported; end it with /v3"
        )
    return head if last == "v3" else url


def _domain(keys: _CredentialKeys, whose: str) -> dict[str, str]:
    """The domain of the user or of the project: by id, else by name, else the usual one."""
    identifier = keys.get(f"OS_{whose}_DOMAIN_ID")
    if not identifier and (name := keys.get(f"OS_{whose}_DOMAIN_NAME", "OS_DOMAIN_NAME")):
        return {"name": name}
    return {"id": identifier or keys.get("OS_DOMAIN_ID", "OS_DEFAULT_DOMAIN") or "default"}


def _user(keys: _CredentialKeys) -> dict[str, Any]:
    if identifier := keys.get("OS_USER_ID"):
        return {"id": identifier}
    return {"name": keys.need("OS_USERNAME", "OS_USER_ID"), "domain": _domain(keys, "USER")}


def _application(keys: _CredentialKeys) -> tuple[dict[str, Any], str, str]:
    secret = keys.need("OS_APPLICATION_CREDENTIAL_SECRET")
    identifier = keys.get("OS_APPLICATION_CREDENTIAL_ID")
    if identifier:
        proven: dict[str, Any] = {"id": identifier, "secret": secret}
    else:
        # A name is unique only for its user.
        name = keys.need("OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_NAME")
        proven = {"name": name, "secret": secret, "user": _user(keys)}
        identifier = name
    return {"methods": ["application_credential"], "application_credential": proven}, identifier, secret


def _project(keys: _CredentialKeys) -> dict[str, Any]:
    """The project; older files write its name under OS_TENANT_ID as well, so a name is believed first."""
    if name := keys.get("OS_PROJECT_NAME", "OS_TENANT_NAME"):
        return {"name": name, "domain": _domain(keys, "PROJECT")}
    return {"id": keys.get("OS_PROJECT_ID", "OS_TENANT_ID") or keys.need("OS_PROJECT_NAME", "OS_PROJECT_ID")}


def _microversion(keys: _CredentialKeys) -> str:
    """Of Nova; a mere 2, as openrc files have it, says nothing."""
    given = keys.get("OS_COMPUTE_API_VERSION")
    if given in ("", "2"):
        return ""
    major, _, minor = given.partition(".")
    if major != "2" or not minor.isdecimal():
        raise ConfigError(f"{keys.place}.OS_COMPUTE_API_VERSION is {given}; use a microversion such as 2.79")
    return given
