"""What an installation would bring, read from what was unpacked, and why it is refused."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath
from typing import Any

import cloudmesh
from cloudmesh.cms.plugins.installed import Brought, core, described, owned
from cloudmesh.plugin import catalogue
from cloudmesh.plugin.errors import CloudmeshError

KINDS = ("command", "provider", "executor")


@dataclass
class Change:
    """One distribution that would be installed.

    Attributes:
        before: the version that is installed now; empty for none.
        files: their paths below the folder of packages.
        scripts: the names of its programs.
    """

    brought: Brought
    before: str = ""
    files: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)

    @property
    def action(self) -> str:
        """What is done: install, update, or install it again."""
        if not self.before:
            return "install"
        return "reinstall" if self.before == self.brought.version else "update"

    def row(self, action: str = "") -> dict[str, Any]:
        """What is shown of it."""
        names = {f"{kind}s": self.brought.names(kind) for kind in KINDS}
        return {
            "action": action or self.action,
            "distribution": self.brought.distribution,
            "version": self.brought.version,
            "before": self.before or None,
            **names,
            "files": len(self.files) + len(self.scripts),
        }

    def __str__(self) -> str:
        before = f" (now {self.before})" if self.before and self.before != self.brought.version else ""
        parts = [
            f"{kind if len(names) == 1 else kind + 's'} {', '.join(names)}"
            for kind in KINDS
            if (names := self.brought.names(kind))
        ]
        count = len(self.files) + len(self.scripts)
        parts.append("1 file" if count == 1 else f"{count} files")
        return f"{self.action} {self.brought}{before}: {'; '.join(parts)}"


def staged(folder: Path, installed: Sequence[Brought]) -> list[Change]:
    """The distributions that were unpacked into a folder."""
    versions = {each.distribution: each.version for each in installed}
    found = []
    for each in distributions(path=[str(folder)]):
        brought = described(each)
        if brought.damage:
            raise CloudmeshError(f"{brought}: {brought.damage}")
        files = _files(each)
        for path in files:
            parts = PurePosixPath(path).parts
            if len(parts) == 4 and parts[0] == "cloudmesh" and parts[2] == "command" and path.endswith(".py"):
                # As the catalogue finds them once they are installed.
                for name in catalogue.methods(folder / path):
                    brought.commands.setdefault(name, []).append(folder / path)
        found.append(Change(brought, versions.get(brought.distribution, ""), files, _scripts(each)))
    return sorted(found, key=lambda one: one.brought.distribution)


def _files(distribution: Distribution) -> list[str]:
    """The paths of its files below the folder of packages, without its metadata and its programs."""
    paths = [PurePosixPath(each).as_posix() for each in distribution.files or ()]
    return [
        path
        for path in paths
        if not path.startswith(("../", "bin/"))
        and not path.partition("/")[0].endswith((".dist-info", ".data"))
        and "__pycache__" not in path
    ]


def _scripts(distribution: Distribution) -> list[str]:
    """The names of its programs."""
    groups = ("console_scripts", "gui_scripts")
    names = {point.name for point in distribution.entry_points if point.group in groups}
    paths = [PurePosixPath(each) for each in distribution.files or ()]
    return sorted(names | {each.name for each in paths if each.parent.name == "bin"})


def refuse_clashes(changes: Sequence[Change], installed: Sequence[Brought]) -> None:
    """Raise CloudmeshError if an installation would take from others what is theirs."""
    replaced = {each.brought.distribution for each in changes}
    own = core(installed)
    for change in changes:
        if change.brought.distribution in own and change.before:
            raise CloudmeshError(
                f"it would replace {change.brought.distribution} {change.before}, which cms itself needs, by "
                f"version {change.brought.version}; nothing was installed: update cloudmesh-cms first"
            )
    rest = [each for each in installed if each.distribution not in replaced]
    _refuse_names(changes, rest)
    _refuse_files(changes, replaced, [each.folder for each in installed if each.distribution in replaced])


def _refuse_names(changes: Sequence[Change], rest: Sequence[Brought]) -> None:
    """Two packages with one command, type of clouds or executor."""
    for kind in KINDS:
        owners = {name: each for each in rest for name in each.names(kind)}
        for change in changes:
            for name in change.brought.names(kind):
                if name in owners:
                    raise CloudmeshError(
                        f"{change.brought} has the {kind} {name!r}, which exists already in {owners[name]}; "
                        "nothing was installed"
                    )
                owners[name] = change.brought


def _refuse_files(changes: Sequence[Change], replaced: set[str], folders: Sequence[Path | None]) -> None:
    """Files that another package has; ``folders`` are those of editable installations that are replaced."""
    targets: dict[Path, Change] = {}
    for change in changes:
        if "cloudmesh/__init__.py" in change.files:
            raise CloudmeshError(
                f"{change.brought} contains cloudmesh/__init__.py, which would hide all other packages "
                "of cloudmesh; nothing was installed"
            )
        for path in _targets(change):
            if path in targets:
                raise _overwrites(change, path, str(targets[path].brought))
            targets[path] = change
    mine = _replaced_files(targets, replaced)
    for change in changes:
        for path in _in_namespace(change):
            is_mine = path in mine or any(folder and path.is_relative_to(folder) for folder in folders)
            if not is_mine:
                raise _overwrites(change, path, "another package", "hide")


def _replaced_files(targets: Mapping[Path, Change], replaced: set[str]) -> set[Path]:
    """The files of the distributions that are replaced; none of another one may be among the targets."""
    mine: set[Path] = set()
    for each in distributions():
        other = described(each)
        files = set(owned(each, pattern=None))
        if other.distribution in replaced:
            mine |= files
        elif taken := sorted(files & targets.keys()):
            raise _overwrites(targets[taken[0]], taken[0], str(other))
    return mine


def _targets(change: Change) -> Iterator[Path]:
    """Where its files and programs go."""
    packages, programs = (Path(sysconfig.get_path(each)).resolve() for each in ("purelib", "scripts"))
    yield from (packages / path for path in change.files)
    yield from (programs / name for name in change.scripts)


def _in_namespace(change: Change) -> Iterable[Path]:
    """Files of other folders of the namespace, editable ones for instance, that it would hide."""
    for path in change.files:
        if path.startswith("cloudmesh/"):
            for root in cloudmesh.__path__:
                there = (Path(root) / path.removeprefix("cloudmesh/")).resolve()
                if there.is_file():
                    yield there


def _overwrites(change: Change, path: Path, owner: str, verb: str = "overwrite") -> CloudmeshError:
    return CloudmeshError(
        f"{change.brought} would {verb} {path}, which belongs to {owner}; nothing was installed"
    )
