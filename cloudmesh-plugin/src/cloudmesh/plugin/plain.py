"""Any value as plain data, and any text as one that cannot drive a terminal."""

from __future__ import annotations

import enum
import math
import os
import re
import sys
from collections.abc import Collection, Mapping
from typing import Any

# Deeper than any record of a cloud, far from Python's limit of recursion.
DEEPEST = 100

_TEXTS = (str, bytes, bytearray, memoryview)
# Above this Python refuses to write an int in decimal (4300 digits).
_MOST_BITS = 14_000

# What nobody sees: separators of lines, the direction of a text, and characters without width.
INVISIBLE = "\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
# These, control characters, and lone surrogates.
_HARMFUL = re.compile(f"[\x00-\x1f\ud800-\udfff{INVISIBLE}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHORT = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def harmless(text: str) -> str:
    r"""The text on one line, what would act on a terminal made visible as in Python (``\n``, ``\x1b``)."""
    return _HARMFUL.sub(lambda match: _escape(match[0]), text)


def plain(value: object, above: tuple[int, ...] = ()) -> Any:
    """The value as dict (with keys of str), list, str, int, float, bool or None.

    What is not a number (nan, inf) becomes None, as JSON has no word for it. A container inside itself,
    or deeper than 100 levels, becomes ``"..."``. ``above`` are the containers that hold the value.
    """
    if isinstance(value, enum.Enum):
        return plain(value.value, above)
    if value is None or isinstance(value, bool | int | float) or _is_of(value, "decimal", "Decimal"):
        return _number(value)
    if _is_record(value) or (isinstance(value, Mapping | Collection) and not isinstance(value, _TEXTS)):
        if id(value) in above or len(above) == DEEPEST:
            return "..."
        return _container(value, (*above, id(value)))
    return _text(value)


def _is_of(value: object, module: str, *names: str) -> bool:
    """Whether a value is of one of these classes. There is none of a module that nobody has loaded."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, tuple(getattr(loaded, name) for name in names))


def _number(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() < _MOST_BITS else hex(value)
    number = math.nan if not isinstance(value, float) and value.is_snan() else float(value)
    return number if math.isfinite(number) else None


def _is_record(value: object) -> bool:
    return hasattr(type(value), "__dataclass_fields__")


def _container(value: Any, above: tuple[int, ...]) -> Any:
    if _is_record(value):
        import dataclasses  # it has been loaded, then

        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif hasattr(value, "_asdict"):
        value = value._asdict()
    if not isinstance(value, Mapping):
        items = [plain(item, above) for item in value]
        # The order of a set differs between runs; the views of a dict have one of their own.
        return sorted(items, key=repr) if isinstance(value, set | frozenset) else items
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = repr(key) if isinstance(key, float) else str(plain(key, above))
        if name in result:
            # {1: ..., "1": ...}: neither may be lost
            name = f"{type(key).__name__}:{name}"
        result[name] = plain(item, above)
    return result


def _text(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    if _is_of(value, "datetime", "datetime", "date", "time"):
        return str(value.isoformat())
    try:
        text = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    except (TypeError, ValueError, AttributeError):
        # Some libraries have errors whose str() fails.
        return f"<{type(value).__name__}>"
    if isinstance(text, bytes):
        return _text(text)
    # No encoding has a lone surrogate; Python makes them from bytes that are not UTF-8.
    return _SURROGATE.sub(lambda match: _escape(match[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
