"""The text of a clouds.yaml: values as they are written, which YAML 1.1 may take for something else.

openstacksdk reads by YAML 1.1, where ``0123`` is 83, ``yes`` is true and ``2.10`` is 2.1. A password or a
version is better taken as it is written; where that makes a difference, it is told.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ruamel.yaml.nodes import ScalarNode

from cloudmesh.config.importers import source
from cloudmesh.config.importers.source import AsWritten
from cloudmesh.config.yaml import reader

_TRUTH = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_NUMBER = re.compile(
    r"""[-+]?(?:0b[01_]+ | 0x[0-9a-fA-F_]+ | 0[0-7_]+ | 0 | [1-9][0-9_]*(?::[0-5]?\d)*)
    | [-+]?[0-9][0-9_]*(?::[0-5]?\d)*\.[0-9_]*(?:[eE][-+]\d+)? | [-+]?\.[0-9][0-9_]*(?:[eE][-+]\d+)?
    | [-+]?\.(?:inf|Inf|INF) | \.(?:nan|NaN|NAN)""",
    re.VERBOSE,
)
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d.*)?")
_USUAL_NUMBER = re.compile(r"0|-?[1-9]\d*|-?(?:0|[1-9]\d*)\.(?:0|\d*[1-9])")
# Longer decimals are rounded.
_EXACT_DIGITS = 15


class Plain(str):
    """A scalar without quotes that is no text to YAML 1.1.

    Attributes:
        truth: its value, if it is true or false there.
        differs: whether it is written otherwise when it is made a text again.
    """

    truth: bool | None = None
    differs: bool = False


def _scalar(constructor: Any, node: ScalarNode) -> str:
    text = str(constructor.construct_scalar(node))
    if node.style in ("'", '"', "|", ">") or not _is_no_text(text):
        return text
    plain = Plain(text)
    plain.truth = _truth(text)
    usual = bool(_USUAL_NUMBER.fullmatch(text)) and ("." not in text or len(text) <= _EXACT_DIGITS)
    plain.differs = not usual
    return plain


def _truth(text: str) -> bool | None:
    """Whether it is true or false: in small letters, in capitals, or with the first one a capital."""
    usual = text in (text.lower(), text.upper(), text.capitalize())
    return _TRUTH.get(text.lower()) if usual else None


def _is_no_text(text: str) -> bool:
    return _truth(text) is not None or bool(_NUMBER.fullmatch(text) or _DATE.fullmatch(text))


class _Texts(AsWritten):
    """Leaves all scalars as they are written, but for null."""


for _kind in ("str", "bool", "int", "float", "timestamp"):
    _Texts.add_constructor(f"tag:yaml.org,2002:{_kind}", _scalar)


def sections(text: str, path: Path) -> dict[str, Any]:
    """The sections of the text; raises FileError."""
    return reader.parse(text, path, _Texts)


def sections_of_file(path: Path) -> dict[str, Any]:
    """The same for a file; raises FileError."""
    return sections(source.read(path), path)


def truth(value: Any) -> bool | None:
    """Whether a value is true or false to openstacksdk; None if it is neither."""
    return value if isinstance(value, bool) else value.truth if isinstance(value, Plain) else None
