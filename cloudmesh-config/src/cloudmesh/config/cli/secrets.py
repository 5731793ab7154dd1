"""The part of ``cms config`` that is about secrets: encrypt, decrypt, rekey, and the system keyring."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloudmesh.config.editing import edit, encryption
from cloudmesh.config.secrets import encrypted
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.config.settings.config import Config
from cloudmesh.config.yaml import keys, references
from cloudmesh.plugin import Answer, UsageError

Arguments = Mapping[str, Any]


def encrypt(path: Path, arguments: Arguments, prompter: Prompter) -> Answer:
    """``config encrypt``."""
    count = encryption.encrypt(path, arguments["--key"])
    return Answer(notes=[f"{_secrets(count)} in {path} encrypted", *_owners(path)])


def decrypt(path: Path, arguments: Arguments, prompter: Prompter) -> Answer:
    """``config decrypt``."""
    count = encryption.decrypt(path, prompter)
    return Answer(
        notes=[f"{_secrets(count)} in {path} decrypted: all its secrets are now in clear text in this file"]
    )


def rekey(path: Path, arguments: Arguments, prompter: Prompter) -> Answer:
    """``config rekey``."""
    count = encryption.rekey(path, arguments["--key"], prompter)
    return Answer(notes=[f"{_secrets(count)} in {path} encrypted anew", *_owners(path)])


def set_in_keyring(path: Path, key: str, value: str, notes: list[str]) -> Answer:
    """``config set --keyring``: the value goes to the keyring, ``TBD`` to the file."""
    check_keyring_key(path, key)
    references.to_keyring(keys.join(keys.split(key)), value)
    edit.set_value(path, key, references.TO_BE_DEFINED)
    return Answer(
        notes=[f"{key} is in the system keyring; in {path} it is {references.TO_BE_DEFINED}", *notes]
    )


def check_keyring_key(path: Path, key: str) -> None:
    """Raise UsageError for a key that is not looked for in the keyring, UnknownName for an unknown cloud."""
    parts = keys.split(key)
    if len(parts) < 4 or parts[0] != "clouds" or parts[2] != "credentials":
        raise UsageError("the keyring is for credentials, and this is none; name clouds.NAME.credentials.KEY")
    Config.load(path).cloud(parts[1])


def _secrets(count: int) -> str:
    return "1 secret" if count == 1 else f"{count or 'no'} secrets"


def _owners(path: Path) -> list[str]:
    """A warning if nobody here can decrypt what was encrypted."""
    data = Config.load(path).data
    if not encrypted.recipients(data, path):
        return []
    names = encrypted.key_files(data, path)
    if any(Path(name).expanduser().exists() for name in names):
        return []
    missing = " or ".join(names)
    return [f"warning: there is no private key {missing} here, so only others can decrypt these secrets"]
