"""Digests of images: making and comparing them, and finding one in the list that a distribution publishes."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from cloudmesh.cloud.errors import Refused
from cloudmesh.plugin.errors import UsageError

_LENGTHS = {64: "sha256", 128: "sha512"}
_HEX = re.compile(r"[0-9a-fA-F]+")
# "HASH  NAME" or "HASH *NAME" of sha256sum; "SHA256 (NAME) = HASH" of BSD.
_COREUTILS = re.compile(r"\\?(?P<digest>[0-9a-fA-F]{64}|[0-9a-fA-F]{128})[ \t]+\*?(?P<name>\S.*)")
_BSD = re.compile(
    r"(?P<kind>SHA256|SHA512) ?\((?P<name>.+)\) ?= ?(?P<digest>[0-9a-fA-F]{64}|[0-9a-fA-F]{128})", re.I
)


def checked_digest(text: str) -> str:
    """A digest in lower case, ``sha256:`` in front left out. Raises UsageError if it is none."""
    digest = re.sub(r"^sha(256|512)[:=]", "", text.strip(), flags=re.IGNORECASE).lower()
    if not _HEX.fullmatch(digest) or len(digest) not in _LENGTHS:
        raise UsageError(
            f"{text!r} is no SHA-256 digest, which has 64 hexadecimal digits (SHA-512: 128), see sha256sum"
        )
    return digest


def kind_of(digest: str) -> str:
    """``sha256`` or ``sha512``, by the length."""
    return _LENGTHS[len(digest)]


def writers(wanted: str = "") -> dict[str, Any]:
    """What takes the bytes of a file: of SHA-256, and of the kind of the digest that is wanted."""
    kinds = {"sha256"} | ({kind_of(wanted)} if wanted else set())
    return {kind: hashlib.new(kind, usedforsecurity=True) for kind in kinds}


def require_digest(hashes: Mapping[str, Any], wanted: str, what: str) -> None:
    """Raise Refused if what was hashed is not what was wanted; an empty digest wants nothing."""
    if not wanted:
        return
    found = hashes[kind_of(wanted)].hexdigest()
    if not hmac.compare_digest(found, wanted.lower()):
        raise Refused(
            f"{what} is not what it should be: its {kind_of(wanted)} is {found}, and {wanted.lower()} was "
            "expected; it was changed or is of another version, so it is not used"
        )


def find_digest(text: str, name: str, alone: bool = False) -> str:
    """The digest of a file in a list of checksums, in lower case; empty if the list has none of it.

    The list has lines of sha256sum or of BSD, may be signed with PGP, and may name files in directories. The
    digest of a list that names none is the one of its only line; with ``alone``, for the list of one file,
    the only one there is, whatever name it has. Of several kinds the strongest is given.
    """
    found: list[str] = []
    bare: list[str] = []
    others: list[str] = []
    for line in map(str.strip, text.splitlines()):
        match = _BSD.fullmatch(line) or _COREUTILS.fullmatch(line)
        if match:
            if _agrees(match):
                own = match["name"].strip().rpartition("/")[2] == name
                (found if own else others).append(match["digest"].lower())
        elif len(line) in _LENGTHS and _HEX.fullmatch(line):
            bare.append(line.lower())
    only = [*bare, *others] if alone else bare
    return max(found or (only if len(only) == 1 else []), key=len, default="")


def _agrees(match: re.Match[str]) -> bool:
    kind = match.groupdict().get("kind")
    return kind is None or kind_of(match["digest"]) == kind.lower()
