"""The profiles of Amazon's command line: ``~/.aws/credentials`` and ``~/.aws/config``."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

from cloudmesh.config.check.rules import TO_BE_DEFINED
from cloudmesh.config.importers import source
from cloudmesh.config.importers.found import FoundCloud, ImportedClouds, harmless_value
from cloudmesh.config.yaml.config_file import FileError
from cloudmesh.plugin.errors import UsageError

FILES = ("credentials", "config")
KEYS = {
    "aws_access_key_id": "EC2_ACCESS_KEY",
    "aws_secret_access_key": "EC2_SECRET_KEY",
    "aws_session_token": "EC2_SESSION_TOKEN",
    "region": "EC2_REGION",
}
_LOOKS_SO = re.compile(
    r"^\s*(aws_access_key_id|aws_secret_access_key|role_arn|sso_\w+|region)\s*=|^\[profile ", re.MULTILINE
)
_HEADER = re.compile(r"^\[[^\]\n]+\]", re.MULTILINE)
_OTHER_WAYS = ("role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file")
# Sections of ``config`` that are no profiles.
_NO_PROFILE = ("sso-session ", "services ", "plugins", "preview")

Profiles = dict[str, dict[str, str]]


def recognises(text: str, data: Any) -> bool:
    """Whether this is such a file: sections in brackets, and keys of Amazon in them."""
    return bool(_HEADER.search(text) and _LOOKS_SO.search(text))


def in_directory(directory: Path) -> Path:
    """The first of the two files; raises UsageError if the directory has none."""
    for name in FILES:
        if (directory / name).is_file():
            return directory / name
    raise UsageError(f"{directory} is a directory without a file 'credentials' or 'config'; name a file")


def harvest(path: Path, text: str) -> ImportedClouds:
    """The profiles of both files, whichever of them is given; raises FileError."""
    texts = {path: text}
    notes = []
    if path.name in FILES:
        for name in FILES:
            beside = path.with_name(name)
            if beside != path and beside.is_file():
                texts[beside] = source.read(beside)
                notes.append(f"{beside} was read with it")
    profiles: Profiles = {}
    # As Amazon's own program has it, what stands in ``credentials`` comes first.
    for file in sorted(texts, key=lambda file: file.name != "credentials"):
        for name, keys in _profiles(texts[file], file).items():
            profiles[name] = keys | profiles.get(name, {})
    return ImportedClouds([_cloud(name, keys, profiles) for name, keys in profiles.items()], notes)


def _profiles(text: str, path: Path) -> Profiles:
    # The section that would give its keys to all others has a name that no file can have.
    parser = configparser.RawConfigParser(delimiters=("=",), default_section="\n")
    try:
        parser.read_string(text)
    except configparser.Error as error:
        message, remedy = _fault(error)
        raise FileError(path, _line(error), message, remedy) from None
    return {
        name.removeprefix("profile ").strip(): {key: value or "" for key, value in parser.items(name)}
        for name in parser.sections()
        if not name.startswith(_NO_PROFILE)
    }


def _fault(error: configparser.Error) -> tuple[str, str]:
    if isinstance(error, configparser.DuplicateSectionError | configparser.DuplicateOptionError):
        return "this stands twice in the file", "remove one of the two"
    return "this is no line of an INI file", "write '[profile]' lines, and 'key = value' lines under them"


def _line(error: configparser.Error) -> int | None:
    errors = getattr(error, "errors", None)
    line = errors[0][0] if errors else getattr(error, "lineno", None)
    return line if isinstance(line, int) else None


def _cloud(name: str, keys: dict[str, str], profiles: Profiles) -> FoundCloud:
    notes: list[str] = []
    cloud = name if name != "default" else _name_of_default(profiles)
    credentials = {
        ours: harmless_value(ours, keys[theirs], notes) for theirs, ours in KEYS.items() if keys.get(theirs)
    }
    other = next((way for way in _OTHER_WAYS if way in keys), None)
    if "EC2_ACCESS_KEY" not in credentials:
        return FoundCloud(cloud, {}, f"{other} is not supported" if other else "it has no access key")
    if other:
        notes.append(f"{other} is not supported and left out")
    credentials.setdefault("EC2_SECRET_KEY", TO_BE_DEFINED)
    return FoundCloud(cloud, {"type": "ec2", "credentials": credentials}, notes=notes)


def _name_of_default(profiles: Profiles) -> str:
    """A profile named default says nothing among the clouds of others."""
    return "aws" if "aws" not in profiles else "aws-default"
