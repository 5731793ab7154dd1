"""The profiles of Amazon's command line: ``~/.aws/credentials`` and ``~/.aws/config``.

A profile with an access key becomes a cloud with this key. One that signs in otherwise becomes a cloud that
names it (``EC2_PROFILE``): botocore signs in when the cloud is used. No program that a profile names is run
here.
"""

from __future__ import annotations

import os
import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cloudmesh.config.importers import source
from cloudmesh.config.importers.source import FoundCloud, ImportedClouds, harmless_value
from cloudmesh.config.settings import aws_files, aws_places
from cloudmesh.config.settings.aws_files import AwsFiles, Profile
from cloudmesh.config.settings.aws_places import Place
from cloudmesh.config.yaml.keys import TO_BE_DEFINED
from cloudmesh.plugin.errors import ConfigError, UsageError

_LOOKS_SO = re.compile(
    r"^\s*(aws_access_key_id|aws_secret_access_key|role_arn|sso_\w+|region|login_session|credential_process"
    r")\s*[=:]|^\[profile\s",
    re.MULTILINE,
)
_HEADER = re.compile(r"^\[[^\]\n]+\]", re.MULTILINE)
_CONFIG_HEADER = re.compile(r"^\[(profile|sso-session|services)\s", re.MULTILINE)
_KEYS = (aws_files.ACCESS, aws_files.SECRET, *aws_files.TOKENS, "aws_account_id")
# What botocore reads to sign in.
_SIGN_IN = (
    *("role_arn", "source_profile", "credential_source", "mfa_serial", "external_id", "role_session_name"),
    *("duration_seconds", "web_identity_token_file", "login_session", "credential_process", "sso_session"),
    *("sso_account_id", "sso_role_name", "sso_start_url", "sso_region", "sso_registration_scopes"),
)
# Those of them that are a way to sign in.
_WAYS = ("role_arn", "login_session", "credential_process", "web_identity_token_file", "sso_start_url")


def recognises(text: str, data: Any) -> bool:
    """Whether this is such a file: sections in brackets, and keys of Amazon in them."""
    return bool(_HEADER.search(text) and _LOOKS_SO.search(text))


def in_directory(directory: Path) -> Path:
    """The first of the two files; raises UsageError if the directory has none."""
    there = [directory / name for name in aws_files.FILES if (directory / name).is_file()]
    for path in there:
        if aws_files.text_of(path).strip() or path == there[-1]:
            return path
    raise UsageError(f"{directory} is a directory without clouds.yaml, credentials or config; give a file")


def read_clouds(path: Path, text: str) -> ImportedClouds:
    """The profiles of both files, whichever of them is given; raises FileError."""
    pair = _pair(path, text)
    texts = {path: text}
    notes = []
    for each in pair:
        if each not in texts:
            texts[each] = _text_beside(each)
            notes += [f"{each} was read as well"] if texts[each] else []
    files = aws_files.from_texts(*((texts[each], each) for each in pair))
    notes += [
        f"[{header}] in {pair[1]} begins no profile and was left out; a profile is [profile {header}]"
        for header in files.strays
    ]
    return ImportedClouds([_cloud(name, files, pair) for name in files.names()], notes)


def _pair(path: Path, text: str) -> tuple[Path, Path]:
    """The files ``credentials`` and ``config`` that belong together, of which one is ``path``.

    Those that are in use, or those of one directory; a file of another name stands alone.
    """
    used = aws_files.in_use()
    for index, each in enumerate(used):
        if each.resolve() == path.resolve():
            return (path, used[1]) if index == 0 else (used[0], path)
    if path.name in aws_files.FILES:
        return path.with_name("credentials"), path.with_name("config")
    nothing = Path(os.devnull)
    return (nothing, path) if _CONFIG_HEADER.search(text) else (path, nothing)


def _text_beside(path: Path) -> str:
    if not path.is_file():
        return ""
    return source.read(path) if path.stat().st_size > source.LARGEST else aws_files.text_of(path)


def _cloud(name: str, files: AwsFiles, pair: tuple[Path, Path]) -> FoundCloud:
    profile = files.profile(name)
    notes: list[str] = []
    # A profile named default says nothing among the clouds of others.
    cloud = name if name != "default" else "aws" if "aws" not in files.names() else "aws-default"
    if skipped := _why_not(profile, pair):
        return FoundCloud(cloud, {}, skipped)
    place = Place(files, profile, {})
    region = place.region
    try:
        address = place.address(region or aws_places.DEFAULT_REGION)
    except ConfigError as error:
        return FoundCloud(cloud, {}, str(error).replace("; ", ", ", 1))
    credentials = {
        "EC2_PROFILE": name if profile.way else "",
        "EC2_ACCESS_KEY": profile.access_key,
        "EC2_SECRET_KEY": "" if profile.way else profile.secret_key or TO_BE_DEFINED,
        "EC2_SESSION_TOKEN": profile.token,
        "EC2_REGION": region,
    }
    section: dict[str, Any] = {"type": "ec2", **address.settings()}
    if place.ca_bundle:
        section["ca_cert"] = place.ca_bundle
    section["credentials"] = {
        key: harmless_value(key, value, notes) for key, value in credentials.items() if value
    }
    if address.host and address.host != place.amazon(region):
        unused = [key for key in ("use_fips_endpoint", "use_dualstack_endpoint") if key in profile.keys]
        notes += [f"{key} counts for Amazon's own address only, and was ignored" for key in unused]
    return FoundCloud(cloud, section, notes=[*notes, *_unused(profile, files), *_notes(profile, region)])


def _why_not(profile: Profile, pair: tuple[Path, Path]) -> str:
    """Why a profile cannot be taken; empty if it can."""
    if not profile.way:
        return "" if profile.access_key else "it has no access key"
    if find_spec("botocore") is None:
        return f"it signs in by {profile.way}, which needs the library botocore; {aws_files.EXTRA}"
    used = aws_files.in_use()
    if [each.resolve() for each in pair] != [each.resolve() for each in used]:
        variables = " and ".join(
            f"{variable}={shlex.quote(str(path.absolute()))}"
            for variable, path in zip(aws_files.VARIABLES, pair, strict=True)
        )
        return (
            f"it signs in by {profile.way}, which is read anew each time, from {used[0]} and {used[1]}; "
            f"to use other files, export {variables}"
        )
    return ""


def _unused(profile: Profile, files: AwsFiles) -> list[str]:
    """What stands there and does not count for who signs in."""
    if profile.way:
        key = aws_files.ACCESS in profile.keys
        return [f"its access key does not sign in to EC2, {profile.way} does"] if key else []
    notes = []
    if unused := [key for key in _WAYS if key in profile.keys]:
        notes.append(f"{', '.join(unused)} was ignored: Amazon's own programs use the access key as well")
    if all(aws_files.ACCESS in each.get(profile.name, {}) for each in (files.credentials, files.config)):
        notes.append("the access key of config was ignored: there is one in credentials")
    if not profile.token and any(profile.keys.get(key) for key in aws_files.TOKENS):
        notes.append("a session token counts only beside its access key, so it was ignored")
    return notes


def _notes(profile: Profile, region: str) -> list[str]:
    """What is not taken over, or means less than it may seem."""
    notes = []
    if not profile.way and not profile.secret_key:
        notes.append(f"it has no secret key beside its access key; EC2_SECRET_KEY was set to {TO_BE_DEFINED}")
    if profile.token:
        notes.append(
            "its session token expires; to read the file anew each time, replace the keys by "
            f"EC2_PROFILE: {profile.name}"
        )
    if not region:
        notes.append(
            "it has no region, which its use needs"
            if profile.way
            else f"it has no region, so {aws_places.DEFAULT_REGION} is used"
        )
    if others := [key for key in profile.keys if key not in (*_KEYS, *_SIGN_IN, *aws_places.KEYS)]:
        notes.append(f"not taken over: {', '.join(others)}")
    return notes
