"""Which of the known kinds a file is, by what is in it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from cloudmesh.config.importers import aws, cloudmesh4, clouds_yaml, openrc, source
from cloudmesh.config.importers.source import ImportedClouds
from cloudmesh.config.yaml.config_file import FileError
from cloudmesh.plugin.errors import ConfigError, UnknownName, UsageError

FORMATS: dict[str, ModuleType] = {
    "clouds.yaml": clouds_yaml,
    "openrc": openrc,
    "aws": aws,
    "cloudmesh4": cloudmesh4,
}


def read_clouds(path: Path, form: str | None = None) -> ImportedClouds:
    """What the file gives; ``form`` is one of FORMATS, else it is recognised.

    Raises UsageError for a file that is not there, UnknownName for another format, ConfigError for a file
    that cannot be read or holds no cloud.
    """
    if form is not None and form not in FORMATS:
        raise UnknownName("format", form, FORMATS)
    if path.name in clouds_yaml.SECURE and form in (None, "clouds.yaml"):
        raise UsageError(f"{path} is only read beside a clouds.yaml; name that file")
    if path.is_dir() and form in (None, "aws"):
        path = aws.in_directory(path)
    text = source.read(path)
    module = FORMATS[form] if form else _recognised(text, path)
    found: ImportedClouds = module.read_clouds(path, text) if module else ImportedClouds([])
    if not found.clouds:
        raise ConfigError(
            f"no cloud was found in {path}, which is none of {', '.join(FORMATS)}; "
            "--format=FORMAT says which it is meant to be"
        )
    if all(cloud.skipped for cloud in found.clouds):
        reasons = "; ".join(f"{cloud.name}: {cloud.skipped}" for cloud in found.clouds)
        raise ConfigError(f"no cloud of {path} can be taken ({reasons}); add it by hand")
    return found


def _recognised(text: str, path: Path) -> ModuleType | None:
    for module in (openrc, aws):
        if module.recognises(text, None):
            return module
    try:
        data = source.yaml(text, path)
    except FileError:
        if path.suffix in (".yaml", ".yml"):
            raise
        return None
    return next((module for module in (clouds_yaml, cloudmesh4) if module.recognises(text, data)), None)
