"""What ``cms cloud add`` asks for an OpenStack: how one signs in, then what that way needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cloudmesh.cloud.provider.questions import Question
from cloudmesh.config.check import auth_types

_PLACE = "credentials."
# The ways that sites hand out; any other can be written into the file.
_COMMON_WAYS = (
    *("password", "v3applicationcredential", "v3oidcpassword", "v3oidcdeviceauthz"),
    *("v3oidcaccesstoken", "v3oidcclientcredentials", "v3totp", "v3token"),
)
_TOLD = ("OS_APPLICATION_CREDENTIAL_", "OS_PASSWORD", "OS_TOKEN", "OS_ACCESS_TOKEN")


def _has_no_way(credentials: Mapping[str, Any]) -> bool:
    """Whether the credentials do not say yet how to sign in."""
    return not any(str(key).startswith(_TOLD) for key in credentials)


def _without_ids(name: str) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a user or project is named, so that its domain matters."""
    ids = (f"OS_{name}_ID", f"OS_{name}_DOMAIN_ID", "OS_DOMAIN_NAME")

    def when(credentials: Mapping[str, Any]) -> bool:
        way = auth_types.chosen(credentials)
        known = way is not None and f"OS_{name}_DOMAIN_NAME" in way.keys
        applied = way is not None and way.name == auth_types.APPLICATION_CREDENTIAL
        return known and not applied and not any(map(credentials.get, ids))

    return when


def _oidc(credentials: Mapping[str, Any]) -> bool:
    """Whether an identity provider is asked as one of its clients."""
    way = auth_types.chosen(credentials)
    return way is not None and "OS_CLIENT_ID" in way.keys and way.name != "v3oidcaccesstoken"


def _takes_passcode(credentials: Mapping[str, Any]) -> bool:
    """Whether a passcode of an authenticator is needed."""
    way = auth_types.chosen(credentials)
    return way is not None and "OS_PASSCODE" in way.keys


def _question(key: str, text: str, example: str = "", **more: Any) -> Question:
    return Question(f"{_PLACE}{key}", text, example, **more)


QUESTIONS = (
    _question("OS_AUTH_URL", "URL of the identity service", "https://keystone.example.org:5000/v3"),
    _question("OS_AUTH_TYPE", "how to sign in", default="password", choices=_COMMON_WAYS, when=_has_no_way),
    _question("OS_IDENTITY_PROVIDER", "identity provider, as Keystone calls it", "chameleon"),
    _question("OS_PROTOCOL", "protocol of the identity provider", "openid"),
    _question("OS_CLIENT_ID", "client id at the identity provider", "keystone-public"),
    _question("OS_CLIENT_SECRET", "client secret, if there is one", default="", when=_oidc),
    _question(
        "OS_DISCOVERY_ENDPOINT",
        "discovery URL of the identity provider",
        "https://idp.example.org/.well-known/openid-configuration",
    ),
    _question("OS_USERNAME", "user name"),
    _question("OS_PASSWORD", "password"),
    # It is good once: the file says only that it is asked for.
    _question(
        "OS_PASSCODE",
        "passcode, asked at each sign-in",
        default="TBD",
        choices=("TBD",),
        when=_takes_passcode,
    ),
    _question("OS_TOKEN", "token of Keystone"),
    _question("OS_ACCESS_TOKEN", "access token of the identity provider"),
    _question("OS_PROJECT_NAME", "project", "CH-818664"),
    _question("OS_USER_DOMAIN_NAME", "domain of the user", default="Default", when=_without_ids("USER")),
    _question(
        "OS_PROJECT_DOMAIN_NAME", "domain of the project", default="Default", when=_without_ids("PROJECT")
    ),
    _question("OS_APPLICATION_CREDENTIAL_ID", "id of the application credential"),
    _question("OS_APPLICATION_CREDENTIAL_SECRET", "secret of the application credential"),
    _question("OS_REGION_NAME", "region, if the cloud has several", "RegionOne", default=""),
)
