"""On which line of the file a key stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cloudmesh.config.yaml import config_file, reader
from cloudmesh.config.yaml.errors import fault, too_deep
from cloudmesh.config.yaml.keys import text_of
from cloudmesh.plugin.errors import ConfigError

_NO_TEXT = {f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "null", "timestamp")}


def compose(text: str, path: Path) -> Node | None:
    """The text with its places, None if nothing is in it; raises FileError."""
    try:
        root: Node | None = reader.nodes(text)[0]
        return root
    except YAMLError as error:
        raise fault(error, text, path) from None
    except RecursionError:
        raise too_deep(text, path) from None


def line(node: Node | None, parts: Sequence[str]) -> int:
    """The line of the deepest key of these parts that is in the file, counted from 1."""
    found = 1
    for part in parts:
        pair = child(node, part)
        if pair is None:
            break
        found, node = pair[0].start_mark.line + 1, pair[1]
    return found


def place(path: Path, parts: Sequence[str]) -> str:
    """``FILE:LINE`` of a key for the sentence of an error; the file alone if it cannot be read any more."""
    try:
        return f"{path}:{line(compose(config_file.read(path), path), parts)}"
    except ConfigError:
        return str(path)


def child(node: Node | None, part: str) -> tuple[Node, Node] | None:
    """The key and the value, or twice the item, that the part means."""
    if isinstance(node, MappingNode):
        return next((pair for pair in node.value if is_key(pair[0], part)), None)
    if isinstance(node, SequenceNode) and part.isascii() and part.isdigit() and int(part) < len(node.value):
        item: Node = node.value[int(part)]
        return item, item
    return None


def is_key(key: Node, part: str) -> bool:
    """Whether a key of the text is the one that ``part`` names, which may be a number or null there."""
    return key_text(key) == part


def key_text(key: Node) -> str | None:
    """A key of the text as it is named; None for one that no name leads to."""
    if not isinstance(key, ScalarNode):
        return None
    if key.tag not in _NO_TEXT:
        return str(key.value)
    try:
        return text_of(reader.parser(pure=False).load(key.value or "~"))
    except YAMLError:
        return None
