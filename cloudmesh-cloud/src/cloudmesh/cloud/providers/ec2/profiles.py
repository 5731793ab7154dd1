"""The profiles of Amazon's command line, read where its own program reads them.

Files and precedence: https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
"""

from __future__ import annotations

import os
from pathlib import Path

from cloudmesh.config.settings import aws_files
from cloudmesh.config.yaml.config_file import FileError
from cloudmesh.plugin.errors import ConfigError, CredentialsError, suggest


def profile(name: str, cloud: str) -> dict[str, str]:
    """The keys of a profile: ``aws_access_key_id``, ``aws_secret_access_key``, ``region``, ...

    Raises:
        ConfigError: a file cannot be read, or there is no such profile.
        CredentialsError: the profile signs in by a role or in a browser, which is not supported.
    """
    files = (
        _file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        _file("AWS_CONFIG_FILE", "config"),
    )
    found = aws_files.merged(map(_profiles, files))
    if name not in found:
        raise ConfigError(
            f"clouds.{cloud}.credentials.EC2_PROFILE names the profile {name!r}, which is not in "
            f"{_file('AWS_SHARED_CREDENTIALS_FILE', 'credentials').parent}; {suggest(name, found)}"
        )
    keys = found[name]
    other = aws_files.other_way(keys)
    if other and "aws_access_key_id" not in keys:
        raise CredentialsError(
            f"the profile {name!r} of cloud {cloud} signs in by {other}, which is not supported; "
            "name a profile with an access key, or give EC2_ACCESS_KEY, EC2_SECRET_KEY and EC2_SESSION_TOKEN"
        )
    return keys


def _file(variable: str, name: str) -> Path:
    given = os.environ.get(variable)
    return Path(given).expanduser() if given else Path.home() / ".aws" / name


def _profiles(file: Path) -> aws_files.Profiles:
    try:
        return aws_files.parse(file.read_text(encoding="utf-8"), file)
    except FileNotFoundError:
        return {}
    except FileError:
        raise ConfigError(f"{file} has a line that is none of an INI file; mend it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {getattr(error, 'strerror', 'it is no text')}") from error
