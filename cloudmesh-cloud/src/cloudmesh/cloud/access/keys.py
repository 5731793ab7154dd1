"""Which file of ``~/.ssh`` belongs to the key pair that a machine was booted with."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from cloudmesh.cloud.errors import Refused

_MOST_FILES = 200
_LONGEST = 20_000


def key_file(name: str, fingerprint: str = "", folder: Path | None = None) -> Path | None:
    """The private key of a key pair: by its fingerprint, else by its name; None if none is found.

    Where only the public key is there, it is given: OpenSSH then asks the agent for the private one.

    Args:
        name: what the cloud calls the key pair; empty for none.
        fingerprint: as the cloud tells it; empty if that is not known.
        folder: where to look, else ``~/.ssh``.
    """
    place = folder or Path.home() / ".ssh"
    if not name and not fingerprint:
        return None
    for public in _public_keys(place) if fingerprint else ():
        if fingerprint in fingerprints(_text(public)):
            return _private(public)
    plain = Path(name).name == name and not name.startswith(".")
    public = place / f"{name}.pub"
    if not plain or not (public.is_file() or _is_private(place / name)):
        return None
    if fingerprint and public.is_file() and _told_alike(fingerprint, _text(public)):
        # It has the name of the key pair, and is another key.
        return None
    return _private(public)


def fingerprints(public_key: str) -> set[str]:
    """The fingerprints that clouds give for a public key in OpenSSH's form; none if it has another form."""
    try:
        blob = base64.b64decode(public_key.split()[1], validate=True)
    except (IndexError, ValueError):
        return set()
    old = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    new = _sha256(blob)
    return {":".join(re.findall("..", old)), _as_shown(new), new}


def fingerprint_of(public_key: str) -> str:
    """The SHA256 fingerprint of an OpenSSH public key, as ``ssh-keygen -l`` shows it.

    Raises:
        Refused: the text is no such key.
    """
    words = public_key.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
        if not blob.startswith(len(words[0]).to_bytes(4, "big") + words[0].encode()):
            raise ValueError
    except (IndexError, ValueError):
        raise Refused("this is not an OpenSSH public key, such as 'ssh-ed25519 AAAA... name'") from None
    return _as_shown(_sha256(blob))


def _sha256(blob: bytes) -> str:
    return base64.b64encode(hashlib.sha256(blob).digest()).decode()


def _as_shown(digest: str) -> str:
    """A fingerprint as OpenSSH shows it."""
    return f"SHA256:{digest.rstrip('=')}"


def _told_alike(fingerprint: str, public_key: str) -> bool:
    """Whether a fingerprint has the form that ours have of this key, so that it would be among them.

    Amazon's of an RSA key is that of another encoding, and tells nothing.
    """
    kind = public_key.split()[:1]
    return bool(kind) and kind != ["ssh-rsa"] and len(fingerprint) in map(len, fingerprints(public_key))


def _public_keys(place: Path) -> list[Path]:
    try:
        return sorted(place.glob("*.pub"))[:_MOST_FILES]
    except OSError:
        return []


def _private(public: Path) -> Path:
    private = public.with_name(public.name.removesuffix(".pub"))
    return private if private.is_file() else public


def _is_private(path: Path) -> bool:
    return "PRIVATE KEY-----" in _text(path)[:200]


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST)
    except OSError:
        return ""
