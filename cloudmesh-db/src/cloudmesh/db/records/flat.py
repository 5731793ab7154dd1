"""Nested records as one level of columns, and back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cloudmesh.plugin.errors import StoreError


class InvalidRecord(StoreError, ValueError):
    """A record, a name or a condition that was given is none that a store can have."""


class Record(dict[str, Any]):
    """The dict that was stored; ``id`` is the number the database gave it, which is no key of the dict."""

    def __init__(self, values: Mapping[str, Any] | Iterable[tuple[str, Any]], id: int) -> None:
        super().__init__(values)
        self.id = id


KeyPath = tuple[str, ...]
Leaf = tuple[KeyPath, Any]

# Columns that the store itself uses.
RESERVED = frozenset({"id", "_json"})
# Deeper than any record of a cloud, and far from the recursion limit of Python.
MAX_DEPTH = 100

_SCALARS = frozenset({str, int, float, bool, bytes, type(None)})
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class Flat(dict[str, Any]):
    """A flat dict of columns; ``paths`` has for each column the keys that lead to its value."""

    def __init__(self, values: Mapping[str, Any], paths: Mapping[str, KeyPath]) -> None:
        super().__init__(values)
        self.paths = dict(paths)


def flatten(record: Mapping[str, Any]) -> Flat:
    """The record as one level of columns, in its order.

    Leaves are scalars, lists and empty dicts. A column that is already taken, letter case aside, gets
    the suffix ``_2``, ``_3``, ... in the order of the record; a key ``id`` becomes ``own_id``.

    Raises:
        StoreError: the record is no mapping, a key is no string, or it is nested too deep.
    """
    taken: set[str] = set()
    flat = Flat({}, {})
    for path, value in leaves(record):
        column = column_name(path, taken)
        taken.add(fold(column))
        flat[column], flat.paths[column] = value, path
    return flat


def unflatten(flat: Mapping[str, Any], paths: Mapping[str, KeyPath] | None = None) -> dict[str, Any]:
    """The nested dict of a flat one; raises StoreError if two columns would have to be at one place.

    ``paths`` says which keys lead to a column; without it those of a ``Flat`` are used, and names are
    split at each ``_`` where neither knows the column.
    """
    known = paths if paths is not None else getattr(flat, "paths", {})
    return nest((known.get(column) or tuple(column.split("_")), value) for column, value in flat.items())


def leaves(record: Mapping[str, Any]) -> list[Leaf]:
    """Each value of the record with its path, in order; raises StoreError as ``flatten`` does."""
    if not isinstance(record, Mapping):
        raise InvalidRecord(f"a record must be a dict, not {type(record).__name__}")
    found: list[Leaf] = []
    _walk(record, (), found)
    return found


def nest(found: Iterable[Leaf]) -> dict[str, Any]:
    """The nested dict of leaves; raises StoreError if one is in the way of another."""
    record: dict[str, Any] = {}
    made: dict[KeyPath, dict[str, Any]] = {(): record}
    for path, value in found:
        for length in range(1, len(path) + 1):
            here, is_leaf = path[:length], length == len(path)
            if here in made and not is_leaf:
                continue
            parent = made[here[:-1]]
            if here[-1] in parent:
                raise InvalidRecord(
                    f"two columns are at the place {list(here)} of the record; give their paths"
                )
            if is_leaf:
                parent[here[-1]] = value
            else:
                parent[here[-1]] = made[here] = {}
    return record


def column_name(
    path: KeyPath, taken: Collection[str], reserved: Collection[str] = RESERVED, most_bytes: int = 0
) -> str:
    """The name of the column for a path, of at most so many bytes of UTF-8 (0 for any number).

    Other columns have the names ``taken``, no column can have those that are ``reserved``; both are folded.
    """
    # What SQL text cannot hold becomes "?": NUL and halves of surrogate pairs.
    name = "_".join(path).replace("\0", "?").encode("utf-8", "replace").decode("utf-8") or "_"
    if fold(name) in reserved:
        name = f"own_{name}"
    name = _shortened(name, "", most_bytes)
    candidate, number = name, 1
    while fold(candidate) in taken:
        number += 1
        candidate = _shortened(name, f"_{number}", most_bytes)
    return candidate


def _shortened(name: str, suffix: str, most_bytes: int) -> str:
    """The name with the suffix; of one that is too long, the begin and a digest of the whole."""
    whole = f"{name}{suffix}"
    if not most_bytes or len(whole.encode()) <= most_bytes:
        return whole
    import hashlib  # few names are that long

    end = f"_{hashlib.sha256(name.encode()).hexdigest()[:8]}{suffix}"
    return name.encode()[: most_bytes - len(end)].decode("utf-8", "ignore") + end


def fold(name: str) -> str:
    """The name as SQL compares it: the letters A to Z are the same as a to z, others are not."""
    return name.lower() if name.isascii() else name.translate(_LOWER)


def _walk(node: Mapping[str, Any], above: KeyPath, found: list[Leaf]) -> None:
    if len(above) >= MAX_DEPTH:
        raise InvalidRecord(f"the record is nested more than {MAX_DEPTH} deep, or contains itself")
    for key, value in node.items():
        if not isinstance(key, str):
            raise InvalidRecord(f"the key {key!r} of a record must be a string, not {type(key).__name__}")
        path = (*above, key)
        if type(value) in _SCALARS or not isinstance(value, Mapping):
            found.append((path, value))
        elif value:
            _walk(value, path, found)
        else:
            found.append((path, {}))
