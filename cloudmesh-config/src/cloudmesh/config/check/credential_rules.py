"""What ``cms config check`` says of credentials: whether they are complete, and how they are encrypted.

A type stands here whether or not a provider of it is installed, so that a file can be checked beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cloudmesh.config.check.key_rules import Problem
from cloudmesh.config.secrets import age, ssh_keys
from cloudmesh.config.yaml import keys

# Each need is a tuple of keys of which one is enough; the first is the one to recommend.
Needs = tuple[tuple[str, ...], ...]

AUTH_TYPE = "OS_AUTH_TYPE"
APPLICATION_CREDENTIAL = "v3applicationcredential"

_PASSWORD_TYPES = ("", "password", "v3password", "v2password")
_SERVICE: Needs = (("OS_AUTH_URL",),)
_PASSWORD: Needs = (
    *_SERVICE,
    ("OS_USERNAME", "OS_USER_ID"),
    ("OS_PASSWORD",),
    ("OS_PROJECT_NAME", "OS_PROJECT_ID", "OS_TENANT_NAME", "OS_TENANT_ID"),
)
_APPLICATION: Needs = (
    *_SERVICE,
    ("OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_NAME"),
    ("OS_APPLICATION_CREDENTIAL_SECRET",),
)
_EC2_TYPES = ("ec2", "aws")
_EC2: Needs = (("EC2_ACCESS_KEY", "EC2_PROFILE"), ("EC2_SECRET_KEY", "EC2_PROFILE"))


def missing(kind: str, credentials: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The needs of this type of cloud that the credentials leave open."""
    for need in _needs(kind, credentials):
        if not any(is_given(credentials.get(key)) for key in need):
            yield need


def _needs(kind: str, credentials: Mapping[str, Any]) -> Needs:
    """What the way to sign in that the credentials choose needs; nothing for a type not known here."""
    if kind != "openstack":
        return _EC2 if kind in _EC2_TYPES else ()
    chosen = str(credentials.get(AUTH_TYPE) or "").lower()
    if "applicationcredential" in chosen:
        return _APPLICATION
    if chosen not in _PASSWORD_TYPES:
        # Tokens and single sign-on have needs of their own, which only the cloud knows.
        return _SERVICE
    named = any(str(key).startswith("OS_APPLICATION_CREDENTIAL_") for key in credentials)
    return _APPLICATION if named and not chosen else _PASSWORD


def knows(kind: str) -> bool:
    """Whether the needs of this type stand here; those that its provider names are not asked then."""
    return kind == "openstack" or kind in _EC2_TYPES


def is_given(value: Any) -> bool:
    """Whether a credential has a value: one that is no text, or a text that is not blank."""
    return bool(value.strip()) if isinstance(value, str) else value is not None


def sign_in_problems(name: str, kind: Any, credentials: dict[str, Any]) -> Iterator[Problem]:
    """What the chosen way to sign in lacks, for the types that are known without their provider."""
    for key, *others in missing(kind, credentials) if isinstance(kind, str) else ():
        yield lacking(name, kind, key, *others)


def lacking(name: str, kind: str, key: str, *others: str) -> Problem:
    """A credential of a cloud that its type needs; ``others`` would do in its place."""
    parts = ("clouds", name, "credentials", key)
    instead = f" (or {', '.join(others)})" if others else ""
    message = f"{keys.join(parts)}{instead} is missing, and type {kind!r} needs it"
    return Problem(
        "error", parts, message, f"'cms config set {keys.join(parts)}' prompts for it and stores it"
    )


def encryption_problems(data: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with the encrypted values and with ``cloudmesh.encryption``; nothing is decrypted."""
    recipients = keys.follow(data, age.RECIPIENTS)
    for number, line in enumerate(_items(recipients)):
        if not isinstance(line, str) or not ssh_keys.public(line):
            where = (*age.RECIPIENTS, str(number)) if isinstance(recipients, list) else age.RECIPIENTS
            message = "this recipient is not a public SSH key of type ed25519 or RSA"
            yield Problem("error", where, message, "copy the line of a .pub file, or use: cms config rekey")
    if not all(isinstance(name, str) for name in _items(keys.follow(data, age.KEYS))):
        message = f"{keys.join(age.KEYS)} is not a list of files"
        yield Problem("error", age.KEYS, message, "write it as [~/.ssh/id_ed25519]")
    leaves = keys.leaves(data)
    if any(keys.is_encrypted(value) for _, value in leaves) and keys.follow(data, age.BOUND) is not True:
        message = "encrypted by an earlier version, so a value moved to another key would not be detected"
        yield Problem("warning", age.SECTION, message, "use: cms config encrypt")
    for parts, value in leaves:
        if keys.is_encrypted(value):
            yield from _encrypted(parts, value)
        elif recipients and age.is_plain_secret(parts, value):
            message = f"{keys.join(parts)} is in clear text, although this file is encrypted"
            yield Problem("warning", parts, message, "use: cms config encrypt")


def _items(value: Any) -> list[Any]:
    """The items of a list, or a single value as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _encrypted(parts: tuple[str, ...], value: str) -> Iterator[Problem]:
    try:
        fault = "" if age.tags(value) else "not with an SSH key"
        if not age.may_hold(parts):
            fault = "it is not decrypted, because its key is not that of a secret"
    except age.DamagedError:
        fault = "damaged, and cannot be decrypted"
    if fault:
        key = keys.join(parts)
        message = f"{key} is encrypted, but {fault}"
        yield Problem("error", parts, message, f"'cms config set {key}' stores it again")
