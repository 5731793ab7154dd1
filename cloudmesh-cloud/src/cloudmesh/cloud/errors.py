"""What can go wrong at a cloud, as every provider tells it.

::

    CloudError (exit 4)
    ├── Unreachable        the cloud did not answer
    │   └── TlsFailure     whoever answered did not prove to be the cloud
    ├── CloudTimeout       it did not answer, or a machine did not change, in time
    ├── BadAnswer          what came back is no answer of the cloud's interface, or only a part of one
    ├── Refused            it answered and would not do it
    │   ├── QuotaExceeded  this user has no room left: which quota, how much of it is used
    │   ├── NoCapacity     the cloud itself has no room for such a machine now
    │   ├── FlavorTooSmall the image does not fit the flavor
    │   └── RateLimited    too many calls: when to try again
    ├── Unsupported        this kind of cloud has no such thing
    ├── Conflict           the verb is impossible in the machine's state
    ├── ProviderDefect     the provider itself failed in a way that nobody foresaw
    └── NotFound           the machine, image, flavor or key is not there

    ConfigError (exit 3)
    ├── CredentialsError   the cloud did not accept who we are
    └── EndpointError      the configured address, region or service is not the cloud's

A provider maps each error of the library underneath to one of these with ``raise ... from error``. All of
them together are ``CLOUD_ERRORS``.
"""

from __future__ import annotations

from cloudmesh.plugin.errors import CloudError, ConfigError, CredentialsError

__all__ = [
    "CLOUD_ERRORS",
    "BadAnswer",
    "CloudError",
    "CloudTimeout",
    "Conflict",
    "CredentialsError",
    "EndpointError",
    "FlavorTooSmall",
    "NoCapacity",
    "NotFound",
    "ProviderDefect",
    "QuotaExceeded",
    "RateLimited",
    "Refused",
    "TlsFailure",
    "Unreachable",
    "Unsupported",
]


class Unreachable(CloudError):
    """The cloud did not answer."""


class TlsFailure(Unreachable):
    """Whoever answered did not prove to be the cloud: a certificate that is not accepted, or no TLS."""


class BadAnswer(CloudError):
    """What came back is no answer of the cloud's interface, or only a part of one.

    What was asked for may have been done.
    """


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
        self, message: str, quota: str = "", used: int | None = None, limit: int | None = None
    ) -> None:
        super().__init__(message)
        self.quota = quota
        self.used = used
        self.limit = limit


class NoCapacity(Refused):
    """The cloud has no host with room for such a machine now, whatever the user's quota."""


class FlavorTooSmall(Refused):
    """The image needs more disk or memory than the flavor has."""


class RateLimited(Refused):
    """Too many calls; later it may go.

    ``retry_after``: after so many seconds, if the cloud said so.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unsupported(CloudError):
    """This kind of cloud cannot do it at all."""


class Conflict(CloudError):
    """The verb is impossible in the state that the machine is in."""


class ProviderDefect(CloudError):
    """A provider raised what it must not: a mistake in it, or an error it does not map."""


class NotFound(CloudError):
    """The machine, image, flavor or key pair is not (or no longer) there."""


class EndpointError(ConfigError):
    """The address, the region or a service in the configuration is not one that the cloud has."""


# What a cloud can answer: one that fails by these does not keep other clouds from being asked.
CLOUD_ERRORS = (CloudError, CredentialsError, EndpointError)
