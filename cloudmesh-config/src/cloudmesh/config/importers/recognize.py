"""Which of the known kinds a file is, by what is in it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

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
_YAML = (clouds_yaml, cloudmesh4)


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
    found: ImportedClouds = (FORMATS[form] if form else _recognised(text, path)).read_clouds(path, text)
    if not found.clouds:
        raise _nothing(path)
    if all(cloud.skipped for cloud in found.clouds):
        reasons = "; ".join(f"{cloud.name}: {cloud.skipped}" for cloud in found.clouds)
        raise ConfigError(f"no cloud of {path} can be taken ({reasons}); add it by hand")
    return found


def _recognised(text: str, path: Path) -> ModuleType:
    for module in (openrc, aws):
        if module.recognises(text, None):
            return module
    data = _yaml(text, path)
    for module in _YAML:
        if module.recognises(text, data):
            return module
    raise _nothing(path)


def _yaml(text: str, path: Path) -> Any:
    try:
        return source.yaml(text, path)
    except FileError:
        if path.suffix in (".yaml", ".yml"):
            raise
        raise _nothing(path) from None


def _nothing(path: Path) -> ConfigError:
    return ConfigError(
        f"no cloud was found in {path}, which is none of {', '.join(FORMATS)}; "
        "--format=FORMAT says which it is meant to be"
    )
