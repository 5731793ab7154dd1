"""Which values of the configuration are secrets, to whom they are encrypted, and decrypting one of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cloudmesh.config.secrets import age, ssh_keys
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.config.yaml import keys, references
from cloudmesh.plugin.errors import ConfigError

SECTION = ("cloudmesh", "encryption")
RECIPIENTS = (*SECTION, "recipients")
KEYS = (*SECTION, "keys")


def is_plain_secret(parts: Iterable[str], value: object) -> bool:
    """Whether this is a secret that stands in the file in clear."""
    if value is None or isinstance(value, bool | dict | list) or not str(value).strip():
        return False
    elsewhere = references.is_to_be_defined(value) or references.variable(value) is not None
    return not elsewhere and not age.is_encrypted(value) and keys.hidden(tuple(parts))


def recipients(data: dict[str, Any], path: Path) -> list[str]:
    """The public keys to which new secrets are encrypted; none if the file is not encrypted."""
    return _texts(data, RECIPIENTS, path)


def key_files(data: dict[str, Any], path: Path) -> Sequence[str]:
    """The private keys that open the values, as the user named them."""
    return _texts(data, KEYS, path) or ssh_keys.USUAL


def decrypted(value: str, parts: Sequence[str], data: dict[str, Any], path: Path, prompter: Prompter) -> str:
    """An encrypted value in clear; raises CredentialsError. ``parts`` lead to it in ``data``."""
    key = keys.join(parts)
    remedy = f"'cms config set {key}' stores it anew"
    return age.decrypt(value, key_files(data, path), f"{key} in {path}", remedy, prompter)


def all_decrypted(
    value: Any, parts: tuple[str, ...], data: dict[str, Any], path: Path, prompter: Prompter
) -> Any:
    """A value or a section in which each encrypted value is in clear; raises CredentialsError."""

    def one(item: Any, below: tuple[str, ...]) -> Any:
        return decrypted(item, below, data, path, prompter) if age.is_encrypted(item) else item

    return keys.map_leaves(value, parts, one)


def _texts(data: dict[str, Any], parts: Sequence[str], path: Path) -> list[str]:
    """A list of texts, or a single one, under these parts; none if they are not there."""
    value: Any = data
    for part in parts:
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return []
    lines = value if isinstance(value, list) else [value]
    if not all(isinstance(line, str) and line.strip() for line in lines):
        raise ConfigError(f"{path}: {keys.join(parts)} must be a list of texts; 'cms config rekey' writes it")
    return [line.strip() for line in lines]
