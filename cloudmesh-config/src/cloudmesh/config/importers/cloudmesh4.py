"""The ``cloudmesh.yaml`` of cloudmesh 4."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloudmesh.config.importers import clouds_yaml, source
from cloudmesh.config.importers.clouds_yaml_rules import RefusedCloud
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
# They say how a cloud was shown, and which program served it.
_UNSAID = ("kind", "active", "label", "service")
_PROFILE = ("firstname", "lastname", "email")
_DEFAULT = {"image": "image", "size": "flavor", "flavor": "flavor", "username": "username"}
# Where the keys of cloudmesh 4.4 are now: by type, those that have another name or place.
_MOVED: Mapping[str, Mapping[str, str]] = {
    "openstack": {"default.network": "default.network"},
    "ec2": {
        "credentials.EC2_ACCESS_ID": "credentials.EC2_ACCESS_KEY",
        "credentials.region": "credentials.EC2_REGION",
        "credentials.EC2_SECURITY_GROUP": "default.secgroup",
    },
    "azure": {
        "credentials.AZURE_APPLICATION_ID": "credentials.AZURE_CLIENT_ID",
        "credentials.AZURE_SECRET_KEY": "credentials.AZURE_CLIENT_SECRET",
        "credentials.AZURE_REGION": "region",
        "default.group": "resource_group",
        "default.network": "network",
        "default.subnet": "subnet",
        "default.AZURE_VM_USER": "user",
    },
    "google": {
        "credentials.path_to_json_file": "credentials.GOOGLE_KEY_FILE",
        "credentials.project": "credentials.GOOGLE_PROJECT",
        "credentials.datacenter": "zone",
    },
}
# The credentials whose names are the same; those of other types are all kept.
_KEPT = {
    "ec2": ("EC2_ACCESS_KEY", "EC2_SECRET_KEY", "EC2_SESSION_TOKEN", "EC2_REGION", "EC2_PROFILE"),
    "azure": ("AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"),
    "google": ("GOOGLE_KEY_FILE", "GOOGLE_PROJECT"),
}


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
    moved = {f"default.{old}": f"default.{new}" for old, new in _DEFAULT.items()}
    moved.update(_MOVED.get(kind, {}))
    left = [f"cm.{key}" for key in about if key not in (*_ABOUT, *_UNSAID)]
    left += [str(key) for key in section if key not in ("cm", "credentials", "default")]
    if kind == "openstack":
        try:
            head, moving = _openstack(name, given, path, notes), {}
        except RefusedCloud as error:
            return FoundCloud(name, {}, str(error))
    else:
        kept = [key for key in given if key in _KEPT.get(kind, given) and f"credentials.{key}" not in moved]
        head = {"type": kind, "credentials": _plain({key: given[key] for key in kept}, notes)}
        moving = {f"credentials.{key}": value for key, value in given.items() if key not in kept}
    moving |= {f"default.{key}": value for key, value in chosen.items()}
    told = {_ABOUT[key]: text for key, text in _known(about, tuple(_ABOUT)).items()}
    sections: dict[str, Any] = {**told, **head}
    for old, value in moving.items():
        if old not in moved:
            left.append(old)
        else:
            _put(sections, moved[old], value, notes)
    if left:
        notes.append(f"not taken over: {', '.join(sorted(left))}")
    return FoundCloud(name, {key: value for key, value in sections.items() if value}, notes=notes)


def _openstack(name: str, given: dict[str, Any], path: Path, notes: list[str]) -> dict[str, Any]:
    """The section of an OpenStack cloud: as in clouds.yaml, or with the names of the environment.

    Raises RefusedCloud.
    """
    named = {key: value for key, value in given.items() if str(key).startswith("OS_")}
    rest = {key: value for key, value in given.items() if key not in named}
    return openstack_section({**clouds_yaml.credentials(name, rest, path, notes), **_plain(named, notes)})


def _put(sections: dict[str, Any], place: str, value: Any, notes: list[str]) -> None:
    """Put a value where it is now; what was to be filled in stays so among the credentials only."""
    part, _, key = place.rpartition(".")
    for text in _plain({key: value}, notes).values():
        if part == "credentials" or text.strip() != TO_BE_DEFINED:
            (sections.setdefault(part, {}) if part else sections)[key] = text


def _plain(given: dict[str, Any], notes: list[str]) -> dict[str, str]:
    texts = {str(key): text_of(value) for key, value in given.items()}
    if left := sorted(key for key, text in texts.items() if text is None and given[key] not in (None, "")):
        notes.append(f"not taken over, because they are no plain values: {', '.join(left)}")
    return {key: harmless_value(key, text, notes) for key, text in texts.items() if text}
