"""Adding clouds to the configuration and removing them, with the lists that name clouds kept right."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cloudmesh.config.editing import edit, starter
from cloudmesh.config.secrets import age
from cloudmesh.config.settings.config import name_list
from cloudmesh.config.yaml import config_file, insert_text, keys, reader, values
from cloudmesh.config.yaml.insert_text import Block
from cloudmesh.plugin.errors import ConfigError, UnknownName

DEFAULT, ACTIVE = ("cloudmesh", "default"), ("cloudmesh", "active")
_REFUSAL = (
    "the clouds cannot be added without touching other lines "
    "(an anchor, an alias or an unusual form); add them by hand with 'cms config edit'"
)


def current_text(path: Path) -> str:
    """The text of the configuration, or what a new one begins with if there is none; raises ConfigError."""
    return config_file.read(path) if os.path.lexists(path) else starter.EMPTY


def write(path: Path, change: Callable[[str], str]) -> bool:
    """Put what ``change`` makes of the configuration in its place; whether the file is a new one.

    A new file has the mode 0600, and its directory 0700. Raises ConfigError, and what ``change`` raises; then
    nothing is written.
    """
    if os.path.lexists(path):
        edit.rewrite(path, change)
        return False
    starter.write(path, change(starter.EMPTY))
    return True


def clouds_of(data: dict[str, Any], path: Path) -> dict[Any, Any]:
    """The section ``clouds``, empty if there is none; raises ConfigError if it is anything else."""
    clouds = data.get("clouds")
    if clouds is not None and not isinstance(clouds, dict):
        raise ConfigError(
            f"{path}: clouds must be a section of 'key: value' lines; 'cms config edit' opens it"
        )
    return clouds or {}


def added(text: str, blocks: Sequence[Block], path: Path) -> str:
    """The text with these clouds in it, in place of those that have the same names.

    In a file with encrypted secrets theirs are encrypted too. A cloud that was the default because it was the
    only one is written down as the default, so that commands without ``--cloud`` go on using it. Raises
    ConfigError if other lines would change.
    """
    data = reader.parse(text, path)
    there = clouds_of(data, path)
    blocks = [_sealed(block, data, path) for block in blocks]
    new = [block for block in blocks if block.name not in there]
    expected = {**data, "clouds": {**there, **{block.name: insert_text.data_of(block) for block in blocks}}}

    def change() -> str:
        changed = text
        for block in blocks:
            if block.name in there:
                changed = insert_text.replace(changed, "clouds", block)
        return insert_text.add(changed, "clouds", new) if new else changed

    return _default_kept(edit.verified(change, expected, path, _REFUSAL), data, path)


def _default_kept(text: str, before: dict[str, Any], path: Path) -> str:
    """The text with the default written down that ``before`` had as its only active cloud."""
    name = _only_active(before)
    if name is None or _only_active(reader.parse(text, path)) == name:
        return text
    return edit.with_value(text, list(DEFAULT), values.texts([name]), path)


def _only_active(data: dict[str, Any]) -> str | None:
    """The cloud that is the default without being named; None if there is none."""
    active = _names(data, ACTIVE)
    used = list(data.get("clouds") or {}) if active is None else active
    is_only = not _names(data, DEFAULT) and len(used) == 1 and isinstance(used[0], str)
    return used[0] if is_only else None


def _sealed(block: Block, data: dict[str, Any], path: Path) -> Block:
    """The cloud with its secrets encrypted, if the file keeps them so."""
    recipients = age.recipients(data, path)
    if not recipients:
        return block

    def stored(value: Any, parts: tuple[str, ...]) -> Any:
        plain = insert_text.plain(value)
        return age.sealed(str(plain), recipients, [parts]) if age.is_plain_secret(parts, plain) else value

    return replace(block, section=keys.map_leaves(block.section, ("clouds", block.name), stored))


def activated(text: str, names: Sequence[str], path: Path) -> str:
    """The text with these clouds among the active ones, if those are listed; the default stays the same."""
    data = reader.parse(text, path)
    active = _names(data, ACTIVE)
    if active is None or set(names) <= set(active):
        return text
    all_names = list(dict.fromkeys([*active, *names]))
    return _default_kept(edit.with_value(text, list(ACTIVE), values.texts(all_names), path), data, path)


def removed(text: str, name: str, path: Path) -> str:
    """The text without a cloud, and without its name among the default and the active ones.

    Raises UnknownName if there is none, ConfigError if other lines would change.
    """
    data = reader.parse(text, path)
    there = clouds_of(data, path)
    if name not in there:
        raise UnknownName("cloud", name, map(keys.text_of, there), f"in {path}")
    if len(there) == 1 and data.keys() <= {"cloudmesh", "clouds"}:
        # Without any key the file would be no configuration.
        text = edit.with_value(text, ["version"], values.plain(starter.VERSION), path)
    for parts in (DEFAULT, ACTIVE):
        names = _names(data, parts)
        if names is not None and name in names:
            rest = [each for each in names if each != name]
            # Without a list of active clouds all the others would become active.
            keep = rest or (parts == ACTIVE and len(there) > 1)
            new = values.texts(rest)
            text = edit.with_value(text, list(parts), new, path) if keep else edit.without(text, parts, path)
    return edit.without(insert_text.without_origin(text, "clouds", name), ("clouds", name), path)


def _names(data: dict[str, Any], place: tuple[str, ...]) -> list[str] | None:
    """The names at this place; None if there is nothing."""
    found = keys.follow(data, place)
    return None if found is None else name_list(found) or []
