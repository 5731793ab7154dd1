"""The profiles of Amazon's command line: ``~/.aws/credentials`` and ``~/.aws/config``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cloudmesh.config.importers import source
from cloudmesh.config.importers.source import FoundCloud, ImportedClouds, harmless_value
from cloudmesh.config.settings import aws_files
from cloudmesh.config.yaml.keys import TO_BE_DEFINED
from cloudmesh.plugin.errors import UsageError

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


def recognises(text: str, data: Any) -> bool:
    """Whether this is such a file: sections in brackets, and keys of Amazon in them."""
    return bool(_HEADER.search(text) and _LOOKS_SO.search(text))


def in_directory(directory: Path) -> Path:
    """The first of the two files; raises UsageError if the directory has none."""
    for name in aws_files.FILES:
        if (directory / name).is_file():
            return directory / name
    raise UsageError(f"{directory} is a directory without clouds.yaml, credentials or config; give a file")


def read_clouds(path: Path, text: str) -> ImportedClouds:
    """The profiles of both files, whichever of them is given; raises FileError."""
    texts = {path: text}
    notes = []
    if path.name in aws_files.FILES:
        for name in aws_files.FILES:
            beside = path.with_name(name)
            if beside != path and beside.is_file():
                texts[beside] = source.read(beside)
                notes.append(f"{beside} was read as well")
    in_order = sorted(texts, key=lambda file: file.name != "credentials")
    profiles = aws_files.merged(aws_files.parse(texts[file], file) for file in in_order)
    return ImportedClouds([_cloud(name, keys, profiles) for name, keys in profiles.items()], notes)


def _cloud(name: str, keys: dict[str, str], profiles: aws_files.Profiles) -> FoundCloud:
    notes: list[str] = []
    # A profile named default says nothing among the clouds of others.
    cloud = name if name != "default" else "aws" if "aws" not in profiles else "aws-default"
    credentials = {
        ours: harmless_value(ours, keys[theirs], notes) for theirs, ours in KEYS.items() if keys.get(theirs)
    }
    other = aws_files.other_way(keys)
    if "EC2_ACCESS_KEY" not in credentials:
        return FoundCloud(cloud, {}, f"{other} is not supported" if other else "it has no access key")
    if other:
        notes.append(f"{other} is not supported and was ignored")
    credentials.setdefault("EC2_SECRET_KEY", TO_BE_DEFINED)
    return FoundCloud(cloud, {"type": "ec2", "credentials": credentials}, notes=notes)
