"""The ways to sign in to the known types of clouds: what ``cms config check`` asks of the credentials.

A type stands here whether or not a provider of it is installed, so that a file can be checked beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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
    for need in needs(kind, credentials):
        if not any(_is_given(credentials.get(key)) for key in need):
            yield need


def needs(kind: str, credentials: Mapping[str, Any]) -> Needs:
    """What the way to sign in that the credentials choose needs; nothing for a type not known here."""
    if kind == "openstack":
        return _openstack(credentials)
    return _EC2 if kind in _EC2_TYPES else ()


def knows(kind: str) -> bool:
    """Whether the needs of this type stand here; those that its provider names are not asked then."""
    return kind == "openstack" or kind in _EC2_TYPES


def _openstack(credentials: Mapping[str, Any]) -> Needs:
    chosen = str(credentials.get(AUTH_TYPE) or "").lower()
    if "applicationcredential" in chosen:
        return _APPLICATION
    if chosen not in _PASSWORD_TYPES:
        # Tokens and single sign-on have needs of their own, which only the cloud knows.
        return _SERVICE
    named = any(str(key).startswith("OS_APPLICATION_CREDENTIAL_") for key in credentials)
    return _APPLICATION if named and not chosen else _PASSWORD


def _is_given(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value is not None
