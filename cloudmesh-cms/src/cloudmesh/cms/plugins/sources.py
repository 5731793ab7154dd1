"""What may be installed: a name, a folder or a wheel."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from cloudmesh.cms.plugins.installed import normalized
from cloudmesh.plugin.errors import UsageError
from cloudmesh.plugin.secrets import mask_text

_SPECIFIER = r"\s*(?:~=|===?|!=|<=?|>=?)\s*[\w.*+!-]+\s*"
_REQUIREMENT = re.compile(
    rf"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?P<extras>\[[\w\s,.-]+\])?"
    rf"(?P<specifier>{_SPECIFIER}(?:,{_SPECIFIER})*)?",
    re.ASCII,
)


class Source(NamedTuple):
    """What is to be installed.

    Attributes:
        requirement: as installers take it: an absolute path, or a name with versions.
        name: normalized; empty of a path.
    """

    requirement: str
    name: str

    @property
    def is_path(self) -> bool:
        """Whether it is a folder or a wheel."""
        return not self.name


def source(word: str) -> Source:
    """What a user's word means: a folder or a wheel that is there, else a name with or without versions.

    Raises UsageError if it is neither.
    """
    if "://" in word or word.startswith("git+"):
        raise UsageError(f"{mask_text(word)!r} is a URL; download it first, and give the folder or the wheel")
    if word.endswith(".whl") or "/" in word or word in (".", ".."):
        return Source(str(_package(word).resolve()), "")
    match = _REQUIREMENT.fullmatch(word)
    if not match:
        raise UsageError(f"{word!r} is neither a folder, nor a wheel, nor the name of a package")
    if Path(word).is_dir():
        # Whoever has just generated it must not get the package that a stranger has given this name.
        raise UsageError(f"{word} is a folder here: use ./{word}, or '{word}>=0' for a package of this name")
    return Source(word, normalized(match["name"]))


def _package(word: str) -> Path:
    """A folder with a package, or a wheel. Raises UsageError if it is neither."""
    path = Path(word).expanduser()
    if not path.exists():
        raise UsageError(f"there is no file or folder {word}")
    if path.is_file() and path.suffix != ".whl":
        raise UsageError(f"{word} is neither a wheel nor a folder with a package")
    if path.is_dir() and not any((path / each).is_file() for each in ("pyproject.toml", "setup.py")):
        raise UsageError(f"the folder {word} has no pyproject.toml, so it is not a package")
    return path
