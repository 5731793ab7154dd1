"""Python values as a column holds them, and back.

Every column has one kind, decided by the first value that is not None. A value that its column cannot
hold as it is goes, as JSON, to the column ``_json`` of its row.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from cloudmesh.db.records.flat import MAX_DEPTH, InvalidRecord

# The kinds of columns. "" is one that has only seen None.
KINDS = ("text", "integer", "real", "boolean", "blob", "json", "")

_KINDS: dict[type, str] = {
    str: "text",
    int: "integer",
    float: "real",
    bool: "boolean",
    bytes: "blob",
    type(None): "",
}
# Made once: json.dumps would make one for each value.
_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_TAGS: dict[str, Any] = {
    "$float": float,
    "$bytes": base64.b64decode,
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
}

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def kind_of(value: Any) -> str:
    """The kind of a column whose first value this is."""
    if type(value) in _KINDS:
        return _KINDS[type(value)]
    return next((kind for base, kind in _KINDS.items() if isinstance(value, base)), "json")


def encode(kind: str, value: Any, nul: bool = True) -> tuple[Any, bool]:
    """The value as a column of this kind holds it, and whether that is exactly the value.

    If it is not, the exact value belongs in ``_json``; the first one is then None, or a number that is
    equal to the exact one. Values that are equal give natives that are equal in SQL. ``nul`` says whether a
    text may hold the character NUL. Raises StoreError for a type that cannot be stored.
    """
    if kind == "json":
        return (None, False) if value is None else (to_json(value), True)
    own = kind_of(value)
    if own in ("integer", "real") and kind in ("integer", "real"):
        return _number(kind, own, value)
    if own != kind or value is None:
        return None, False
    return _text(value, nul) if kind == "text" else (value, True)


def to_json(value: Any) -> str:
    """The value as strict JSON; what JSON lacks is an object with one key; raises StoreError."""
    tagged = _tagged(value, 0)
    try:
        return _encode(tagged)
    except ValueError as error:
        # An integer of more digits than Python turns into text.
        raise InvalidRecord("a number in the record is too long to be stored") from error


def from_json(text: str) -> Any:
    """The value of a text that ``to_json`` made."""
    if text == "[]":
        return []
    if text.startswith('["') and text.endswith('"]') and "\\" not in text:
        # Most lists are a few texts, which are quicker split than parsed.
        texts = text[2:-2].split('","')
        if text.count('"') == 2 * len(texts):
            return texts
    value = json.loads(text)
    return _untagged(value) if '"$' in text else value


def pack(kept: Mapping[str, Any]) -> str | None:
    """The text of ``_json``: a JSON object of columns and their values; None if there are none."""
    values = ",".join(f"{json.dumps(key)}:{to_json(value)}" for key, value in kept.items())
    return f"{{{values}}}" if values else None


def unpack(text: str | None) -> Mapping[str, Any]:
    """The columns and values of a ``_json``, not to be changed."""
    if text is None:
        return _NOTHING
    if '"$' not in text and text.endswith(":null}") and (nulls := _only_nulls(text)):
        return nulls
    values: dict[str, Any] = json.loads(text)
    return {key: _untagged(value) for key, value in values.items()} if '"$' in text else values


@lru_cache(maxsize=1024)
def _only_nulls(text: str) -> dict[str, None] | None:
    """The columns of a ``_json`` that holds nothing but nulls, as it mostly does; None for any other."""
    values: dict[str, Any] = json.loads(text)
    return values if all(value is None for value in values.values()) else None


def list_json(value: list[Any] | dict[str, Any]) -> str:
    """The same as ``to_json`` for a list or an empty dict, quicker for usual ones: texts, or pairs."""
    if not value:
        return "[]" if isinstance(value, list) else "{}"
    if (text := _texts_json(value)) is not None:
        return text
    if all(type(each) is list and each for each in value):
        inner = [_texts_json(each) for each in value]
        if None not in inner:
            return f"[{','.join(map(str, inner))}]"
    return to_json(value)


def _texts_json(value: Any) -> str | None:
    """The same for a list of a few usual texts; None for any other."""
    try:
        text = '","'.join(value)
    except TypeError:
        return None
    usual = text.isascii() and text.isprintable() and "\\" not in text
    return f'["{text}"]' if usual and text.count('"') == 2 * (len(value) - 1) else None


# How a column of these kinds becomes a value; those of the others are values already.
DECODERS: dict[str, Callable[[Any], Any]] = {"boolean": bool, "json": from_json}


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal to a condition: 5 is 5.0, but True is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    # nan alone is not equal to itself.
    return bool(one == other) or bool(one != one and other != other)  # noqa: PLR0124


def is_plain(number: float) -> bool:
    """Whether a float is the same in every database: not nan and not -0.0."""
    return number > 0 or number < 0 or (number == 0 and math.copysign(1, number) > 0)


def _number(kind: str, own: str, value: Any) -> tuple[int | float | None, bool]:
    """``encode`` for a number of the kind ``own`` in a column of numbers."""
    if kind == "integer":
        if own == "real" and not value.is_integer():
            return None, False
        return (int(value), own == "integer") if -(2**63) <= value < 2**63 else (None, False)
    if own == "real":
        return (None, False) if math.isnan(value) else (value, is_plain(value))
    try:
        number = float(int(value))
    except OverflowError:
        return None, False
    return (number if number == value else None), False


def _text(value: str, nul: bool) -> tuple[str | None, bool]:
    try:
        value.encode()
    except UnicodeEncodeError:
        return None, False
    return (str.__str__(value), True) if nul or "\0" not in value else (None, False)


def _tagged(value: Any, depth: int) -> Any:  # noqa: PLR0911 one line a type
    if depth > MAX_DEPTH:
        raise InvalidRecord(f"a list in the record is nested more than {MAX_DEPTH} deep, or contains itself")
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": repr(float(value))}
    if isinstance(value, list):
        return [_tagged(item, depth + 1) for item in value]
    if isinstance(value, tuple):
        return {"$tuple": [_tagged(item, depth + 1) for item in value]}
    if isinstance(value, Mapping):
        return _tagged_dict(value, depth)
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    raise InvalidRecord(f"a value of type {type(value).__name__} cannot be stored; make it a text or a dict")


def _tagged_dict(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str):
            raise InvalidRecord(f"the key {key!r} of a record must be a string, not {type(key).__name__}")
    plain = {str.__str__(key): _tagged(item, depth + 1) for key, item in value.items()}
    return {"$dict": plain} if any(key.startswith("$") for key in plain) else plain


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    tag = next(iter(value), "")
    if tag in _TAGS:
        return _TAGS[tag](value[tag])
    if tag == "$tuple":
        return tuple(_untagged(item) for item in value[tag])
    inner = value["$dict"] if tag == "$dict" else value
    return {key: _untagged(item) for key, item in inner.items()}
