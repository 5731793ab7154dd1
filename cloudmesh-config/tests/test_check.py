"""The findings of a check: each with its line and a remedy, on one line, never with a secret.

At the end: what the ways to sign in need.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudmesh.config.check import auth_types, credential_rules
from cloudmesh.config.check.findings import Finding, check
from cloudmesh.plugin.secrets import is_secret

Write = Callable[..., Path]
SECRET = "hunter2"
FREE = "clouds: {uc: {type: free}}\n"


@pytest.fixture(autouse=True)
def providers(install_providers: Callable[..., None]) -> None:
    """An installed distribution with three providers: one that needs credentials, one free, one broken."""
    install_providers(
        "rented = outside_cloud:Rented\nfree = outside_cloud:Free\nbroken = outside_broken:Nothing",
        outside_cloud="class Rented:\n    required_credentials = ('OS_USERNAME', 'OS_PASSWORD')\n\n"
        "class Free:\n    pass\n",
        outside_broken=f"raise RuntimeError('{SECRET}')\n",
    )


def found(path: Path) -> list[tuple[str, int, str]]:
    findings = check(path)
    for finding in findings:
        assert finding.path == path
        assert finding.remedy
        assert SECRET not in str(finding)
        assert "\n" not in str(finding)
    return [(finding.level, finding.line, finding.message) for finding in findings]


def test_a_good_file_has_no_findings(write: Write) -> None:
    text = (
        "cloudmesh: {default: uc, active: [uc, x]}\n"
        "clouds:\n  uc:\n    type: rented\n"
        "    credentials: {OS_USERNAME: me, OS_PASSWORD: hunter2}\n  x: {type: free}\n"
    )
    assert found(write(text)) == []
    finding = Finding("error", Path("class\n.yaml"), 3, "message", "remedy")
    assert str(finding) == r"class\n.yaml:3: error: message; remedy"


def test_the_sample(write: Write, sample: str) -> None:
    # The type as it stands is installed where all packages are.
    sample = sample.replace("type: openstack", "type: zebra")
    path = write(sample)
    findings = [str(finding) for finding in check(path)]
    near = "known: uc, tacc"
    default = f"{path}:8: error: the default cloud 'chameleon' is not under clouds; {near}"
    assert f"{default}; use: cms cloud default NAME" in findings
    active = f"{path}:10: error: the active cloud 'chameleon' is not under clouds; {near}"
    assert f"{active}; use: cms cloud deactivate chameleon" in findings
    kind = next(line for line in findings if line.startswith(f"{path}:15: error: the type 'zebra'"))
    assert "is not installed; known:" in kind
    tbd = [line for line in findings if "is TBD: no value is stored" in line]
    assert [line.split(":")[1] for line in tbd] == [
        str(number) for number, line in enumerate(sample.splitlines(), 1) if line.endswith(": TBD")
    ]
    assert len(tbd) == 4
    assert all(": warning: " in line and "cms config set clouds." in line for line in tbd)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_file_others_can_use_is_an_error_and_is_checked_further(write: Write, mode: int) -> None:
    path = write("clouds: {uc: {type: fre}}\n", mode)
    findings = check(path)
    assert [finding.level for finding in findings] == ["error", "error"]
    assert f"chmod 600 {path}" in findings[0].remedy
    assert "did you mean 'free'" in findings[1].remedy


def test_an_open_directory_is_a_warning(write: Write, home: Path) -> None:
    path = write("clouds: {uc: {type: free}}\n")
    for mode, findings in ((0o755, 1), (0o750, 1), (0o705, 1), (0o711, 0), (0o700, 0), (0o775, 2)):
        home.chmod(mode)
        assert len(check(path)) == findings, oct(mode)
    home.chmod(0o755)
    assert (check(path)[0].level, check(path)[0].line) == ("warning", 1)
    assert f"chmod 700 {home}" in check(path)[0].remedy
    home.chmod(0o1777)
    assert "chmod" not in check(path)[0].remedy


def test_all_duplicate_keys_are_found(write: Write) -> None:
    text = (
        "clouds:\n  uc:\n    type: free\n    type: free\n    l: [{a: 1, a: 2}]\n"
        "    credentials:\n      OS_PASSWORD: hunter2\n      OS_PASSWORD: hunter2\n"
        "  uc: {type: free}\nclouds:\n"
    )
    lines = [
        line for level, line, message in found(write(text)) if "same key" in message and level == "error"
    ]
    assert lines == [4, 5, 8, 9, 10]


def test_keys_that_only_mean_the_same_are_found(write: Write) -> None:
    assert found(write("clouds: {uc: {type: free}}\n1: a\n1.0: b\n"))[0][:2] == ("error", 3)


def test_a_missing_file_and_a_directory_are_findings(home: Path) -> None:
    assert "cms config init" in check(home / "class.yaml")[0].remedy
    assert [finding.level for finding in check(home)][-1] == "error"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("version: 5.0\n", 1, "no cloud is defined"),
        ("version: 5.0\nclouds: {}\n", 2, "no cloud is defined"),
        ("\nclouds: [uc]\n", 2, "clouds is not a section"),
        ("clouds:\n  uc: 5\n", 2, "clouds.uc is not a section"),
        ("clouds:\n  5: {type: free}\n", 2, "the cloud name 5 is not a string"),
        (
            "clouds:\n  uc:\n    type: free\n    credentials: hunter2\n",
            4,
            "clouds.uc.credentials is not a section",
        ),
        ("clouds:\n  uc:\n    name: x\n", 2, "the cloud 'uc' has no type"),
        ("clouds:\n  uc:\n    type:\n", 3, "the cloud 'uc' has no type"),
        ("clouds:\n  uc:\n    type: [free]\n", 3, "the type of cloud 'uc' is not a name"),
        ("clouds:\n  uc:\n    type: nosuch\n", 3, "the type 'nosuch' of cloud 'uc' is not installed"),
        ("clouds: {uc: {type: free}}\ncloudmesh: [x]\n", 2, "cloudmesh is not a section"),
        ("clouds: {uc: {type: free}}\ncloudmesh:\n  default: 5\n", 3, "cloudmesh.default is neither"),
        ("clouds: {uc: {type: free}}\ncloudmesh:\n  active: {a: b}\n", 3, "cloudmesh.active is neither"),
        (f"{FREE}cloudmesh:\n  default:\n  - uc\n  - ucc\n", 5, "the default cloud 'ucc'"),
        (
            "clouds: {uc: {type: free}, x: {type: free}}\ncloudmesh:\n  active: x\n  default: [x, ' uc ']\n",
            4,
            "the default cloud 'uc' is not active",
        ),
        (
            "clouds:\n  uc:\n    type: broken\n",
            3,
            "the provider 'broken' of cloudmesh.providers cannot be loaded",
        ),
    ],
)
def test_each_rule(write: Write, text: str, line: int, message: str) -> None:
    findings = found(write(text))
    assert [finding[:2] for finding in findings] == [("error", line)]
    assert findings[0][2].startswith(message)


def test_credentials_that_the_type_needs(write: Write) -> None:
    text = (
        "clouds:\n  uc:\n    type: rented\n    credentials:\n      OS_USERNAME: TBD\n      OS_PASSWORD: ''\n"
    )
    assert found(write(text)) == [
        ("warning", 5, "clouds.uc.credentials.OS_USERNAME is TBD: no value is stored"),
        ("error", 6, "clouds.uc.credentials.OS_PASSWORD is missing, and type 'rented' needs it"),
    ]
    path = write("clouds:\n  uc:\n    type: rented\n")
    assert [finding[:2] for finding in found(path)] == [("error", 2), ("error", 2)]
    assert "cms config set clouds.uc.credentials.OS_USERNAME" in check(path)[0].remedy


def test_only_the_providers_in_use_are_loaded(write: Write) -> None:
    assert found(write("clouds: {uc: {type: nosuch}}\n"))
    assert "outside_cloud" not in sys.modules
    assert found(write("clouds: {uc: {type: free}}\n")) == []
    assert "outside_cloud" in sys.modules


CLOUD = (
    "clouds:\n  b: {type: [openstack]}\n  c: {type: vsphere}\n  uc:\n    type: openstack\n    credentials:\n"
)
URL = "      OS_AUTH_URL: https://x.org/v3\n"
USER = "      OS_USERNAME: me\n      OS_PASSWORD: TBD\n"
PROJECT = "      OS_PROJECT_NAME: p\n"
ID, NAME = "      OS_APPLICATION_CREDENTIAL_ID: i\n", "      OS_APPLICATION_CREDENTIAL_NAME: n\n"
APP_SECRET = "      OS_APPLICATION_CREDENTIAL_SECRET: ${APP_SECRET}\n"


def missing(write: Write, credentials: str) -> list[str]:
    """The keys that are said to be missing, each an error with a line and a remedy."""
    path = write(f"{CLOUD}{credentials}")
    found = [finding for finding in check(path) if "is missing" in finding.message]
    for finding in found:
        key = finding.message.split()[0]
        assert finding.level == "error"
        assert finding.remedy == f"'cms config set {key}' prompts for it and stores it"
        assert finding.line == 6 or f"{key.split('.')[-1]}: ''" in credentials
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
        (
            URL + PROJECT + USER + "      OS_AUTH_TYPE: v3oidcpassword\n",
            ["OS_IDENTITY_PROVIDER", "OS_PROTOCOL", "OS_CLIENT_ID", "OS_DISCOVERY_ENDPOINT"],
        ),
        (URL + PROJECT + "      OS_AUTH_TYPE: v3token\n", ["OS_TOKEN"]),
        (URL + "      OS_AUTH_TYPE: V3-TOTP\n", ["OS_USERNAME", "OS_PASSCODE", "OS_PROJECT_NAME"]),
        (
            URL + PROJECT + "      OS_AUTH_TYPE: v3multifactor\n      OS_AUTH_METHODS: v3password,v3totp\n",
            ["OS_USERNAME", "OS_PASSWORD", "OS_PASSCODE"],
        ),
        (URL + USER + "      OS_SYSTEM_SCOPE: all\n", []),
        (URL + "      OS_AUTH_TYPE: ${KIND}\n", []),
        ("", ["OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME"]),
    ],
)
def test_each_way(write: Write, credentials: str, keys: list[str]) -> None:
    assert missing(write, credentials) == keys
    if keys == ["OS_PROJECT_NAME"]:
        told = [finding.message for finding in check(write(f"{CLOUD}{credentials}"))]
        assert any("(or OS_PROJECT_ID, OS_TENANT_NAME, OS_TENANT_ID, OS_DOMAIN_ID," in each for each in told)


@pytest.mark.parametrize(
    ("credentials", "level", "message", "remedy"),
    [
        (
            "OS_AUTH_TYPE: v3oidcpasword",
            "error",
            "no such way to sign in is known",
            "did you mean 'v3oidcpassword'?",
        ),
        ("OS_AUTH_TYPE: none", "error", "gives no token", "known: password"),
        ("OS_AUTH_TYPE: v3multifactor, OS_AUTH_METHODS: x", "error", "METHODS is x", "known: password"),
        ("OS_PASSCODE: TBD", "warning", "not used by the auth type password", "OS_AUTH_TYPE"),
        ("OS_PROJECT_NAM: p", "error", "OS_PROJECT_NAM is not a known key", "'OS_PROJECT_NAME'"),
        ("OS_MY_NOTE_ON_WHOM_TO_CALL: x", "warning", "is not a known key", "ignore this"),
        ("OS_AUTH_TYPE: oidcaccesstoken, OS_PASSWORD: x", "warning", "not used by", "remove it"),
        ("OS_COMPUTE_ENDPOINT_OVERRIDE: 'https://x.org', my_note: x", "", "", ""),
    ],
)
def test_each_way_knows_its_keys(
    write: Write, credentials: str, level: str, message: str, remedy: str
) -> None:
    """A key that is misspelt, or of another way, is told; so is a way that is unknown or of no use."""
    path = write(f"clouds:\n  uc:\n    type: openstack\n    credentials: {{{credentials}}}\n")
    told = [each for each in check(path) if "missing" not in each.message and "TBD" not in each.message]
    assert [each.level for each in told] == [level] * bool(level)
    for each in told:
        assert message in each.message and remedy in each.remedy


@pytest.mark.parametrize("way", auth_types.TYPES, ids=lambda way: way.name)
def test_the_secrets_of_each_way_are_hidden(way: auth_types.AuthType) -> None:
    assert {key for key in way.known if is_secret(key)} == set(way.secret), "no address, no name of a file"
    assert auth_types.named(way.name.removeprefix("v3").upper()) is way
    assert auth_types.needs_person({"OS_AUTH_TYPE": way.name}) is way.browser


@pytest.mark.parametrize(
    ("credentials", "lacking"),
    [
        ({}, ["EC2_ACCESS_KEY", "EC2_SECRET_KEY"]),
        ({"EC2_ACCESS_KEY": "A"}, ["EC2_SECRET_KEY"]),
        ({"EC2_ACCESS_KEY": "A", "EC2_SECRET_KEY": "S"}, []),
        ({"EC2_PROFILE": "work"}, []),
        ({"EC2_PROFILE": "work", "EC2_SESSION_TOKEN": "t"}, ["EC2_SESSION_TOKEN"]),
        ({"EC2_PROFILE": "work", "EC2_ACCESS_KEY": "A", "EC2_SECRET_KEY": "S"}, ["EC2_PROFILE"]),
        ({"EC2_PROFILE": "work", "EC2_REGON": "r"}, ["EC2_REGON"]),
        ({"EC2_PROFILE": "work", "AWS_ROLE_ARN": "r"}, ["AWS_ROLE_ARN"]),
    ],
)
def test_ec2_needs_a_key_or_a_profile_and_knows_its_keys(
    credentials: dict[str, str], lacking: list[str]
) -> None:
    for kind in ("ec2", "aws"):
        problems = credential_rules.sign_in_problems("a", kind, dict(credentials))
        assert [problem.parts[-1] for problem in problems] == lacking
