"""Reading a file of another program: bounded, and without its text in any message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor

from cloudmesh.config.yaml import config_file, reader
from cloudmesh.config.yaml.config_file import FileError
from cloudmesh.config.yaml.limits import Guarded
from cloudmesh.plugin.errors import UsageError

LARGEST = 2**20
_AS_WRITTEN = ("int", "float", "timestamp")


class _Texts(Guarded):
    """Leaves numbers and dates as they are written: a password may be 0123."""


for _kind in _AS_WRITTEN:
    _Texts.add_constructor(f"tag:yaml.org,2002:{_kind}", SafeConstructor.construct_yaml_str)


def read(path: Path) -> str:
    """The text of the file.

    Raises UsageError if there is none, FileError if it is a directory, too large, or no text.
    """
    if not path.exists():
        raise UsageError(f"there is no file {path}; look at the name")
    if not path.is_file():
        raise FileError(path, None, "this is no regular file", "name a file")
    if path.stat().st_size > LARGEST:
        message = f"this file is larger than {LARGEST // 2**20} MiB"
        raise FileError(path, None, message, "name a file that holds only clouds")
    text = config_file.read(path, private=False)
    if all(line.lstrip()[:1] in ("", "#") for line in text.splitlines()):
        raise FileError(path, None, "this file has no content", "name one that holds clouds")
    return text


def yaml(text: str, path: Path) -> dict[str, Any]:
    """The sections of a YAML text; its scalars are texts, but for true, false and null. Raises FileError."""
    loader = YAML(typ="safe", pure=True)
    loader.Constructor = _Texts
    return reader.build(loader, text, path)


def section(value: Any, path: Path, where: str) -> dict[str, Any]:
    """The value as a section, empty for null; raises FileError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FileError(path, None, f"{where} is no section", "write 'key: value' lines under it")
    return value
