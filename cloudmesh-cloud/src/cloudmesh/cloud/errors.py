"""What can go wrong at a cloud, as every provider tells it: a ``CloudError`` (exit 4) or ``ConfigError`` (3).

Each has ``outcome_unknown``: whether what was asked for may have been done all the same, since the call had
been sent and its answer was lost or was none. ``is_transient`` tells whether the same call may go well a
little later. A provider maps each error of the library underneath to one of these with
``raise ... from error``. All of them together are ``CLOUD_ERRORS``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from cloudmesh.plugin.errors import CloudError, CloudmeshError, ConfigError, CredentialsError

__all__ = [
    "CLOUD_ERRORS",
    "BadAnswer",
    "CloudError",
    "CloudTimeout",
    "Conflict",
    "CredentialsError",
    "EndpointError",
    "FlavorTooSmall",
    "Gone",
    "IncompleteListing",
    "Locked",
    "NoCapacity",
    "NotFound",
    "OddRecord",
    "OutOfService",
    "ProviderDefect",
    "QuotaExceeded",
    "RateLimited",
    "Refused",
    "ServerFailure",
    "TlsFailure",
    "Unreachable",
    "Unsupported",
    "failed_task",
    "is_transient",
    "only_looking",
    "reworded",
]


#: How a sentence says that an error leaves the outcome unknown.
UNSURE = "outcome unknown: the request may have been carried out; check before repeating it"


class Unreachable(CloudError):
    """The cloud did not answer."""


class OutOfService(Unreachable):
    """The cloud, or a gateway in front of it, answered that it is not there now (502, 503).

    ``retry_after``: after so many seconds it should be, if that was said.
    """

    retry_after: float | None = None


class TlsFailure(Unreachable):
    """Whoever answered did not prove to be the cloud: a certificate that is not accepted, or no TLS."""


class BadAnswer(CloudError):
    """What came back is no answer of the cloud's interface, or only a part of one."""

    outcome_unknown = True


class OddRecord(BadAnswer):
    """One thing that the cloud told of cannot be as it says; the sentence is what is wrong with it."""

    outcome_unknown = False


class IncompleteListing(BadAnswer):
    """Some of what a cloud listed cannot be as it says and is left out; all else was listed."""

    outcome_unknown = False


class CloudTimeout(CloudError):
    """The cloud did not answer in time, or a machine did not reach a state in time."""


class Refused(CloudError):
    """The cloud answered, and would not do it."""


class QuotaExceeded(Refused):
    """There is no room left for this user.

    ``quota``: which one, as ``Quota.name``; ``used`` and ``limit`` of it. Empty or None where the cloud does
    not say.
    """

    def __init__(
        self, message: str = "", quota: str = "", used: int | None = None, limit: int | None = None
    ) -> None:
        super().__init__(message)
        self.quota = quota
        self.used = used
        self.limit = limit


class NoCapacity(Refused):
    """The cloud has no host with room for such a machine now, whatever the user's quota."""


class FlavorTooSmall(Refused):
    """The image needs more disk or memory than the flavor has."""


class ServerFailure(Refused):
    """An internal error of the cloud, for its operators to look for (HTTP 500 and the like)."""

    outcome_unknown = True


class RateLimited(Refused):
    """Too many calls: the rate limit of the cloud is exceeded.

    ``retry_after``: after so many seconds, if the cloud said so.
    """

    def __init__(self, message: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unsupported(CloudError):
    """This kind of cloud cannot do it at all."""


class Conflict(CloudError):
    """The verb is impossible in the state that the machine is in."""


class Locked(Conflict):
    """The machine is locked, and has to be unlocked first."""


class ProviderDefect(CloudError):
    """A provider raised what it must not: a mistake in it, or an error it does not map."""

    outcome_unknown = True


class NotFound(CloudError):
    """The machine, image, flavor or key pair is not (or no longer) there."""


class Gone(NotFound):
    """It was there, and the cloud remembers that it is deleted."""


class EndpointError(ConfigError):
    """The address, the region or a service in the configuration is not one that the cloud has."""


# What a cloud can answer: one that fails by these does not keep other clouds from being asked.
CLOUD_ERRORS = (CloudError, CredentialsError, EndpointError)

_TRANSIENT = (Unreachable, CloudTimeout, BadAnswer, RateLimited, ServerFailure)


def is_transient(error: BaseException) -> bool:
    """Whether the same call may go well a little later.

    If ``error.outcome_unknown`` is true as well, the first one may have done what it was to do.
    """
    return isinstance(error, _TRANSIENT) and not isinstance(error, (TlsFailure, OddRecord, IncompleteListing))


def given_up(error: CloudTimeout) -> CloudTimeout:
    """The error of a change that was given up in the middle: it may have been done."""
    told = str(error)
    return CloudTimeout(told if UNSURE in told else f"{told}; {UNSURE}", outcome_unknown=True)


def failed_task(error: CloudmeshError) -> CloudmeshError:
    """The same error of a change, with the exit code of commands: 1 where the cloud answered, else as it is.

    A name that is taken, or a quota that is used up, ends each command alike, whether it changes one thing
    or many.
    """
    if isinstance(error, Refused | Conflict | NotFound | Unsupported):
        error.exit_code = 1
    return error


def reworded(error: CloudmeshError, sentence: str, outcome_unknown: bool = False) -> CloudmeshError:
    """The same error with another sentence: whether to try again is still told by its kind."""
    told = copy.copy(error)
    told.args = (sentence,)
    told.outcome_unknown = error.outcome_unknown or outcome_unknown
    return told


@contextmanager
def only_looking() -> Iterator[None]:
    """What is called in this block changes nothing, so its errors leave nothing unsure."""
    try:
        yield
    except CloudmeshError as error:
        error.outcome_unknown = False
        error.args = tuple(str(each).replace(f"; {UNSURE}", "") for each in error.args)
        raise
