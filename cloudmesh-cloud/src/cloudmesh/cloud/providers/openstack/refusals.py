"""Why a sign-in was refused, in one sentence: the reason that Keystone or the identity provider gives.

Keystone mostly gives none, not even if it is the project; then the sentence says what may be wrong. Where it
gives one, that is told once, without a guess beside it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from cloudmesh.cloud.errors import CredentialsError, EndpointError
from cloudmesh.cloud.providers.libcloud.error_details import clean
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.cloud.providers.openstack.rest import json_of
from cloudmesh.config.check import auth_types
from cloudmesh.plugin.errors import CloudmeshError

# What Keystone says of nearly all that it refuses.
_USUAL_REFUSAL = "requires authentication"
FEDERATION = "/OS-FEDERATION/"
_SHOWN_ERROR = ("error_description", "error")


def words(said: str, account: Account) -> str:
    """What somebody else says, fit for a sentence and without secrets."""
    return clean(said, account.secrets)


def refusal(cloud: str, account: Account, answer: Any) -> CloudmeshError | None:
    """The error for an answer by which who we say we are was not accepted; None if it says something else."""
    url, told = str(answer.url or ""), json_of(answer)
    error = told.get("error") if isinstance(told, dict) else None
    if answer.status_code == HTTPStatus.NOT_FOUND and (keys := _address_keys(account, url)):
        return EndpointError(
            f"cloud {cloud}: there is no sign-in at {urlsplit(url).netloc} (HTTP 404); "
            f"correct {account.place}.{keys}"
        )
    if urlsplit(url).netloc != urlsplit(account.url).netloc or isinstance(error, str):
        return _by_provider(cloud, account, answer, told)
    if answer.status_code != HTTPStatus.UNAUTHORIZED:
        return None
    said = words(str(error.get("message") or "") if isinstance(error, dict) else "", account)
    said = "" if _USUAL_REFUSAL in said else said
    who = f"cloud {cloud} rejected {account.user}"
    if isinstance(told, dict) and told.get("required_auth_methods"):
        return CredentialsError(_more_factors(who, account, told["required_auth_methods"]))
    if said:
        return CredentialsError(f"{who} ({said}); {_remedy(account)}")
    return CredentialsError(f"{who}{_guess(account, url)}")


def _remedy(account: Account) -> str:
    if account.way.name == auth_types.APPLICATION_CREDENTIAL:
        key = f"{account.place}.OS_APPLICATION_CREDENTIAL_SECRET"
        return f"create a new one and set it with cms config set {key}"
    return f"ask its operators, or correct {account.place}"


def _guess(account: Account, url: str) -> str:
    """What may be wrong, where Keystone does not say."""
    if account.way.name == auth_types.APPLICATION_CREDENTIAL:
        return f": it is wrong, deleted or expired; {_remedy(account)}"
    where = f" in project {account.project}" if account.project else ""
    if FEDERATION in url:
        return (
            ": Keystone did not accept the token of the identity provider; "
            f"correct {account.place}.OS_IDENTITY_PROVIDER or OS_PROTOCOL, or ask its operators"
        )
    if "OS_IDENTITY_PROVIDER" in account.keys:
        # It is told who we are by then.
        return f"{where}: no such project, domain or trust, or no role there; correct {account.place}"
    if "OS_PASSWORD" in account.keys and account.way.name == auth_types.DEFAULT:
        return (
            f"{where}: wrong user, password, project or domain, or the account is locked; "
            f"correct {account.place}.OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME or their domains"
        )
    proof = ", ".join(account.way.secret) or "the credentials"
    return f"{where}: wrong or expired {proof}, or no role there; correct {account.place}"


def _more_factors(who: str, account: Account, required: Any) -> str:
    ways = " or ".join(" and ".join(sorted(map(str, way))) for way in required)
    return (
        f"{who}: multi-factor sign-in required ({clean(ways)}); set "
        f"{account.place}.OS_AUTH_TYPE=v3multifactor and OS_AUTH_METHODS, or use an application credential"
    )


def _address_keys(account: Account, url: str) -> str:
    """The keys that led to an address where nothing is; empty if none of them did."""
    if FEDERATION in url:
        return "OS_IDENTITY_PROVIDER or OS_PROTOCOL"
    ways = ("OS_DISCOVERY_ENDPOINT", "OS_ACCESS_TOKEN_ENDPOINT", "OS_DEVICE_AUTHORIZATION_ENDPOINT")
    return next((key for key in ways if account.keys.get(key) == url), "")


def _by_provider(cloud: str, account: Account, answer: Any, told: Any) -> CredentialsError | None:
    """For an answer of an identity provider, or of what guards Keystone for it (RFC 6749, 5.2)."""
    if answer.status_code not in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return None
    said = (told.get(key) for key in _SHOWN_ERROR) if isinstance(told, dict) else ()
    wrong = account.place
    if isinstance(told, dict) and told.get("error") == "invalid_client":
        wrong, who = f"{account.place}.OS_CLIENT_ID or OS_CLIENT_SECRET", "the client"
    else:
        who = account.user
    why = words(next((each for each in said if isinstance(each, str) and each), ""), account)
    reason = f" ({why})" if why else f" (HTTP {answer.status_code})"
    return CredentialsError(
        f"cloud {cloud}: the identity provider {urlsplit(str(answer.url)).netloc} rejected {who}"
        f"{reason}; correct {wrong}"
    )
