"""Makes a new pair of ssh keys in ``~/.ssh``.

No program is started, so that no list of processes shows a passphrase.

What is there already is never overwritten, and the private key is nowhere else.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cloudmesh.plugin.errors import CloudmeshError, UsageError

# ssh looks for these by itself.
USUAL = ("id_ed25519", "id_ecdsa", "id_rsa")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]*")
_PRIVATE, _PUBLIC = 0o600, 0o644


@dataclass(frozen=True)
class NewKey:
    """A pair of keys that was just made.

    Attributes:
        private: the file of the private key; that of the public one has ``.pub`` after it.
        line: the public key, as its file holds it.
    """

    private: Path
    line: str

    @property
    def public(self) -> Path:
        """The file of the public key."""
        return self.private.with_name(f"{self.private.name}.pub")

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` shows it."""
        digest = hashlib.sha256(base64.b64decode(self.line.split()[1])).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def place_for(name: str) -> Path:
    """Where the private key of a new key pair is to lie.

    It is the file that ssh uses by itself, if the user has no key yet; else one named after the key pair.

    Raises UsageError if the name cannot be one of a file, or there is such a file already.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"the key pair name {name!r} cannot be the name of a file; use letters, digits, '-', '_' and '.'"
        )
    folder = Path.home() / ".ssh"
    has_key = any(os.path.lexists(folder / f"{each}{end}") for each in USUAL for end in ("", ".pub"))
    path = folder / (f"cloudmesh_{name}" if has_key else USUAL[0])
    for each in (path, path.with_name(f"{path.name}.pub")):
        if os.path.lexists(each):
            raise UsageError(
                f"{each} exists already, and is not overwritten; add it with "
                f"'cms key add {name} {path}.pub', or choose another name"
            )
    return path


def make(path: Path, comment: str, passphrase: str) -> NewKey:
    """Make an ed25519 pair, of which the private one can be read by nobody else.

    Args:
        path: the file of the private key, which must not exist.
        comment: stands in the public key.
        passphrase: protects the private key; empty for no protection.

    Raises CloudmeshError if a file cannot be written, or is there; then nothing new is left.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    secret = passphrase.encode("utf-8", errors="surrogateescape")
    protection = form.BestAvailableEncryption(secret) if secret else form.NoEncryption()
    text = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, protection)
    line = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    made = NewKey(path, f"{line} {comment}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, text, _PRIVATE)
        try:
            _write(made.public, f"{made.line}\n".encode(), _PUBLIC)
        except BaseException:
            path.unlink()
            raise
    except OSError as error:
        raise CloudmeshError(
            f"no key pair was made: {error.filename or path}: {error.strerror or error}"
        ) from error
    return made


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file that is not there yet; nothing is left of one that cannot be written to its end."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(number, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
