"""The rules of encrypted values and of the section ``cloudmesh.encryption``, for ``cms config check``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloudmesh.config.secrets import age_armor, encrypted, ssh_keys
from cloudmesh.config.yaml import keys
from cloudmesh.config.yaml.problem import Problem


def problems(data: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with it; no key is opened for that."""
    recipients = _under(data, encrypted.RECIPIENTS)
    yield from _recipients(recipients)
    yield from _keys(_under(data, encrypted.KEYS))
    for parts, value in _leaves(data, ()):
        if age_armor.is_encrypted(value):
            yield from _encrypted(parts, value)
        elif recipients and encrypted.is_plain_secret(parts, value):
            message = f"{keys.join(parts)} is in clear text, although this file is encrypted"
            yield Problem("warning", parts, message, "use: cms config encrypt")


def _recipients(value: Any) -> Iterator[Problem]:
    lines = value if isinstance(value, list) else [] if value is None else [value]
    for number, line in enumerate(lines):
        if not isinstance(line, str) or not ssh_keys.public(line):
            parts = (*encrypted.RECIPIENTS, str(number)) if isinstance(value, list) else encrypted.RECIPIENTS
            message = "this recipient is no public ssh key of the type ed25519 or RSA"
            yield Problem("error", parts, message, "copy the line of a .pub file, or use: cms config rekey")


def _keys(value: Any) -> Iterator[Problem]:
    names = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(name, str) for name in names):
        message = f"{keys.join(encrypted.KEYS)} is no list of files"
        yield Problem("error", encrypted.KEYS, message, "write it as [~/.ssh/id_ed25519]")


def _encrypted(parts: tuple[str, ...], value: str) -> Iterator[Problem]:
    key = keys.join(parts)
    try:
        tags = age_armor.tags(value)
    except age_armor.DamagedError:
        message = f"{key} is encrypted, but damaged, and cannot be decrypted"
        yield Problem("error", parts, message, f"'cms config set {key}' stores it anew")
        return
    if not tags:
        message = f"{key} is encrypted, but to no ssh key"
        yield Problem("error", parts, message, f"'cms config set {key}' stores it anew")


def _under(data: Any, parts: tuple[str, ...]) -> Any:
    for part in parts:
        data = data.get(part) if isinstance(data, dict) else None
    return data


def _leaves(data: Any, parts: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _leaves(value, (*parts, keys.text_of(key)))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _leaves(value, (*parts, str(number)))
    else:
        yield parts, data
