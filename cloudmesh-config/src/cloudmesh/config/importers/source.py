"""Reading a file of another program, and the clouds that are found in it, in our own words.

Reading is bounded, and no message holds text of the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml.constructor import SafeConstructor

from cloudmesh.config.check.auth_types import APPLICATION_CREDENTIAL, AUTH_TYPE, to_be_asked
from cloudmesh.config.yaml import config_file, reader
from cloudmesh.config.yaml.config_file import FileError
from cloudmesh.config.yaml.keys import TO_BE_DEFINED
from cloudmesh.config.yaml.reader import Guarded
from cloudmesh.plugin.errors import UsageError

LARGEST = 2**20
_AS_WRITTEN = ("int", "float", "timestamp")


class AsWritten(Guarded):
    """Leaves numbers and dates as they are written: a password may be 0123."""


for _kind in _AS_WRITTEN:
    AsWritten.add_constructor(f"tag:yaml.org,2002:{_kind}", SafeConstructor.construct_yaml_str)


def read(path: Path) -> str:
    """The text of the file.

    Raises UsageError if there is none, FileError if it is a directory, too large, or no text.
    """
    if not path.exists():
        raise UsageError(f"there is no file {path}; check the name")
    if not path.is_file():
        raise FileError(path, None, "this is not a regular file", "give a file")
    if path.stat().st_size > LARGEST:
        message = f"this file is larger than {LARGEST // 2**20} MiB"
        raise FileError(path, None, message, "name a file that holds only clouds")
    text = config_file.read(path, private=False)
    if all(line.lstrip()[:1] in ("", "#") for line in text.splitlines()):
        raise FileError(path, None, "this file has no content", "name one that holds clouds")
    return text


def yaml(text: str, path: Path) -> dict[str, Any]:
    """The sections of a YAML text; its scalars are texts, but for true, false and null. Raises FileError."""
    return reader.parse(text, path, AsWritten)


def section(value: Any, path: Path, where: str) -> dict[str, Any]:
    """The value as a section, empty for null; raises FileError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FileError(path, None, f"{where} is not a section", "write 'key: value' lines under it")
    return value


# The configuration would ask the environment for such a value; there it was a plain text, or another's trick.
_REFERENCE = re.compile(r"\s*(\$\{.*\}|\$\w+|!env\b.*)\s*", re.DOTALL)
_TEMPLATE = re.compile(r"\{cloudmesh\.")


@dataclass(frozen=True)
class FoundCloud:
    """One cloud of the file.

    Attributes:
        name: its name there.
        section: what is to stand under ``clouds.NAME``: texts, and sections of them.
        skipped: why it cannot be taken; empty if it can.
        notes: what was left out of it or has no value, half a sentence each.
        base: its name in the file, where that is another, as one of several regions has it.
    """

    name: str
    section: dict[str, Any] = field(repr=False)
    skipped: str = ""
    notes: list[str] = field(default_factory=list)
    base: str = ""


@dataclass(frozen=True)
class ImportedClouds:
    """All that a file gives.

    Attributes:
        clouds: in the order of the file.
        notes: sentences on the file as a whole.
        profile: who the user is, where the file tells it.
        default: the cloud used when none is named, where the file tells it.
    """

    clouds: list[FoundCloud]
    notes: list[str] = field(default_factory=list)
    profile: dict[str, str] = field(default_factory=dict)
    default: str | None = None


def text_of(value: Any) -> str | None:
    """A scalar as the file has it; None for null, an empty text, a list or a section."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) and value.strip() else None


def harmless_value(key: str, value: str, notes: list[str]) -> str:
    """The value, or TBD for one that means something else to us than it says; that is noted."""
    if _REFERENCE.fullmatch(value) or _TEMPLATE.search(value):
        notes.append(f"{key} refers to another value and is not resolved; it was set to {TO_BE_DEFINED}")
        return TO_BE_DEFINED
    return value


def openstack_section(credentials: Mapping[str, str]) -> dict[str, Any]:
    """The section of an OpenStack cloud; what its way to sign in needs from the user is TBD."""
    complete = dict(credentials)
    if any(key.startswith("OS_APPLICATION_CREDENTIAL_") for key in complete):
        complete.setdefault(AUTH_TYPE, APPLICATION_CREDENTIAL)
    complete.update(dict.fromkeys(to_be_asked(complete), TO_BE_DEFINED))
    return {"type": "openstack", "credentials": complete}
