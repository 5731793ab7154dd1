"""Encrypted values: which values are secrets, to whom they are encrypted, and decrypting one of them.

The text is of the format ``age``, encrypted to ssh keys; the program ``age`` decrypts it too:
``age -d -i ~/.ssh/id_ed25519``. What is encrypted is a line with the keys of the configuration that the value
is for, then the value: so nobody can make cloudmesh use it, or show it, under another key.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cloudmesh.config.secrets import ssh_keys
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.config.yaml import keys
from cloudmesh.plugin.errors import ConfigError, CredentialsError
from cloudmesh.plugin.plain import harmless

SECTION = ("cloudmesh", "encryption")
RECIPIENTS = (*SECTION, "recipients")
KEYS = (*SECTION, "keys")
# True if all values of the file are bound to their places; those of earlier versions are not.
BOUND = (*SECTION, "bound")
_PLACES = "cloudmesh places: "

END = "-----END AGE ENCRYPTED FILE-----"
# A nonce of 16 bytes and the authentication code of 16: what even an empty text takes.
SHORTEST_BODY = 32
_HEADER = re.compile(
    rb"age-encryption\.org/v1\n((?:->[^\n]*\n(?:[A-Za-z0-9+/]*\n)+)+)--- [A-Za-z0-9+/]{43}\n"
)
_SSH_RECIPIENT = re.compile(rb"^-> (ssh-[\w-]+) ([A-Za-z0-9+/]+)", re.MULTILINE)


class DamagedError(Exception):
    """An encrypted value is not what age writes."""


def is_plain_secret(parts: Iterable[str], value: object) -> bool:
    """Whether this is a secret that stands in the file in clear."""
    if value is None or isinstance(value, bool | dict | list) or not str(value).strip():
        return False
    elsewhere = keys.is_to_be_defined(value) or keys.variable(value) is not None
    return not elsewhere and not keys.is_encrypted(value) and keys.hidden(tuple(parts))


def recipients(data: dict[str, Any], path: Path) -> list[str]:
    """The public keys to which new secrets are encrypted; none if the file is not encrypted."""
    return _texts(data, RECIPIENTS, path)


def key_files(data: dict[str, Any], path: Path) -> Sequence[str]:
    """The private keys that open the values, as the user named them."""
    return _texts(data, KEYS, path) or ssh_keys.USUAL


def may_hold(parts: Sequence[str]) -> bool:
    """Whether an encrypted value is decrypted under this key: under any other one it might be shown."""
    return keys.hidden(parts) or tuple(parts) == ("database",)


def sealed(value: str, recipients: Sequence[str], places: Iterable[Sequence[str]]) -> str:
    """The value encrypted for these places of the configuration alone; raises as ``encrypt`` does."""
    names = json.dumps(sorted({keys.join(place) for place in places}))
    return encrypt(f"{_PLACES}{names}\n{value}", recipients)


def decrypted(value: str, parts: Sequence[str], data: dict[str, Any], path: Path, prompter: Prompter) -> str:
    """An encrypted value in clear; ``parts`` lead to it in ``data``.

    Raises CredentialsError, also if it was encrypted for another place or is under a key that is no secret.
    """
    key = harmless(keys.join(parts))
    what, remedy = f"{key} in {path}", f"'cms config set {key}' stores it again"
    if not may_hold(parts):
        raise CredentialsError(
            f"{what} is encrypted, but its key is not that of a secret, so it might be shown; {remedy}"
        )
    clear = decrypt(value, key_files(data, path), what, remedy, prompter)
    if not clear.startswith(_PLACES):
        if keys.follow(data, BOUND) is True:
            raise CredentialsError(f"{what} was not encrypted for this place by 'cms config'; {remedy}")
        return clear
    places, _, clear = clear.removeprefix(_PLACES).partition("\n")
    names = json.loads(places)
    if keys.join(parts) not in names:
        raise CredentialsError(
            f"{what} was encrypted for {harmless(names[0])} and is accepted only there; {remedy}"
        )
    return clear


def _texts(data: dict[str, Any], parts: Sequence[str], path: Path) -> list[str]:
    """A list of texts, or a single one, under these parts; none if they are not there."""
    value = keys.follow(data, parts)
    if value is None:
        return []
    lines = value if isinstance(value, list) else [value]
    if not all(isinstance(line, str) and line.strip() for line in lines):
        raise ConfigError(
            f"{path}: {keys.join(parts)} must be a list of strings; 'cms config rekey' writes it"
        )
    return [line.strip() for line in lines]


def encrypt(value: str, recipients: Sequence[str]) -> str:
    """The value encrypted to the public ssh keys of these lines; each of them alone can decrypt it.

    Raises ConfigError if a line is no ed25519 or RSA key, or if there is none.
    """
    import pyrage

    if not recipients:
        raise ConfigError("no recipient was given; name an SSH key with --key=PATH")
    lines = [found.line for line in recipients if (found := ssh_keys.public(str(line)))]
    if len(lines) < len(recipients):
        raise ConfigError(
            "cloudmesh.encryption.recipients has an entry that is not an SSH key of type ed25519 or RSA; "
            "'cms config check' shows which"
        )
    owners = [pyrage.ssh.Recipient.from_str(line) for line in lines]
    armored: bytes = pyrage.encrypt(value.encode(), owners, armored=True)
    return armored.decode("ascii")


def decrypt(value: str, files: Sequence[str], what: str, remedy: str, prompter: Prompter) -> str:
    """The value in clear.

    Args:
        value: what ``encrypt`` or ``age -a`` wrote.
        files: the files of private ssh keys, as the user names them; the first that fits is used.
        what: what is decrypted and where it stands, for the sentence of an error.
        remedy: what to do if the value is damaged.
        prompter: who is asked for the passphrase of a key.

    Raises CredentialsError if no key is there, none fits, it is not unlocked, or the value is damaged.
    """
    import pyrage

    damaged = CredentialsError(f"{what} is damaged and cannot be decrypted; {remedy}")
    try:
        name = _fitting(tags(value), files, what)
    except DamagedError:
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
    fitting = []
    for name in there:
        # One that is no key does not matter, since another may fit.
        with contextlib.suppress(ConfigError):
            if ssh_keys.public_of(name).tag in tags:
                fitting.append(name)
    if not fitting:
        raise CredentialsError(
            f"{what} is encrypted, but not to {' or '.join(there)}; "
            "name the right key file under cloudmesh.encryption.keys"
        )
    return min(fitting, key=ssh_keys.needs_passphrase)


def tags(value: str) -> frozenset[str]:
    """The marks of the ssh keys that can decrypt the value; raises DamagedError. Nothing is decrypted."""
    lines = value.strip().splitlines()
    if len(lines) < 3 or lines[0] != keys.ENCRYPTED or lines[-1] != END:
        raise DamagedError
    if any(len(line) != 64 for line in lines[1:-2]) or not 0 < len(lines[-2]) <= 64:
        raise DamagedError
    try:
        content = base64.b64decode("".join(lines[1:-1]), validate=True)
    except ValueError:
        raise DamagedError from None
    header = _HEADER.match(content)
    if not header or len(content) - header.end() < SHORTEST_BODY:
        raise DamagedError
    return frozenset(b" ".join(found).decode() for found in _SSH_RECIPIENT.findall(header[1]))
