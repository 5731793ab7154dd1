"""The ssh keys of the user: which file holds which key, and how a private one is unlocked.

Unlocked keys exist in memory only. No message holds anything of a key but the path of its file.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cloudmesh.config.secrets.prompt import NotUnlockedError, Prompter
from cloudmesh.plugin.errors import ConfigError, CredentialsError

if TYPE_CHECKING:
    from pyrage.ssh import Identity

USUAL = ("~/.ssh/id_ed25519", "~/.ssh/id_rsa")
KINDS = ("ssh-ed25519", "ssh-rsa")
# Far more than any key; what is larger is another file.
LARGEST = 100_000
_MAGIC = b"openssh-key-v1\0"
_PEM = re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----\s(.*?)-----END", re.DOTALL)


@dataclass(frozen=True)
class Public:
    """A public key: its line as in a ``.pub`` file, and its mark in the values encrypted to it."""

    line: str
    tag: str


def public(line: str) -> Public | None:
    """The key of such a line; None if it is no ed25519 or RSA key."""
    words = line.split()
    if len(words) < 2 or words[0] not in KINDS or not line.isprintable():
        return None
    import pyrage

    try:
        blob = base64.b64decode(words[1], validate=True)
        pyrage.ssh.Recipient.from_str(line.strip())
    except (ValueError, pyrage.RecipientError):
        return None
    mark = base64.b64encode(hashlib.sha256(blob).digest()[:4]).decode().rstrip("=")
    return Public(line.strip(), f"{words[0]} {mark}")


def public_of(name: str) -> Public:
    """The public key of a private key file, or of a ``.pub`` file; no passphrase is needed.

    Raises ConfigError if there is no such file, or no key in it that values can be encrypted to.
    """
    content = _read(name)
    inside = _from_text(content) or _inside(content)
    has_other = Path(f"{name}.pub").expanduser().is_file()
    beside = _from_text(_read(f"{name}.pub")) if has_other else None
    if not inside and not beside and _is_protected(content) and not _blob(content).startswith(_MAGIC):
        path = shlex.quote(str(Path(name).expanduser()))
        raise ConfigError(
            f"{name} is protected by a passphrase and has no .pub file; create that with: "
            f"ssh-keygen -y -f {path} > {path}.pub"
        )
    if not inside and not beside:
        raise ConfigError(f"{name} is not an SSH key of type ed25519 or RSA; name another with --key=PATH")
    # The one beside it has the user's comment, such as me@laptop, but it may be of another key.
    return beside if beside and (not inside or inside.tag == beside.tag) else cast("Public", inside)


def private_beside(name: str) -> str | None:
    """The private key file of a key that was given as either of its two files; None if it is not here."""
    private = name.removesuffix(".pub")
    path = Path(private).expanduser()
    return private if path.is_file() and _PEM.search(_read(private)) else None


def needs_passphrase(name: str) -> bool:
    """Whether this private key is protected by a passphrase."""
    return _is_protected(_read(name))


def unlocked(name: str, wanted_for: str, prompter: Prompter) -> Identity:
    """The private key of a file, ready for use; ``prompter`` gives a passphrase and remembers the key.

    Raises CredentialsError if the passphrase is wrong twice, or nobody can be asked for it.
    """
    path = Path(name).expanduser().resolve()

    def open_it() -> Identity:
        content = _read(name)
        return _identity(content, name) or _with_passphrase(content, name, wanted_for, prompter)

    return prompter.once(("ssh key", str(path)), open_it)


def _identity(content: bytes, name: str) -> Identity | None:
    """The key of an unprotected file; None if it has a passphrase."""
    import pyrage

    if _is_protected(content):
        return None
    with contextlib.suppress(pyrage.IdentityError):
        return pyrage.ssh.Identity.from_buffer(content)
    try:
        return pyrage.ssh.Identity.from_buffer(_plain(content, None, name) or b"")
    except pyrage.IdentityError:
        raise _unusable(name) from None


def _is_protected(content: bytes) -> bool:
    found = _PEM.search(content)
    if not found:
        return False
    if b"ENCRYPTED" in found[1] or b"ENCRYPTED" in found[2][:60]:
        return True
    blob = _blob(content)
    return blob.startswith(_MAGIC) and _field(blob, len(_MAGIC))[0] != b"none"


def _with_passphrase(content: bytes, name: str, wanted_for: str, prompter: Prompter) -> Identity:
    """Ask for the passphrase, once again if it was wrong."""
    reason = f"{wanted_for} is encrypted, and the key {name} has a passphrase"
    for again in ("", "wrong passphrase, try again: "):
        passphrase = prompter.ask(
            f"{again}passphrase of {name}: ",
            hidden=True,
            reason=reason,
            remedy="use a terminal, or name a key without one under cloudmesh.encryption.keys",
        )
        plain = _plain(content, passphrase, name)
        identity = _identity(plain, name) if plain else None
        if identity:
            return identity
    raise NotUnlockedError(
        f"the passphrase of {name} was wrong, so {wanted_for} cannot be decrypted; try again"
    )


def _plain(content: bytes, passphrase: str | None, name: str) -> bytes | None:
    """The same key in OpenSSH's own form without protection, in memory; None if the passphrase is wrong."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as form

    try:
        key = _loaded(content, passphrase)
        plain: bytes = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    except ValueError:
        return None
    except (UnsupportedAlgorithm, TypeError):
        raise _unusable(name) from None
    return plain


def _loaded(content: bytes, passphrase: str | None) -> Any:
    """The key of any form that OpenSSH reads: its own, PKCS#1 or PKCS#8."""
    from cryptography.hazmat.primitives import serialization as form

    secret = passphrase.encode("utf-8", errors="surrogateescape") if passphrase is not None else None
    is_openssh = _blob(content).startswith(_MAGIC)
    load: Any = form.load_ssh_private_key if is_openssh else form.load_pem_private_key
    return load(content, secret)


def _unusable(name: str) -> CredentialsError:
    return CredentialsError(
        f"{name} cannot be used as an SSH key; it must be a private key of type ed25519 or RSA"
    )


def _read(name: str) -> bytes:
    try:
        with Path(name).expanduser().open("rb") as file:
            return file.read(LARGEST)
    except FileNotFoundError:
        raise ConfigError(f"there is no key file {name}; name another with --key=PATH") from None
    except (OSError, RuntimeError, ValueError):
        raise ConfigError(f"the key file {name} cannot be read; check its path and permissions") from None


def _from_text(content: bytes) -> Public | None:
    return public(content.decode("utf-8", errors="replace").strip())


def _inside(content: bytes) -> Public | None:
    """The public part of a private key, which only OpenSSH's own form holds in clear if it is protected."""
    blob = _blob(content)
    if not blob.startswith(_MAGIC):
        return None if _is_protected(content) or not _PEM.search(content) else _derived(content)
    at = len(_MAGIC)
    for _ in ("cipher", "key derivation", "its options"):
        _, at = _field(blob, at)
    key, _ = _field(blob, at + len("\0\0\0\1"))
    kind, _ = _field(key, 0)
    return public(f"{kind.decode('ascii', errors='replace')} {base64.b64encode(key).decode()}")


def _derived(content: bytes) -> Public | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as form

    try:
        key = _loaded(content, None).public_key()
        line = key.public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return _from_text(line)


def _blob(content: bytes) -> bytes:
    """The binary content of a private key file; empty if there is none."""
    found = _PEM.search(content)
    try:
        return base64.b64decode(found[2]) if found else b""
    except binascii.Error:
        return b""


def _field(blob: bytes, at: int) -> tuple[bytes, int]:
    """The text that begins here with its length, and where it ends."""
    end = at + 4 + int.from_bytes(blob[at : at + 4], "big")
    return blob[at + 4 : end], end
