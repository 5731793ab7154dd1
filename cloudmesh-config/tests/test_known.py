"""Keys that nobody knows and values of another kind: what ``check`` says, and what the commands say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from cloudmesh.config.check.findings import check
from cloudmesh.config.secrets import show
from cloudmesh.config.settings.config import Config
from cloudmesh.config.yaml import keys
from cloudmesh.plugin.errors import CloudmeshError, ConfigError

Write = Callable[..., Path]
SECRET = "hunter2"


@pytest.fixture(autouse=True)
def providers(install_providers: Callable[..., None]) -> None:
    """A provider that names its keys, and one that does not."""
    code = "class Told:\n    settings_keys = ('boot_seconds', 'region')\n\nclass Silent:\n    pass\n"
    install_providers("told = outside:Told\nsilent = outside:Silent", outside=code)


def found(path: Path) -> list[tuple[str, int, str]]:
    return [(each.level, each.line, f"{each.message}; {each.remedy}") for each in check(path)]


def test_the_known_keys_are_no_findings(write: Write) -> None:
    text = (
        "version: 5.0\nprofile: {anything: x}\ndatabase: postgresql://u@h/d\n"
        "cloudmesh: {default: uc, active: [uc], encryption: {}}\n"
        "clouds:\n  uc: {name: x, host: h, type: told, version: 2.1, credentials: {A: b},\n"
        "    boot_seconds: 1, region: r,\n"
        "    default: {image: i, flavor: f, key: k}}\n"
    )
    assert found(write(text)) == []


@pytest.mark.parametrize(
    ("text", "line", "near"),
    [
        ("clods: {}\nclouds: {}\ncloudmsh: {}\n", 3, "cloudmesh"),
        ("cloudmesh:\n  defualt: uc\n", 2, "default"),
        ("cloudmesh:\n  Active: uc\n", 2, "active"),
        ("clouds:\n  uc:\n    type: told\n    credential: {}\n", 4, "credentials"),
        ("clouds:\n  uc:\n    type: told\n    boot_second: 1\n", 4, "boot_seconds"),
        ("clouds:\n  uc:\n    type: told\n    default: {flavour: x}\n", 4, "flavor"),
    ],
)
def test_a_slip_is_an_error_with_the_key_that_was_meant(
    write: Write, text: str, line: int, near: str
) -> None:
    errors = [message for level, at, message in found(write(text)) if level == "error" and at == line]
    assert any(f"did you mean {near!r}? known: " in message for message in errors)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("notes: mine\n", 1),
        ("cloudmesh:\n  remark: mine\n", 1),
        ("clouds:\n  uc: {type: told, owner: me}\n", 1),
        ("clouds:\n  uc: {type: told, host: a, hosts: b}\n", 1),
        # What an outside provider reads is not known, so nothing is said of it.
        ("clouds:\n  uc: {type: silent, owner: me}\n", 0),
        ("clouds:\n  uc: {type: nosuch, owner: me}\n", 0),
    ],
)
def test_a_note_of_ones_own_is_only_a_warning(write: Write, text: str, count: int) -> None:
    findings = [each for each in found(write(text)) if "not a known key" in each[2]]
    assert [level for level, _, _ in findings] == ["warning"] * count
    assert all("note of your own" in message for _, _, message in findings)


@pytest.mark.parametrize(
    ("place", "value", "level", "kind"),
    [
        ("credentials:\n      OS_PASSWORD", "0123", "error", "a number"),
        ("credentials:\n      OS_PASSWORD", "TRUE", "error", "true or false"),
        ("credentials:\n      OS_PASSWORD", "2020-01-01", "error", "a date"),
        ("credentials:\n      OS_PASSWORD", "[a]", "error", "a list"),
        ("credentials:\n      OS_PASSWORD", "{a: b}", "error", "a section"),
        ("default:\n      image", "14.10", "warning", "a number"),
    ],
)
def test_a_text_that_yaml_takes_for_something_else(
    write: Write, place: str, value: str, level: str, kind: str
) -> None:
    path = write(f"clouds:\n  uc:\n    type: told\n    {place}: {value}\n")
    ((at_level, line, message),) = found(path)
    assert (at_level, line) == (level, 5)
    assert kind in message
    assert value not in message


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("a: 1\nclouds: [uc]\n", 2, "clouds must be a section"),
        ("clouds:\n  a: {}\n  uc: x\n", 3, "clouds.uc must be a section"),
        ("clouds:\n  a: {}\n  5: {}\n", 3, "the cloud name 5 is not a string"),
        ("clouds:\n  true: {}\n", 2, "the cloud name true is not a string"),
        ("a: 1\ncloudmesh: x\n", 2, "cloudmesh must be a section"),
        ("clouds: {uc: {}}\ncloudmesh:\n  active: {a: b}\n", 3, "cloudmesh.active must be the name"),
        ("clouds: {uc: {}}\ncloudmesh:\n  default: [5]\n", 3, "cloudmesh.default must be the name"),
        ("clouds: {uc: {}}\ncloudmesh:\n  default: [ucc]\n", 3, "which is not under clouds"),
        ("clouds: {uc: {}, x: {}}\ncloudmesh:\n  active: x\n  default: [uc]\n", 4, "is not active"),
    ],
)
def test_the_configuration_tells_the_line_of_a_wrong_type(
    write: Write, text: str, line: int, sentence: str
) -> None:
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        config = Config.load(path)
        assert config.clouds is not None
        config.default_clouds()
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert sentence in str(caught.value)


def test_a_file_that_is_gone_meanwhile_has_no_line(write: Write) -> None:
    path = write("clouds: [uc]\n")
    config = Config.load(path)
    path.unlink()
    with pytest.raises(ConfigError, match=f"^{path}: clouds must be"):
        config.cloud("uc")


def test_a_name_with_a_line_break_stays_on_the_line(write: Write) -> None:
    config = Config.load(write('cloudmesh: {default: "a\\nb"}\nclouds: {"c\\nd": {type: told}}\n'))
    with pytest.raises(ConfigError) as caught:
        config.default_clouds()
    assert "\n" not in str(caught.value)


def test_credentials_that_are_no_section_are_not_shown() -> None:
    for value in (SECRET, [SECRET], [[SECRET]]):
        data = {"clouds": {"uc": {"credentials": value}}}
        shown = [show.masked(parts, each, False) for parts, each in keys.flatten(data)]
        assert SECRET not in str([shown, show.masked(("clouds",), data["clouds"], False)])


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates()
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)
PLACES = ("version", "profile", "cloudmesh", "clouds", "database", "cloudmesh.default", "cloudmesh.active")
DEEPER = ("cloudmesh.encryption", "clouds.uc", "clouds.uc.type", "clouds.uc.credentials", "clouds.uc.default")
DEEPEST = (
    *("clouds.uc.name", "clouds.uc.default.image", "clouds.uc.credentials.OS_PASSWORD", "clouds.uc.region"),
)


def wrong(place: str, value: Any) -> dict[str, Any]:
    """A good configuration with any value in one place."""
    data: dict[str, Any] = {
        "version": 5.0,
        "cloudmesh": {"default": ["uc"], "active": ["uc"]},
        "clouds": {"uc": {"type": "told", "credentials": {"OS_PASSWORD": SECRET}, "default": {"image": "i"}}},
    }
    section = data
    *above, last = place.split(".")
    for part in above:
        section = section[part]
    section[last] = value
    return data


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES + DEEPER + DEEPEST), value=ANYTHING)
def test_any_value_anywhere_is_used_or_refused(write: Write, place: str, value: Any) -> None:
    path = write("a: 1\n")
    with path.open("w") as file:
        YAML(typ="safe", pure=True).dump(wrong(place, value), file)
    told = [str(finding) for finding in check(path)]
    for call in (
        lambda config: config.clouds,
        Config.active_clouds,
        Config.default_clouds,
        lambda config: config.cloud("uc"),
    ):
        try:
            call(Config.load(path))
        except CloudmeshError as error:
            told.append(str(error))
    assert all("\n" not in each and SECRET not in each for each in told)
