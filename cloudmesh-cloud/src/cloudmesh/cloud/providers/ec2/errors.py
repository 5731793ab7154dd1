"""What the error codes of EC2 mean.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

from cloudmesh.cloud.errors import (
    Conflict,
    CredentialsError,
    Locked,
    NoCapacity,
    NotFound,
    Refused,
    Unsupported,
)
from cloudmesh.cloud.providers.libcloud.error_details import ErrorDetails, clean
from cloudmesh.cloud.providers.libcloud.errors import (
    CallContext,
    by_code,
    credentials_refused,
    quota_exceeded,
    rate_limited,
)
from cloudmesh.plugin.errors import CloudmeshError

_CODE = re.compile(r"<Code>\s*([\w.]+)\s*</Code>")
_MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)
# What follows is a text for machines, of a thousand letters.
_ENCODED = re.compile(r"\s*Encoded authorization failure message:.*", re.DOTALL)

_CREDENTIALS = {
    *("AuthFailure", "Blocked", "ExpiredToken", "IncompleteSignature", "InvalidAccessKeyId"),
    *("InvalidClientTokenId", "MissingAuthenticationToken", "NotAuthorized", "SignatureDoesNotMatch"),
    *("UnrecognizedClientException", "PendingVerification", "OptInRequired"),
}
_RATE = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "EC2ThrottledException"}
_KINDS: dict[str, type[CloudmeshError]] = {
    "DependencyViolation": Conflict,
    "IdempotentParameterMismatch": Conflict,
    "IncorrectInstanceState": Conflict,
    "IncorrectState": Conflict,
    "InvalidPermission.Duplicate": Conflict,
    "InvalidState": Conflict,
    "OperationNotPermitted": Conflict,
    "Resource.AlreadyAssociated": Conflict,
    "InsufficientCapacity": NoCapacity,
    "InsufficientHostCapacity": NoCapacity,
    "InsufficientInstanceCapacity": NoCapacity,
    "InvalidAction": Unsupported,
    "NotImplemented": Unsupported,
    "UnknownOperationException": Unsupported,
    "Unsupported": Unsupported,
    "UnsupportedHibernationConfiguration": Unsupported,
    "UnsupportedInstanceAttribute": Unsupported,
    "UnsupportedOperation": Unsupported,
}
_QUOTA = re.compile(r"LimitExceeded$|^MaxSpot|^TooMany|QuotaExceeded")
_PROTECTED = re.compile("disableApiTermination", re.IGNORECASE)
_MISSING = re.compile(r"\.(NotFound|Malformed|Unavailable)$")


def code_of(answer: object) -> str:
    """EC2's own code in an HTTP answer; empty if there is none."""
    found = _CODE.search(str(getattr(answer, "text", "") or ""))
    return found[1] if found else ""


def explain(details: ErrorDetails, call: CallContext) -> CloudmeshError | None:
    """EC2's own code decides, whatever the HTTP status; None if the answer holds none."""
    code = code_of(call.answer)
    if not code or details.is_page:
        return None
    told = _MESSAGE.search(str(getattr(call.answer, "text", "")))
    words = _ENCODED.sub("", unescape(told[1])) if told else ""
    details = replace(details, words=clean(f"{code}: {words}" if words else code, call.secrets))
    return _by_code(code, details, call) or (
        by_code(details.code, details, call) if details.code >= 400 else None
    )


def _by_code(code: str, details: ErrorDetails, call: CallContext) -> CloudmeshError | None:
    if code == "RequestExpired":
        return CredentialsError(
            f"cloud {call.cloud} rejected the request as expired ({details.words}); "
            "check the clock of this computer"
        )
    if code in _CREDENTIALS:
        return credentials_refused(details, call)
    if code in _RATE:
        return rate_limited(details, call)
    if _QUOTA.search(code):
        return quota_exceeded(details, call)
    if _MISSING.search(code):
        kind: type[CloudmeshError] = NotFound
    elif code == "OperationNotPermitted" and _PROTECTED.search(details.words):
        kind = Locked
    elif code in _KINDS:
        kind = _KINDS[code]
    elif code.endswith((".InUse", ".Duplicate")):
        kind = Conflict if code.endswith(".InUse") else Refused
    else:
        return None
    hint = "; try another zone, or try again later" if kind is NoCapacity else ""
    error = kind(f"{call.failed}: {details.words}{hint}")
    # An earlier call with this token was another one, and may have made a machine.
    error.outcome_unknown = code == "IdempotentParameterMismatch"
    return error
