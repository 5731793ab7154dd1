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
    path = Path(word).expanduser()
    if word.endswith(".whl") or "/" in word or path.is_dir():
        if not path.exists():
            raise UsageError(f"there is no file or folder {word}")
        if path.is_dir() and not any((path / each).is_file() for each in ("pyproject.toml", "setup.py")):
            # A folder that only has the name of a package.
            if "/" in word or not _REQUIREMENT.fullmatch(word):
                raise UsageError(f"the folder {word} holds no package: it has no file pyproject.toml")
        elif path.is_dir() or path.suffix == ".whl":
            return Source(str(path.resolve()), "")
        else:
            raise UsageError(f"{word} is no wheel and no folder with a package")
    match = _REQUIREMENT.fullmatch(word)
    if not match:
        raise UsageError(f"{word!r} is neither a folder, nor a wheel, nor the name of a package")
    return Source(word, normalized(match["name"]))
