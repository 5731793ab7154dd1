"""What ``EC2_PROFILE`` means: a profile of Amazon's command line, read where its own programs read it.

The environment counts as it does for those programs when they are called with ``--profile``: an access key in
it does not, ``AWS_DEFAULT_REGION`` and ``AWS_ENDPOINT_URL`` do.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib.util import find_spec

from cloudmesh.config.settings import aws_files
from cloudmesh.config.settings.aws_files import Profile
from cloudmesh.config.settings.aws_places import Address, Place
from cloudmesh.plugin.errors import ConfigError, CredentialsError, suggest

# Access key, secret key and session token; the last may be empty.
Keys = tuple[str, str, str]


@dataclass(frozen=True)
class OfProfile:
    """What a profile gives to a cloud.

    Attributes:
        keys: the credentials; empty ones if botocore has to sign in.
        region: the region.
        address: where calls go to; None if the configuration says it, and for Amazon's usual address.
        ca_file: the certificates to trust; empty for the usual ones.
        way: the key by which botocore has to sign in; empty if it has not.
    """

    keys: Keys = field(repr=False)
    region: str
    address: Address | None = None
    ca_file: str = ""
    way: str = ""


def of_profile(cloud: str, name: str, own: Keys | None, region: str, *, find_address: bool) -> OfProfile:
    """What the profile of this name gives to a cloud; nobody is called, and no program is run.

    Args:
        own: the access key of the configuration itself, which goes before that of the profile.
        region: the region of the configuration, which does so too; empty for none.
        find_address: whether the configuration has no address.

    Raises:
        ConfigError: a file cannot be read, there is no such profile, or it has no region.
        CredentialsError: it has no access key, or botocore is not installed.
    """
    used = aws_files.in_use()
    files = aws_files.read(*used)
    try:
        profile = files.profile(name)
    except KeyError:
        raise ConfigError(
            f"clouds.{cloud}.credentials.EC2_PROFILE names the profile {name!r}, which is not in "
            f"{used[0].parent}; {suggest(name, files.names())}"
        ) from None
    place = Place(files, profile, os.environ)
    region = region or place.region
    if not region:
        raise ConfigError(
            f"the profile {name!r} of cloud {cloud} has no region; "
            f"cms config set clouds.{cloud}.credentials.EC2_REGION=REGION"
        )
    return OfProfile(
        keys=own or _keys(cloud, profile),
        region=region,
        address=_address(place, region) if find_address else None,
        ca_file=place.ca_bundle,
        way="" if own else profile.way,
    )


def _address(place: Place, region: str) -> Address | None:
    """The address of the profile; None if it is Amazon's usual one."""
    found = place.address(region)
    return found if found.host else None


def _keys(cloud: str, profile: Profile) -> Keys:
    """The access key of a profile; empty texts if botocore signs in."""
    if profile.way:
        if find_spec("botocore") is None:
            raise CredentialsError(
                f"the profile {profile.name!r} of cloud {cloud} signs in by {profile.way}, which needs the "
                f"library botocore; {aws_files.EXTRA}"
            )
        return ("", "", "")
    if not profile.access_key or not profile.secret_key:
        raise CredentialsError(
            f"the profile {profile.name!r} of cloud {cloud} has no access key with its secret key in one "
            "file, and no other way to sign in; run: aws configure"
        )
    return (profile.access_key, profile.secret_key, profile.token)
