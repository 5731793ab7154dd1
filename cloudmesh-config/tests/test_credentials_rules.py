"""What the ways to sign in to an OpenStack cloud need, as ``cms config check`` tells it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cloudmesh.config.check import sign_in_rules
from cloudmesh.config.check.findings import check

Write = Callable[..., Path]
URL = "      OS_AUTH_URL: https://x.org/v3\n"
USER = "      OS_USERNAME: me\n      OS_PASSWORD: TBD\n"
PROJECT = "      OS_PROJECT_NAME: p\n"
ID, NAME = "      OS_APPLICATION_CREDENTIAL_ID: i\n", "      OS_APPLICATION_CREDENTIAL_NAME: n\n"
APP_SECRET = "      OS_APPLICATION_CREDENTIAL_SECRET: ${APP_SECRET}\n"


def missing(write: Write, credentials: str) -> list[str]:
    """The keys that are said to be missing, each an error with a line and a remedy."""
    path = write(f"clouds:\n  uc:\n    type: openstack\n    credentials:\n{credentials}")
    found = [finding for finding in check(path) if "is missing" in finding.message]
    for finding in found:
        key = finding.message.split()[0]
        assert finding.level == "error"
        assert finding.remedy == f"'cms config set {key}' asks for it and stores it"
        assert finding.line == 4 or f"{key.split('.')[-1]}: ''" in credentials
    return [finding.message.split()[0].removeprefix("clouds.uc.credentials.") for finding in found]


@pytest.mark.parametrize(
    ("credentials", "keys"),
    [
        (URL + USER + PROJECT, []),
        (URL + USER + "      OS_TENANT_ID: t\n", []),
        (URL + USER + PROJECT + "      OS_AUTH_TYPE: v3password\n", []),
        (URL + USER, ["OS_PROJECT_NAME"]),
        (URL + PROJECT, ["OS_USERNAME", "OS_PASSWORD"]),
        (USER + PROJECT + "      OS_AUTH_URL: ''\n", ["OS_AUTH_URL"]),
        (URL + ID + APP_SECRET, []),
        (URL + ID + APP_SECRET + "      OS_AUTH_TYPE: v3applicationcredential\n", []),
        (URL + NAME + APP_SECRET, []),
        (URL + ID, ["OS_APPLICATION_CREDENTIAL_SECRET"]),
        (URL + APP_SECRET, ["OS_APPLICATION_CREDENTIAL_ID"]),
        (ID + APP_SECRET, ["OS_AUTH_URL"]),
        (
            URL + USER + PROJECT + "      OS_AUTH_TYPE: v3applicationcredential\n",
            ["OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_SECRET"],
        ),
        (URL + "      OS_AUTH_TYPE: v3oidcpassword\n", []),
        (URL + "      OS_AUTH_TYPE: v3token\n", []),
        ("", ["OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME"]),
    ],
)
def test_each_way(write: Write, credentials: str, keys: list[str]) -> None:
    assert missing(write, credentials) == keys


def test_other_types_are_asked_nothing(write: Write) -> None:
    path = write("clouds:\n  uc: {type: vsphere}\n  b: {type: [openstack]}\n")
    assert not any("is missing" in finding.message for finding in check(path))


def test_what_can_stand_instead_is_told(write: Write) -> None:
    path = write(f"clouds:\n  uc:\n    type: openstack\n    credentials:\n{URL}{USER}")
    assert any(
        "(or OS_PROJECT_ID, OS_TENANT_NAME, OS_TENANT_ID) is missing" in f.message for f in check(path)
    )


@pytest.mark.parametrize(
    ("credentials", "lacking"),
    [
        ({}, ["EC2_ACCESS_KEY", "EC2_SECRET_KEY"]),
        ({"EC2_ACCESS_KEY": "A"}, ["EC2_SECRET_KEY"]),
        ({"EC2_ACCESS_KEY": "A", "EC2_SECRET_KEY": "S"}, []),
        ({"EC2_PROFILE": "work"}, []),
    ],
)
def test_ec2_needs_a_key_or_a_profile(credentials: dict[str, str], lacking: list[str]) -> None:
    for kind in ("ec2", "aws"):
        assert [key for key, *_ in sign_in_rules.missing(kind, credentials)] == lacking
