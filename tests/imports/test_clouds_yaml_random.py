"""Files made at random: each field of a cloud is as openstacksdk has it, or something is told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cloudmesh.config.importers import clouds_yaml
from cloudmesh.config.importers.importing import ImportOptions, import_file
from cloudmesh.config.yaml import reader
from cloudmesh.plugin.errors import ConfigError

REGIONS = ("RegionOne", "RegionTwo")
LONG = {"suppress_health_check": list(HealthCheck)}
# A word, and a number that YAML reads as such.
WORDS = st.sampled_from(["ann", "demo", "Default", "d-1", "0a1b", 42])
_BY_NAME = ["username", "user_id", "user-name", "user_name", "password", "passcode", "token", "auth_token"]
_DOMAINS = [f"{whose}domain{sign}{what}" for whose in ("", "user_", "project_", "default_")
            for what in ("id", "name") for sign in "_-"]  # fmt: skip
_SCOPE = [
    "project_id",
    "project_name",
    "project-name",
    "tenant_name",
    "tenant-id",
    "system_scope",
    "trust_id",
]
_APPLICATION = ["application_credential_id", "application_credential_secret"]
AUTH_KEYS = [*_BY_NAME, *_DOMAINS, *_SCOPE, *_APPLICATION]
# What most files have, so that many of them can sign in.
USUAL = {"username": "ann", "password": "pw", "user_domain_id": "default", "project_name": "demo"}


def auths(*, whole: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """What stands under ``auth``."""
    more = st.dictionaries(st.sampled_from(AUTH_KEYS), WORDS, max_size=3)
    usual = st.sampled_from([USUAL, USUAL, {**USUAL, "project_domain_name": "D"}, {}] if whole else [{}])
    url = st.sampled_from(["HERE/v3", "HERE", "HERE/v3/", "HERE/{region_name}/v3"] if whole else [None])
    return st.builds(
        lambda start, other, url: {**start, **other, **({"auth_url": url} if url else {})}, usual, more, url
    )


TYPES = ["password", "v3password", "token", "v3token", "v3totp", "v3applicationcredential", "admin_token"]
SETTINGS = {
    "auth_type": st.sampled_from([*TYPES, None]),
    "auth-type": st.sampled_from(TYPES),
    "auth_plugin": st.sampled_from(TYPES),
    "region_name": st.sampled_from([*REGIONS, "RegionOne,RegionTwo", ["RegionTwo", "RegionOne"]]),
    "region-name": st.sampled_from(REGIONS),
    "interface": st.sampled_from(["public", "internal", "adminURL", "publicURL", ["internal", "public"]]),
    "endpoint_type": st.sampled_from(["internalURL", "public"]),
    "identity_api_version": st.sampled_from([3, "3"]),
    "verify": st.sampled_from([True, False]),
    "insecure": st.sampled_from([True, False, "true", "no"]),
    "compute_endpoint_override": st.sampled_from(["HERE/own/v2.1", "HERE/{region_name}/own/v2.1"]),
    "compute_api_version": st.sampled_from(["2", "2.61"]),
    "image_format": st.just("raw"),
    "networks": st.just([{"name": "n"}]),
    "project_id": WORDS,
    "user_domain_name": WORDS,
    "username": WORDS,
    "domain_id": WORDS,
    "tenant_name": WORDS,
}


def sections(*, whole: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """A cloud, or what a region or a profile has of one."""
    known = [key for key in SETTINGS if whole or "region" not in key]
    keys = st.lists(st.sampled_from(known), max_size=4, unique=True)
    plain = keys.flatmap(lambda names: st.fixed_dictionaries({name: SETTINGS[name] for name in names}))
    return st.builds(lambda auth, rest: {"auth": auth, **rest}, auths(whole=whole), plain)


def clouds() -> st.SearchStrategy[dict[str, Any]]:
    """Also with regions that have values of their own, and with a profile."""
    region = st.one_of(
        st.sampled_from(REGIONS),
        st.builds(
            lambda name, values: {"name": name, "values": values},
            st.sampled_from(REGIONS),
            sections(whole=False),
        ),
    )
    names = st.lists(
        region, max_size=2, unique_by=lambda each: each if isinstance(each, str) else each["name"]
    )
    more = st.fixed_dictionaries(
        {}, optional={"regions": names, "profile": st.sampled_from(["mine", "none"])}
    )
    return st.builds(lambda cloud, other: {**cloud, **other}, sections(), more)


def written(folder: Path, url: str, cloud: Any, profile: Any, secret: Any) -> Path:
    """The files in this folder."""
    texts = {
        "clouds": {"clouds": {"a": cloud}},
        "clouds-public": {"public-clouds": {"mine": profile}} if profile else None,
        "secure": {"clouds": {"a": {"auth": secret}}} if secret else None,
    }
    folder.mkdir(exist_ok=True)
    for name, data in texts.items():
        text = yaml.safe_dump(data, sort_keys=False).replace("HERE", url) if data else ""
        (folder / f"{name}.yaml").unlink(missing_ok=True)
        if text:
            (folder / f"{name}.yaml").write_text(text)
    return folder / "clouds.yaml"


MADE = (clouds(), st.none() | sections(whole=False), st.none() | st.just({"password": "from-secure"}))


@settings(max_examples=300, **LONG)
@given(*MADE)
def test_our_rules_are_those_of_openstacksdk(
    tmp_path_factory: pytest.TempPathFactory, cloud: Any, profile: Any, secret: Any
) -> None:
    file = written(tmp_path_factory.getbasetemp() / "rules", "http://h", cloud, profile, secret)
    with_sdk = clouds_yaml.read_clouds(file, file.read_text()).clouds
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "openstack", None)
        without = clouds_yaml.read_clouds(file, file.read_text()).clouds
    assert [(each.name, each.section, bool(each.skipped)) for each in without] == [
        (each.name, each.section, bool(each.skipped)) for each in with_sdk
    ], (with_sdk, without)


@pytest.fixture
def recorder(make_recorder: Any) -> Any:
    return make_recorder(regions=REGIONS)


# What is found here takes too long to be made smaller.
@settings(max_examples=60, phases=[Phase.generate], **LONG)
@given(*MADE)
def test_each_field_agrees_or_is_told(
    recorder: Any, by_us: Any, by_openstacksdk: Any, surroundings: Path, cloud: Any, profile: Any, secret: Any
) -> None:
    file = written(surroundings / "theirs", recorder.url, cloud, profile, secret)
    config = surroundings / "cloudmesh" / "class.yaml"
    config.unlink(missing_ok=True)
    try:
        notes = "\n".join(import_file(file, config, ImportOptions()).notes)
    except ConfigError as error:
        # Said once for all: nothing was imported.
        assert "openstack" in str(error) or "cannot be imported" in str(error)
        return
    for name, section in reader.load(config)["clouds"].items():
        region = name.partition("-")[2]
        more = {"region_name": region} if region else {}
        keys = section["credentials"]
        # We ask for what is missing, and which of several regions is meant.
        if "TBD" in keys.values() or not (region or keys.get("OS_REGION_NAME")):
            continue
        told = [line for line in notes.splitlines() if line.startswith(f"cloud {name}: ")]
        error = by_us(section)
        ours = recorder.told()
        their_error = by_openstacksdk(file, "a", in_directory=True, **more)
        theirs = recorder.told()
        if not theirs["microversions"]:
            ours["microversions"] = []
        where = f"{file.read_text()}\n{section}\n{told}\n{error}\n{their_error}\n"
        if error and f"clouds.{name}.credentials.OS_PROJECT_NAME" in notes:
            # Without a scope openstacksdk reaches an address that is given; we say that it is missing.
            continue
        if their_error and not error:
            assert "openstacksdk" in " ".join(told), where
        elif not their_error:
            assert not error, where
            assert compared(ours, told) == compared(theirs, told), where


def compared(record: Any, told: list[str]) -> Any:
    """The record without what is told to be otherwise."""
    words = "\n".join(told)
    left = {"domain"} if "has no domain" in words else {"scope"} if "is not sent" in words else set()
    if isinstance(record, dict):
        return {key: compared(value, told) for key, value in record.items() if key not in left}
    return [compared(each, told) for each in record] if isinstance(record, list) else record
