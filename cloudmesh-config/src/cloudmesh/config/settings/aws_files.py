"""The profiles of Amazon's command line: what ``~/.aws/credentials`` and ``~/.aws/config`` hold.

Files and precedence: https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
"""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Mapping
from pathlib import Path

from cloudmesh.config.yaml.config_file import FileError

FILES = ("credentials", "config")
# The ways to sign in without an access key, none of which is supported.
OTHER_WAYS = ("role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file")
# Sections of ``config`` that are no profiles.
_NO_PROFILE = ("sso-session ", "services ", "plugins", "preview")

Profiles = dict[str, dict[str, str]]


def parse(text: str, path: Path) -> Profiles:
    """The profiles of one file, each with its keys, such as ``aws_access_key_id``.

    Raises FileError, which tells the line and never its text, for what is no INI file.
    """
    # The section that would give its keys to all others has a name that no file can have.
    parser = configparser.RawConfigParser(delimiters=("=",), default_section="\n")
    try:
        parser.read_string(text)
    except configparser.Error as error:
        sentence = (
            "this is not a valid line of an INI file",
            "write '[profile]' lines, and 'key = value' lines under them",
        )
        if isinstance(error, configparser.DuplicateSectionError | configparser.DuplicateOptionError):
            sentence = ("this is a duplicate", "remove one of the two")
        errors = getattr(error, "errors", None)
        line = errors[0][0] if errors else getattr(error, "lineno", None)
        raise FileError(path, line, *sentence) from None
    return {
        name.removeprefix("profile ").strip(): {key: value or "" for key, value in parser.items(name)}
        for name in parser.sections()
        if not name.startswith(_NO_PROFILE)
    }


def merged(files: Iterable[Profiles]) -> Profiles:
    """The profiles of several files; a key of an earlier file comes before the same key of a later one.

    As Amazon's own program has it, ``credentials`` is to be the first.
    """
    profiles: Profiles = {}
    for found in files:
        for name, keys in found.items():
            profiles[name] = keys | profiles.get(name, {})
    return profiles


def other_way(profile: Mapping[str, str]) -> str | None:
    """The key of a profile that asks for a way to sign in that is not supported; None if there is none."""
    return next((way for way in OTHER_WAYS if way in profile), None)
