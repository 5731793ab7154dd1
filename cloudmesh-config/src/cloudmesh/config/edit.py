"""Changing the configuration file: one key at a time, everything else as it was.

Each change is made under a lock, read again and compared before it takes the place of the old file in one
step. A change that would touch anything else is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from cloudmesh.config import disk, keys, reader, surgery, values
from cloudmesh.config.config import name_list
from cloudmesh.plugin.errors import ConfigError, UnknownName


def set_value(path: Path, key: str, value: str) -> None:
    """Set a dotted key to what ``value`` means as YAML (see ``values.interpret``); makes missing sections.

    Raises UsageError for a key that is none, UnknownName for a missing item of a list, ConfigError if the
    file is refused, if a section would be lost, or if the file cannot be written.
    """
    parts = keys.split(key)

    def new(old: Any) -> values.Value:
        return values.interpret(value, old, keys.hidden(parts))

    _edit(path, parts, new)


def set_list(path: Path, key: str, names: list[str]) -> None:
    """Set a dotted key, such as ``cloudmesh.active``, to a list of names; raises as ``set_value`` does."""
    value = _sequence(names)
    _edit(path, keys.split(key), lambda _: value)


def change_list(path: Path, key: str, change: Callable[[list[str] | None], list[str]]) -> list[str]:
    """Set a dotted key to what ``change`` makes of the names that are there; give the new names.

    ``change`` gets None if nothing is there. It runs with the lock held, so that of two programs which add
    a name neither loses the other's. Raises as ``set_value`` does, ConfigError for anything but names, and
    what ``change`` raises; the file is as it was then.
    """
    names: list[str] = []

    def new(old: Any) -> values.Value:
        written = None if old is None else name_list(old)
        if old is not None and written is None:
            raise ConfigError(f"{path}: {key} must be a name or a list of names")
        names[:] = change(written)
        return _sequence(names)

    _edit(path, keys.split(key), new)
    return names


def _sequence(names: list[str]) -> values.Value:
    return values.sequence([values.string(name) for name in names])


def _edit(path: Path, parts: list[str], new: Callable[[Any], values.Value]) -> None:
    disk.read(path)
    with disk.locked(path):
        text = disk.read(path)
        data = reader.parse(text, path)
        value = new(_old(data, parts))
        expected = _put(data, parts, value.data, path)
        changed = _checked(text, parts, value, expected, path)
        if changed != text:
            disk.replace(path, changed)


def _old(data: Any, parts: list[str]) -> Any:
    """What is there now; None if nothing is."""
    for part in parts:
        found = keys.child(data, part)
        if found is keys.MISSING:
            return None
        data = data[found]
    return data


def _put(data: Any, parts: list[str], value: Any, path: Path) -> Any:
    """A copy of the data with the value in it; raises if a section would be lost or a scalar gone through."""
    part, rest, here = parts[0], parts[1:], keys.child(data, parts[0])
    if here is keys.MISSING and not isinstance(data, dict):
        raise UnknownName("item", part, keys.names(data), f"in this list of {path}")
    old = None if here is keys.MISSING else data[here]
    if not rest:
        if _is_section(old):
            raise ConfigError(
                f"{path}: {part!r} is a section; name one of its keys: {', '.join(keys.names(old))}"
            )
        new = value
    elif old is None:
        new = _put({}, rest, value, path)
    elif isinstance(old, dict | list):
        new = _put(old, rest, value, path)
    else:
        raise ConfigError(f"{path}: {part!r} holds a single value, so nothing can be set under it")
    if isinstance(data, list):
        return [*data[:here], new, *data[here + 1 :]]
    return {**data, (part if here is keys.MISSING else here): new}


def _is_section(old: Any) -> bool:
    return isinstance(old, dict) or (isinstance(old, list) and any(isinstance(i, dict | list) for i in old))


def _checked(text: str, parts: list[str], value: values.Value, expected: Any, path: Path) -> str:
    """The changed text, read again and found to differ in nothing but what was asked."""
    try:
        changed = surgery.put(text, parts, value)
        # repr tells 5 from 5.0 and shows the order of keys, which == does not.
        safe = repr(reader.parse(changed, path)) == repr(expected)
    except (surgery.CannotCutError, YAMLError, ConfigError, LookupError, RecursionError):
        safe = False
    if not safe:
        raise ConfigError(
            f"{path}: {keys.join(parts)} cannot be set without touching other lines "
            "(an anchor, an alias or an unusual form); edit it by hand"
        )
    return changed
