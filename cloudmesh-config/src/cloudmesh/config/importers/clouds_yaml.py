"""OpenStack's ``clouds.yaml``, with the ``secure.yaml`` beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cloudmesh.config.importers import source
from cloudmesh.config.importers.source import (
    FoundCloud,
    ImportedClouds,
    harmless_value,
    openstack_section,
    text_of,
)

SECURE = ("secure.yaml", "secure.yml")
# Their key beside ``auth``, and ours.
SETTINGS = {
    "auth_type": "OS_AUTH_TYPE",
    "region_name": "OS_REGION_NAME",
    "interface": "OS_INTERFACE",
    "identity_api_version": "OS_IDENTITY_API_VERSION",
    "verify": "OS_VERIFY",
    "cacert": "OS_CACERT",
    "cert": "OS_CERT",
    "key": "OS_KEY",
}


def recognises(text: str, data: Any) -> bool:
    """Whether this is such a file: ``clouds`` whose items sign in with ``auth`` or come from a profile."""
    clouds = data.get("clouds") if isinstance(data, dict) else None
    return isinstance(clouds, dict) and any(
        isinstance(cloud, dict) and {"auth", "profile", "auth_type"} & cloud.keys()
        for cloud in clouds.values()
    )


def read_clouds(path: Path, text: str) -> ImportedClouds:
    """The clouds of the file; raises ConfigError if it or ``secure.yaml`` cannot be read."""
    clouds = source.section(source.yaml(text, path).get("clouds"), path, "clouds")
    secure = next((beside for name in SECURE if (beside := path.with_name(name)).exists()), None)
    notes = []
    if secure:
        secrets = source.yaml(source.read(secure), secure).get("clouds")
        clouds = _merged(clouds, source.section(secrets, secure, "clouds"))
        notes.append(f"{secure} was read as well")
    return ImportedClouds([_cloud(str(name), cloud, path) for name, cloud in clouds.items()], notes)


def _merged(data: dict[Any, Any], other: dict[Any, Any]) -> dict[Any, Any]:
    """Both, section by section; a value of ``other`` comes before one of ``data``."""
    result = dict(data)
    for key, value in other.items():
        old = result.get(key)
        are_sections = isinstance(old, dict) and isinstance(value, dict)
        result[key] = _merged(dict(old or {}), value) if are_sections else value
    return result


def _cloud(name: str, cloud: Any, path: Path) -> FoundCloud:
    settings = source.section(cloud, path, f"clouds.{name}")
    if "auth" not in settings and text_of(settings.get("profile")):
        return FoundCloud(name, {}, "it is defined by a profile, which is not read")
    notes: list[str] = []
    section = openstack_section(credentials(name, settings, path, notes))
    return FoundCloud(name, section, notes=notes)


def credentials(name: str, settings: dict[str, Any], path: Path, notes: list[str]) -> dict[str, str]:
    """Our names and values of what stands under ``auth`` and beside it; notes tell what is left out."""
    auth = source.section(settings.get("auth"), path, f"clouds.{name}.auth")
    given = {f"OS_{str(key).upper()}": value for key, value in auth.items()}
    given.update({SETTINGS[key]: value for key, value in settings.items() if key in SETTINGS})
    listed = settings.get("regions")
    regions = [
        region
        for item in (listed if isinstance(listed, list) else ())
        if (region := text_of(item.get("name") if isinstance(item, dict) else item))
    ]
    if regions:
        given.setdefault("OS_REGION_NAME", regions[0])
        if len(regions) > 1:
            notes.append(f"of its {len(regions)} regions {given['OS_REGION_NAME']} is used")
    left = sorted(str(key) for key in settings if key not in {*SETTINGS, "auth", "regions"})
    if left:
        notes.append(f"ignored: {', '.join(left)}")
    texts = {key: text for key, value in given.items() if (text := text_of(value)) is not None}
    return {key: harmless_value(key, text, notes) for key, text in texts.items()}
