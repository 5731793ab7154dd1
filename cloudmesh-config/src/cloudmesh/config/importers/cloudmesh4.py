"""The ``cloudmesh.yaml`` of cloudmesh 4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cloudmesh.config.importers import clouds_yaml, source
from cloudmesh.config.importers.source import (
    FoundCloud,
    ImportedClouds,
    harmless_value,
    openstack_section,
    text_of,
)
from cloudmesh.config.yaml.keys import TO_BE_DEFINED

_TOP = "cloudmesh"
TYPES = {
    "aws": "ec2",
    "chameleon": "openstack",
    "jetstream": "openstack",
    "gcp": "google",
    "gce": "google",
    "libcloud-azure": "azure",
}
_ABOUT = {"heading": "name", "host": "host", "version": "version"}
_DEFAULT = {"image": "image", "size": "flavor", "flavor": "flavor", "username": "username"}
_PROFILE = ("firstname", "lastname", "email")
_RENAMED = {"ec2": {"EC2_ACCESS_ID": "EC2_ACCESS_KEY", "region": "EC2_REGION"}}


def recognises(text: str, data: Any) -> bool:
    """Whether this is such a file: clouds under ``cloudmesh.cloud``."""
    top = data.get(_TOP) if isinstance(data, dict) else None
    return isinstance(top, dict) and isinstance(top.get("cloud"), dict)


def read_clouds(path: Path, text: str) -> ImportedClouds:
    """Its clouds, profile and default; raises FileError."""
    top = source.section(source.yaml(text, path).get(_TOP), path, _TOP)
    clouds = source.section(top.get("cloud"), path, f"{_TOP}.cloud")
    profile = _known(source.section(top.get("profile"), path, f"{_TOP}.profile"), _PROFILE)
    chosen = source.section(top.get("default"), path, f"{_TOP}.default").get("cloud")
    found = [_cloud(str(name), cloud, path) for name, cloud in clouds.items()]
    return ImportedClouds(found, [], profile, text_of(chosen))


def _known(section: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """The texts under these names that are filled in."""
    texts = {name: text_of(section.get(name)) for name in names}
    return {name: text for name, text in texts.items() if text and text.strip() != TO_BE_DEFINED}


def _cloud(name: str, cloud: Any, path: Path) -> FoundCloud:
    section = source.section(cloud, path, f"{_TOP}.cloud.{name}")
    about = source.section(section.get("cm"), path, f"{_TOP}.cloud.{name}.cm")
    given = source.section(section.get("credentials"), path, f"{_TOP}.cloud.{name}.credentials")
    chosen = source.section(section.get("default"), path, f"{_TOP}.cloud.{name}.default")
    kind = text_of(about.get("kind"))
    if kind is None:
        return FoundCloud(name, {}, "it has no cm.kind")
    kind = TYPES.get(kind, kind)
    notes: list[str] = []
    if kind == "openstack":
        # It wrote them in both ways: as in clouds.yaml, or with the names of the environment.
        named = {key: value for key, value in given.items() if str(key).startswith("OS_")}
        rest = {key: value for key, value in given.items() if key not in named}
        found = {**clouds_yaml.credentials(name, rest, path, notes), **_plain(named, {}, notes)}
        head = openstack_section(found)
    else:
        head = {"type": kind, "credentials": _plain(given, _RENAMED.get(kind, {}), notes)}
    told = {_ABOUT[key]: text for key, text in _known(about, tuple(_ABOUT)).items()}
    default = {_DEFAULT[key]: text for key, text in _known(chosen, tuple(_DEFAULT)).items()}
    sections = {**told, **head, "default": default}
    return FoundCloud(name, {key: value for key, value in sections.items() if value}, notes=notes)


def _plain(given: dict[str, Any], renamed: dict[str, str], notes: list[str]) -> dict[str, str]:
    texts = {renamed.get(str(key), str(key)): text_of(value) for key, value in given.items()}
    if left := sorted(key for key, text in texts.items() if text is None):
        notes.append(f"ignored, because not plain values: {', '.join(left)}")
    return {key: harmless_value(key, text, notes) for key, text in texts.items() if text}
