"""The files that belong to a clouds.yaml: ``secure.yaml``, and ``clouds-public.yaml`` with profiles.

openstacksdk looks for each of them in the directory that it runs in and in those of the user and the
system, and takes the first one, wherever it found the clouds.yaml. Here the directory of the clouds.yaml
stands for the one it runs in.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudmesh.config.importers import clouds_yaml_text, source

_SUFFIXES = (".yaml", ".yml", ".json")
NAMES = tuple(f"clouds{suffix}" for suffix in _SUFFIXES)
SECURE = tuple(f"secure{suffix}" for suffix in _SUFFIXES)
_CONFIG_FILE, _SECURE_FILE = "OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE"


@dataclass
class CloudsFiles:
    """What the files say together.

    Attributes:
        path: of the clouds.yaml.
        clouds: its clouds, with what ``secure.yaml`` says of them.
        public: the profiles of ``clouds-public.yaml``.
        public_path: where that is; None if there is none.
        notes: sentences on all of it.
        cloud_notes: half sentences on one cloud each.
    """

    path: Path
    clouds: dict[str, Any] = field(repr=False)
    public: dict[str, Any] = field(default_factory=dict, repr=False)
    public_path: Path | None = None
    notes: list[str] = field(default_factory=list)
    cloud_notes: dict[str, list[str]] = field(default_factory=dict)


def read(path: Path, text: str) -> CloudsFiles:
    """All that belongs to the clouds.yaml at ``path``; raises FileError."""
    data = clouds_yaml_text.sections(text, path)
    found = CloudsFiles(path, _named(data.get("clouds"), path, "clouds"))
    left = sorted(str(key) for key in data if key != "clouds" and not str(key).startswith(("x-", ".")))
    if left:
        found.notes.append(f"not taken over from {path}: {', '.join(left)}")
    _lay_secure(found)
    found.public_path = _first(path, "clouds-public")
    if found.public_path:
        public = clouds_yaml_text.sections_of_file(found.public_path).get("public-clouds")
        found.public = _named(public, found.public_path, "public-clouds")
    return found


def _named(value: Any, path: Path, where: str) -> dict[str, Any]:
    return {str(key): item for key, item in source.section(value, path, where).items()}


def _lay_secure(found: CloudsFiles) -> None:
    """Lay ``secure.yaml`` over the clouds, by their names."""
    secure = _first(found.path, "secure", os.environ.get(_SECURE_FILE, ""))
    beside = next((each for name in SECURE if (each := found.path.with_name(name)).exists()), None)
    if beside and not (secure and secure.samefile(beside)):
        found.notes.append(f"{beside} was not read, as openstacksdk reads {secure or 'none'} in its place")
    if not secure:
        return
    secrets = _named(clouds_yaml_text.sections_of_file(secure).get("clouds"), secure, "clouds")
    found.notes.append(f"{secure} was read as well")
    for name in found.clouds.keys() & secrets.keys():
        given = source.section(secrets[name], secure, f"clouds.{name}")
        found.clouds[name] = merged(source.section(found.clouds[name], found.path, f"clouds.{name}"), given)
        if secure != beside:
            told = ", ".join(sorted(_ends(given)))
            found.cloud_notes[name] = [f"{told} was taken from {secure}"]
    if others := sorted(secrets.keys() - found.clouds.keys()):
        found.notes.append(f"clouds that stand only in {secure} were left out: {', '.join(others)}")


def _ends(section: dict[Any, Any]) -> Iterator[str]:
    """The names of its values, without those of the sections that they are in."""
    for key, value in section.items():
        yield from _ends(value) if isinstance(value, dict) else [str(key)]


def merged(data: dict[Any, Any], other: dict[Any, Any]) -> dict[Any, Any]:
    """Both, section by section; a value of ``other`` comes before one of ``data``."""
    result = dict(data)
    for key, value in other.items():
        old = result.get(key)
        are_sections = isinstance(old, dict) and isinstance(value, dict)
        result[key] = merged(dict(old or {}), value) if are_sections else value
    return result


def _first(path: Path, stem: str, chosen: str = "") -> Path | None:
    """The first file of this name where openstacksdk looks; ``chosen`` comes before all others."""
    places = [Path(chosen)] if chosen else []
    places += [place / f"{stem}{suffix}" for place in _directories(path) for suffix in _SUFFIXES]
    return next((each for each in places if each.exists()), None)


def _directories(path: Path) -> Iterator[Path]:
    """Where openstacksdk looks."""
    named = os.environ.get(_CONFIG_FILE)
    # A file that is found by this variable says nothing of the directory that openstacksdk runs in.
    yield Path.cwd() if named and Path(named).absolute() == path.absolute() else path.parent
    home = Path.home()
    if sys.platform == "darwin":
        yield home / "Library" / "Application Support" / "openstack"
        yield home / ".config" / "openstack"
        yield Path("/Library/Application Support/openstack")
    else:
        yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "openstack"
        yield home / ".config" / "openstack"
        # Several directories are one path to it, with colons in it, at which there is nothing.
        system = os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        yield from () if os.pathsep in system else [Path(system) / "openstack"]
    yield Path("/etc/openstack")
