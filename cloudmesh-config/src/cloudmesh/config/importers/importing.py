"""Taking the clouds of another program's file into the configuration: all of them in one write, or none."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from cloudmesh.config.check.findings import check_text
from cloudmesh.config.editing import clouds, edit
from cloudmesh.config.importers import aws, cloudmesh4, clouds_yaml, openrc, source
from cloudmesh.config.importers.source import FoundCloud, ImportedClouds
from cloudmesh.config.secrets import show
from cloudmesh.config.yaml import config_file, insert_text, keys, reader, values
from cloudmesh.config.yaml.keys import TO_BE_DEFINED
from cloudmesh.plugin.errors import ConfigError, UnknownName, UsageError
from cloudmesh.plugin.plain import harmless

FORMATS: dict[str, ModuleType] = {
    "clouds.yaml": clouds_yaml,
    "openrc": openrc,
    "aws": aws,
    "cloudmesh4": cloudmesh4,
}


@dataclass(frozen=True)
class ImportOptions:
    """What the user asks for.

    Attributes:
        form: the format of the file; None to recognise it.
        kind: a type for all the clouds, in place of what the file says.
        name: the name for the one cloud of the file, or which of its several to take.
        region: the one region to take, of a file that can name several for a cloud.
        force: whether clouds that exist already are replaced.
        dryrun: whether nothing is written.
    """

    form: str | None = None
    kind: str | None = None
    name: str | None = None
    region: str | None = None
    force: bool = False
    dryrun: bool = False


@dataclass
class Imported:
    """What was done, a row a cloud, its secrets masked; and sentences on it."""

    rows: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)


def import_file(file: Path, path: Path, options: ImportOptions) -> Imported:
    """Add the clouds of ``file`` to the configuration at ``path``.

    Raises:
        UsageError: there is no such file, its cloud needs a name, or a cloud exists already.
        ConfigError: the file or the configuration cannot be used or written; nothing is changed.
    """
    before = clouds.current_text(path)
    found = _chosen(read_clouds(file, options.form, options.region), options, file)
    result = Imported([], list(found.notes))
    for cloud in found.clouds:
        told = [f"skipped, because {cloud.skipped}"] if cloud.skipped else cloud.notes
        result.notes += [f"cloud {cloud.name}: {note}" for note in told]
    change = _change(found, path, file, options, result)
    if options.dryrun:
        change(before)
        result.notes.append("dry run: nothing was written")
    elif clouds.write(path, change):
        result.notes.insert(0, f"{path} was created: there was no configuration yet")
        result.notes.append(
            "next: 'cms cloud check' signs in; 'cms image list' and 'cms flavor list' show choices"
        )
    return result


def read_clouds(path: Path, form: str | None = None, region: str | None = None) -> ImportedClouds:
    """What the file gives; ``form`` is one of FORMATS, else it is recognised; ``region`` is the one to take.

    Raises UsageError for a file that is not there or has no regions, UnknownName for another format,
    ConfigError for a file that cannot be read or holds no cloud.
    """
    if form is not None and form not in FORMATS:
        raise UnknownName("format", form, FORMATS)
    if path.name in clouds_yaml.SECURE and form in (None, "clouds.yaml"):
        raise UsageError(f"{path} is only read together with a clouds.yaml; give that file")
    if path.is_dir() and form in (None, "clouds.yaml"):
        path = next((path / name for name in clouds_yaml.NAMES if (path / name).is_file()), path)
    if path.is_dir() and form in (None, "aws"):
        path = aws.in_directory(path)
    text = source.read(path)
    module = FORMATS[form] if form else _recognised(text, path)
    if region is not None and module not in (clouds_yaml, None):
        raise UsageError(f"{path} is no clouds.yaml, so that --region=REGION has no meaning; leave it out")
    more = (region,) if module is clouds_yaml else ()
    found: ImportedClouds = module.read_clouds(path, text, *more) if module else ImportedClouds([])
    if not found.clouds:
        if form:
            raise ConfigError(
                f"no cloud was found in {path}, read as {form}; give another --format=KIND, or none"
            )
        raise ConfigError(
            f"no cloud was found in {path}, which is none of {', '.join(FORMATS)}; "
            "use --format=KIND if it is one of them"
        )
    if all(cloud.skipped for cloud in found.clouds):
        reasons = "; ".join(f"{cloud.name}: {cloud.skipped}" for cloud in found.clouds)
        raise ConfigError(f"no cloud of {path} can be imported ({reasons}); add it by hand")
    return found


def _recognised(text: str, path: Path) -> ModuleType | None:
    for module in (openrc, aws):
        if module.recognises(text, None):
            return module
    try:
        data = source.yaml(text, path)
    except config_file.FileError:
        if path.suffix in (".yaml", ".yml"):
            raise
        return None
    return next((module for module in (clouds_yaml, cloudmesh4) if module.recognises(text, data)), None)


def _chosen(found: ImportedClouds, options: ImportOptions, file: Path) -> ImportedClouds:
    """The clouds that the user asks for, with the names and types they are to have."""
    chosen = found.clouds
    usable = [cloud for cloud in chosen if not cloud.skipped]
    if options.name is not None:
        if len(usable) == 1:
            chosen = [replace(usable[0], name=options.name)]
        else:
            chosen = [cloud for cloud in usable if options.name in (cloud.name, cloud.base)]
            found = replace(found, profile={}, default=None)
        if not chosen:
            raise UnknownName("cloud", options.name, (cloud.name for cloud in usable), f"in {file}")
    for name in (cloud.name for cloud in chosen):
        if not name:
            raise UsageError(f"{file} has no name for its cloud; give one with --name=NAME")
        if not name.isprintable() or name != name.strip():
            raise UsageError(
                f"{name!r} in {file} cannot be the name of a cloud; give another with --name=NAME"
            )
    if options.kind:
        chosen = [replace(cloud, section={**cloud.section, "type": options.kind}) for cloud in chosen]
    return replace(found, clouds=chosen)


def _change(
    found: ImportedClouds, path: Path, file: Path, options: ImportOptions, result: Imported
) -> Callable[[str], str]:
    """A function from the old text of the configuration to the new one, which fills in the result."""
    new = [cloud for cloud in found.clouds if not cloud.skipped]

    def change(text: str) -> str:
        data = reader.parse(text, path)
        there = {keys.text_of(name) for name in clouds.clouds_of(data, path)}
        names = [cloud.name for cloud in new if cloud.name in there]
        if names and not options.force:
            exist = (
                f"clouds {', '.join(names)} already exist"
                if names[1:]
                else f"cloud {names[0]} already exists"
            )
            raise UsageError(
                f"the {exist} in {path}, and nothing was added; use --force to replace, or "
                "--name=NAME to rename a single cloud"
            )
        origin = harmless(str(file.absolute()))
        blocks = [insert_text.Block(cloud.name, cloud.section, origin) for cloud in new]
        changed = _carried(clouds.added(text, blocks, path), found, path)
        undecided = not there and len(new) > 1 and _value(changed, path, "cloudmesh", "default") is None
        result.rows = [_row(cloud, cloud.name in there) for cloud in found.clouds]
        result.notes += _told(new, data, path, options)
        if undecided:
            result.notes.append("no cloud is the default yet; choose one: cms cloud default NAME")
        # What the check says of the new text and did not say before.
        before = {finding.message for finding in check_text(text, path)}
        result.notes += [
            str(finding)
            for finding in check_text(changed, path)
            if finding.level == "error" and finding.message not in before
        ]
        return changed

    return change


def _carried(text: str, found: ImportedClouds, path: Path) -> str:
    """The text with the user's profile and default cloud, where the configuration has none."""
    for key, value in found.profile.items():
        if _value(text, path, "profile", key) in (None, TO_BE_DEFINED):
            text = edit.with_value(text, ["profile", key], values.string(value), path)
    name = found.default
    active = _value(text, path, "cloudmesh", "active")
    is_new = any(cloud.name == name for cloud in found.clouds if not cloud.skipped)
    if name and is_new and active is None and _value(text, path, "cloudmesh", "default") is None:
        text = edit.with_value(text, ["cloudmesh", "default"], values.texts([name]), path)
    return text


def _value(text: str, path: Path, section: str, key: str) -> Any:
    found = reader.parse(text, path).get(section)
    return found.get(key) if isinstance(found, dict) else found


def _row(cloud: FoundCloud, there: bool) -> dict[str, Any]:
    """The keys with their values, the secret ones masked, but for TBD."""
    shown = {}
    section = {key: item for key, item in cloud.section.items() if key != "type"}
    for parts, value in keys.flatten(section) if section else ():
        name = keys.join(parts[1:] if parts[:1] == ("credentials",) else parts)
        whole = ("clouds", cloud.name, *parts)
        shown[name] = value if value == TO_BE_DEFINED else show.masked(whole, value, False)
    action = "skip" if cloud.skipped else "replace" if there else "add"
    return {"cloud": cloud.name, "type": cloud.section.get("type"), "keys": shown, "action": action}


def _told(new: list[FoundCloud], data: dict[str, Any], path: Path, options: ImportOptions) -> list[str]:
    notes = []
    if not options.dryrun:
        count = f"{len(new)} clouds were" if len(new) != 1 else "1 cloud was"
        notes.append(f"{count} written to {path}")
    active = keys.follow(data, ("cloudmesh", "active"))
    if active is not None:
        listed = [str(name).strip() for name in (active if isinstance(active, list) else [active])]
        if waiting := [cloud.name for cloud in new if cloud.name not in listed]:
            names = shlex.join(waiting)
            chosen = names if len(waiting) == 1 else "NAME"
            notes.append(f"not active yet; use: cms cloud activate {names}; cms cloud default {chosen}")
    return notes
