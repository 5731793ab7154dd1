"""What botocore says when it cannot sign in, in our own sentences."""

from __future__ import annotations

import shlex

from botocore import exceptions as told

from cloudmesh.cloud.errors import CredentialsError, Unreachable
from cloudmesh.cloud.providers.libcloud.error_details import clean
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.secrets import mask_text

_NETWORK = (told.HTTPClientError, told.ConnectionError)
# The first whose class fits. ``{words}`` are botocore's own, where they hold nothing that a program printed,
# but for the first line that it wrote to stderr.
_SENTENCES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((told.LoginInsufficientPermissions,), "{who}: {words}; ask the administrators of the account"),
    ((told.LoginError,), "the login session of {who} has expired; run: aws login --profile {name}"),
    (
        (told.SSOError, told.TokenRetrievalError),
        "the SSO session of {who} has expired; run: aws sso login --profile {name}",
    ),
    (
        (told.MissingDependencyException,),
        "{who} signs in by login_session, which needs awscrt; pip install 'botocore[crt]'",
    ),
    ((told.ClientError,), "credentials rejected: {who} cannot sign in: {service}; check its section"),
    ((told.CredentialRetrievalError,), "{who} gives no credentials: {words}; check its section"),
    (
        (
            *(told.InvalidConfigError, told.PartialCredentialsError, told.ConfigParseError),
            *(told.ProfileNotFound, told.UnknownCredentialError, told.BaseEndpointResolverError),
            *(told.ValidationError, told.ParamValidationError),
        ),
        "{who} cannot be used: {words}; correct its section",
    ),
    ((OSError,), "{who} names a file or program that cannot be used ({reason}); correct it"),
    (
        (told.BotoCoreError, ValueError, LookupError, TypeError, RuntimeError, AttributeError),
        "{who} gives no usable credentials ({reason}); try: aws sts get-caller-identity --profile {name}",
    ),
)


def explained(error: Exception, cloud: str, profile: str) -> CloudmeshError | None:
    """The error for the user; None for a defect."""
    who = f"the profile {profile!r} of cloud {cloud}"
    if isinstance(error, _NETWORK):
        return _unreachable(error, who)
    for kinds, sentence in _SENTENCES:
        if isinstance(error, kinds):
            lines = str(error).splitlines() or [""]
            return CredentialsError(
                sentence.format(
                    who=who,
                    name=shlex.quote(profile),
                    words=mask_text(clean(lines[0])),
                    service=_of_service(error),
                    reason=getattr(error, "strerror", "") or type(error).__name__,
                )
            )
    return None


def _of_service(error: Exception) -> str:
    answer = getattr(error, "response", {}).get("Error", {})
    code, words = str(answer.get("Code") or "unknown error"), str(answer.get("Message") or "")
    return mask_text(clean(f"{code}: {words}" if words else code))


def _unreachable(error: Exception, who: str) -> CloudmeshError:
    url = str(getattr(error, "kwargs", {}).get("endpoint_url") or "")
    place = url.partition("://")[2].partition("/")[0].rpartition("@")[2] or "the sign-in service"
    return Unreachable(f"{who} cannot sign in: {place} does not answer; check the network and endpoint_url")
