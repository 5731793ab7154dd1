"""The one place where errors of libcloud become errors of ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from traceback import walk_tb
from typing import Any
from urllib.parse import urlsplit

from cloudmesh.cloud import errors
from cloudmesh.cloud.errors import UNSURE
from cloudmesh.cloud.providers.libcloud.error_details import ErrorDetails, clean, read_error
from cloudmesh.cloud.providers.libcloud.network_errors import network_error
from cloudmesh.plugin.durations import span_text
from cloudmesh.plugin.errors import CloudmeshError

_QUOTA = re.compile(
    r"\bquotas?\b.*\b(exceed|reached|full\b|insufficient|not enough)"
    r"|(exceed|insufficient|not enough|out of)\w*\b.*\bquota|quota ?exceeded|limit ?exceeded"
    r"|exceed\w* (your|the|its)\b.*\blimit|(limit|maximum)\b.*\b(reached|exceeded)",
    re.IGNORECASE,
)
# What is too long or too large is no matter of a quota.
_TOO_LARGE = re.compile(
    r"\b(bytes?|characters?|letters?|length|payload|body|too (long|large))\b", re.IGNORECASE
)
# Those with which clouds say that there is no room; others may speak of a quota, too.
_QUOTA_STATUSES = (400, 402, 403, 409, 412, 413, 422)
_RATE = re.compile(
    # Google speaks of a quota of calls "per minute", or "per 100 seconds".
    r"rate[ -]?limit|request ?limit ?exceeded|throttl|too many requests|slow ?down"
    r"|\b(quer|request|call|operation)\w*\b.*\bper ([0-9]+ )?(second|minute)s?\b",
    re.IGNORECASE,
)
_RATE_REASON = re.compile(r"^(user)?rateLimitExceeded$", re.IGNORECASE)
_TIMEOUT_WORDS = re.compile(r"did not complete in|timed? ?out", re.IGNORECASE)
# Errors of libcloud that carry no status, by class name: their modules are not all importable.
_STATUS = {
    "GoogleAuthError": 401,
    "IdempotentParamError": 409,
    "InvalidCredsError": 401,
    "InvalidRequestError": 400,
    "KeyPairDoesNotExistError": 404,
    "LoginOrPasswordNotMatch": 401,
    "ResourceConflictError": 409,
    "ResourceExistsError": 409,
    "ResourceInUseError": 409,
    "ResourceNotFoundError": 404,
    "ServiceUnavailableError": 503,
    "UpcloudTimeoutException": 504,
}
_UNREADABLE = ("MalformedResponseError", "JsonParseError")
BAD_REQUEST = 400
#: What is to be done when a token or the like is asked for.
SIGN_IN = "sign in"


@dataclass(frozen=True)
class CallContext:
    """One call of a cloud, as its errors speak of it.

    Attributes:
        cloud: the cloud's name in the configuration.
        what: what was to be done, as an order: ``boot vm1``.
        place: host and port that were called.
        service: which service of the cloud was called, as ``compute``; empty if it has only one.
        answer: the last HTTP response, if there was one.
        secrets: texts that must not be shown.
        rule: a provider's own reading of what an error told, asked first; None where it has no opinion.
    """

    cloud: str
    what: str
    place: str = "its endpoint"
    answer: Any = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    rule: Callable[[ErrorDetails, CallContext], CloudmeshError | None] | None = None
    service: str = ""

    @property
    def failed(self) -> str:
        """How a sentence on its failure begins: the cloud, and what was to be done."""
        return f"cloud {self.cloud}" if self.what == SIGN_IN else f"cloud {self.cloud}: {self.what} failed"

    def http(self, code: int) -> str:
        """The status and who answered with it, at what; a code below 400 tells nothing."""
        sender = f"the {self.service} service" if self.service else self.place
        step = " at sign-in" if self.what == SIGN_IN else ""
        return f"{f'HTTP {code}' if code >= BAD_REQUEST else 'error'} from {sender}{step}"


def translate(error: Exception, call: CallContext) -> CloudmeshError | None:
    """The error of our tree for one of a library's; None if it comes from no library that is called here."""
    if isinstance(error, CloudmeshError):
        return error
    below = network_error(error, call.cloud, call.place)
    if below is not None:
        return below
    name = type(error).__name__
    known = name in _STATUS or name in _UNREADABLE
    theirs = any(each.__module__.split(".")[0] in ("libcloud", "xmlrpc") for each in type(error).__mro__)
    if not (known or theirs or _comes_from_libcloud(error)):
        return None
    details = read_error(error, call.answer, call.secrets)
    if getattr(error, "body", None):
        # Tracebacks show the whole answer, which may be a token, where it could not be read.
        error.body = "(left out)"  # type: ignore[attr-defined]
    own_reading = call.rule(details, call) if call.rule else None
    return own_reading or _by_status(name, details, call)


def _comes_from_libcloud(error: Exception) -> bool:
    """Whether it was raised below a function of libcloud: a KeyError, say, over an answer."""
    modules = (str(frame.f_globals.get("__name__", "")) for frame, _ in walk_tb(error.__traceback__))
    return any(each.split(".")[0] == "libcloud" for each in modules)


def _by_status(name: str, details: ErrorDetails, call: CallContext) -> CloudmeshError:
    if name == "QuotaExceededError":
        return quota_exceeded(details, call)
    code = _STATUS.get(name) or details.code
    if 300 <= code < 400 and (place := _location(call)):
        # What changes something is not sent on: by most redirections it would become a mere look.
        return errors.Refused(
            f"{call.failed}: {call.place} redirects to {place} (HTTP {code}); correct the address of the "
            "cloud, or ask its operators"
        )
    if details.is_page and code != 429:
        return _web_page(code, details, call)
    if name in _UNREADABLE and code < 400:
        return errors.BadAnswer(
            f"cloud {call.cloud}: incomplete or unreadable answer from {call.place}; {UNSURE}"
        )
    if code < 400:
        return _without_status(name, details, call)
    return by_code(code, details, call)


def by_code(code: int, details: ErrorDetails, call: CallContext) -> CloudmeshError:
    """The error for an HTTP status of 400 or more, with what the cloud said."""
    late = code == 413 and details.retry_after is not None
    told = _RATE.search(details.words) or _RATE_REASON.match(details.reason)
    if code == 429 or late or (told and code != 401):
        return rate_limited(details, call)
    if code in _QUOTA_STATUSES and _is_full(details.words):
        return quota_exceeded(details, call)
    kind, _ = _BY_STATUS.get(code) or _BY_STATUS[500 if code >= 500 else 400]
    error = kind(_sentence(code, details, call))
    if isinstance(error, errors.OutOfService):
        error.retry_after = details.retry_after
    error.outcome_unknown = code == 408 or (code >= 500 and code not in (501, 503))
    return error


def _is_full(words: str) -> bool:
    """Whether a cloud says that there is no room left for this user, and not only speaks of quotas."""
    return bool(_QUOTA.search(words)) and not _TOO_LARGE.search(words)


def _sentence(code: int, details: ErrorDetails, call: CallContext) -> str:
    _, sentence = _BY_STATUS.get(code) or _BY_STATUS[500 if code >= 500 else 400]
    return sentence.format(
        cloud=call.cloud, failed=call.failed, told=_told(details, call), place=call.place, when=_when(details)
    )


def _told(details: ErrorDetails, call: CallContext) -> str:
    """Status, sender, and what the cloud said."""
    said = f" ({details.words})" if details.words and not details.is_page else ""
    return f"{call.http(details.code)}{said}"


def _when(details: ErrorDetails) -> str:
    return "later" if details.retry_after is None else f"in {span_text(details.retry_after)}"


# Our error for a status, and its sentence; 400 and 500 also stand for those of their hundreds that have none.
_BY_STATUS: dict[int, tuple[type[CloudmeshError], str]] = {
    400: (errors.Refused, "{failed}: {told}"),
    401: (
        errors.CredentialsError,
        "cloud {cloud}: credentials rejected: {told}; correct them: cms config set "
        "clouds.{cloud}.credentials.KEY",
    ),
    403: (
        errors.Refused,
        "{failed}: permission denied: {told}; ask the operators of the cloud for the permission",
    ),
    404: (errors.NotFound, "{failed}: not found: {told}"),
    405: (errors.Unsupported, "{failed}: not supported: {told}"),
    407: (
        errors.Unreachable,
        "cloud {cloud}: the proxy before {place} requires a password: {told}; check https_proxy",
    ),
    408: (errors.CloudTimeout, "{failed}: timeout: {told}; " + UNSURE),
    409: (errors.Conflict, "{failed}: conflict: {told}"),
    410: (errors.NotFound, "{failed}: no longer exists: {told}"),
    500: (
        errors.ServerFailure,
        f"{{failed}}: {{told}}; {UNSURE}; if it persists, tell the cloud's operators",
    ),
    501: (errors.Unsupported, "{failed}: not supported: {told}"),
    # A gateway says so of a service that broke off, as well as of one that is not there.
    502: (errors.OutOfService, f"{{failed}}: service unavailable: {{told}}; {UNSURE}"),
    503: (errors.OutOfService, "{failed}: service unavailable: {told}; try again {when}"),
    504: (errors.CloudTimeout, f"{{failed}}: timeout: {{told}}; {UNSURE}"),
}


def credentials_refused(details: ErrorDetails, call: CallContext) -> errors.CredentialsError:
    """Who we are was not accepted, whatever the status said."""
    return errors.CredentialsError(_sentence(401, details, call))


def rate_limited(details: ErrorDetails, call: CallContext) -> errors.RateLimited:
    """Too many calls."""
    return errors.RateLimited(
        f"{call.failed}: rate limit exceeded: {_told(details, call)}; try again {_when(details)}",
        details.retry_after,
    )


def quota_exceeded(details: ErrorDetails, call: CallContext) -> errors.QuotaExceeded:
    """No room for this user; the cloud's words say which and how much."""
    return errors.QuotaExceeded(
        f"{call.failed}: quota exceeded: {_told(details, call)}; delete what is not needed, or ask the "
        "operators of the cloud for a higher quota"
    )


def _location(call: CallContext) -> str:
    """Where the last answer sent us, without what may be secret in it; empty if it did not."""
    location = str((getattr(call.answer, "headers", None) or {}).get("location") or "")
    try:
        parts = urlsplit(location)
    except ValueError:
        return "an invalid address"
    place = parts.netloc.rpartition("@")[2]
    # Somebody may send us to a place that is made of what we sent.
    return clean(f"{parts.scheme or 'http'}://{place}{parts.path}" if place else parts.path, call.secrets)


def _web_page(code: int, details: ErrorDetails, call: CallContext) -> CloudmeshError:
    title = f" {details.words!r}" if details.words else ""
    # What stands between us and the cloud tells of itself by pages.
    kind = _BY_STATUS[code][0] if code in (407, 502, 503, 504) else errors.BadAnswer
    error = kind(
        f"cloud {call.cloud}: {call.place} answered with a web page{title} "
        f"(HTTP {code or 'status unknown'}), not with the API; "
        "check the address, and whether a proxy or a sign-in page is in between"
    )
    error.outcome_unknown = code < 400 or (code >= 500 and code != 503)
    return error


def _without_status(name: str, details: ErrorDetails, call: CallContext) -> CloudmeshError:
    """An error without an HTTP status that is one: of a driver's own, or a stumble over the answer."""
    if name == "NotImplementedError":
        return errors.Unsupported(f"{call.failed}: not supported by this type of cloud")
    if name in PARSING_ERRORS or not details.words:
        return errors.BadAnswer(
            f"cloud {call.cloud}: unexpected answer from {call.place} ({name} in its driver); {UNSURE}"
        )
    if _RATE.search(details.words) or _RATE_REASON.match(details.reason):
        return rate_limited(details, call)
    if _is_full(details.words):
        return quota_exceeded(details, call)
    if _TIMEOUT_WORDS.search(details.words):
        # A driver of libcloud that waits for the cloud's work itself gave up waiting.
        return errors.CloudTimeout(
            f"{call.failed}: timeout ({details.words}); {UNSURE}",
            outcome_unknown=True,
        )
    return errors.Refused(f"{call.failed} ({details.words})")


#: What a driver stumbles with over an answer of another form.
PARSING_ERRORS = (
    *("KeyError", "IndexError", "AttributeError", "TypeError", "ValueError", "ParseError", "JSONDecodeError"),
    *("AssertionError", "UnicodeDecodeError", "RecursionError", "StopIteration", "UnboundLocalError"),
)
