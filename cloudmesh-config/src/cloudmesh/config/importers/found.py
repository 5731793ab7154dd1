"""What is found in a file of another program, in our own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cloudmesh.config.check.credential_rules import APPLICATION_CREDENTIAL, AUTH_TYPE, missing
from cloudmesh.config.check.rules import TO_BE_DEFINED

# The configuration would ask the environment for such a value; there it was a plain text, or another's trick.
_REFERENCE = re.compile(r"\s*(\$\{.*\}|\$\w+|!env\b.*)\s*", re.DOTALL)
_TEMPLATE = re.compile(r"\{cloudmesh\.")
_ALWAYS_ASKED = {"OS_USERNAME", "OS_PASSWORD", "OS_APPLICATION_CREDENTIAL_SECRET"}


@dataclass(frozen=True)
class FoundCloud:
    """One cloud of the file.

    Attributes:
        name: its name there.
        section: what is to stand under ``clouds.NAME``: texts, and sections of them.
        skipped: why it cannot be taken; empty if it can.
        notes: what was left out of it or has no value, half a sentence each.
    """

    name: str
    section: dict[str, Any] = field(repr=False)
    skipped: str = ""
    notes: list[str] = field(default_factory=list)


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
        notes.append(f"{key} refers to another value and is not resolved; it becomes {TO_BE_DEFINED}")
        return TO_BE_DEFINED
    return value


def openstack_section(credentials: Mapping[str, str]) -> dict[str, Any]:
    """The section of an OpenStack cloud; what its way to sign in needs from the user is TBD."""
    complete = dict(credentials)
    if any(key.startswith("OS_APPLICATION_CREDENTIAL_") for key in complete):
        complete.setdefault(AUTH_TYPE, APPLICATION_CREDENTIAL)
    for need in missing("openstack", complete):
        if need[0] in _ALWAYS_ASKED:
            complete[need[0]] = TO_BE_DEFINED
    return {"type": "openstack", "credentials": complete}
