"""What belongs to a clouds.yaml: secure.yaml, profiles, regions; what is told, and what is never done."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.config.importers import clouds_yaml
from cloudmesh.plugin.errors import ConfigError, UnknownName

AUTH = "auth: {auth_url: 'https://h/v3', username: ann, user_domain_id: d, project_id: p}"
PLAIN = f"clouds: {{a: {{{AUTH}, region_name: R}}}}"
SECURE = "clouds: {a: {auth: {password: %s}}, other: {auth: {password: x}}}"
# What openstacksdk itself finds, in a process of its own: it looks at the directory once.
THEIRS = """
import warnings; warnings.simplefilter("ignore")
from openstack.config.loader import OpenStackConfig
print(OpenStackConfig().get_one("a", validate=False).config["auth"].get("password"))
"""


@pytest.fixture(params=[True, False], ids=["openstacksdk", "own rules"])
def with_sdk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether openstacksdk is there."""
    if not request.param:
        monkeypatch.setitem(sys.modules, "openstack", None)
    return bool(request.param)


@pytest.fixture
def read(surroundings: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads files that are written into ``theirs``; nothing may be connected to."""

    def refuse(*words: object) -> None:
        raise AssertionError("it must not connect")

    def function(text: str = "", region: str | None = None, **beside: str) -> Any:
        folder = surroundings / "theirs"
        folder.mkdir(exist_ok=True)
        for name, content in {**({"clouds": text} if text else {}), **beside}.items():
            (folder / f"{name.replace('_', '-')}.yaml").write_text(content)
        monkeypatch.setattr(socket.socket, "connect", refuse)
        path = folder / "clouds.yaml"
        return clouds_yaml.read_clouds(path, path.read_text(), region)

    return function


def keys(found: Any, name: str = "a") -> dict[str, str]:
    """The credentials of a cloud."""
    (cloud,) = (each for each in found.clouds if each.name == name)
    assert not cloud.skipped
    return dict(cloud.section["credentials"])


def told(found: Any) -> str:
    """All that is told of it."""
    return "\n".join([*found.notes, *(note for each in found.clouds for note in (*each.notes, each.skipped))])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "variables", "where"),
    [
        (["theirs"], {}, "theirs"),
        (["theirs", ".config/openstack"], {}, "theirs"),
        ([".config/openstack"], {}, "theirs"),
        (["xdg/openstack", ".config/openstack"], {"XDG_CONFIG_HOME": "xdg"}, "theirs"),
        (["sys/openstack"], {"XDG_CONFIG_DIRS": "sys"}, "theirs"),
        (["sys/openstack"], {"XDG_CONFIG_DIRS": "sys:other"}, "theirs"),
        (["theirs"], {"OS_CLIENT_CONFIG_FILE": "theirs/clouds.yaml"}, "."),
        (["theirs", "."], {"OS_CLIENT_CONFIG_FILE": "theirs/clouds.yaml"}, "."),
        (["theirs", "chosen"], {"OS_CLIENT_SECURE_FILE": "chosen/secure.yaml"}, "theirs"),
    ],
)
def test_secure_yaml_is_the_one_that_openstacksdk_finds(
    read: Any, surroundings: Path, monkeypatch: pytest.MonkeyPatch, files: Any, variables: Any, where: str
) -> None:
    (surroundings / "theirs").mkdir()
    for number, name in enumerate(files):
        folder = surroundings / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "secure.yaml").write_text(SECURE % f"from-{number}")
    for name, value in variables.items():
        monkeypatch.setenv(name, ":".join(str(surroundings / each) for each in value.split(":")))
    monkeypatch.chdir(surroundings / where)
    (surroundings / "theirs" / "clouds.yaml").write_text(PLAIN)
    words = [sys.executable, "-c", THEIRS]
    theirs = subprocess.run(words, env=os.environ, check=True, capture_output=True, text=True).stdout.strip()
    found = read()
    assert keys(found)["OS_PASSWORD"] == (theirs if theirs != "None" else "TBD")
    if theirs != "None":
        assert "secure.yaml was read as well" in told(found)
        assert "stand only in" in told(found)
    if theirs != "from-0" and "theirs" in files:
        assert "theirs/secure.yaml was not read" in told(found)
    assert ("password was taken from" in told(found)) is (theirs == "from-0" and "theirs" not in files) or (
        theirs == "from-1"
    )


@pytest.mark.parametrize(
    ("profile", "with_it", "without_it"),
    [
        ("limestonenetworks", "its profile limestonenetworks is that of openstacksdk", "[openstack]"),
        ("ovh", "is one that openstacksdk fetches, which is not done here", "[openstack]"),
        ("vexxhost", "is one that openstacksdk fetches, which is not done here", "[openstack]"),
        ("internap", "is that of a cloud that no longer exists", "[openstack]"),
        ("https://vendor.example.org", "is a URL, which is not fetched", "is a URL, which is not fetched"),
        ("nosuch", "its profile nosuch was found nowhere", "[openstack]"),
    ],
)
def test_a_profile_is_laid_under_or_told(
    read: Any, with_sdk: bool, profile: str, with_it: str, without_it: str
) -> None:
    found = read(f"clouds: {{a: {{profile: '{profile}', auth: {{username: ann, password: pw}}}}}}")
    assert (with_it if with_sdk else without_it) in told(found)
    if profile == "limestonenetworks" and with_sdk:
        assert [each.name for each in found.clouds] == ["a-us-dfw-1", "a-us-slc"]
        assert keys(found, "a-us-slc")["OS_AUTH_URL"] == "https://auth.cloud.lstn.net:5000/v3"
    else:
        # Without it there is no address.
        assert [each.skipped != "" for each in found.clouds] == [True]
        found = read(f"clouds: {{a: {{profile: '{profile}', {AUTH}}}}}")
        assert (with_it if with_sdk else without_it) in told(found)
        assert keys(found)["OS_AUTH_URL"] == "https://h/v3"


def test_a_profile_of_clouds_public_yaml(read: Any, with_sdk: bool) -> None:
    public = (
        "public-clouds: {ours: {auth: {auth_url: 'https://{region_name}.h/v3', user_domain_name: D},"
        " regions: [one, two], interface: internal, vendor_hook: 'evil:load'}}"
    )
    found = read("clouds: {a: {profile: ours, auth: {username: ann}}}", clouds_public=public)
    assert keys(found, "a-two")["OS_AUTH_URL"] == "https://two.h/v3"
    assert keys(found, "a-one")["OS_USER_DOMAIN_NAME"] == "D"
    assert keys(found, "a-one")["OS_INTERFACE"] == "internal"
    assert "its profile ours is from clouds-public.yaml" in told(found)
    assert "not taken over: vendor_hook" in told(found)


def test_one_region_is_taken(read: Any, with_sdk: bool) -> None:
    text = f"clouds: {{a: {{{AUTH}, regions: [one, two]}}, b: {{{AUTH}}}, c: {{{AUTH}, region_name: one}}}}"
    found = read(text, region="two")
    assert keys(found, "a")["OS_REGION_NAME"] == "two"
    assert keys(found, "b")["OS_REGION_NAME"] == "two"
    assert "it has no region two, only: one" in told(found)
    with pytest.raises(UnknownName, match="did you mean 'one'"):
        read(f"clouds: {{a: {{{AUTH}, regions: [one, two]}}}}", region="ome")
    clash = read(f"clouds: {{a: {{{AUTH}, regions: [one, two]}}, a-two: {{{AUTH}}}}}")
    assert "use --region=REGION to take only one region" in told(clash)


def test_the_environment_is_not_read(read: Any, with_sdk: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    before = read(PLAIN)
    names = "USERNAME PASSWORD PROJECT_ID AUTH_URL REGION_NAME CLOUD CLOUD_NAME CACERT AUTH_TYPE TOKEN"
    for name in names.split():
        monkeypatch.setenv(f"OS_{name}", "a")
    assert read(PLAIN) == before


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("cacert: '{auth[password]}'", "braces"),
        ("cacert: '{auth}'", "braces"),
        ("cacert: '{region_name:>99999999999}'", "braces"),
        ("cacert: '{region_name.__class__.__mro__}'", "braces"),
        ("cert: '{key", "is not closed"),
        ("compute_endpoint_override: 'https://{nosuch}/'", "braces"),
        ("insecure: 1", "neither true nor false"),
        ("regions: one", "regions is not a list"),
        ("regions: [{name: one, other: 1}]", "other keys than name and values"),
        ("profile: [x]", "profile is not a text"),
    ],
)
def test_what_openstacksdk_must_not_be_given_is_left_out(
    read: Any, with_sdk: bool, more: str, reason: str
) -> None:
    found = read(
        f"clouds: {{a: {{{AUTH}, region_name: R, {more}}}, b: {{{AUTH}}}}}".replace("'{key", "'{key'")
    )
    assert [bool(each.skipped) for each in found.clouds] == [True, False]
    assert reason in told(found)


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ("force_ipv4: true, image_format: raw", "not taken over: force_ipv4, image_format"),
        ("networks: [{name: n, default_interface: true}]", "not taken over: networks"),
        ("compute_region_name: X, api_timeout: 3", "not taken over: api_timeout, compute_region_name"),
        ("volume_endpoint_override: 'https://x'", "not taken over: volume_endpoint_override"),
        ("auth-type: v3token", "auth-type has no effect in openstacksdk"),
        ("auth_plugin: v3token", "auth_plugin has no effect in openstacksdk"),
        ("interface: [internal, public]", "of its interfaces only internal is taken over"),
        ("cacert: ca.pem", "OS_CACERT is a relative path"),
        ("verify: false, cacert: /ca.pem", "cacert has no effect and is not taken over"),
        ("verify: , cacert: /ca.pem", "cacert has no effect in openstacksdk"),
        ("verify: 'false'", "verify is a text, which openstacksdk takes for the path"),
        ("compute_api_version: 2.10", "OS_COMPUTE_API_VERSION is taken as it is written"),
        ("password: 0123", "OS_PASSWORD is taken as it is written"),
        ("auth_type: v3nosuch", "auth_type v3nosuch is not known"),
        ("auth_type: v3applicationcredential", "auth_type v3applicationcredential does not know"),
    ],
)
def test_what_is_not_taken_over_is_named(read: Any, with_sdk: bool, more: str, note: str) -> None:
    unknown = ", wrong: 1" if "does not know" in note else ""
    text = f"clouds: {{a: {{{AUTH[:-1]}{unknown}}}, {more}}}}}\nmetrics: {{}}\nx-base: {{}}"
    found = read(text)
    assert note in told(found)
    assert f"{found.notes[0]}".endswith("clouds.yaml: metrics")


def test_a_file_that_cannot_be_read_is_an_error(read: Any, with_sdk: bool) -> None:
    with pytest.raises(ConfigError, match=r"secure\.yaml"):
        read(PLAIN, secure="clouds: [")
