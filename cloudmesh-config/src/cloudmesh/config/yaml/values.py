"""New values for the configuration: what the user's text means, and how YAML writes it."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import Node, ScalarNode, SequenceNode
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

from cloudmesh.config.yaml import reader
from cloudmesh.plugin.errors import UsageError

# Texts that every version of YAML reads as a text when they are bare.
_BARE = re.compile(r"[^\W\d][\w./@+-]*([ :][\w./@+-]+)*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_NO_SCALAR = (YAMLError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Value:
    """A value to write.

    Attributes:
        data: what a reader of the file must find.
        text: how YAML writes it, on one line.
        items: for a list, its items.
    """

    data: Any
    text: str
    items: tuple[Value, ...] = ()


def string(data: str, quote: str | None = None) -> Value:
    """A text, bare where no YAML can take it for something else; ``quote`` asks for one of ``'`` and ``"``.

    Raises UsageError if the text has bytes that are no UTF-8.
    """
    try:
        data.encode()
    except UnicodeEncodeError:
        raise UsageError(
            "the value is not UTF-8; check the encoding of the terminal, or edit the file"
        ) from None
    if not data.isprintable():
        quote = '"'
    if quote is None and _BARE.fullmatch(data) and data.lower() not in _WORDS:
        return Value(data, data)
    kind = DoubleQuotedScalarString if quote == '"' else SingleQuotedScalarString
    yaml = YAML()
    yaml.default_flow_style = True
    yaml.width = sys.maxsize
    stream = io.StringIO()
    yaml.dump([kind(data)], stream)
    return Value(data, stream.getvalue().strip("\n")[1:-1])


def sequence(items: list[Value]) -> Value:
    """A list."""
    written = ", ".join(in_brackets(item) for item in items)
    return Value([item.data for item in items], f"[{written}]", tuple(items))


def plain(data: Any) -> Value:
    """A text, number, date, truth value or null, as YAML writes it on one line."""
    if isinstance(data, str):
        return string(data)
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump([data], stream)
    return Value(data, stream.getvalue().strip().removeprefix("[").removeprefix("- ").removesuffix("]"))


def texts(items: list[str]) -> Value:
    """A list of texts."""
    return sequence([string(item) for item in items])


def in_brackets(value: Value) -> str:
    """How YAML writes the value inside brackets: not every reader takes a bare colon there."""
    colon = isinstance(value.data, str) and value.text == value.data and ":" in value.data
    return string(value.data, "'").text if colon else value.text


def interpret(text: str, old: Any, secret: bool) -> Value:
    """What ``text`` stands for in place of ``old``: a YAML scalar or a list such as ``[a, b]``, else itself.

    A text stays a text: ``5.10``, ``no`` and ``0123`` become no number if ``old`` is a text or if the
    value is secret.
    """
    if secret or isinstance(old, str):
        return string(text)
    try:
        node = reader.parser(pure=True).compose(text)
        return _list(text, node) or _scalar(text, node) or string(text)
    except _NO_SCALAR:
        return string(text)


def _scalar(text: str, node: Node | None) -> Value | None:
    """A value for a scalar that is the whole text; None if it is not, or if it is a bare text."""
    written = text.strip()
    if not isinstance(node, ScalarNode):
        return None
    if node.style in ("'", '"') and node.end_mark.index - node.start_mark.index == len(written):
        return string(node.value, node.style)
    data = YAML(typ="safe").load(text)
    return Value(data, written) if node.value == written and not isinstance(data, str) else None


def _list(text: str, node: Node | None) -> Value | None:
    """A value for a list of scalars that is the whole text, else None."""
    if (
        not isinstance(node, SequenceNode)
        or not text.strip().endswith("]")
        or not text.strip().startswith("[")
    ):
        return None
    if not all(isinstance(item, ScalarNode) for item in node.value):
        return None
    if node.end_mark.index != len(text.rstrip()):
        return None
    texts = [text[item.start_mark.index : item.end_mark.index] for item in node.value]
    return sequence([interpret(item, None, secret=False) for item in texts])
