"""Which installed distribution brings which command, provider and executor.

It is read from metadata and file names; no module of a plug-in is imported. A distribution whose metadata
is damaged is known by what is left of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from cloudmesh.plugin import catalogue

GROUPS = {"cloudmesh.providers": "provider", "cloudmesh.executors": "executor"}
_COMMAND_FILE = re.compile(r"cloudmesh/\w+/command/\w+\.py|cloudmesh/shell/shell\.py")
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
OWN = "cloudmesh-cms"


@dataclass(eq=False)
class Brought:
    """A distribution and what it brings.

    Attributes:
        distribution: its name, normalized: lower case, with hyphens. Empty for files that belong to none.
        version: empty where it is not known.
        needs: the normalized names of the distributions that it requires, without those of its extras.
        commands: by name, the files that define them.
        points: the entry points of the groups in ``GROUPS``.
        folder: of an editable installation: where its files are.
        damage: what is wrong with its metadata; empty if nothing is.
    """

    distribution: str
    version: str = ""
    needs: frozenset[str] = frozenset()
    commands: dict[str, list[Path]] = field(default_factory=dict)
    points: list[EntryPoint] = field(default_factory=list)
    folder: Path | None = None
    damage: str = ""

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".strip() or "a folder on the path of Python"

    def names(self, kind: str) -> list[str]:
        """The names of its commands, providers or executors."""
        if kind == "command":
            return list(self.commands)
        return [point.name for point in self.points if GROUPS[point.group] == kind]

    @property
    def is_plugin(self) -> bool:
        """Whether it brings anything."""
        return bool(self.commands or self.points)


def normalized(name: str) -> str:
    """A distribution's name as it is compared: ``Acme_Cloud`` is ``acme-cloud``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def everything() -> list[Brought]:
    """All installed distributions, by name; at the end, without a name, commands that belong to none."""
    found: dict[str, Brought] = {}
    files: dict[Path, list[Brought]] = {}
    for each in distributions():
        read = described(each)
        # As Python itself: what comes first on its path is in use.
        if read.distribution and found.setdefault(read.distribution, read) is read:
            for path in owned(each):
                files.setdefault(path, []).append(read)
    nobody = Brought("")
    folders = sorted(
        (each for each in found.values() if each.folder), key=lambda each: -len(str(each.folder))
    )
    for name, places in catalogue.places().items():
        for place in places:
            path = place.file.resolve()
            near = [each for each in folders if each.folder and path.is_relative_to(each.folder)][:1]
            for owner in files.get(path) or near or [nobody]:
                owner.commands.setdefault(name, []).append(path)
    rest = [nobody] if nobody.is_plugin else []
    return [*sorted(found.values(), key=lambda each: each.distribution), *rest]


def described(distribution: Distribution) -> Brought:
    """What the metadata of a distribution says; commands are left out."""
    damage = ""
    name, version, needs, points = "", "", frozenset[str](), list[EntryPoint]()
    try:
        name, version = distribution.metadata["Name"] or "", distribution.version or ""
        needs = frozenset(_needs(distribution.requires or ()))
    except Exception as error:  # noqa: BLE001 metadata of others may be damaged in any way
        damage = _damage(error)
    try:
        points = [point for point in distribution.entry_points if point.group in GROUPS]
    except Exception as error:  # noqa: BLE001 as above
        damage = damage or _damage(error)
    if not name:
        # The folder of the metadata is named NAME-VERSION.dist-info.
        folder = getattr(distribution, "_path", None)
        name, _, version = Path(str(folder)).stem.partition("-") if folder else ("", "", "")
        damage = damage or "its metadata has no name"
    return Brought(
        *(normalized(name), str(version or ""), needs),
        points=points,
        folder=_folder(distribution),
        damage=damage if name else "",
    )


def owned(distribution: Distribution, pattern: re.Pattern[str] | None = _COMMAND_FILE) -> Iterator[Path]:
    """The files of a distribution, absolute; only those that may hold commands, or all without a pattern."""
    try:
        listed = distribution.files or ()
        for each in listed:
            if pattern is None or pattern.fullmatch(PurePosixPath(each).as_posix()):
                yield Path(str(distribution.locate_file(each))).resolve()
    except Exception:  # noqa: BLE001 a damaged list of files names none
        return


def core(packages: Iterable[Brought]) -> set[str]:
    """The distributions that cms itself consists of and needs, without those of its extras."""
    known = {each.distribution: each for each in packages}
    reached: set[str] = set()
    rest = [OWN]
    while rest:
        name = rest.pop()
        if name not in reached:
            reached.add(name)
            rest += known[name].needs if name in known else ()
    return reached


def _needs(requirements: Iterable[str]) -> Iterator[str]:
    for each in requirements:
        match = _NAME.match(each)
        if match and not re.search(r";.*\bextra\b", each):
            yield normalized(match[1])


def _folder(distribution: Distribution) -> Path | None:
    """Where the files of an editable installation are."""
    try:
        told = json.loads(distribution.read_text("direct_url.json") or "{}")
        if told.get("dir_info", {}).get("editable"):
            return Path(unquote(urlsplit(told["url"]).path)).resolve()
    except Exception:  # noqa: BLE001 as for all metadata
        return None
    return None


def _damage(error: Exception) -> str:
    return f"its metadata is damaged ({type(error).__name__})"
