"""What the configuration says of an EC2 cloud: who signs in, where, and which images are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from cloudmesh.cloud.provider.questions import Question
from cloudmesh.cloud.providers.ec2.profiles import Keys, OfProfile, of_profile
from cloudmesh.cloud.providers.libcloud.connection_settings import true_or_false
from cloudmesh.config.settings.aws_places import DEFAULT_REGION, Address
from cloudmesh.plugin.errors import ConfigError, CredentialsError

KEYS = ("port", "secure", "path", "region", "vpc", "hibernate", "image_owners", "image_names")
QUESTIONS = (
    Question("credentials.EC2_ACCESS_KEY", "access key id; for a profile of ~/.aws: EC2_PROFILE=NAME"),
    Question("credentials.EC2_SECRET_KEY", "secret access key"),
    Question(
        "credentials.EC2_REGION",
        "region",
        "eu-west-1",
        default=DEFAULT_REGION,
        # A profile has its own.
        when=lambda credentials: not credentials.get("EC2_PROFILE"),
    ),
)
# Names of Amazon's that users write down as the host of an AWS cloud, and that are no endpoint.
_NO_ENDPOINT = ("", "aws", "aws.amazon.com", "amazon.com", "amazonaws.com", "aws.com")


@dataclass(frozen=True)
class Ec2Settings:
    """The settings of an EC2 cloud.

    Attributes:
        access_key, secret_key, token: the credentials; ``token`` only with temporary ones.
        region: the region, also of an endpoint of one's own, which signs with it.
        profile: the profile that gives the credentials in place of these, by more than an access key.
        ca_file: the certificates that the profile trusts; empty for the usual ones.
        host, port, secure, path: an endpoint of one's own; ``host`` is empty for Amazon's.
        vpc: the id of the VPC whose networks and security groups are meant; empty for all, and the default.
        hibernate: whether machines are booted so that they can be suspended.
        image_owners: whose images are looked at: account ids, ``self``, ``amazon``.
        image_names: patterns of names; without them only one's own images are listed unasked.
    """

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(repr=False)
    region: str
    profile: str = ""
    ca_file: str = ""
    host: str = ""
    port: int | None = None
    secure: bool = True
    path: str = "/"
    vpc: str = ""
    hibernate: bool = False
    image_owners: tuple[str, ...] = ("self", "amazon")
    image_names: tuple[str, ...] = ()

    @classmethod
    def read(cls, cloud: str, settings: Mapping[str, Any]) -> Ec2Settings:
        """From the cloud's section. Raises ConfigError, CredentialsError."""
        credentials = settings.get("credentials") or {}
        host = str(settings.get("host") or "").strip()
        host = "" if host.lower() in _NO_ENDPOINT else _host(cloud, host)
        region = str(settings.get("region") or credentials.get("EC2_REGION") or "")
        own = _own_keys(cloud, credentials)
        named = str(credentials.get("EC2_PROFILE") or "")
        if not named:
            given = OfProfile(own or _no_key(cloud), region or DEFAULT_REGION)
        else:
            given = of_profile(cloud, named, own, region, find_address=not host)
        address = given.address or Address(
            host,
            _port(cloud, settings.get("port")),
            true_or_false(f"clouds.{cloud}.secure", settings.get("secure"), default=True),
            f"/{str(settings.get('path') or '').strip('/')}",
        )
        return cls(
            access_key=given.keys[0],
            secret_key=given.keys[1],
            token=given.keys[2] or None,
            region=given.region,
            profile=given.way and named,
            ca_file=given.ca_file,
            host=address.host,
            port=address.port,
            secure=address.secure,
            path=address.path,
            vpc=str(settings.get("vpc") or ""),
            hibernate=true_or_false(f"clouds.{cloud}.hibernate", settings.get("hibernate")),
            image_owners=_words(cloud, "image_owners", settings) or cls.image_owners,
            image_names=_words(cloud, "image_names", settings),
        )


def _own_keys(cloud: str, credentials: Mapping[str, Any]) -> Keys | None:
    """The access key of the configuration itself; None if it has none. It is not mixed with a profile's."""
    keys = [
        str(credentials.get(f"EC2_{each}") or "") for each in ("ACCESS_KEY", "SECRET_KEY", "SESSION_TOKEN")
    ]
    if not any(keys[:2]):
        return None
    return (keys[0], keys[1], keys[2]) if all(keys[:2]) else _no_key(cloud)


def _no_key(cloud: str) -> NoReturn:
    raise CredentialsError(
        f"cloud {cloud} has no access key; cms config set clouds.{cloud}.credentials.EC2_ACCESS_KEY "
        "and EC2_SECRET_KEY, or EC2_PROFILE for a profile of ~/.aws"
    )


def _host(cloud: str, host: str) -> str:
    if "/" in host or ":" in host.strip("[]"):
        raise ConfigError(
            f"clouds.{cloud}.host must be a name such as ec2.example.org; port, secure and path "
            "are settings of their own"
        )
    return host


def _port(cloud: str, value: Any) -> int | None:
    if value is None:
        return None
    try:
        port = int(str(value))
    except ValueError:
        port = 0
    if not 0 < port < 65536:
        raise ConfigError(f"clouds.{cloud}.port must be a number from 1 to 65535")
    return port


def _words(cloud: str, key: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """One word or a list of words; account ids may look like numbers."""
    value = settings.get(key)
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    if any(isinstance(each, bool | dict | list) for each in values):
        raise ConfigError(f"clouds.{cloud}.{key} must be a name or a list of names")
    # YAML drops nothing of an account id but its leading zeros.
    return tuple(f"{each:012d}" if isinstance(each, int) else str(each) for each in values)
