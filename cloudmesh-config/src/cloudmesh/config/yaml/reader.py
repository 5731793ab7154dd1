"""A YAML reader for the safe part of YAML and the tag ``!env NAME``.

It keeps the order of the file, and never tells its text in an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from cloudmesh.config.yaml import config_file, keys, limits
from cloudmesh.config.yaml.config_file import FileError
from cloudmesh.config.yaml.limits import BAD_VALUE, DUPLICATE, IMPOSSIBLE, UNHASHABLE, OwnYamlError

# One half of a pair in UTF-16, which is no character of its own; only the C parser refuses it.
_HALF_CHARACTER = re.compile(r"\\[uU](0000)?[dD][89a-fA-F]")
# Fewer levels than these many signs are no danger for the stack: each level costs a bracket or a blank.
_HARMLESS_SIGNS = 400
_LONG_INDENT = re.compile(rf"^[ \t?:-]{{{_HARMLESS_SIGNS}}}", re.MULTILINE)


class Guarded(SafeConstructor):
    """Makes plain data only: sections, lists, texts, numbers, dates; its errors quote no value."""

    def check_mapping_key(self, node: Node, key_node: Node, mapping: Any, key: Any, value: Any) -> bool:
        """Whether the key is new; unlike the parser's own this writes no values into its error."""
        if type(key) is tuple:
            raise OwnYamlError(UNHASHABLE, key_node.start_mark)
        if key not in mapping:
            return True
        if not self.allow_duplicate_keys:
            raise OwnYamlError(DUPLICATE, key_node.start_mark)
        return False

    def flatten_mapping(self, node: MappingNode) -> None:
        """Merge ``<<``; the parser does not look for duplicate keys in such a section."""
        before = node.value
        super().flatten_mapping(node)
        if node.value is before or self.allow_duplicate_keys:
            return
        seen: set[tuple[str, str]] = set()
        for key, _ in before:
            if isinstance(key.value, str):
                if (key.tag, key.value) in seen:
                    raise OwnYamlError(DUPLICATE, key.start_mark)
                seen.add((key.tag, key.value))


def _placed(construct: Callable[[Any, Node], Any]) -> Callable[[Any, Node], Any]:
    """The same constructor, whose error knows the place."""

    def function(self: Any, node: Node) -> Any:
        try:
            return construct(self, node)
        except BAD_VALUE:
            raise OwnYamlError(IMPOSSIBLE, node.start_mark) from None

    return function


for _kind in ("bool", "int", "float", "timestamp", "binary"):
    _tag = f"tag:yaml.org,2002:{_kind}"
    Guarded.add_constructor(_tag, _placed(SafeConstructor.yaml_constructors[_tag]))
for _kind in ("set", "pairs"):
    Guarded.add_constructor(f"tag:yaml.org,2002:{_kind}", SafeConstructor.construct_undefined)


class _Constructor(Guarded):
    """A class of our own, so that the tag is known to our readers only."""


def _environment(_: Any, node: Node) -> str:
    """``!env NAME`` as the value ``${NAME}``, which means the same."""
    value = keys.reference(node.value) if isinstance(node, ScalarNode) else None
    if value is None:
        message = ("!env is not followed by the name of a variable", "write it as: !env NAME")
        raise OwnYamlError(message, node.start_mark)
    return value


_Constructor.add_constructor(keys.ENVIRONMENT_TAG, _environment)


def parser(*, pure: bool, constructor: type[Guarded] = _Constructor) -> YAML:
    """A YAML parser with a bound on depth: the one in C, which is fast, or the pure one, which knows all."""
    made = YAML(typ="safe", pure=pure)
    made.Constructor = constructor
    made.max_depth = keys.MOST_LEVELS
    # Else a repeated anchor prints lines of the file as a warning.
    made.composer.warn_double_anchors = False
    return made


def nodes(text: str) -> tuple[Any, bool]:
    """The text with its places, and whether only the pure parser could read it; raises YAMLError.

    The parser in C is fast, but does not know all of YAML, as [https://host]; the other has the last word.
    """
    refuse_explosion(text)
    try:
        return parser(pure=False).compose(text), False
    except YAMLError:
        return parser(pure=True).compose(text), True


def refuse_explosion(text: str) -> None:
    """Raise BoundsError, with its place, for aliases that multiply or hold themselves and for deep nesting.

    What is no YAML at all passes: the parser tells more of it.
    """
    aliases = "&" in text and "*" in text
    signs = text.count("[") + text.count("{")
    if aliases or signs > _HARMLESS_SIGNS or _LONG_INDENT.search(text):
        limits.refuse_events(text)


def load(path: Path) -> dict[str, Any]:
    """The configuration as dicts and lists, in the order of the file.

    Raises ConfigError, with file and line where there is one: no file, a file that others can read or
    write, no text, no YAML, a duplicate key, no mapping at the top, nothing in it.
    """
    text = config_file.read(path)
    if (text, path) != _last.read:
        _last.read, _last.data = (text, path), None
        return parse(text, path)
    import pickle  # a single command reads the file once

    if _last.data is None:
        _last.data = pickle.dumps(parse(text, path))
    return pickle.loads(_last.data)  # type: ignore[no-any-return]  # noqa: S301 made by this process


class _Last:
    """The text that was read last, and, from the second time on, its data: each caller gets a copy."""

    read: tuple[str, Path] | None = None
    data: bytes | None = None


_last = _Last()


def parse(text: str, path: Path, constructor: type[Guarded] = _Constructor) -> dict[str, Any]:
    """The same for a text that was read from ``path`` already; ``constructor`` may make other data of it."""
    try:
        return build(parser(pure=False, constructor=constructor), text, path)
    except FileError as error:
        first = error
    try:
        data = build(parser(pure=True, constructor=constructor), text, path)
    except FileError as error:
        raise (first if error.line is None else error) from None
    if _HALF_CHARACTER.search(text):
        raise first
    return data


def build(yaml: YAML, text: str, path: Path) -> dict[str, Any]:
    """The same with a reader that may be set otherwise, such as one that takes duplicate keys."""
    try:
        refuse_explosion(text)
        # An anchor's value becomes a value of its own at each alias: changing one changes one.
        data = keys.map_leaves(yaml.load(text), (), lambda value, _: value)
    except YAMLError as error:
        from cloudmesh.config.yaml import errors

        raise errors.fault(error, text, path) from None
    except RecursionError:
        from cloudmesh.config.yaml import errors

        raise errors.too_deep(text, path) from None
    except BAD_VALUE:
        raise FileError(path, None, *IMPOSSIBLE) from None
    if data is None:
        raise FileError(path, None, "this file is empty", "delete it, and 'cms config init' writes a new one")
    if not isinstance(data, dict):
        what = "a list" if isinstance(data, list) else "one single value"
        message = f"this file is {what}, not a section"
        raise FileError(
            path, 1, message, "write 'key: value' lines at the left margin, with a space after each colon"
        )
    return data
