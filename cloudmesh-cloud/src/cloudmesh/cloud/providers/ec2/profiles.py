"""The profiles of Amazon's command line, read where its own program reads them.

Files and precedence: https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
"""

from __future__ import annotations

import configparser
import os
from pathlib import Path

from cloudmesh.plugin.errors import ConfigError, CredentialsError, suggest

_OTHER_WAYS = ("role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file")


def profile(name: str, cloud: str) -> dict[str, str]:
    """The keys of a profile: ``aws_access_key_id``, ``aws_secret_access_key``, ``region``, ...

    Raises:
        ConfigError: a file cannot be read, or there is no such profile.
        CredentialsError: the profile signs in by a role or in a browser, which is not supported.
    """
    found: dict[str, dict[str, str]] = {}
    # What stands in ``credentials`` comes first.
    for file in (_file("AWS_CONFIG_FILE", "config"), _file("AWS_SHARED_CREDENTIALS_FILE", "credentials")):
        for section, keys in _sections(file).items():
            found.setdefault(section, {}).update(keys)
    if name not in found:
        raise ConfigError(
            f"clouds.{cloud}.credentials.EC2_PROFILE names the profile {name!r}, which is not in "
            f"{_file('AWS_SHARED_CREDENTIALS_FILE', 'credentials').parent}; {suggest(name, found)}"
        )
    keys = found[name]
    other = next((way for way in _OTHER_WAYS if way in keys), None)
    if other and "aws_access_key_id" not in keys:
        raise CredentialsError(
            f"the profile {name!r} of cloud {cloud} signs in by {other}, which is not supported; "
            "name a profile with an access key, or give EC2_ACCESS_KEY, EC2_SECRET_KEY and EC2_SESSION_TOKEN"
        )
    return keys


def _file(variable: str, name: str) -> Path:
    given = os.environ.get(variable)
    return Path(given).expanduser() if given else Path.home() / ".aws" / name


def _sections(file: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(delimiters=("=",), default_section="\n")
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {getattr(error, 'strerror', 'it is no text')}") from error
    except configparser.Error:
        # Its message shows lines of the file, which may be secret.
        raise ConfigError(f"{file} has a line that is none of an INI file; mend it") from None
    return {
        section.removeprefix("profile ").strip(): {key: value or "" for key, value in parser.items(section)}
        for section in parser.sections()
    }
