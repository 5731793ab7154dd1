"""A YAML reader for the safe part of YAML and the tag ``!env NAME``.

It keeps the order of the file, and never tells its text in an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import Node, ScalarNode

from cloudmesh.config.yaml import config_file, limits
from cloudmesh.config.yaml.config_file import FileError
from cloudmesh.config.yaml.limits import Guarded, OwnYamlError, tame
from cloudmesh.config.yaml.references import ENVIRONMENT_TAG, reference

# What ruamel.yaml raises for a scalar that its form promises to be something else.
_BAD_VALUE = (ValueError, KeyError, TypeError, AttributeError, OverflowError)
# One half of a pair in UTF-16, which is no character of its own; only the C parser refuses it.
_HALF_CHARACTER = re.compile(r"\\[uU](0000)?[dD][89a-fA-F]")


NO_VARIABLE = ("after !env there is no name of a variable", "write it as: !env NAME")


class _Constructor(Guarded):
    """A class of our own, so that the tag is known to our readers only."""


def _environment(_: Any, node: Node) -> str:
    """``!env NAME`` as the value ``${NAME}``, which means the same."""
    value = reference(node.value) if isinstance(node, ScalarNode) else None
    if value is None:
        raise OwnYamlError(NO_VARIABLE, node.start_mark)
    return value


_Constructor.add_constructor(ENVIRONMENT_TAG, _environment)


def parser(*, pure: bool) -> YAML:
    """A YAML parser: the one in C, which is fast, or the pure one, which knows all of YAML."""
    made = YAML(typ="safe", pure=pure)
    made.Constructor = _Constructor
    return tame(made)


class _TooDeepError(Exception):
    """Data of more levels than the rest of the program follows."""


def load(path: Path) -> dict[str, Any]:
    """The configuration as dicts and lists, in the order of the file.

    Raises ConfigError, with file and line where there is one: no file, a file that others can read or
    write, no text, no YAML, a duplicate key, no mapping at the top, nothing in it.
    """
    return parse(config_file.read(path), path)


def parse(text: str, path: Path) -> dict[str, Any]:
    """The same for a text that was read from ``path`` already."""
    # The C parser is fast, but does not know all of YAML, as [https://host]; the other has the last word.
    try:
        return build(parser(pure=False), text, path)
    except FileError as error:
        first = error
    try:
        data = build(parser(pure=True), text, path)
    except FileError as error:
        raise (first if error.line is None else error) from None
    if _HALF_CHARACTER.search(text):
        raise first
    return data


def build(yaml: YAML, text: str, path: Path) -> dict[str, Any]:
    """The same with a reader that may be set otherwise, such as one that takes duplicate keys."""
    try:
        limits.refuse_explosion(text)
        data = _unshare(tame(yaml).load(text))
    except YAMLError as error:
        from cloudmesh.config.yaml import errors

        raise errors.fault(error, text, path) from None
    except (RecursionError, _TooDeepError):
        from cloudmesh.config.yaml import errors

        raise errors.too_deep(text, path) from None
    except _BAD_VALUE:
        raise FileError(
            path, None, "a date, number or tag is impossible", "put the value in quotes"
        ) from None
    if data is None:
        raise FileError(path, None, "this file is empty", "delete it, and 'cms config init' writes a new one")
    if not isinstance(data, dict):
        what = "a list" if isinstance(data, list) else "one single value"
        message = f"this file is {what}, not a section"
        raise FileError(
            path, 1, message, "write 'key: value' lines at the left margin, with a blank after each colon"
        )
    return data


def _unshare(data: Any, levels: int = 0) -> Any:
    """A copy in which an anchor's value is a value of its own at each alias: changing one changes one."""
    if levels > limits.MOST_LEVELS:
        raise _TooDeepError
    if isinstance(data, dict):
        return {key: _unshare(value, levels + 1) for key, value in data.items()}
    if isinstance(data, list):
        return [_unshare(value, levels + 1) for value in data]
    return data
