"""Writing a new package from the templates, and comparing one with them. Nothing here needs a network."""

from __future__ import annotations

import difflib
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

from cloudmesh.cms.plugins.naming import COMMAND, PROVIDER, distribution_name, require_free
from cloudmesh.plugin import Answer
from cloudmesh.plugin.errors import CloudmeshError, UsageError

_TEMPLATES = Path(__file__).parent / "templates"
_SUFFIX = ".in"
# In the templates' file names it stands for the name of the plug-in.
_NAME = "NAME"


def rendered(name: str, kind: str) -> dict[str, str]:
    """The files of a new package by their paths in it; ``kind`` is ``COMMAND`` or ``PROVIDER``."""
    values = {
        "name": name,
        "title": "".join(part.capitalize() for part in name.split("_")),
        "module": f"cloudmesh_{name}",
        "distribution": distribution_name(name),
        **{f"{each}_range": _range(f"cloudmesh-{each}") for each in ("cloud", "cms", "plugin")},
    }
    found = {}
    for path, text in _templates(_TEMPLATES / kind):
        target = path.removesuffix(_SUFFIX).replace(_NAME, name)
        found[".gitignore" if target == "gitignore" else target] = Template(text).substitute(values)
    return dict(sorted(found.items()))


def generate(name: str, kind: str, where: Path, *, dryrun: bool = False) -> Answer:
    """Write a new package into a new folder ``cloudmesh-NAME`` of ``where``: all of it, or nothing.

    Returns:
        A row for each file; with ``dryrun``, for each that would be written.

    Raises:
        UsageError: the name cannot be used, there is no folder ``where``, or the new one is there already.
        CloudmeshError: it cannot be written.
    """
    require_free(name, kind)
    if not where.is_dir():
        raise UsageError(f"there is no folder {where}; create it, or give another with --dir")
    target = where / distribution_name(name)
    if target.exists() or target.is_symlink():
        raise UsageError(f"{target} exists already; remove it, or give another folder with --dir")
    texts = rendered(name, kind)
    if not dryrun:
        try:
            _write(texts, target)
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise CloudmeshError(f"{target} cannot be written: {reason}; nothing was written") from error
    # A word without a slash would be the name of a package.
    place = shlex.quote(str(target) if "/" in str(target) else f"./{target}")
    notes = [f"dry run: {target} was not written"] if dryrun else [f"{target} was written"]
    if not dryrun:
        notes += [f"test it: python -m pytest {place}", f"install it: cms plugin install {place}"]
    return Answer([{"file": str(target / path)} for path in texts], names="file", notes=notes)


def _write(texts: dict[str, str], target: Path) -> None:
    """Write the files beside the target, and give the folder its name at the end."""
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for path, text in texts.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        # mkdtemp makes it for the user alone; it is a folder like others.
        folder.chmod((folder / "tests").stat().st_mode & 0o777)
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def difference(folder: Path) -> str:
    """How a generated package differs from the current template, as a unified diff; may be empty.

    Files that the templates do not have are the author's own and left out.

    Raises UsageError if the folder holds no generated package.
    """
    name, kind = _generated(folder)
    lines: list[str] = []
    for path, template in rendered(name, kind).items():
        try:
            there = (folder / path).read_text(encoding="utf-8").splitlines(keepends=True)
        except FileNotFoundError:
            lines += _diff(template, [], path, "/dev/null")
        except (OSError, UnicodeDecodeError) as error:
            raise CloudmeshError(f"{folder / path} cannot be read: {error}") from error
        else:
            lines += _diff(template, there, path, f"here/{path}")
    return "".join(lines)


def _diff(template: str, there: list[str], path: str, place: str) -> Iterator[str]:
    before = template.splitlines(keepends=True)
    if not before and not there and place == "/dev/null":
        yield f"--- template/{path}\n+++ {place}\n"
    for line in difflib.unified_diff(before, there, f"template/{path}", place):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _generated(folder: Path) -> tuple[str, str]:
    """The name and the kind of a generated package, from the table [tool.cloudmesh.plugin]."""
    file = folder / "pyproject.toml"
    try:
        table = read_toml(file).get("tool", {}).get("cloudmesh", {}).get("plugin", {})
    except FileNotFoundError:
        raise UsageError(f"{folder} has no pyproject.toml, so it is not a package") from None
    name, kind = str(table.get("name", "")), str(table.get("kind", ""))
    if not name.isidentifier() or kind not in (COMMAND, PROVIDER):
        raise UsageError(
            f"{file} has no table [tool.cloudmesh.plugin] with kind and name, as 'cms plugin generate' writes"
        )
    return name, kind


def read_toml(file: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        FileNotFoundError: there is no such file.
        UsageError: it is no TOML, or cannot be read.
    """
    # Python 3.10 has none of its own.
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        return dict(toml.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {(error.strerror or 'error').lower()}") from None
    except ValueError as error:
        raise UsageError(f"{file} is not valid TOML: {error}") from None


def _range(distribution: str) -> str:
    """The versions that a new package asks for: those that are compatible with the installed one."""
    major, minor, *_ = version(distribution).split(".")
    return f">={major}.{minor},<{major}.{int(minor) + 1}"


def _templates(folder: Path, prefix: str = "") -> Iterator[tuple[str, str]]:
    for each in sorted(folder.iterdir()):
        if each.is_dir():
            yield from _templates(each, f"{prefix}{each.name}/")
        elif each.name.endswith(_SUFFIX):
            yield prefix + each.name, each.read_text(encoding="utf-8")
