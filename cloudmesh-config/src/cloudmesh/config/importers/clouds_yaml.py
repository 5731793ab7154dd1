"""OpenStack's ``clouds.yaml``, with the files that belong to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cloudmesh.config.importers import (
    clouds_yaml_files,
    clouds_yaml_keys,
    clouds_yaml_rules,
    clouds_yaml_sdk,
    source,
)
from cloudmesh.config.importers.clouds_yaml_files import CloudsFiles
from cloudmesh.config.importers.clouds_yaml_rules import RefusedCloud, Settings
from cloudmesh.config.importers.source import FoundCloud, ImportedClouds, openstack_section
from cloudmesh.plugin.errors import UnknownName

NAMES, SECURE = clouds_yaml_files.NAMES, clouds_yaml_files.SECURE
_EXTRA = "pip install 'cloudmesh-config[openstack]'"


def recognises(text: str, data: Any) -> bool:
    """Whether this is such a file: ``clouds`` whose items sign in with ``auth`` or come from a profile."""
    clouds = data.get("clouds") if isinstance(data, dict) else None
    return isinstance(clouds, dict) and any(
        isinstance(cloud, dict) and {"auth", "profile", "cloud", "auth_type"} & cloud.keys()
        for cloud in clouds.values()
    )


def read_clouds(path: Path, text: str, region: str | None = None) -> ImportedClouds:
    """The clouds of the file, one for each region, or only those of one region.

    Raises ConfigError if it, or a file that belongs to it, cannot be read; UnknownName if no cloud has the
    region.
    """
    files = clouds_yaml_files.read(path, text)
    reader = _Reader(files, clouds_yaml_sdk.installed(), region)
    found: list[FoundCloud] = []
    for name in files.clouds:
        for cloud in reader.of_cloud(name):
            taken = {other.name for other in found} | (files.clouds.keys() - {name})
            is_free = cloud.name not in taken
            reason = "another cloud of the file has this name; use --region=REGION to take only one region"
            found.append(cloud if is_free else FoundCloud(cloud.name, {}, reason, base=name))
    if region is not None and reader.other_regions and all(cloud.skipped for cloud in found):
        raise UnknownName("region", region, reader.other_regions, f"in {path}")
    return ImportedClouds(found, files.notes)


def credentials(name: str, settings: Mapping[str, Any], path: Path, notes: list[str]) -> dict[str, str]:
    """The keys for one cloud that another file has in this form, without profile; raises RefusedCloud."""
    reader = _Reader(CloudsFiles(path, {}), None, None)
    cloud = _Cloud(clouds_yaml_rules.typed(settings))
    (region, values), *others = reader.regions(cloud)
    if others:
        notes.append(f"of its {1 + len(others)} regions only {region} is taken over")
    return reader.credentials(name, cloud, region, values, notes)


@dataclass
class _Cloud:
    """One cloud: its section and profile, and what there is to tell."""

    section: Settings
    profile: Settings = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    lacks: str = ""


@dataclass
class _Reader:
    """Makes clouds of the sections, with openstacksdk or without."""

    files: CloudsFiles
    sdk: clouds_yaml_sdk.OpenStackSdk | None
    region: str | None
    other_regions: list[str] = field(default_factory=list)

    def of_cloud(self, name: str) -> Iterator[FoundCloud]:
        """The cloud in each of its regions; one that is skipped if it cannot be used."""
        section = source.section(self.files.clouds[name], self.files.path, f"clouds.{name}")
        try:
            cloud = self._with_profile(clouds_yaml_rules.typed(section))
            cloud.notes += self.files.cloud_notes.get(name, [])
            places = self.regions(cloud)
            for region, values in places:
                several = len(places) > 1
                yield self._in_region(name, f"{name}-{region}" if several else name, cloud, region, values)
        except RefusedCloud as error:
            yield FoundCloud(name, {}, str(error), base=name)

    def _with_profile(self, section: Settings) -> _Cloud:
        """The cloud with the profile that it names, if that is at hand."""
        name = clouds_yaml_rules.profile_name(section)
        if name is None:
            return _Cloud(section)
        if not isinstance(name, str):
            raise RefusedCloud("profile is not a text")
        if name in self.files.public:
            where = f"clouds-public.yaml: {self.files.public_path}"
            profile = source.section(self.files.public[name], self.files.path, f"public-clouds.{name}")
            return _Cloud(section, clouds_yaml_rules.typed(profile), [f"its profile {name} is from {where}"])
        # What is not at hand is left away, so that openstacksdk does not fetch it.
        bare = _Cloud({key: value for key, value in section.items() if key not in ("profile", "cloud")})
        try:
            found = self.sdk.profile(name) if self.sdk else None
        except RefusedCloud as error:
            bare.lacks = str(error)
            return bare
        if found:
            return _Cloud(section, dict(found), [f"its profile {name} is that of openstacksdk"])
        if urlsplit(name).netloc:
            bare.lacks = "its profile is a URL, which is not fetched"
        elif self.sdk:
            bare.lacks = f"its profile {name} was found nowhere"
        else:
            bare.lacks = f"its profile {name} is in no clouds-public.yaml; {_EXTRA} brings those of vendors"
        return bare

    def regions(self, cloud: _Cloud) -> list[tuple[str, Settings]]:
        """The regions that are asked for, with their settings; raises RefusedCloud if there is none."""
        known = clouds_yaml_rules.regions(cloud.section, cloud.profile)
        if self.region is None:
            return known or [("", {})]
        if known and self.region not in [name for name, _ in known]:
            names = [name for name, _ in known]
            self.other_regions += names
            raise RefusedCloud(f"it has no region {self.region}, only: {', '.join(names)}")
        return [each for each in known if each[0] == self.region] or [(self.region, {})]

    def _in_region(self, base: str, name: str, cloud: _Cloud, region: str, values: Settings) -> FoundCloud:
        """The cloud in one region; raises RefusedCloud."""
        notes = list(cloud.notes)
        made = self.credentials(base, cloud, region, values, notes)
        if cloud.lacks:
            clouds_yaml_keys.refuse_without_address(made, cloud.lacks)
            notes.insert(0, cloud.lacks)
        return FoundCloud(name, openstack_section(made), notes=notes, base=base)

    def credentials(
        self, base: str, cloud: _Cloud, region: str, values: Settings, notes: list[str]
    ) -> dict[str, str]:
        """The keys for the cloud in one region; raises RefusedCloud."""
        # It also refuses what openstacksdk must not be given.
        settings = clouds_yaml_rules.settings(cloud.section, cloud.profile, region, values)
        if self.sdk:
            networks = clouds_yaml_rules.NETWORKS
            without = {key: value for key, value in cloud.section.items() if key not in networks}
            only = [{"name": region, "values": values}]
            settings = self.sdk.settings(base, {**without, "regions": only}, cloud.profile, region)
        given = {*cloud.section, *cloud.profile, *values}
        return clouds_yaml_keys.credentials(settings, given, self.files.path.parent, notes)
