"""Changing the configuration file: some keys, everything else as it was.

Each change is made under a lock, read again and compared before it takes the place of the old file in one
step. A change that would touch anything else is refused.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from cloudmesh.config.secrets import age
from cloudmesh.config.settings.config import name_list
from cloudmesh.config.yaml import config_file, edit_text, keys, reader, values
from cloudmesh.plugin.errors import ConfigError, UnknownName, UsageError


def set_value(path: Path, key: str, value: str) -> None:
    """Set a dotted key to what ``value`` means as YAML (see ``values.interpret``); makes missing sections.

    In a file whose secrets are encrypted a new secret is encrypted too. Raises UsageError for a key that is
    none, UnknownName for a missing item of a list, ConfigError if the file is refused, if a section would be
    lost, or if the file cannot be written.
    """
    parts = keys.split(key)

    def change(text: str) -> str:
        data = reader.parse(text, path)
        recipients = age.recipients(data, path)
        if recipients and age.is_plain_secret(parts, value):
            new = values.string(age.sealed(value, recipients, [parts]), '"')
        else:
            # What was encrypted was a text.
            new = values.interpret(value, keys.follow(data, parts), keys.hidden(parts))
        return _set(text, data, parts, new, path)

    rewrite(path, change)


def unset_value(path: Path, key: str) -> None:
    """Remove a dotted key with all that is under it, or an item of a list; comments on other lines stay.

    Sections that are empty then are removed too.

    Raises:
        UnknownName: it is not there.
        UsageError: it is a whole cloud.
        ConfigError: the secrets of the file could not be decrypted afterwards, or other lines would change.
    """
    parts = keys.split(key)

    def change(text: str) -> str:
        data = reader.parse(text, path)
        found = keys.find(data, key, str(path))
        if parts[0] == "clouds" and len(parts) <= 2:
            name = shlex.quote(parts[1]) if len(parts) == 2 else "NAME"
            raise UsageError(f"{key} is more than a setting; to remove a cloud use: cms cloud remove {name}")
        inside = keys.follow(data, age.SECTION) is not None and tuple(parts[:2]) == age.SECTION
        if inside or (parts == ["cloudmesh"] and "encryption" in found):
            raise ConfigError(
                f"{path}: {keys.join(age.SECTION)} is needed to decrypt the secrets of this file; "
                "'cms config decrypt' removes it"
            )
        around = keys.follow(data, parts[:-1])
        return (
            _without_item(text, parts, around, path)
            if isinstance(around, list)
            else without(text, parts, path)
        )

    rewrite(path, change)


def _without_item(text: str, parts: list[str], items: list[Any], path: Path) -> str:
    """The text without one item of a list of plain values; raises ConfigError."""
    if any(isinstance(item, dict | list) for item in items):
        raise ConfigError(f"{path}: {_refusal(parts)}")
    kept = [item for number, item in enumerate(items) if number != int(parts[-1])]
    return with_value(text, parts[:-1], values.sequence([values.plain(item) for item in kept]), path)


def set_list(path: Path, key: str, names: list[str]) -> None:
    """Set a dotted key, such as ``cloudmesh.active``, to a list of names; raises as ``set_value`` does."""
    parts = keys.split(key)
    rewrite(path, lambda text: with_value(text, parts, values.texts(names), path))


def change_list(path: Path, key: str, change: Callable[[list[str] | None], list[str]]) -> list[str]:
    """Set a dotted key to what ``change`` makes of the names that are there; give the new names.

    ``change`` gets None if nothing is there. It runs with the lock held, so that of two programs which add
    a name neither loses the other's. Raises as ``set_value`` does, ConfigError for anything but names, and
    what ``change`` raises; the file is as it was then.
    """
    parts = keys.split(key)
    names: list[str] = []

    def new(text: str) -> str:
        old = keys.follow(reader.parse(text, path), parts)
        written = None if old is None else name_list(old)
        if old is not None and written is None:
            raise ConfigError(f"{path}: {key} must be a name or a list of names")
        names[:] = change(written)
        return with_value(text, parts, values.texts(names), path)

    rewrite(path, new)
    return names


def rewrite(path: Path, change: Callable[[str], str]) -> bool:
    """Put what ``change`` makes of the text in its place, with the lock held; whether anything changed."""
    config_file.read(path)
    with config_file.locked(path):
        text = config_file.read(path)
        changed = change(text)
        if changed != text:
            config_file.replace(path, changed)
    return changed != text


def with_value(text: str, parts: list[str], value: values.Value, path: Path) -> str:
    """The text with one value set, and nothing else changed; raises ConfigError."""
    return _set(text, reader.parse(text, path), parts, value, path)


def without(text: str, parts: Sequence[str], path: Path) -> str:
    """The text without one key, and without the sections that are empty then.

    Raises UnknownName, ConfigError.
    """
    parts = list(parts)
    data = reader.parse(text, path)
    keys.find(data, keys.join(parts), str(path))
    return verified(lambda: edit_text.remove(text, parts), _removed(data, parts), path, _refusal(parts))


def _set(text: str, data: Any, parts: list[str], value: values.Value, path: Path) -> str:
    expected = _put(data, parts, value.data, path)
    return verified(lambda: edit_text.put(text, parts, value), expected, path, _refusal(parts))


def _refusal(parts: list[str]) -> str:
    return (
        f"{keys.join(parts)} cannot be changed without touching other lines "
        "(an anchor, an alias or an unusual form); edit it by hand"
    )


def _removed(data: Any, parts: list[str]) -> Any:
    """A copy of the data without the key, and without the sections that are empty then."""
    found = keys.child(data, parts[0])
    below = _removed(data[found], parts[1:]) if len(parts) > 1 else None
    kept = data.items() if isinstance(data, dict) else ()
    return {key: below if key == found else item for key, item in kept if key != found or below}


def _put(data: Any, parts: list[str], value: Any, path: Path) -> Any:
    """A copy of the data with the value in it; raises if a section would be lost or a scalar gone through."""
    part, rest, here = parts[0], parts[1:], keys.child(data, parts[0])
    if here is keys.MISSING and not isinstance(data, dict):
        raise UnknownName("item", part, keys.names(data), f"in this list of {path}")
    old = None if here is keys.MISSING else data[here]
    if not rest:
        items = old if isinstance(old, list) else ()
        if isinstance(old, dict) or any(isinstance(item, dict | list) for item in items):
            raise ConfigError(
                f"{path}: {part!r} is a section; set one of its keys: {', '.join(keys.names(old))}"
            )
        new = value
    elif old is None:
        new = _put({}, rest, value, path)
    elif isinstance(old, dict | list):
        new = _put(old, rest, value, path)
    else:
        raise ConfigError(f"{path}: {part!r} is a single value, so no key can be set below it")
    if isinstance(data, list):
        return [*data[:here], new, *data[here + 1 :]]
    return {**data, (part if here is keys.MISSING else here): new}


def verified(change: Callable[[], str], expected: Any, path: Path, refusal: str) -> str:
    """The text that ``change`` gives, read again and found to hold exactly the expected data.

    Raises ConfigError if it holds anything else, or if there is no safe way to make the change. ``refusal``
    is the sentence of the error, without the file.
    """
    try:
        changed = change()
        # repr tells 5 from 5.0 and shows the order of keys, which == does not.
        safe = repr(reader.parse(changed, path)) == repr(expected)
    except (edit_text.CannotEditError, YAMLError, ConfigError, LookupError, RecursionError):
        safe = False
    if not safe:
        raise ConfigError(f"{path}: {refusal}")
    return changed
