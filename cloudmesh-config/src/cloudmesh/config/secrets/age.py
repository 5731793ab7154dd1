"""Encrypted values: text of the ``age`` format, encrypted to ssh keys.

The program ``age`` decrypts them too: ``age -d -i ~/.ssh/id_ed25519``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cloudmesh.config.secrets import age_armor, ssh_keys
from cloudmesh.config.secrets.age_armor import is_encrypted
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.plugin.errors import ConfigError, CredentialsError

__all__ = ["decrypt", "encrypt", "is_encrypted"]


def encrypt(value: str, recipients: Sequence[str]) -> str:
    """The value encrypted to the public ssh keys of these lines; each of them alone can decrypt it.

    Raises ConfigError if a line is no ed25519 or RSA key, or if there is none.
    """
    import pyrage

    if not recipients:
        raise ConfigError("no recipient is given; name an ssh key with --key=PATH")
    lines = [found.line for line in recipients if (found := ssh_keys.public(str(line)))]
    if len(lines) < len(recipients):
        raise ConfigError(
            "cloudmesh.encryption.recipients holds what is no public ssh key of the type ed25519 or RSA; "
            "'cms config check' tells which"
        )
    keys = [pyrage.ssh.Recipient.from_str(line) for line in lines]
    encrypted: bytes = pyrage.encrypt(value.encode(), keys, armored=True)
    return encrypted.decode("ascii")


def decrypt(value: str, keys: Sequence[str], what: str, remedy: str, prompter: Prompter) -> str:
    """The value in clear.

    Args:
        value: what ``encrypt`` or ``age -a`` wrote.
        keys: the files of private ssh keys, as the user names them; the first that fits is used.
        what: what is decrypted and where it stands, for the sentence of an error.
        remedy: what to do if the value is damaged.
        prompter: who is asked for the passphrase of a key.

    Raises CredentialsError if no key is there, none fits, it is not unlocked, or the value is damaged.
    """
    import pyrage

    damaged = CredentialsError(f"{what} is damaged and cannot be decrypted; {remedy}")
    try:
        name = _fitting(age_armor.tags(value), keys, what)
    except age_armor.DamagedError:
        raise damaged from None
    identity = ssh_keys.unlocked(name, what, prompter)
    try:
        clear: bytes = pyrage.decrypt(value.strip().encode(), [identity])
        return clear.decode()
    except (pyrage.DecryptError, UnicodeError):
        raise damaged from None


def _fitting(tags: frozenset[str], names: Sequence[str], what: str) -> str:
    """The first key file to which the value is encrypted, one without a passphrase before the others."""
    there = [name for name in names if Path(name).expanduser().exists()]
    if not there:
        raise CredentialsError(
            f"{what} is encrypted, and there is no key file {' or '.join(names)}; "
            "restore it, or name another under cloudmesh.encryption.keys"
        )
    fitting = [name for name in there if _tag(name) in tags]
    if not fitting:
        raise CredentialsError(
            f"{what} is encrypted, but not to {' or '.join(there)}; "
            "name the right key file under cloudmesh.encryption.keys"
        )
    return min(fitting, key=ssh_keys.needs_passphrase)


def _tag(name: str) -> str:
    """The mark of a key file; empty for a file that is none, since another of them may fit."""
    try:
        return ssh_keys.public_of(name).tag
    except ConfigError:
        return ""
