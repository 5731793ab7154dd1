"""What ``cms config check`` says of credentials: whether they are complete, and how they are encrypted.

A type stands here whether or not a provider of it is installed, so that a file can be checked beforehand.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from cloudmesh.config.check import auth_types
from cloudmesh.config.check.auth_types import AuthType, Needs, is_given
from cloudmesh.config.check.key_rules import Problem
from cloudmesh.config.secrets import age, ssh_keys
from cloudmesh.config.yaml import keys
from cloudmesh.plugin.errors import suggest
from cloudmesh.plugin.plain import harmless

_EC2_TYPES = ("ec2", "aws")
_EC2: Needs = (("EC2_ACCESS_KEY", "EC2_PROFILE"), ("EC2_SECRET_KEY", "EC2_PROFILE"))
_EC2_KEYS = ("EC2_ACCESS_KEY", "EC2_SECRET_KEY", "EC2_SESSION_TOKEN", "EC2_PROFILE", "EC2_REGION")
# One letter of four may be wrong.
_ALIKE = 0.75


def missing(kind: str, credentials: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The needs of this type of cloud that the credentials leave open; none for a type not known here."""
    if kind == "openstack":
        yield from auth_types.missing(credentials)
    for need in _EC2 if kind in _EC2_TYPES else ():
        if not any(is_given(credentials.get(key)) for key in need):
            yield need


def knows(kind: str) -> bool:
    """Whether the needs of this type stand here; those that its provider names are not asked then."""
    return kind == "openstack" or kind in _EC2_TYPES


def sign_in_problems(name: str, kind: Any, credentials: dict[str, Any]) -> Iterator[Problem]:
    """What the chosen way to sign in lacks, for the types that are known without their provider."""
    for key, *others in missing(kind, credentials) if isinstance(kind, str) else ():
        yield lacking(name, kind, key, *others)
    if kind == "openstack":
        yield from _auth_type_problems(name, credentials)
    if kind in _EC2_TYPES:
        yield from _ec2_problems(("clouds", name, "credentials"), credentials)


def _ec2_problems(parts: tuple[str, ...], credentials: dict[str, Any]) -> Iterator[Problem]:
    """Keys that EC2 does not know, and those of which another one takes the place."""
    for key in map(keys.text_of, credentials):
        if key not in _EC2_KEYS and key.upper().startswith(("EC2_", "AWS_")):
            where = (*parts, key)
            near = difflib.get_close_matches(key.upper(), _EC2_KEYS, n=1, cutoff=_ALIKE)
            remedy = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(_EC2_KEYS)}"
            yield Problem("error", where, f"{keys.join(where)} is not a known key", remedy)
    if is_given(credentials.get("EC2_PROFILE")):
        own = is_given(credentials.get("EC2_ACCESS_KEY"))
        unused = "EC2_PROFILE" if own else "EC2_SESSION_TOKEN"
        if own or is_given(credentials.get(unused)):
            where = (*parts, unused)
            message = f"{keys.join(where)} does not say who signs in: {_EC2_KEYS[0 if own else 3]} does"
            yield Problem("warning", where, message, "remove one of the two")


def _auth_type_problems(name: str, credentials: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with OS_AUTH_TYPE, and with keys that this way to sign in does not know."""
    parts, given = ("clouds", name, "credentials"), credentials.get(auth_types.AUTH_TYPE)
    if keys.is_to_be_defined(given) or keys.variable(given) or keys.is_encrypted(given):
        return
    for word in (given, *auth_types.methods(credentials)):
        way = auth_types.named(str(word)) if is_given(word) else None
        if is_given(word) and (not way or way.refused):
            place = auth_types.AUTH_TYPE if word is given else "OS_AUTH_METHODS"
            why = way.refused if way else "no such way to sign in is known"
            message = f"{keys.join((*parts, place))} is {harmless(str(word))}: {why}"
            yield Problem("error", (*parts, place), message, suggest(str(word), auth_types.usable(), most=99))
            return
    chosen = auth_types.chosen(credentials)
    for key in map(keys.text_of, credentials):
        if chosen and not chosen.knows(key):
            yield from _foreign_key(chosen, (*parts, key), credentials)


def _foreign_key(way: AuthType, parts: tuple[str, ...], credentials: dict[str, Any]) -> Iterator[Problem]:
    """A key that means nothing for this way to sign in; others of its own than ``OS_`` are the user's."""
    key, where = parts[-1], keys.join(parts)
    if any(other.knows(key) for other in auth_types.TYPES):
        message = f"{where} is not used by the auth type {way.name}"
        yield Problem("warning", parts, message, "remove it, or correct OS_AUTH_TYPE")
        return
    lacking = [known for known in way.known if known not in credentials]
    near = difflib.get_close_matches(key.upper(), lacking, n=1, cutoff=_ALIKE)
    if near:
        yield Problem("error", parts, f"{where} is not a known key", f"did you mean {near[0]!r}?")
    elif key.upper().startswith("OS_"):
        remedy = f"ignore this if it is a note of your own; known: {', '.join(way.known)}"
        yield Problem("warning", parts, f"{where} is not a known key of the auth type {way.name}", remedy)


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
