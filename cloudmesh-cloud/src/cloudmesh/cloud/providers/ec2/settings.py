"""What the configuration says of an EC2 cloud: who signs in, where, and which images are looked at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudmesh.cloud.provider.questions import Question
from cloudmesh.cloud.providers.libcloud.connection_settings import true_or_false
from cloudmesh.config.settings import aws_files
from cloudmesh.config.yaml.config_file import FileError
from cloudmesh.plugin.errors import ConfigError, CredentialsError, suggest

KEYS = ("port", "secure", "path", "region", "vpc", "hibernate", "image_owners", "image_names")
DEFAULT_REGION = "us-east-1"
QUESTIONS = (
    Question("credentials.EC2_ACCESS_KEY", "access key id; for a profile of ~/.aws: EC2_PROFILE=NAME"),
    Question("credentials.EC2_SECRET_KEY", "secret access key"),
    Question("credentials.EC2_REGION", "region", "eu-west-1", default=DEFAULT_REGION),
)
# Names of Amazon's that users write down as the host of an AWS cloud, and that are no endpoint.
_NO_ENDPOINT = ("", "aws", "aws.amazon.com", "amazon.com", "amazonaws.com", "aws.com")


@dataclass(frozen=True)
class Ec2Settings:
    """The settings of an EC2 cloud.

    Attributes:
        access_key, secret_key, token: the credentials; ``token`` only with temporary ones.
        region: the region, also of an endpoint of one's own, which signs with it.
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
        named = str(credentials.get("EC2_PROFILE") or "")
        kept = aws_profile(named, cloud) if named else {}
        access = credentials.get("EC2_ACCESS_KEY") or kept.get("aws_access_key_id")
        secret = credentials.get("EC2_SECRET_KEY") or kept.get("aws_secret_access_key")
        if not access or not secret:
            raise CredentialsError(
                f"cloud {cloud} has no access key; cms config set clouds.{cloud}.credentials.EC2_ACCESS_KEY "
                "and EC2_SECRET_KEY, or EC2_PROFILE for a profile of ~/.aws"
            )
        token = credentials.get("EC2_SESSION_TOKEN") or kept.get("aws_session_token")
        region = settings.get("region") or credentials.get("EC2_REGION") or kept.get("region")
        host = str(settings.get("host") or "").strip()
        return cls(
            access_key=str(access),
            secret_key=str(secret),
            token=str(token) if token else None,
            region=str(region or DEFAULT_REGION),
            host="" if host.lower() in _NO_ENDPOINT else _host(cloud, host),
            port=_port(cloud, settings.get("port")),
            secure=true_or_false(f"clouds.{cloud}.secure", settings.get("secure"), default=True),
            path=f"/{str(settings.get('path') or '').strip('/')}",
            vpc=str(settings.get("vpc") or ""),
            hibernate=true_or_false(f"clouds.{cloud}.hibernate", settings.get("hibernate")),
            image_owners=_words(cloud, "image_owners", settings) or cls.image_owners,
            image_names=_words(cloud, "image_names", settings),
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


def aws_profile(name: str, cloud: str) -> dict[str, str]:
    """The keys of a profile of Amazon's command line: ``aws_access_key_id``, ``region``, ...

    Its files are read where its own program reads them, with the same precedence:
    https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html

    Raises:
        ConfigError: a file cannot be read, or there is no such profile.
        CredentialsError: the profile signs in by a role or in a browser, which is not supported.
    """
    given = (os.environ.get("AWS_SHARED_CREDENTIALS_FILE"), os.environ.get("AWS_CONFIG_FILE"))
    files = [
        Path(path).expanduser() if path else Path.home() / ".aws" / usual
        for path, usual in zip(given, aws_files.FILES, strict=True)
    ]
    found = aws_files.merged(map(_profiles, files))
    if name not in found:
        raise ConfigError(
            f"clouds.{cloud}.credentials.EC2_PROFILE names the profile {name!r}, which is not in "
            f"{files[0].parent}; {suggest(name, found)}"
        )
    keys = found[name]
    other = aws_files.other_way(keys)
    if other and "aws_access_key_id" not in keys:
        raise CredentialsError(
            f"the profile {name!r} of cloud {cloud} signs in by {other}, which is not supported; "
            "name a profile with an access key, or give EC2_ACCESS_KEY, EC2_SECRET_KEY and EC2_SESSION_TOKEN"
        )
    return keys


def _profiles(file: Path) -> aws_files.Profiles:
    try:
        return aws_files.parse(file.read_text(encoding="utf-8"), file)
    except FileNotFoundError:
        return {}
    except FileError:
        raise ConfigError(f"{file} is not a valid INI file; correct it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{file} cannot be read: {getattr(error, 'strerror', 'it is not UTF-8 text')}"
        ) from error
